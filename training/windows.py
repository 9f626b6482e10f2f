"""Which frames of a clip are learned from and which are held out, and the windows of either.

Pure functions of counts and seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.errors import BadInput

MOST_BLOCKS = 6
BLOCK_EVERY = 5  # windows' lengths: one block in so many frames
INTERLEAVED_EVERY = 5  # frames
MOST_INTERLEAVED = 6  # windows
LEAST_WINDOWS = 4  # a clip must be as long as so many windows


@dataclass(frozen=True)
class Split:
    """Indices of a clip's frames.

    Those that are in no field are the gaps beside the blocks, which nothing sees.
    """

    train: np.ndarray  # (n,) ascending
    # each `window` consecutive frames, with a gap of half a window on each side
    blocks: tuple[np.ndarray, ...]
    # windows of single frames whose neighbours on both sides are learned from; may be empty
    interleaved: tuple[np.ndarray, ...]

    def described(self, frames: int) -> str:
        """One letter a frame: t learned from, b in a block, i interleaved, - a gap."""
        letters = np.full(frames, "-")
        letters[self.train] = "t"
        for letter, windows in (("b", self.blocks), ("i", self.interleaved)):
            for window in windows:
                letters[window] = letter
        return "".join(letters)


def split(frames: int, window: int, seed: int, name: str = "the clip") -> Split:
    """Hold out blocks of `window` consecutive frames, and single frames in between.

    The clip is cut into equal parts, one block at a random place of each; beside a block `window //
    2` frames are left out. Of what remains every INTERLEAVED_EVERY-th frame is held out too: a far
    easier test, since its neighbours are learned from, so it is always reported as `interleaved`.

    Raises: BadInput for a clip shorter than LEAST_WINDOWS windows.
    """
    if frames < LEAST_WINDOWS * window:
        raise BadInput(
            f"{name}: {frames} frames, at least {LEAST_WINDOWS * window} needed to learn from some "
            "and hold out others; give a longer clip"
        )
    rng, gap = np.random.default_rng([seed, frames, window]), window // 2
    count = min(MOST_BLOCKS, max(1, frames // (BLOCK_EVERY * window)))
    bounds = np.linspace(0, frames, count + 1).astype(int)
    free = np.ones(frames, bool)
    blocks = []
    for low, high in pairwise(bounds):
        start = int(rng.integers(low + gap, high - gap - window + 1))
        blocks.append(np.arange(start, start + window))
        free[start - gap : start + window + gap] = False
    rest = np.flatnonzero(free)
    inner = np.flatnonzero(free & np.r_[False, free[:-1]] & np.r_[free[1:], False])
    single = inner[np.flatnonzero(inner % INTERLEAVED_EVERY == INTERLEAVED_EVERY // 2)]
    if len(single) < window:
        return Split(rest, tuple(blocks), ())
    starts = np.unique(np.linspace(0, len(single) - window, MOST_INTERLEAVED).astype(int))
    interleaved = tuple(single[start : start + window] for start in starts)
    return Split(np.setdiff1d(rest, single), tuple(blocks), interleaved)


def draw(train: np.ndarray, window: int, rng: np.random.Generator) -> np.ndarray:
    """A window of frames to learn from, ascending: evenly spread over a random part of the clip.

    Every other one is of neighbours, or of every second frame, which are the hardest to tell apart;
    the length of the others is log-uniform up to the whole clip.
    """
    longest = len(train) - 1
    most = min(longest, 2 * (window - 1)) if rng.random() < 0.5 else longest
    drawn = int(np.exp(rng.uniform(np.log(window - 1), np.log(most + 1))))
    span = min(max(drawn, window - 1), longest)
    start = int(rng.integers(0, longest - span + 1))
    return train[start + np.linspace(0, span, window).round().astype(int)]
