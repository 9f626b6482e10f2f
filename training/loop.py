"""The training loop: a still stage, then a video stage, resumable after a kill at any moment.

It runs through accelerate: the same command on one CPU, on one GPU, or under `accelerate launch` on
several processes and machines. A step's random draws follow from its number, so a run that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm

from core.errors import BadInput
from core.video import digest
from training.checkpoints import History, export, read_weights
from training.data import Batch
from training.folder import Folder, Reporter, described, write_atomically
from training.recipes import Recipe
from training.schedule import Average, Schedule, bfloat16_is_fast, make_optimiser, schedule_of
from training.sources import HELD_OUT, Sharing, Source, batches, rendered, source
from training.stages import Plan, Stage, Still, Video, freeze, model_settings

REPORT_EVERY = 50  # steps
Watch = Callable[[int, float], None]
"""Called with the clips seen and the held-out top-1 after each trial; what it raises ends the
run.
"""


def is_first_process() -> bool:
    """Whether this is the only process, or the one among several that writes and prints."""
    return PartialState().is_main_process


class Run:
    """One stage of one run: module, optimiser, schedule, and how far they have come."""

    def __init__(
        self,
        name: str,
        stage: Stage,
        recipe: Recipe,
        folder: Folder,
        clips: Source,
        schedule: Schedule,
        accelerator: Accelerator,
        held_out: Source | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.name, self.stage, self.recipe, self.folder, self.clips = (
            name,
            stage,
            recipe,
            folder,
            clips,
        )
        self.schedule, self.accelerator, self.held_out, self.watch = (
            schedule,
            accelerator,
            held_out,
            watch,
        )
        self.sharing = Sharing(
            recipe.batch, recipe.accumulate, accelerator.num_processes, accelerator.process_index
        )
        self.bfloat16 = recipe.precision == "auto" and bfloat16_is_fast()
        self.wrapped, self.optimiser = accelerator.prepare(stage, make_optimiser(recipe, stage))
        self.average = Average(stage, recipe.ema)
        self.step = 0
        self.ended = False  # early
        # What `root` holds may change between two starts; what a run learns from may not.
        self.data = (
            digest(clips.labels, [clip.name for clip in clips.files.clips]) if clips.files else ""
        )
        self.bad = torch.zeros(
            len(clips.files) if clips.files else 0, dtype=torch.uint8
        )  # files that could not be read, so far
        self.sums: dict[
            str, tuple[float, int]
        ] = {}  # since the last report: the sum over steps, and how many
        self.best: dict[str, Any] = {"top1": -1.0, "worse": 0, "weights": {}}

    def save(self) -> None:
        if self.clips.files:
            self.bad |= self.clips.files.bad
        self.folder.save(
            {
                "stage": self.name,
                "step": self.step,
                "ended": self.ended,
                "sums": self.sums,
                "best": self.best,
                "bad": self.bad,
                "data": self.data,
                "module": self.stage.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "average": self.average.weights,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        self.step, self.ended, self.sums, self.best = (
            state["step"],
            state["ended"],
            state["sums"],
            state["best"],
        )
        if state.get("data", self.data) != self.data or len(state.get("bad", self.bad)) != len(
            self.bad
        ):
            raise BadInput(
                f"{self.recipe.root} holds other clips or labels for training than when the run "
                "began; put the files back, or choose another --out"
            )
        self.bad = state.get("bad", self.bad)
        if self.clips.files:
            self.clips.files.pass_over(self.bad)
        self.stage.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        for key, value in state["average"].items():
            self.average.weights[key].copy_(value)

    def skipped(self) -> int:
        """Files that are listed and not there, or that some process could not read."""
        files = self.clips.files
        self._share_bad()
        return files.missing + int(self.bad.sum()) if files else 0

    def _share_bad(self) -> None:
        """Take note of the files that any process could not read so far: the first one alone
        saves.
        """
        if self.clips.files:
            self.bad = (
                torch.tensor(self._over_all((self.bad | self.clips.files.bad).float()))
                .gt(0)
                .to(torch.uint8)
            )

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights on the CPU: the best ones where early stopping was asked for, else
        the last.
        """
        return {k: v.cpu() for k, v in (self.best["weights"] or self.average.weights).items()}

    def train(self) -> None:
        """Go on to the last step."""
        r, start = self.recipe, self.step
        if self.ended or start == self.schedule.steps:
            return
        saved = began = time.monotonic()
        reporter = Reporter(self.folder, self.name, start, r.tensorboard)
        bar = tqdm(
            total=self.schedule.steps * r.batch,
            initial=start * r.batch,
            unit="clip",
            desc=self.name,
            mininterval=2,
            disable=not self.folder.writes,
        )
        self.stage.train()
        try:
            for parts in batches(
                self.clips, self.sharing, start=start, steps=self.schedule.steps, workers=r.workers
            ):
                rate = self.schedule.rate(self.step)
                for key, value in self._learn(parts, rate).items():
                    total, steps = self.sums.get(key, (0.0, 0))
                    self.sums[key] = (total + value, steps + 1)
                self.average.update(self.stage, self.step)
                self.step += 1
                bar.update(r.batch)
                if self.step % REPORT_EVERY == 0 or self.step == self.schedule.steps:
                    self._share_bad()
                    speed = (self.step - start) * r.batch / (time.monotonic() - began)
                    line = {
                        "clips": self.step * r.batch,
                        "of": self.schedule.steps * r.batch,
                        "lr": rate,
                    }
                    line |= {"clips_per_second": round(speed, 1)}
                    line |= {k: round(total / steps, 5) for k, (total, steps) in self.sums.items()}
                    self.sums = {}
                    reporter.write(self.step, line)
                    bar.set_postfix(
                        {
                            k: f"{line[k]:.3f}"
                            for k in ("loss", "top1", "fingertip_hit", "directed_last")
                            if k in line
                        }
                    )
                if self._is_trial():
                    self._try(reporter)
                last = self.ended or self.step == self.schedule.steps
                if last or time.monotonic() - saved > r.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
                if last:
                    break
        finally:
            reporter.close()
            bar.close()

    def _learn(self, parts: list[Batch], rate: float) -> dict[str, float]:
        """One step on this process's parts of a batch. Returns the whole batch's loss and means.

        Raises: BadInput if the loss or its gradient is not finite; the weights are then those
        before the step.
        """
        r, step = self.recipe, self.step
        plans = [
            self.stage.plan(part, self.sharing.places(i), step, r.batch)
            for i, part in enumerate(parts)
        ]
        names = self.stage.names
        counts = self._over_all(
            torch.tensor(
                [[plan.counts[k] for k in names] for plan in plans], dtype=torch.float32
            ).sum(0)
        )
        whole = dict(zip(names, counts, strict=True))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad()
        sums = torch.zeros(len(names), device=self.accelerator.device)
        for i, plan in enumerate(plans):
            with nullcontext() if i == len(plans) - 1 else self.accelerator.no_sync(self.wrapped):
                part = self._forward(i, plan, whole)
            sums += torch.stack([part.get(k, sums.new_zeros(())).float() for k in names])
        means = {
            k: total / whole[k]
            for k, total in zip(names, self._over_all(sums), strict=True)
            if whole[k]
        }
        loss = sum(self.stage.weights[k] * means[k] for k in self.stage.weights if k in means)
        norm = float(
            self.accelerator.clip_grad_norm_(self.stage.parameters(), r.clip_norm or math.inf)
        )
        if not (math.isfinite(loss) and math.isfinite(norm)):
            what = "the gradient" if math.isfinite(loss) else "the loss"
            files = [name for part in parts for name in part.names]
            more = f" and {len(files) - 8} more" if len(files) > 8 else ""
            read = f", here {', '.join(files[:8])}{more}" if files else ""
            raise BadInput(
                f"{what} is not finite at step {step} (clips {step * r.batch} to "
                f"{(step + 1) * r.batch - 1}{read}, "
                f"learning rate {rate:.2e}); try a lower --lr or --clip-norm"
            )
        self.optimiser.step()
        return {"loss": loss, **means}

    def _forward(self, part: int, plan: Plan, whole: dict[str, float]) -> dict[str, Tensor]:
        """One forward and backward pass; returns each mean times its count. `whole` are the counts
        of the whole batch.
        """
        processes, device = self.accelerator.num_processes, self.accelerator.device
        # Dropout and drop path: the same after a resume, other ones in each process and part.
        torch.manual_seed(
            int(
                np.random.default_rng(
                    [self.recipe.seed, self.step, self.sharing.rank, part]
                ).integers(2**63)
            )
        )
        # Gradients are averaged over processes, so each weighs its share of a mean `processes`
        # times.
        scale = {
            k: weight * processes * plan.counts[k] / whole[k]
            for k, weight in self.stage.weights.items()
            if whole[k]
        }
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            loss, sums = self.wrapped(plan.to(device), scale)
        self.accelerator.backward(loss)
        return sums

    def _over_all(self, values: Tensor) -> list[float]:
        """The sum over processes."""
        return self.accelerator.reduce(values.to(self.accelerator.device), "sum").tolist()

    def _is_trial(self) -> bool:
        r = self.recipe
        if self.held_out is None:
            return False
        every = max(1, r.validate_every // r.batch)
        return self.step % every == 0 or self.step == self.schedule.steps

    def _try(self, reporter: Reporter) -> None:
        """Measure the averaged weights on held-out clips, and end the run if they stopped getting
        better.
        """
        top1 = self.validate()
        reporter.write(
            self.step, {"clips": self.step * self.recipe.batch, "validation_top1": round(top1, 5)}
        )
        if self.recipe.patience:
            if top1 > self.best["top1"]:
                weights = {k: v.clone() for k, v in self.average.weights.items()}
                self.best = {"top1": top1, "worse": 0, "step": self.step, "weights": weights}
            else:
                self.best["worse"] += 1
            self.ended = self.best["worse"] >= self.recipe.patience
        if self.watch is not None:
            self.watch(self.step * self.recipe.batch, top1)

    @torch.no_grad()
    def validate(self) -> float:
        """Top-1 (0..1) of the averaged weights on the held-out clips, each once; the next stands in
        for one that cannot be read.
        """
        count, batch = min(self.recipe.validate_clips, self.held_out.epoch), self.recipe.batch
        steps = math.ceil(count / batch)
        model = self.stage.model
        weights = {
            k.removeprefix("model."): v
            for k, v in self.average.weights.items()
            if k.startswith("model.")
        }
        right = torch.zeros(2)
        with _evaluating(model):
            shared = batches(
                self.held_out, self.sharing, start=0, steps=steps, workers=self.recipe.workers
            )
            for step, parts in enumerate(shared):
                for i, part in enumerate(parts):
                    counted = torch.from_numpy(step * batch + self.sharing.places(i) < count)
                    device = self.accelerator.device
                    video = self.stage.normalised(part.video.to(device))
                    with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
                        found = functional_call(model, weights, (video,)).argmax(1).cpu()
                    right += torch.tensor(
                        [(found == part.label)[counted].sum().item(), counted.sum().item()]
                    )
        hits, clips = self._over_all(right)
        return hits / clips


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    model.eval()
    try:
        yield
    finally:
        model.train()


def fit(recipe: Recipe, name: str, out: Path, watch: Watch | None = None) -> Path:
    """Train `recipe` into the run folder `out`, going on where an earlier process stopped.

    Returns the path of the finished checkpoint. Raises: BadInput if `out` holds another recipe's
    run, or for settings that cannot be used.
    """
    # Without `cpu` accelerate would let the processes of a machine without a GPU run on their own.
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),
        mixed_precision="no",
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    folder = Folder(out, writes=accelerator.is_main_process)
    settings = model_settings(recipe)
    shape = {"size": settings["size"], "patch": settings["patch"]}
    clips = source(recipe, frames=settings["frames"], seed=recipe.seed * 10 + 1, **shape)
    held_out = (
        source(recipe, frames=settings["frames"], seed=HELD_OUT, held=True, **shape)
        if recipe.validate_clips
        else None
    )
    steps = _steps(recipe, round(recipe.epochs * clips.epoch) if recipe.epochs else recipe.clips)
    still_steps = (
        _steps(recipe, recipe.stills_clips) if recipe.stills_clips and not recipe.init else 0
    )
    init = read_weights(Path(recipe.init)) if recipe.init else None
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed + 1)
    history: History = []
    taken = ""
    with folder.claimed(
        name, recipe
    ):  # all of this may refuse, which must not wait for the end of the still stage
        Sharing(recipe.batch, recipe.accumulate, accelerator.num_processes)
        video = Video(recipe, clips.labels, clips.directed, fingertips=clips.files is None)
        freeze(video.model, recipe.frozen)
        if init is not None:
            weights, history = init
            taken = video.start_from(weights)
    torch.manual_seed(recipe.seed)
    state, stills = folder.state(), out / "stills.safetensors"
    has_stills = stills.exists()
    accelerator.wait_for_everyone()  # before the first process changes the folder
    folder.cut(state["stage"], state["step"])

    if recipe.stills_clips and init is None and not has_stills:
        schedule = schedule_of(
            recipe, recipe.stills_lr, still_steps, recipe.epoch_clips / recipe.batch
        )
        pictures = rendered(recipe, frames=3, seed=recipe.seed * 10, **shape)
        run = Run("stills", Still(recipe), recipe, folder, pictures, schedule, accelerator)
        if state["stage"] == "stills":
            run.restore(state)
        run.train()
        if folder.writes:
            write_atomically(stills, lambda path: save_file(run.weights, path))
        accelerator.wait_for_everyone()
        accelerator.free_memory()
        has_stills, state = True, {"stage": None, "step": 0}

    if init is None and has_stills:
        taken = video.start_from(read_weights(stills)[0])
    if folder.writes and taken:
        print(taken, file=sys.stderr)
    schedule = schedule_of(recipe, recipe.lr, steps, clips.epoch / recipe.batch)
    run = Run("video", video, recipe, folder, clips, schedule, accelerator, held_out, watch)
    if state["stage"] == "video":
        run.restore(state)
    run.train()
    skipped = run.skipped()
    if skipped and folder.writes:
        print(
            f"skipped: {skipped} files of {recipe.root} in all; others took their places",
            file=sys.stderr,
        )
    root = Path(recipe.root).resolve().name if recipe.root else ""
    about = {
        "init": Path(recipe.init).name,
        "root": root,
        "cache": "",
        "clips": run.best.get("step", run.step) * recipe.batch,
    }
    history.append(described(name, recipe) | about | ({"skipped": skipped} if clips.files else {}))
    path = out / "model.safetensors"
    if folder.writes:
        metadata = {"history": json.dumps(history)}
        write_atomically(
            out / "video.safetensors", lambda file: save_file(run.weights, file, metadata=metadata)
        )
        export(run.weights, recipe, video.labels, history, path)
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    return path


def _steps(recipe: Recipe, clips: int) -> int:
    if clips < recipe.batch:
        what = "1 clip does" if clips == 1 else f"{clips} clips do"
        raise BadInput(f"{what} not fill a batch of {recipe.batch}; choose a smaller --batch")
    return clips // recipe.batch
