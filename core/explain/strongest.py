"""What the strongest patch of each frame lies on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Real, UInt8

COVERED = 0.25
"""The part of a patch that a mask must cover for the patch to lie on it."""
MOVING = 0.1
"""The part of a frame's patches that are called moving: those that change most."""


@dataclass(frozen=True)
class Run:
    """From a layer on, up to the last, the strongest patch lies on something in most frames."""

    since: int | None
    """The first of these layers; None where even the last finds it in half the frames at most."""
    least: int
    """Frames that find it, in the layer of the run that finds it least (else in the last)."""
    most: int
    total: int
    """Frames that there are."""


def patches_on(
    mask: Bool[np.ndarray, "F H W"], grid: tuple[int, int, int]
) -> Bool[np.ndarray, "T h w"]:
    """The patches that lie on a mask (F, H, W), on a grid (T', h, w) whose T' divides F.

    At least a quarter of the patch is covered, in any of the frames that the token covers.
    """
    T, h, w = grid
    shares = _means(mask.astype(np.float32), h, w)
    return np.any((shares >= COVERED).reshape(T, -1, h, w), axis=1)


def patches_moving(
    frames: UInt8[np.ndarray, "F H W 3"], grid: tuple[int, int, int]
) -> Bool[np.ndarray, "T h w"]:
    """The tenth of each frame's patches that change most to the frames beside it, (T', h, w).

    A patch that does not change at all is never among them. T' divides F.
    """
    T, h, w = grid
    grey = frames.mean(3, dtype=np.float32)
    steps = _means(np.abs(np.diff(grey, axis=0)), h, w)
    change = np.zeros((len(frames), h, w), np.float32)
    change[:-1] += steps
    change[1:] += steps
    change = change.reshape(T, -1, h, w).mean(1).reshape(T, h * w)
    moving = max(1, round(MOVING * h * w))
    least = np.sort(change, axis=1)[:, -moving, None]
    return ((change >= least) & (change > 0)).reshape(T, h, w)


def _means(values: Real[np.ndarray, "F H W"], h: int, w: int) -> Float[np.ndarray, "F {h} {w}"]:
    """The mean of values over each patch."""
    return np.stack([cv2.resize(each, (w, h), interpolation=cv2.INTER_AREA) for each in values])


def strongest_on(
    heat: Float[np.ndarray, "T h w"], patches: Bool[np.ndarray, "T h w"]
) -> Bool[np.ndarray, " T"]:
    """In which frames the strongest patch is one of `patches`.

    Strongest is what attracts most: NaN, 0 and what repels never is.
    """
    flat = np.nan_to_num(heat, nan=-np.inf).reshape(len(heat), -1)
    best = flat.argmax(1)
    frames = np.arange(len(flat))
    return patches.reshape(len(heat), -1)[frames, best] & (flat[frames, best] > 0)


def by_chance(patches: Bool[np.ndarray, "T h w"]) -> float:
    """Frames in which a patch that is drawn at random is one of `patches`, on average."""
    return float(patches.mean((1, 2)).sum())


def from_layer_on(hits: Mapping[int, Bool[np.ndarray, " T"]]) -> Run:
    """The longest run of layers, up to the last, in each of which more than half of the frames hit.

    `hits` says of each layer in which frames it does; layers come in their order.
    """
    counts = {layer: int(frames.sum()) for layer, frames in hits.items()}
    total = len(next(iter(hits.values())))
    run: list[int] = []
    for layer in reversed(counts):
        if 2 * counts[layer] <= total:
            break
        run.append(layer)
    of_run = [counts[layer] for layer in run or [list(counts)[-1]]]
    return Run(run[-1] if run else None, min(of_run), max(of_run), total)
