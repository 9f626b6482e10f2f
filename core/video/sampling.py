"""Which frames of a clip to use: pure functions of frame counts, times and pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from core.errors import BadInput, TooFewFrames

Pictures = Callable[[np.ndarray], np.ndarray]
"""The pictures at ascending indices (m,), (m, h, w, 3) uint8 RGB."""
Sampling = Literal["uniform", "dense", "motion"]
SAMPLINGS: tuple[Sampling, ...] = ("uniform", "dense", "motion")
MOTION_RATE = 5
"""Sampled frames a second (spec 1.5)."""
MOTION_THRESHOLD = 30.0
"""Mean absolute grey difference, 0..255."""


def uniform_indices(count: int, frames: int) -> np.ndarray:
    """The middle of each of `frames` equal segments of `count` frames.

    Strictly increasing where `count` is at least `frames`.
    """
    return ((np.arange(frames) + 0.5) * count / frames).astype(int)


def dense_indices(count: int, frames: int, stride: int) -> np.ndarray:
    """`frames` indices `stride` apart around the middle of `count` frames.

    A clip that is too short gets a smaller stride.
    """
    stride = max(1, min(stride, (count - 1) // max(1, frames - 1)))
    return (count - 1 - stride * (frames - 1)) // 2 + stride * np.arange(frames)


def dense_at(seconds: np.ndarray, frames: int, step: float) -> np.ndarray:
    """`frames` indices about `step` seconds apart around the middle of frames at these times.

    A clip that is too short gets a smaller step; frames that are further apart than the step are
    taken one after the other.
    """
    span = float(seconds[-1] - seconds[0])
    step = min(step, span / max(1, frames - 1))
    start = seconds[0] + (span - step * (frames - 1)) / 2
    picked = nearest(seconds, start + step * np.arange(frames))
    return picked if (np.diff(picked) > 0).all() else dense_indices(len(seconds), frames, 1)


def motion_scores(frames: np.ndarray) -> np.ndarray:
    """Mean absolute difference of grey levels (BT.601) to the frame before, (n,), 0..255.

    The first frame, which has none before it, gets 0.
    """
    import cv2

    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]).astype(np.int16)
    return np.r_[0.0, np.abs(np.diff(grey, axis=0)).mean((1, 2))]


def motion_indices(
    frames: np.ndarray, wanted: int, threshold: float = MOTION_THRESHOLD
) -> np.ndarray:
    """Indices of `wanted` informative frames (spec 1.5), ascending.

    Informative frames score above the threshold; of too many they are evenly thinned, of too few
    the `wanted` frames that move most are taken. The first frame is only a reference unless it is
    needed to make up the number.
    """
    return motion_taken(motion_scores(frames), wanted, threshold)


def motion_taken(
    scores: np.ndarray, wanted: int, threshold: float = MOTION_THRESHOLD
) -> np.ndarray:
    """The same from the scores (n,) of the frames."""
    informative = np.flatnonzero(scores > threshold)
    if len(informative) >= wanted:
        return informative[uniform_indices(len(informative), wanted)]
    return np.sort(np.argsort(-scores, kind="stable")[:wanted])


def motion_candidates(inside: np.ndarray, fps: float, frames: int) -> np.ndarray:
    """Of the indices (n,) of a part's frames those that are compared: MOTION_RATE a second.

    They are closer together where a short part would else have fewer than `frames`.
    """
    interval = max(1, min(round(fps / MOTION_RATE), len(inside) // frames))
    return inside[::interval]


def moments(times: Sequence[np.ndarray]) -> np.ndarray:
    """Every time (seconds) at which any of several clips has a frame, ascending, each once."""
    return np.unique(np.concatenate(list(times)).round(6))


def nearest(times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which of `times` (T,) is nearest to each of `at` (n,), the earlier of two: indices (n,)."""
    distances = np.abs(np.asarray(times)[None] - np.asarray(at)[:, None])
    return distances.round(6).argmin(1)


def too_few(name: str, count: int, wanted: int, where: str = "the file") -> str:
    """The message for `count` frames where `wanted` are needed."""
    plural = "" if count == 1 else "s"
    return (
        f"{name}: {count} frame{plural} in {where}, {wanted} needed; ask for fewer frames or a "
        "longer part"
    )


def check_part(
    name: str, start: float | None, end: float | None, last: float
) -> tuple[float, float]:
    """From when to when a part is, in seconds, of a clip whose last frame is shown at `last`.

    Raises: BadInput for an empty one.
    """
    low = 0.0 if start is None else start
    high = last if end is None else end
    if not (np.isfinite(low) and np.isfinite(high)) or low > high or low < 0:
        raise BadInput(
            f"{name}: the part from {low:g} s to {high:g} s is empty; start must be 0 or more and "
            "before the end"
        )
    return low, high


def choose(
    name: str,
    seconds: np.ndarray,
    fps: float,
    frames: int,
    sampling: Sampling,
    stride: int,
    start: float | None,
    end: float | None,
    read: Callable[[np.ndarray], np.ndarray],
    rate: float = 0.0,
) -> np.ndarray:
    """Ascending indices (frames,) of the frames to use, of those shown from `start` to `end`.

    Args:
        name: of the source, for messages.
        seconds: (n,) when each frame of the source is shown.
        fps: the source's mean rate; 0 where it is not known.
        frames, sampling, stride, start, end: as `decode` takes them.
        read: the pictures at ascending indices, (n, h, w, 3) uint8 RGB; called only where the
            choice depends on them.
        rate: frames a second that `stride` counts, whatever the source's; 0 = the source's frames.

    Raises: TooFewFrames; BadInput for settings that make no sense.
    """
    if sampling not in SAMPLINGS:
        raise BadInput(f"sampling {sampling!r} is not known; choose one of {', '.join(SAMPLINGS)}")
    if frames < 1 or stride < 1:
        raise BadInput(f"frames ({frames}) and stride ({stride}) must be at least 1")
    low, high = check_part(name, start, end, float(seconds[-1]))
    inside = np.flatnonzero((seconds >= low - 1e-6) & (seconds <= high + 1e-6))
    if len(inside) < frames:
        where = f"{low:g} s to {high:g} s (the file has {len(seconds)})"
        if start is None and end is None:
            where = "the file"
        raise TooFewFrames(too_few(name, len(inside), frames, where))
    if sampling == "dense" and rate:
        return inside[dense_at(seconds[inside], frames, stride / rate)]
    if sampling == "dense":
        return inside[dense_indices(len(inside), frames, stride)]
    if sampling == "uniform":
        return inside[uniform_indices(len(inside), frames)]
    candidates = motion_candidates(inside, fps, frames)
    return candidates[motion_indices(read(candidates), frames)]


def choose_of(
    name: str,
    times: np.ndarray,
    read: Callable[[np.ndarray], np.ndarray],
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    rate: float = 0.0,
    start: float | None = None,
    end: float | None = None,
) -> np.ndarray:
    """`choose` for a source whose mean rate follows from the times (n,) of its frames."""
    span = float(times[-1] - times[0])
    fps = (len(times) - 1) / span if span > 0 else 0.0
    return choose(name, times, fps, frames, sampling, stride, start, end, read, rate)
