"""Rendered gestures: endless streams in which every sample follows from its number."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from torch.utils.data import Dataset

from core.errors import BadInput
from core.video import cropped
from core.world.gestures import LABELS, USUAL, Odds, render
from training.data.clips import Item, Samples, Transform
from training.data.reading import Plan, view_indices

VALIDATION_SEED = 920_000_000_000_000
"""First of the seeds of validation clips: no training run draws so high."""


class Gestures(Dataset):
    """Sample i of a run: the same bytes whatever the worker, the process or the order of loading.

    `shares` are the labels' probabilities, in the order of LABELS; None draws each as often as any
    other. `odds` say how often a clip is hard to see.
    """

    def __init__(
        self,
        *,
        seed: int,
        frames: int,
        size: int,
        patch: int,
        shares: Sequence[float] | None = None,
        odds: Odds = USUAL,
    ) -> None:
        self.seed, self.frames, self.size, self.patch, self.shares, self.odds = (
            seed,
            frames,
            size,
            patch,
            shares,
            odds,
        )

    def __getitem__(self, index: int) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        label = int(
            rng.integers(len(LABELS))
            if self.shares is None
            else rng.choice(len(LABELS), p=self.shares)
        )
        clip = render(
            LABELS[label],
            int(rng.integers(2**40)),
            frames=self.frames,
            size=(self.size, self.size),
            odds=self.odds,
        )
        side = self.size // self.patch
        occupied = clip.mask.reshape(self.frames, side, self.patch, side, self.patch).mean(
            (2, 4), dtype=np.float32
        )
        return clip.frames, label, clip.fingertip / self.patch, occupied


class Rendered(Samples):
    """Rendered gestures as a data set of `clips` samples an epoch, new ones each epoch; the split
    `val` is fixed.

    Uniform sampling of the whole stroke; `plan.views` V > 1 draws each frame among V neighbours.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        clips: int,
        seed: int = 0,
        split: str | None = None,
        labels: tuple[str, ...] | None = None,
        transform: Transform | None = None,
    ) -> None:
        super().__init__(seed, transform)
        if clips < 1 or split not in (None, "train", "val"):
            raise BadInput(
                f"cannot render {clips} gestures of split {split!r} an epoch; clips must be "
                "positive and split train or val"
            )
        if plan.sampling != "uniform":
            raise BadInput(
                f"rendered gestures know no {plan.sampling} sampling: a stroke fills its clip; "
                "use uniform"
            )
        self.labels = labels or LABELS
        if missing := [name for name in LABELS if name not in self.labels]:
            raise BadInput(
                f"the rendered label {missing[0]!r} is not known; known are "
                f"{', '.join(self.labels)}"
            )
        self.plan, self.clips, self.fixed = plan, clips, split == "val"

    def __len__(self) -> int:
        return self.clips

    def item(self, index: int, rng: np.random.Generator) -> Item:
        cv2.setNumThreads(1)
        label, seed = LABELS[index % len(LABELS)], VALIDATION_SEED + index
        if not self.fixed:
            label, seed = LABELS[int(rng.integers(len(LABELS)))], int(rng.integers(2**40))
        V, T = self.plan.views, self.plan.frames
        size = self.plan.size or 120
        width = size if self.plan.shape == "fit" else round(size * 4 / 3)
        frames = render(label, seed, frames=V * T, size=(size, width)).frames
        drawn = rng.integers(V, size=T) if not self.fixed else np.zeros(T, int)
        frames = frames[view_indices(V * T, T, V, "uniform")[drawn, np.arange(T)]]
        if self.plan.shape == "centre":
            frames = cropped(frames, "centre", size)
        return frames, self.labels.index(label), f"{label}/{seed}"
