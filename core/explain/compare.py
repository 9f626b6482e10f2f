"""Several models on one clip: how far their maps agree, and what each reads of its motion.

The latter shows in what a model makes of the clip reversed, shuffled and frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Real

from core.explain.scores import ranks, resized
from core.observe import classify
from core.video import Clip, digest, random_order, shuffled
from core.video.sampling import moments, nearest
from core.weights import Model

PROBES = ("as it is", "reversed", "shuffled", "frozen")


def on_grid(
    heat: Float[np.ndarray, "steps rows columns"],
    times: Float[np.ndarray, " steps"],
    at: Float[np.ndarray, " T"],
    size: tuple[int, int],
) -> Float[np.ndarray, "T h w"]:
    """Heat (T', h, w) at other moments and of another size: its nearest steps, bilinear over space.

    `times` (T',) are those of its steps, `at` (T,) the moments, all in seconds. NaN becomes 0.
    """
    return resized(np.nan_to_num(heat), *size)[nearest(times, at)]


def spearman(a: Real[np.ndarray, "*shape"], b: Real[np.ndarray, "*shape"]) -> float:
    """Spearman's rank correlation, -1..1: Pearson's correlation of the ranks.

    NaN if either is constant.
    """
    x, y = ranks(a), ranks(b)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    if np.array_equal(x, y):
        return 1.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def agreement(
    heats: Sequence[Float[np.ndarray, "_T _h _w"]], times: Sequence[Float[np.ndarray, " _T"]]
) -> Float[np.ndarray, "n n"]:
    """Rank correlation of each two maps (T', h, w) whose steps are at `times` (T',), (n, n).

    Two maps are compared at every moment at which either has a step, on the finer grid of the two.
    The diagonal is exactly 1. A constant map has NaN with every map, itself included.
    """
    maps = list(zip(heats, times, strict=True))
    correlations = np.empty((len(maps), len(maps)))
    for i, one in enumerate(maps):
        for j, other in enumerate(maps[: i + 1]):
            correlations[i, j] = correlations[j, i] = _agree(*one, *other)
    return correlations


def _agree(heat: np.ndarray, times: np.ndarray, other: np.ndarray, others: np.ndarray) -> float:
    at = moments([times, others])
    size = max(heat.shape[1], other.shape[1]), max(heat.shape[2], other.shape[2])
    return spearman(on_grid(heat, times, at, size), on_grid(other, others, at, size))


def farthest_apart(times: Sequence[Float[np.ndarray, " _T"]]) -> float:
    """The most seconds between two steps that `agreement` compares."""
    gaps = [
        np.abs(one[nearest(one, at)] - other[nearest(other, at)]).max()
        for one in times
        for other in times
        for at in [moments([one, other])]
    ]
    return float(max(gaps))


def probes(clip: Clip, unit: int = 1, seed: int = 0) -> dict[str, Clip]:
    """The clip as it is, reversed, shuffled by `unit` frames, and frozen at its middle frame.

    PROBES names them.
    """
    T = len(clip)
    frozen = clip.picked([T // 2] * T, digest(clip.id, "frozen"))
    mixed = random_order(T // unit, seed)
    return dict(
        zip(
            PROBES,
            (clip, shuffled(clip, range(T)[::-1]), shuffled(clip, mixed, unit), frozen),
            strict=True,
        )
    )


def motion_probe(model: Model, clip: Clip, seed: int = 0) -> Float[np.ndarray, "4 C"]:
    """Class probabilities of each of PROBES, (4, C).

    A model that reads motion changes its mind; one that reads stills does not.
    """
    return np.stack([classify(model, probe) for probe in probes(clip, model.unit, seed).values()])
