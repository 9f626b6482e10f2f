"""Where a recipe's clips come from, and which part of them each process takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from core.errors import BadInput
from core.gestures import DIRECTED, LABELS
from training.data import Batch, Gestures, gesture_batches
from training.recipes import Recipe

HELD_OUT = 999_999_937
"""Seed of the rendered clips that validate a run; a recipe's own seeds are small."""


@dataclass(frozen=True)
class Source:
    """Clips to train on: item i is the same whatever the process or the order of loading."""

    dataset: Dataset
    labels: tuple[str, ...]
    directed: tuple[str, ...]  # labels whose direction in time can be known from the frames
    epoch: int  # clips in one pass


@dataclass(frozen=True)
class Sharing:
    """How a step's batch is dealt out: to `processes`, of which this is number `rank`, and to each in `accumulate` parts.

    Clips are dealt like cards, so that each part has clips from the whole range of a batch.
    """

    batch: int
    accumulate: int = 1
    processes: int = 1
    rank: int = 0

    def __post_init__(self) -> None:
        if self.batch % (self.processes * self.accumulate):
            raise BadInput(f"a batch of {self.batch} clips cannot be shared by {self.processes} processes in {self.accumulate} parts each; "
                           "choose a --batch that their product divides")

    @property
    def part(self) -> int:
        """Clips in one forward pass of one process."""
        return self.batch // (self.processes * self.accumulate)

    def places(self, part: int) -> np.ndarray:
        """Places in the step's batch of the clips of this process's part number `part`."""
        return part * self.processes + self.rank + np.arange(self.part) * self.accumulate * self.processes


class _Share(Dataset):
    """This process's clips, one after another."""

    def __init__(self, dataset: Dataset, sharing: Sharing) -> None:
        self.dataset, self.sharing = dataset, sharing

    def __getitem__(self, index: int) -> Any:
        s = self.sharing
        step, within = divmod(index, s.part * s.accumulate)
        part, clip = divmod(within, s.part)
        return self.dataset[step * s.batch + int(s.places(part)[clip])]


def source(recipe: Recipe, *, frames: int, size: int, patch: int, seed: int) -> Source:
    """The clips of a recipe. Raises: BadInput for a kind of data, or an augmentation, that is not known."""
    if recipe.data != "gestures":
        raise BadInput(f"data {recipe.data!r} cannot be read yet; choose gestures, which are rendered")
    if recipe.augment or recipe.repeated != 1 or recipe.balance:
        asked = ", ".join(recipe.augment) or "repeated, balance"
        raise BadInput(f"rendered gestures are varied by their renderer and take no augmentation ({asked}); leave it out")
    dataset = Gestures(seed=seed, frames=frames, size=size, patch=patch)
    return Source(dataset, LABELS, DIRECTED, recipe.epoch_clips)


def batches(clips: Source, sharing: Sharing, *, start: int, steps: int, workers: int) -> Iterator[list[Batch]]:
    """The parts of this process of step `start`, `start + 1`, ... `steps - 1`."""
    own = sharing.part * sharing.accumulate
    loader = iter(gesture_batches(_Share(clips.dataset, sharing), start=start * own, clips=steps * own, batch=sharing.part,
                                  workers=workers))
    for _ in range(start, steps):
        yield [next(loader) for _ in range(sharing.accumulate)]
