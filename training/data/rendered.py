"""Rendered gestures: endless streams in which every sample follows from its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
from torch.utils.data import Dataset

from core.world.gestures import LABELS, USUAL, Odds, render
from training.data.batches import RenderedItem

_kept: dict[tuple[object, ...], RenderedItem] | None = None
_MOST_BYTES = 1_500_000_000


@contextmanager
def keeping_clips() -> Iterator[None]:
    """Within it this process keeps the clips that it draws: runs of one seed see the same ones."""
    global _kept
    _kept = {}
    try:
        yield
    finally:
        _kept = None


class Gestures(Dataset):
    """Sample i of a run: the same bytes whatever the worker, the process or the order of loading.

    `shares` are the labels' probabilities, in the order of LABELS; None draws each as often as any
    other. `odds` say how often a clip is hard to see, `front` how often it is seen from the front.
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
        front: float = 0.0,
    ) -> None:
        self.seed, self.frames, self.size, self.patch = seed, frames, size, patch
        self.shares, self.odds, self.front = shares, odds, front

    def __getitem__(self, index: int) -> RenderedItem:
        if _kept is None:
            return self.drawn(index)
        shares = None if self.shares is None else tuple(self.shares)
        sizes = (self.frames, self.size, self.patch)
        key = (self.seed, *sizes, shares, self.odds, self.front, index)
        if key not in _kept:
            if _kept and next(iter(_kept))[0] != self.seed:
                _kept.clear()
            item = self.drawn(index)
            if len(_kept) * item[0].nbytes > _MOST_BYTES:
                return item
            _kept[key] = item
        return _kept[key]

    def drawn(self, index: int) -> RenderedItem:
        """Render a sample."""
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        if self.shares is None:
            label = int(rng.integers(len(LABELS)))
        else:
            label = int(rng.choice(len(LABELS), p=self.shares))
        seed = int(rng.integers(2**40))
        # Drawn last, so that what is seen from the drawer's eyes is the same with and without.
        is_front = rng.random() < self.front
        clip = render(
            LABELS[label],
            seed,
            frames=self.frames,
            size=(self.size, self.size),
            odds=self.odds,
            view="front" if is_front else "own",
        )
        side = self.size // self.patch
        patches = clip.mask.reshape(self.frames, side, self.patch, side, self.patch)
        occupied = patches.mean((2, 4), dtype=np.float32)
        return clip.frames, label, clip.fingertip / self.patch, occupied
