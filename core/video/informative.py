"""Which frames of a clip are informative, and what was taken where too few are (spec 1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.video.decoder import decode_at
from core.video.limits import Limits
from core.video.sampling import (
    MOTION_THRESHOLD,
    Pictures,
    motion_candidates,
    motion_scores,
    motion_taken,
)


@dataclass(frozen=True)
class Informative:
    """The candidates of a clip, how much each changes, and those that are taken."""

    times: tuple[float, ...]
    """Seconds of each candidate."""
    scores: tuple[float, ...]
    """Mean absolute difference of grey to the candidate before, 0..255; 0 for the first."""
    taken: tuple[int, ...]
    """Which candidates are taken, ascending."""
    threshold: float = MOTION_THRESHOLD

    @property
    def above(self) -> int:
        """How many candidates are above the threshold."""
        return sum(score > self.threshold for score in self.scores)

    @property
    def in_words(self) -> str:
        """What was taken, and why, in a sentence."""
        wanted, candidates = len(self.taken), len(self.scores)
        counted = f"{self.above} of {candidates} candidates are above the threshold of "
        counted += f"{self.threshold:g}"
        if self.above > wanted:
            return f"{counted}: {wanted} of them are taken, evenly spread."
        if self.above == wanted:
            return f"{counted}: these are taken."
        return (
            f"{counted}, {wanted} are needed: the threshold decides nothing here, and the {wanted} "
            "that change most are taken."
        )


def informative(
    seconds: np.ndarray,
    fps: float,
    frames: int,
    read: Pictures,
    start: float | None = None,
    end: float | None = None,
) -> Informative:
    """The candidates of a source whose frames are at these seconds (n,).

    `read` gives the pictures at ascending indices, (m, h, w, 3) uint8 RGB; the rest is as in
    `core.video.sampling.choose` with the sampling `motion`, which takes the same frames.
    """
    low = 0.0 if start is None else start
    high = float(seconds[-1]) if end is None else end
    inside = np.flatnonzero((seconds >= low - 1e-6) & (seconds <= high + 1e-6))
    candidates = motion_candidates(inside, fps, frames)
    scores = motion_scores(read(candidates))
    return Informative(
        tuple(float(time) for time in seconds[candidates]),
        tuple(round(float(score), 4) for score in scores),
        tuple(int(i) for i in motion_taken(scores, frames)),
    )


def informative_of_file(
    path: str | Path,
    frames: int,
    start: float | None = None,
    end: float | None = None,
    limits: Limits | None = None,
) -> Informative:
    """The same of a file. Raises: VideoError, by the reason."""
    shown: list[Informative] = []

    def pick(seconds: np.ndarray, fps: float, read: Pictures) -> np.ndarray:
        shown.append(informative(seconds, fps, frames, read, start, end))
        return np.zeros(1, int)

    decode_at(path, pick, limits=limits, part=(start, end))
    return shown[-1]
