"""Training data: rendered gestures, an endless stream in which every sample follows from its index."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from core.gestures import LABELS, render


@dataclass(frozen=True)
class Batch:
    """B rendered clips with their ground truth."""

    video: Tensor  # (B, T, H, W, 3) uint8 RGB
    label: Tensor  # (B,) int64
    tip: Tensor  # (B, T, 2) float32, x and y in patches
    occupied: Tensor  # (B, T, h, w) float32, share of each patch under the hand, 0..1


class Gestures(Dataset):
    """Sample i of a run: the same bytes whatever the worker, the process or the order of loading."""

    def __init__(self, *, seed: int, frames: int, size: int, patch: int) -> None:
        self.seed, self.frames, self.size, self.patch = seed, frames, size, patch

    def __getitem__(self, index: int) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        label = int(rng.integers(len(LABELS)))
        clip = render(LABELS[label], int(rng.integers(2**40)), frames=self.frames, size=(self.size, self.size))
        side = self.size // self.patch
        occupied = clip.mask.reshape(self.frames, side, self.patch, side, self.patch).mean((2, 4), dtype=np.float32)
        return clip.frames, label, clip.fingertip / self.patch, occupied


class _From(Sampler):
    """Indices from `start` to `stop`: a resumed run sees what it would have seen."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self):
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop - self.start


def _collate(samples: list) -> Batch:
    video, label, tip, occupied = zip(*samples, strict=True)
    return Batch(*(torch.from_numpy(np.stack(x)) for x in (video, label, tip, occupied)))


def gesture_batches(dataset: Gestures, *, start: int, clips: int, batch: int, workers: int) -> DataLoader:
    """Batches of samples start .. clips - 1."""
    return DataLoader(dataset, batch_size=batch, sampler=_From(start, clips), num_workers=workers, collate_fn=_collate,
                      drop_last=True, prefetch_factor=4 if workers else None, persistent_workers=False)
