"""The training loop: a still stage, then a video stage, resumable after a kill at any moment.

A run folder holds recipe.json, metrics.jsonl (one line a report), state.pt (everything that a resume
needs, replaced atomically), stills.safetensors and, at the end, model.safetensors with its card.
"""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from core.errors import BadInput
from core.gestures import DIRECTED, LABELS
from core.models import build, spec
from core.models.blocks import ImageViT
from core.weights import Card, save_checkpoint
from training.data import Batch, Gestures, gesture_batches
from training.losses import fingertip_loss, pair_loss, rank_loss, self_loss
from training.permutations import permutation_set
from training.recipes import Recipe

MEAN = STD = (0.5, 0.5, 0.5)
REPORT_EVERY = 50  # steps
STAGES = ("stills", "video")


def write_atomically(path: Path, save) -> None:
    """Call save(temporary path), then move it into place: a reader or a kill never sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save(temporary)
    with open(temporary, "rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def bfloat16_is_fast() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere autocast only slows a CPU down."""
    if torch.cuda.is_available():
        return True
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() or getattr(torch.cpu, "_is_amx_tile_supported", bool)())


class Still(nn.Module):
    """The image ViT with the dense side head."""

    def __init__(self, settings: dict, depth: int) -> None:
        super().__init__()
        self.vit = ImageViT(**{k: settings[k] for k in ("size", "patch", "width", "heads")}, depth=depth)
        self.side = nn.Linear(settings["width"], 4)
        self.grid = settings["size"] // settings["patch"]

    def loss(self, batch: Batch, video: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        tokens = self.vit(rearrange(video, "b c t h w -> (b t) c h w"))[:, 1:]
        predicted = self.side(tokens).float().unflatten(1, (self.grid, self.grid))
        tip = batch.tip.flatten(0, 1)
        loss = fingertip_loss(predicted, tip, batch.occupied.flatten(0, 1))
        return loss, {"fingertip": loss.item(), "fingertip_hit": _hit(predicted, tip)}


class Video(nn.Module):
    """The model to train with the dense side head, and its losses on ordered and shuffled clips."""

    def __init__(self, recipe: Recipe, settings: dict) -> None:
        super().__init__()
        self.model = build(recipe.model, recipe.preset)
        self.side = nn.Linear(settings["width"], 4)
        self.rank = nn.Linear(settings["width"], settings["frames"])
        self.recipe = recipe
        self.arrow = torch.tensor([label in DIRECTED for label in LABELS])
        self.orders = permutation_set(settings["frames"], 1000, recipe.permutations)
        with torch.no_grad():
            self.model.time_embed.copy_(recipe.time_scale * sinusoid(settings["frames"], settings["width"]))

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with a still stage, or with the video stage of a network that may have fewer blocks."""
        if any(k.startswith("vit.") for k in weights):
            self.model.load_image_model({k.removeprefix("vit."): v for k, v in weights.items() if k.startswith("vit.")})
            self.side.load_state_dict({k.removeprefix("side."): v for k, v in weights.items() if k.startswith("side.")})
            return
        self.load_state_dict(weights, strict=False)
        self.model.start_as_identity(1 + max(int(k.split(".")[2]) for k in weights if k.startswith("model.blocks.")))

    def freeze(self, blocks: int) -> None:
        """Keep the embeddings and the first blocks as they are: later blocks then train half as fast again."""
        first = [self.model.patch_embed, *self.model.blocks[:blocks]] if blocks else []
        for part in first:
            part.requires_grad_(False)
        for name in ("cls_token", "pos_embed", "time_embed") if blocks else ():
            getattr(self.model, name).requires_grad_(False)

    def loss(self, batch: Batch, video: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        r = self.recipe
        T = video.shape[2]
        m = max(1, round(r.ordered * len(video)))
        clips, tips, covers = video, batch.tip, batch.occupied
        video, tip, occupied, label = clips[:m], tips[:m], covers[:m], batch.label[:m]
        shuffle = max(r.order, r.directed, r.pairs, r.rank) > 0
        if shuffle:  # ordered and shuffled clips as one batch
            rng = np.random.default_rng([r.seed, step])
            n = max(1, round(r.shuffled * len(clips)))
            target = torch.from_numpy(rng.integers(0, len(self.orders) + 1, n))
            identity = np.arange(T)
            order = torch.from_numpy(np.stack([identity if k == 0 else self.orders[k - 1] for k in target.tolist()]))
            slots = torch.arange(n)[:, None]
            video = torch.cat([video, clips[:n].transpose(1, 2)[slots, order].transpose(1, 2)])
            tip, occupied = torch.cat([tip, tips[slots, order]]), torch.cat([occupied, covers[slots, order]])
        out = self.model(video, detail=True)
        logits = out.logits[:m].float()
        classify = cross_entropy(logits, label, label_smoothing=0.05)
        predicted = self.side(out.patches).float().flatten(0, 1)
        fingertip = fingertip_loss(predicted, tip.flatten(0, 1), occupied.flatten(0, 1))
        loss = r.classify * classify + r.fingertip * fingertip
        report = {"classify": classify.item(), "top1": (logits.argmax(1) == label).float().mean().item(),
                  "fingertip": fingertip.item(), "fingertip_hit": _hit(predicted, tip.flatten(0, 1))}
        if shuffle:
            shuffled = [a[m:] for a in out.time_attention]
            arrow = self.arrow[batch.label[:n]]
            # Where a clip's reverse is another stroke, L_self asks for what nobody can know.
            known = [a[arrow] for a in shuffled] if arrow.any() else [a.detach() for a in shuffled]
            of = order[arrow] if arrow.any() else order
            directed = self_loss(known[r.directed_from :], of, diagonal=False)
            pairs = pair_loss(shuffled[-1], order, arrow)
            ranked = rank_loss(self.rank(out.patches[m:].mean((2, 3))), order, arrow)
            loss = loss + r.directed * directed + r.pairs * pairs + r.rank * ranked
            report |= {"rank": ranked.item(), "pairs": pairs.item(), "directed": directed.item(),
                       "directed_last": self_loss(known[-1:], of, diagonal=False).item()}
            if out.order_logits is not None:
                named = cross_entropy(out.order_logits[m:].float(), target)
                loss = loss + r.order * named
                report["order"] = named.item()
        return loss, report


def _hit(predicted: Tensor, tip: Tensor) -> float:
    """Share of frames whose highest fingertip score is in the right patch."""
    h, w = predicted.shape[1:3]
    cell = tip.floor().long()
    inside = ((cell >= 0) & (cell < torch.tensor([w, h]))).all(1)
    guess = predicted[..., 0].flatten(1).argmax(1)
    return (guess == cell[:, 1] * w + cell[:, 0])[inside].float().mean().item()


def sinusoid(steps: int, width: int) -> Tensor:
    """sin and cos of the step at geometrically spaced rates, (1, steps, width), -1..1."""
    rates = torch.pi / steps * 2 ** torch.linspace(0, 3, width // 2)
    phase = torch.arange(steps)[:, None] * rates
    return torch.cat([phase.sin(), phase.cos()], 1)[None]


class Average:
    """Exponential moving average of a module's weights, slower as training goes on."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in module.state_dict().items():
            self.weights[key].lerp_(value, 1 - decay)


class Run:
    """One stage of one run: model, optimiser, schedule, and the files they are kept in."""

    def __init__(self, name: str, module: nn.Module, recipe: Recipe, out: Path, clips: int, lr: float, frames: Gestures) -> None:
        self.name, self.module, self.recipe, self.out, self.lr, self.data = name, module, recipe, out, lr, frames
        self.steps = clips // recipe.batch
        learns = [p for p in module.parameters() if p.requires_grad]
        decay = [p for p in learns if p.ndim > 1]
        rest = [p for p in learns if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": recipe.weight_decay},
                                            {"params": rest, "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.98))
        self.average = Average(module, recipe.ema)
        self.step = 0

    def save(self) -> None:
        state = {"stage": self.name, "step": self.step, "module": self.module.state_dict(),
                 "optimiser": self.optimiser.state_dict(), "average": self.average.weights}
        write_atomically(self.out / "state.pt", lambda path: torch.save(state, path))

    def restore(self, state: dict) -> None:
        self.step = state["step"]
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.weights = state["average"]

    def _rate(self) -> float:
        """Linear warm-up, then a cosine to 2 % of the peak."""
        r = self.recipe
        if self.step < r.warmup:
            return self.lr * (self.step + 1) / r.warmup
        done = (self.step - r.warmup) / max(1, self.steps - r.warmup)
        return self.lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def train(self) -> None:
        r = self.recipe
        start = self.step
        loader = gesture_batches(self.data, start=start * r.batch, clips=self.steps * r.batch, batch=r.batch, workers=r.workers)
        saved = began = time.monotonic()
        sums: dict[str, float] = {}
        self.module.train()
        bar = tqdm(total=self.steps * r.batch, initial=start * r.batch, unit="clip", desc=self.name, mininterval=2)
        with open(self.out / "metrics.jsonl", "a") as metrics:
            for batch in loader:
                torch.manual_seed((r.seed << 32) + self.step)  # drop path: the same after a resume
                rate = self._rate()
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                video = batch.video.permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1)
                with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast()):
                    loss, report = self.module.loss(batch, video, self.step)
                if not torch.isfinite(loss):
                    raise BadInput(f"the loss is not finite at step {self.step} (clips {self.step * r.batch} to "
                                   f"{(self.step + 1) * r.batch - 1}, learning rate {rate:.2e}); try a lower --lr or --clip-norm")
                self.optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.module.parameters(), r.clip_norm)
                self.optimiser.step()
                self.average.update(self.module, self.step)
                self.step += 1
                for key, value in {"loss": loss.item(), **report}.items():
                    sums[key] = sums.get(key, 0.0) + value
                bar.update(r.batch)
                if self.step % REPORT_EVERY == 0 or self.step == self.steps:
                    n = REPORT_EVERY if self.step % REPORT_EVERY == 0 else self.step % REPORT_EVERY
                    n = min(n, self.step - start)
                    line = {"stage": self.name, "step": self.step, "clips": self.step * r.batch, "lr": rate,
                            "clips_per_second": round((self.step - start) * r.batch / (time.monotonic() - began), 1)}
                    line |= {k: round(v / n, 5) for k, v in sums.items()}
                    metrics.write(json.dumps(line) + "\n")
                    metrics.flush()
                    bar.set_postfix({k: f"{line[k]:.3f}" for k in ("loss", "top1", "fingertip_hit", "directed_last") if k in line})
                    sums = {}
                    if time.monotonic() - saved > r.checkpoint_seconds or self.step == self.steps:
                        self.save()  # only after a report, so that no step is reported twice
                        saved = time.monotonic()
        bar.close()


def _cut_metrics(path: Path, stage: str | None, step: int) -> None:
    """Drop reports of steps that a killed run will do again: those after `step` of `stage`, and of later stages."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        with suppress(json.JSONDecodeError):  # a last line that a kill cut short
            row = json.loads(line)
            if (STAGES.index(row["stage"]), row["step"]) <= (STAGES.index(stage) if stage else -1, step):
                kept.append(line)
    write_atomically(path, lambda temporary: temporary.write_text("".join(f"{k}\n" for k in kept)))


def fit(recipe: Recipe, name: str, out: Path) -> Path:
    """Train `recipe` into the run folder `out`, going on where an earlier process stopped.

    Returns the path of the finished checkpoint. Raises BadInput if `out` holds another recipe's run.
    """
    out.mkdir(parents=True, exist_ok=True)
    described = {"name": name, **asdict(recipe)}
    keeps = out / "recipe.json"
    if keeps.exists():
        before = json.loads(keeps.read_text())
        changed = [k for k in described if before.get(k) != described[k] and k not in ("workers", "threads", "checkpoint_seconds")]
        if changed:
            raise BadInput(f"{out} holds a run with other settings ({', '.join(changed)}); choose another --out or remove it")
    write_atomically(keeps, lambda path: path.write_text(json.dumps(described, indent=1)))
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    settings = spec(recipe.model).presets[recipe.preset]
    data = {s: Gestures(seed=recipe.seed * 10 + s, frames=(3, settings["frames"])[s], size=settings["size"], patch=settings["patch"])
            for s in (0, 1)}
    state = torch.load(out / "state.pt", weights_only=True) if (out / "state.pt").exists() else {"stage": None, "step": 0}
    _cut_metrics(out / "metrics.jsonl", state["stage"], state["step"])

    stills = Path(recipe.init) if recipe.init else out / "stills.safetensors"
    if not stills.exists() and recipe.init:
        raise BadInput(f"{stills} does not exist; --init takes the stills.safetensors of another run")
    if not stills.exists() and recipe.stills_clips:
        still = Still(settings, recipe.stills_depth or settings["depth"])
        run = Run("stills", still, recipe, out, recipe.stills_clips, recipe.stills_lr, data[0])
        if state["stage"] == "stills":
            run.restore(state)
        run.train()
        write_atomically(stills, lambda path: save_file(run.average.weights, path))
        state = {"stage": None, "step": 0}

    torch.manual_seed(recipe.seed + 1)  # the same start whether the still stage ran just now or long ago
    video = Video(recipe, settings)
    history: list[dict] = []
    if stills.exists():
        video.start_from(load_file(stills))
        with safe_open(stills, "pt") as file:
            history = json.loads((file.metadata() or {}).get("history", "[]"))
    video.freeze(recipe.frozen)
    run = Run("video", video, recipe, out, recipe.clips, recipe.lr, data[1])
    if state["stage"] == "video":
        run.restore(state)
    run.train()
    history.append({"name": name, **asdict(recipe), "init": Path(recipe.init).name, "clips": run.step * recipe.batch})
    described = {"history": json.dumps(history)}
    write_atomically(out / "video.safetensors", lambda path: save_file(run.average.weights, path, metadata=described))
    return export(run, recipe, history, out)


def export(run: Run, recipe: Recipe, history: list[dict], out: Path) -> Path:
    """Write the averaged weights as a half-precision checkpoint with its card."""
    weights = {k.removeprefix("model."): v for k, v in run.average.weights.items() if k.startswith("model.")}
    settings = spec(recipe.model).presets[recipe.preset]
    card = Card(
        model=recipe.model, preset=recipe.preset, labels=LABELS, mean=MEAN, std=STD, size=settings["size"],
        frames=settings["frames"], sampling="uniform", crop="fit",
        trained_on=f"{sum(h['clips'] for h in history):,} rendered gesture clips (core.gestures), no real video",
        recipe={"stages": history}, license="Apache-2.0",
    )
    path = out / "model.safetensors"
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, card))
    return path
