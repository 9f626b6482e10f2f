"""One stage of one run: what it has learned, its next step, how it is saved and resumed.

It runs through accelerate: the same on one CPU, on one GPU, or on several processes and machines.
A step's random draws follow from its number, so a run that was killed goes on as if nothing had
happened.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from core.errors import BadInput
from core.video import digest
from training.data import Batch
from training.folder import Folder
from training.recipes import Recipe
from training.schedule import Average, Schedule, bfloat16_is_fast, make_optimiser
from training.sources import Sharing, Source, batches
from training.stages import Plan, Stage, Video

MOST_NAMES = 8  # of files, in a message


class NotFinite(BadInput):
    """A loss or its gradient is not finite; the weights are those before the step."""


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
    ) -> None:
        self.name = name
        self.stage = stage
        self.recipe = recipe
        self.folder = folder
        self.clips = clips
        self.schedule = schedule
        self.accelerator = accelerator
        self.held_out = held_out
        self.sharing = Sharing(
            recipe.batch, recipe.accumulate, accelerator.num_processes, accelerator.process_index
        )
        self.bfloat16 = recipe.precision == "auto" and bfloat16_is_fast()
        self.wrapped, self.optimiser = accelerator.prepare(stage, make_optimiser(recipe, stage))
        self.average = Average(stage, recipe.ema)
        self.step = 0
        self.ended = False  # early
        self.data = ""
        self.bad = torch.zeros(0, dtype=torch.uint8)
        if clips.files:
            # What `root` holds may change between two starts; what a run learns from may not.
            self.data = digest(clips.labels, [clip.name for clip in clips.files.clips])
            # Files that could not be read, so far.
            self.bad = torch.zeros(len(clips.files), dtype=torch.uint8)
        # Since the last report: the sum of each mean over steps, and how many steps.
        self.sums: dict[str, tuple[float, int]] = {}
        self.best: dict[str, Any] = {"top1": -1.0, "worse": 0, "weights": {}}

    def save(self) -> None:
        """Write a checkpoint."""
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
        """Go on from a checkpoint. Raises: BadInput if the clips are not those of the run."""
        self.step = state["step"]
        self.ended = state["ended"]
        self.sums = state["sums"]
        self.best = state["best"]
        bad = state.get("bad", self.bad)
        if state.get("data", self.data) != self.data or len(bad) != len(self.bad):
            raise BadInput(
                f"{self.recipe.root} holds other clips or labels for training than when the run "
                "began; put the files back, or choose another --out"
            )
        self.bad = bad
        if self.clips.files:
            self.clips.files.pass_over(self.bad)
        self.stage.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        for key, value in state["average"].items():
            self.average.weights[key].copy_(value)

    @property
    def seen(self) -> int:
        """Clips that it has learned from."""
        return self.step * self.recipe.batch

    @property
    def total(self) -> int:
        """Clips that the stage learns from in all, unless it ends early."""
        return self.schedule.steps * self.recipe.batch

    @property
    def is_over(self) -> bool:
        """Whether no step is left, or the run ended early."""
        return self.ended or self.step == self.schedule.steps

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights on the CPU: the best ones under early stopping, else the last."""
        weights = self.best["weights"] or self.average.weights
        return {name: weight.cpu() for name, weight in weights.items()}

    def skipped(self) -> int:
        """Files that are listed and not there, or that some process could not read."""
        self.share_bad()
        files = self.clips.files
        return files.missing + int(self.bad.sum()) if files else 0

    def share_bad(self) -> None:
        """Note the files that any process could not read so far: the first one alone saves."""
        if self.clips.files:
            bad = self._over_all((self.bad | self.clips.files.bad).float())
            self.bad = torch.tensor(bad).gt(0).to(torch.uint8)

    def advance(self, parts: list[Batch]) -> float:
        """Learn from this process's parts of the next batch; returns the learning rate.

        Raises: NotFinite.
        """
        rate = self.schedule.rate(self.step)
        for key, value in self._learn(parts, rate).items():
            total, steps = self.sums.get(key, (0.0, 0))
            self.sums[key] = (total + value, steps + 1)
        self.average.update(self.stage, self.step)
        self.step += 1
        return rate

    def means_since_report(self) -> dict[str, float]:
        """Each mean over the steps since this was last asked for."""
        means = {key: round(total / steps, 5) for key, (total, steps) in self.sums.items()}
        self.sums = {}
        return means

    def _learn(self, parts: list[Batch], rate: float) -> dict[str, float]:
        """One step; returns the whole batch's loss and means. Raises: NotFinite."""
        plans = [
            self.stage.plan(part, self.sharing.places(number), self.step, self.recipe.batch)
            for number, part in enumerate(parts)
        ]
        names = self.stage.names
        counts = [[plan.counts[name] for name in names] for plan in plans]
        totals = self._over_all(torch.tensor(counts, dtype=torch.float32).sum(0))
        total_of = dict(zip(names, totals, strict=True))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad()
        sums = self._over_all(self._backward(plans, total_of))
        means = {
            name: value / total_of[name]
            for name, value in zip(names, sums, strict=True)
            if total_of[name]
        }
        weights = self.stage.weights
        loss = sum(weight * means[name] for name, weight in weights.items() if name in means)
        most = self.recipe.clip_norm or math.inf
        norm = float(self.accelerator.clip_grad_norm_(self.stage.parameters(), most))
        if not math.isfinite(loss):
            raise self._not_finite("the loss", parts, rate)
        if not math.isfinite(norm):
            raise self._not_finite("the gradient", parts, rate)
        self.optimiser.step()
        return {"loss": loss, **means}

    def _backward(self, plans: list[Plan], total_of: dict[str, float]) -> Tensor:
        """The gradients of a batch's parts here; returns each mean times its count, summed."""
        names = self.stage.names
        sums = torch.zeros(len(names), device=self.accelerator.device)
        for number, plan in enumerate(plans):
            is_last = number == len(plans) - 1
            with nullcontext() if is_last else self.accelerator.no_sync(self.wrapped):
                part = self._forward(number, plan, total_of)
            sums += torch.stack([part.get(name, sums.new_zeros(())).float() for name in names])
        return sums

    def _forward(self, part: int, plan: Plan, total_of: dict[str, float]) -> dict[str, Tensor]:
        """One forward and backward pass; returns each mean times its count.

        `total_of` are the counts of the whole batch.
        """
        accelerator = self.accelerator
        # Dropout and drop path: the same after a resume, other ones in each process and part.
        seed = [self.recipe.seed, self.step, self.sharing.rank, part]
        torch.manual_seed(int(np.random.default_rng(seed).integers(2**63)))
        # Gradients are averaged over processes: each weighs its share of a mean so many times.
        processes = accelerator.num_processes
        scale = {
            name: weight * processes * plan.counts[name] / total_of[name]
            for name, weight in self.stage.weights.items()
            if total_of[name]
        }
        device = accelerator.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
            loss, sums = self.wrapped(plan.to(device), scale)
        accelerator.backward(loss)
        return sums

    def _not_finite(self, what: str, parts: list[Batch], rate: float) -> NotFinite:
        clips = f"clips {self.seen} to {self.seen + self.recipe.batch - 1}"
        files = [name for part in parts for name in part.names]
        if files:
            clips += f", here {', '.join(files[:MOST_NAMES])}"
        if len(files) > MOST_NAMES:
            clips += f" and {len(files) - MOST_NAMES} more"
        return NotFinite(
            f"{what} is not finite at step {self.step} ({clips}, learning rate {rate:.2e}); "
            "try a lower --lr or --clip-norm"
        )

    def _over_all(self, values: Tensor) -> list[float]:
        """The sum over processes."""
        return self.accelerator.reduce(values.to(self.accelerator.device), "sum").tolist()

    def is_trial(self) -> bool:
        """Whether the weights are to be tried on held-out clips now."""
        if self.held_out is None:
            return False
        every = max(1, self.recipe.validate_every // self.recipe.batch)
        return self.step % every == 0 or self.step == self.schedule.steps

    def judge(self, top1: float) -> None:
        """Keep the best weights, and end the run if they stopped getting better."""
        if not self.recipe.patience:
            return
        if top1 > self.best["top1"]:
            weights = {name: weight.clone() for name, weight in self.average.weights.items()}
            self.best = {"top1": top1, "worse": 0, "step": self.step, "weights": weights}
        else:
            self.best["worse"] += 1
        self.ended = self.best["worse"] >= self.recipe.patience

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Top-1 (0..1) and L_cls of the averaged weights on the held-out clips, each once.

        The loss is the cross-entropy of the true class, without smoothing. Where a clip cannot be
        read the next stands in for it.
        """
        stage, held_out, batch = self.stage, self.held_out, self.recipe.batch
        assert isinstance(stage, Video)
        assert held_out is not None
        device = self.accelerator.device
        count = min(self.recipe.validate_clips, held_out.epoch)
        weights = {
            name.removeprefix("model."): weight
            for name, weight in self.average.weights.items()
            if name.startswith("model.")
        }
        sums = torch.zeros(3)
        with _evaluating(stage.model):
            shared = batches(
                held_out,
                self.sharing,
                start=0,
                steps=math.ceil(count / batch),
                workers=self.recipe.workers,
            )
            for step, parts in enumerate(shared):
                for number, part in enumerate(parts):
                    counts = torch.from_numpy(step * batch + self.sharing.places(number) < count)
                    video = stage.normalised(part.video.to(device))
                    with torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16):
                        logits = functional_call(stage.model, weights, (video,))
                    logits, label = logits.float().cpu()[counts], part.label[counts]
                    right = float((logits.argmax(1) == label).sum())
                    losses = float(cross_entropy(logits, label, reduction="sum"))
                    sums += torch.tensor([right, losses, len(label)])
        hits, loss, clips = self._over_all(sums)
        return hits / clips, loss / clips


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    model.eval()
    try:
        yield
    finally:
        model.train()
