"""Where a map looks, in a few numbers: how narrow it is, its middle, and how much lies on motion.

Heat is (T', h, w). What is below 0 speaks against a place, as in `core.explain.trust`: it is taken
for 0 here. A step without heat has no place, and counts in no mean.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Real, UInt8

MOVES = 15
"""Grey levels of 255 by which a pixel that moves differs from the frame before or after it."""


class Place(NamedTuple):
    """Where heat lies, in parts of the picture: x from its left edge, y from its top, 0..1."""

    x: float
    """Of the centre of mass, mean over steps; NaN where there is no heat."""
    y: float
    spread: float
    """Root mean square distance from each step's centre, in picture sides, mean over steps."""


def shares(heat: Real[np.ndarray, "steps h w"]) -> Float[np.ndarray, "steps h w"]:
    """The share of a step's heat on each patch, summing to 1; NaN for a step without heat."""
    positive = np.clip(np.nan_to_num(np.asarray(heat, np.float64)), 0, None)
    total = positive.sum((1, 2), keepdims=True)
    return np.divide(positive, total, out=np.full_like(positive, np.nan), where=total > 0)


def entropy(heat: Real[np.ndarray, "steps h w"]) -> float:
    """-sum p log p / log(h w) of a step's shares p: 0 on one patch, 1 all alike; mean over steps.

    NaN where there is no heat, or one patch alone.
    """
    p = shares(heat)
    p = p[~np.isnan(p).any((1, 2))].reshape(-1, p.shape[1] * p.shape[2])
    if not len(p) or p.shape[1] < 2:
        return float("nan")
    each = -(p * np.log(np.where(p > 0, p, 1))).sum(1) / np.log(p.shape[1])
    return float(each.mean())


def place(heat: Real[np.ndarray, "steps h w"]) -> Place:
    """The centre of mass of heat and how far it spreads around it."""
    p = shares(heat)
    p = p[~np.isnan(p).any((1, 2))]
    if not len(p):
        return Place(float("nan"), float("nan"), float("nan"))
    _, h, w = p.shape
    x, y = (np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h
    columns, rows = p.sum(1), p.sum(2)  # (steps, w), (steps, h)
    centre_x, centre_y = columns @ x, rows @ y
    variance = (columns * (x - centre_x[:, None]) ** 2).sum(1)
    variance += (rows * (y - centre_y[:, None]) ** 2).sum(1)
    return Place(float(centre_x.mean()), float(centre_y.mean()), float(np.sqrt(variance).mean()))


def moving(frames: UInt8[np.ndarray, "T H W 3"]) -> Bool[np.ndarray, "T H W"]:
    """The pixels whose grey level differs by more than MOVES from the frame before or after."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]).astype(np.int16)
    changes = np.abs(np.diff(grey, axis=0)) > MOVES
    mask = np.zeros(grey.shape, bool)
    mask[1:] |= changes
    mask[:-1] |= changes
    return mask


def share_on(heat: Real[np.ndarray, "steps h w"], mask: Bool[np.ndarray, "T H W"]) -> float:
    """The share of all heat that lies on the mask, heat being alike all over a patch.

    T' divides T. NaN where there is no heat or the mask is empty.
    """
    if not mask.any():
        return float("nan")
    steps, h, w = heat.shape
    covered = np.stack(
        [cv2.resize(m, (w, h), interpolation=cv2.INTER_AREA) for m in mask.astype(np.float32)]
    )
    covered = covered.reshape(steps, -1, h, w).mean(1)
    positive = np.clip(np.nan_to_num(np.asarray(heat, np.float64)), 0, None)
    total = positive.sum()
    return float((positive * covered).sum() / total) if total > 0 else float("nan")
