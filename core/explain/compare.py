"""Several models on one clip: how far their maps agree, and what each reads of its motion.

The latter shows in what a model makes of the clip reversed, shuffled and frozen.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Real

from core.explain.scores import ranks, resized
from core.observe import classify
from core.video import Clip, digest, random_order, shuffled
from core.weights import Model

Grid = tuple[int, int, int]
PROBES = ("as it is", "reversed", "shuffled", "frozen")


def on_grid(
    heat: Float[np.ndarray, "steps rows columns"], grid: Grid
) -> Float[np.ndarray, "T h w"]:
    """Heat (T', h, w) on another grid: by steps over time, bilinear over space.

    Each moment gets the time step that covers it. NaN becomes 0.
    """
    T, h, w = grid
    steps = ((np.arange(T) + 0.5) * len(heat) / T).astype(int)
    return resized(np.nan_to_num(heat), h, w)[steps]


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


def agreement(heats: list[Float[np.ndarray, "_T _h _w"]]) -> Float[np.ndarray, "n n"]:
    """Rank correlation of each two maps on the finest grid of all, (n, n).

    The diagonal is exactly 1. A constant map has NaN with every map, itself included.
    """
    T, h, w = (max(heat.shape[axis] for heat in heats) for axis in range(3))
    maps = [on_grid(heat, (T, h, w)) for heat in heats]
    return np.array([[spearman(a, b) for b in maps] for a in maps])


def probes(clip: Clip, unit: int = 1, seed: int = 0) -> dict[str, Clip]:
    """The clip as it is, reversed, shuffled by `unit` frames, and frozen at its middle frame.

    PROBES names them.
    """
    T = len(clip)
    frozen = Clip(
        np.repeat(clip.frames[T // 2][None], T, 0),
        clip.times,
        clip.source,
        digest(clip.id, "frozen"),
    )
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
