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
from training.data.clips import Item, Samples


@dataclass(frozen=True)
class Batch:
    """B labelled clips; rendered ones come with their ground truth."""

    video: Tensor  # (B, T, H, W, 3) uint8 RGB
    label: Tensor  # (B,) int64
    tip: Tensor | None = None  # (B, T, 2) float32, x and y in patches
    occupied: Tensor | None = None  # (B, T, h, w) float32, share of each patch under the hand, 0..1
    names: tuple[str, ...] = ()


class Stream(Dataset):
    """A data set as an endless stream: item i is the same whatever the process and the order of
    loading.

    Each epoch shows every clip in an order of its own. With `repeats` R every clip comes R times in
    a row, each time as another draw (repeated augmentation), so that an epoch is R x len(data)
    items.
    """

    def __init__(
        self, data: Samples, *, seed: int = 0, repeats: int = 1, shuffle: bool = True
    ) -> None:
        if repeats < 1:
            raise BadInput(f"a clip must be shown at least once a visit, got {repeats}")
        self.data, self.seed, self.repeats, self.shuffle = data, seed, repeats, shuffle
        self.epoch = repeats * len(data)
        self._order: tuple[int, np.ndarray] = (-1, np.arange(len(data)))

    def number(self, place: int) -> int:
        """The sample number (see `Samples`) at a place of the stream."""
        visit, repeat = divmod(place, self.repeats)
        epoch, at = divmod(visit, len(self.data))
        if self.shuffle and self._order[0] != epoch:
            self._order = (
                epoch,
                np.random.default_rng([self.seed, epoch]).permutation(len(self.data)),
            )
        return (epoch * self.repeats + repeat) * len(self.data) + int(self._order[1][at])

    def __getitem__(self, place: int) -> Item:
        return self.data[self.number(place)]


def clip_batches(
    data: Samples,
    *,
    start: int,
    clips: int,
    batch: int,
    seed: int = 0,
    workers: int = 0,
    repeats: int = 1,
    shuffle: bool = True,
) -> Iterator[Batch]:
    """Batches of the items start .. clips - 1 of a `Stream`.

    Raises: BadInput if the clips of a batch differ in size, or not one clip can be read.
    """
    stream = Stream(data, seed=seed, repeats=repeats, shuffle=shuffle)
    yield from loaded(stream, collated, start=start, clips=clips, batch=batch, workers=workers)


def loaded(
    dataset: Dataset,
    collate: Callable[[list], Batch],
    *,
    start: int,
    clips: int,
    batch: int,
    workers: int,
) -> Iterator[Batch]:
    """Batches of the items start .. clips - 1, in order: a resumed run sees what it would have
    seen.

    Raises: BadInput, in one line, for what a worker raised as such.
    """
    # a forked worker would wait for OpenCV threads that only its parent has, so there must be none
    if workers:
        cv2.setNumThreads(1)
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=range(start, clips),
        num_workers=workers,
        collate_fn=collate,
        drop_last=True,
        prefetch_factor=4 if workers else None,
    )
    try:
        yield from loader
    except BadInput as error:  # a worker's error comes with its traceback
        raise BadInput(str(error).strip().splitlines()[-1].split("BadInput: ")[-1]) from None


def collated(items: list[Item]) -> Batch:
    """A batch of items. Raises: BadInput if they differ in size."""
    video, label, names = zip(*items, strict=True)
    if len({v.shape for v in video}) > 1:
        odd = next(i for i, v in enumerate(video) if v.shape != video[0].shape)
        raise BadInput(
            f"the clips {names[0]} {video[0].shape} and {names[odd]} {video[odd].shape} differ in "
            "size; open the data set with shape centre or fit, or with a transform that crops"
        )
    return Batch(torch.from_numpy(np.stack(video)), torch.tensor(label), names=tuple(names))


def stacked(samples: list) -> Batch:
    """A batch of rendered clips with their ground truth: (video, label, tip, occupied) each."""
    video, label, tip, occupied = zip(*samples, strict=True)
    return Batch(*(torch.from_numpy(np.stack(x)) for x in (video, label, tip, occupied)))
