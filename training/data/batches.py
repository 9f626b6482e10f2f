"""Batches of samples, in an order that follows from a seed and can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

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


class Shuffled(Sampler):
    """Sample numbers `start` to `stop` of an endless stream over `length` clips, each epoch in an order of its own.

    With `repeats` R every clip comes R times in a row, each time as another draw (repeated augmentation), so that an
    epoch is R x length samples. Process `rank` of `world` takes every world-th.
    """

    def __init__(self, length: int, *, seed: int, start: int, stop: int, repeats: int = 1, shuffle: bool = True, rank: int = 0,
                 world: int = 1) -> None:
        if length < 1 or repeats < 1 or not 0 <= rank < world:
            raise BadInput(f"cannot shuffle {length} clips {repeats} times for process {rank} of {world}")
        self.length, self.seed, self.start, self.stop = length, seed, start, stop
        self.repeats, self.shuffle, self.rank, self.world = repeats, shuffle, rank, world

    def __iter__(self) -> Iterator[int]:
        of, order = -1, np.arange(self.length)
        for place in range(self.start + self.rank, self.stop, self.world):
            visit, repeat = divmod(place, self.repeats)
            epoch, at = divmod(visit, self.length)
            if self.shuffle and epoch != of:
                of, order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.length)
            yield (epoch * self.repeats + repeat) * self.length + int(order[at])

    def __len__(self) -> int:
        return max(0, -(-(self.stop - self.start - self.rank) // self.world))


def clip_batches(data: Samples, *, seed: int, start: int, clips: int, batch: int, workers: int = 0, repeats: int = 1, shuffle: bool = True,
                 drop_last: bool = True, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Batches of samples start .. clips - 1 of the stream; `batch` is that of one process.

    Raises: BadInput if the clips of a batch differ in size, or not one clip can be read.
    """
    numbers = Shuffled(len(data), seed=seed, start=start, stop=clips, repeats=repeats, shuffle=shuffle, rank=rank, world=world)
    loader = DataLoader(data, batch_size=batch, sampler=numbers, num_workers=workers, collate_fn=_collate, drop_last=drop_last,
                        prefetch_factor=4 if workers else None, worker_init_fn=_one_thread)
    try:
        yield from loader
    except BadInput as error:  # a worker's error comes with its traceback
        raise BadInput(str(error).strip().splitlines()[-1].split("BadInput: ")[-1]) from None


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def _collate(items: list[Item]) -> Batch:
    video, label, names = zip(*items, strict=True)
    if len({v.shape for v in video}) > 1:
        odd = next(i for i, v in enumerate(video) if v.shape != video[0].shape)
        raise BadInput(f"the clips {names[0]} {video[0].shape} and {names[odd]} {video[odd].shape} differ in size; "
                       "open the data set with shape centre or fit, or with a transform that crops")
    return Batch(torch.from_numpy(np.stack(video)), torch.tensor(label), names=tuple(names))


def stacked(samples: list) -> Batch:
    """A batch of rendered clips with their ground truth: (video, label, tip, occupied) each."""
    video, label, tip, occupied = zip(*samples, strict=True)
    return Batch(*(torch.from_numpy(np.stack(x)) for x in (video, label, tip, occupied)))
