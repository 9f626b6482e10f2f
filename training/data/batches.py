"""Batches of samples, in an order that follows from a seed and can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.errors import BadInput
from training.data.clips import Clips, Item

RenderedItem = tuple[np.ndarray, int, np.ndarray, np.ndarray]
"""Frames (T, H, W, 3) uint8 RGB, index of the label, and `tip` and `occupied` as in `Batch`."""


@dataclass(frozen=True)
class Batch:
    """B labelled clips; rendered ones come with their ground truth."""

    video: Tensor  # (B, T, H, W, 3) uint8 RGB
    label: Tensor  # (B,) int64
    tip: Tensor | None = None  # (B, T, 2) float32, x and y in patches
    occupied: Tensor | None = None  # (B, T, h, w) float32, share of each patch under the hand, 0..1
    names: tuple[str, ...] = ()


class Stream(Dataset):
    """A data set as an endless stream, the same whatever the process and the order of loading.

    Each epoch shows every clip in an order of its own. With `repeats` R every clip comes R times in
    a row, each time as another draw (repeated augmentation), so that an epoch is R x len(data)
    items.
    """

    def __init__(
        self, data: Clips, *, seed: int = 0, repeats: int = 1, shuffle: bool = True
    ) -> None:
        if repeats < 1:
            raise BadInput(f"a clip must be shown at least once a visit, got {repeats}")
        self.data, self.seed, self.repeats, self.shuffle = data, seed, repeats, shuffle
        self.epoch = repeats * len(data)
        self._order: tuple[int, np.ndarray] = (-1, np.arange(len(data)))

    def number(self, place: int) -> int:
        """The sample number (see `Clips`) at a place of the stream."""
        visit, repeat = divmod(place, self.repeats)
        epoch, turn = divmod(visit, len(self.data))
        if self.shuffle and self._order[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._order = (epoch, rng.permutation(len(self.data)))
        draw = epoch * self.repeats + repeat
        return draw * len(self.data) + int(self._order[1][turn])

    def __getitem__(self, place: int) -> Item:
        return self.data[self.number(place)]


@dataclass(frozen=True)
class _Refused:
    """Stands for a sample or a batch that cannot be made.

    An exception that leaves a worker process comes with its traceback in its text; this does not.
    """

    reason: str


class _Careful(Dataset):
    """A data set whose items may be a refusal."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> object:
        try:
            return self.dataset[index]
        except BadInput as error:
            return _Refused(str(error))


@dataclass(frozen=True)
class _Collate:
    """Makes a batch of items, of which the first refusal is passed on."""

    make: Callable[[list], Batch]

    def __call__(self, items: list) -> Batch | _Refused:
        for item in items:
            if isinstance(item, _Refused):
                return item
        try:
            return self.make(items)
        except BadInput as error:
            return _Refused(str(error))


def loaded(
    dataset: Dataset,
    collate: Callable[[list], Batch],
    *,
    start: int,
    clips: int,
    batch: int,
    workers: int,
) -> Iterator[Batch]:
    """Batches of the items start .. clips - 1, in order.

    So a resumed run sees what it would have seen.

    Raises: BadInput, in one line, for what a worker raised as such.
    """
    # a forked worker would wait for OpenCV threads that only its parent has, so there must be none
    if workers:
        cv2.setNumThreads(1)
    loader = DataLoader(
        _Careful(dataset),
        batch_size=batch,
        sampler=range(start, clips),
        num_workers=workers,
        collate_fn=_Collate(collate),
        drop_last=True,
        prefetch_factor=4 if workers else None,
    )
    for made in loader:
        if isinstance(made, _Refused):
            raise BadInput(made.reason)
        yield made


def collated(items: list[Item]) -> Batch:
    """A batch of items. Raises: BadInput if they differ in size."""
    video, label, names = zip(*items, strict=True)
    for frames, name in zip(video, names, strict=True):
        if frames.shape != video[0].shape:
            raise BadInput(
                f"the clips {names[0]} {video[0].shape} and {name} {frames.shape} differ in "
                "size; open the data set with shape centre or fit, or with a transform that crops"
            )
    return Batch(torch.from_numpy(np.stack(video)), torch.tensor(label), names=tuple(names))


def stacked(samples: list[RenderedItem]) -> Batch:
    """A batch of rendered clips with their ground truth."""
    video, label, tip, occupied = (
        torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)
    )
    return Batch(video, label, tip, occupied)
