"""Motion to hold AM flow against: optical flow from the pixels, the truth of a rendered gesture,
and how well heat finds the hand.

Frames are uint8 RGB (T, H, W, 3), displacements are pixels from one frame to the next, x then y.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from core.errors import BadInput
from core.explain import of_layer, over_space
from core.gestures import Gesture
from core.models.am_flow import Mode, am_flow
from core.observe import Trace


def optical_flow(frames: np.ndarray) -> np.ndarray:
    """Farneback's dense optical flow of each frame and the next, float32 (T - 1, H, W, 2).

    G. Farneback, "Two-frame motion estimation based on polynomial expansion", SCIA 2003, on grey
    values, with the settings of OpenCV's tutorial. Raises: BadInput for fewer than two frames.
    """
    if len(frames) < 2:
        raise BadInput("optical flow compares two frames, got one; give 2 or more")
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    settings = {
        "pyr_scale": 0.5,
        "levels": 3,
        "winsize": 15,
        "iterations": 3,
        "poly_n": 5,
        "poly_sigma": 1.2,
        "flags": 0,
    }
    return np.stack(
        [
            cv2.calcOpticalFlowFarneback(a, b, None, **settings)
            for a, b in zip(grey[:-1], grey[1:], strict=True)
        ]
    )


def magnitude(flow: np.ndarray) -> np.ndarray:
    """Length of each displacement: (..., 2) -> (...), pixels."""
    return np.linalg.norm(flow, axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Truth:
    """What really moves in a rendered clip."""

    mask: np.ndarray  # (T, H, W) bool: hand, arm and sleeve
    motion: (
        np.ndarray
    )  # (T - 1, H, W) float32: pixels that the hand moves against the background, 0 outside it


def truth(gesture: Gesture, times: np.ndarray) -> Truth:
    """The truth at sampled frames, found by their times (seconds).

    The camera would carry the fingertip from x_t to C_t+1 C_t^-1 x_t; what is left of its way is
    the hand's own motion.
    """
    at = np.abs(gesture.times[None] - np.asarray(times)[:, None]).argmin(1)
    mask, tips = gesture.mask[at], gesture.fingertip[at].astype(np.float64)
    linear, shift = (
        gesture.camera[at, :, :2].astype(np.float64),
        gesture.camera[at, :, 2].astype(np.float64),
    )
    in_scene = np.linalg.solve(linear[:-1], (tips[:-1] - shift[:-1])[..., None])
    carried = (linear[1:] @ in_scene)[..., 0] + shift[1:]
    moved = np.linalg.norm(tips[1:] - carried, axis=1)
    return Truth(mask, (mask[:-1] * moved[:, None, None]).astype(np.float32))


def flow_of(trace: Trace, mode: Mode, layer: int | None = None) -> np.ndarray:
    """AM flow of a block from its recorded factors, without an aligning encoder, (T - 1, h, w),
    patches only (spec 2.2).

    The logits are the mean over heads. Raises: BadInput for a mode or a block that is not there.
    """
    attention = of_layer(over_space(trace), layer)
    left, right = attention.kernel.factors(attention.q.float(), attention.k.float())
    logits: Tensor = (left @ right.transpose(-2, -1)).mean(1)
    return am_flow(logits[:-1], logits[1:], mode)[:, 1:].unflatten(1, attention.grid[1:]).numpy()


def displayed(flow: np.ndarray, mode: Mode) -> np.ndarray:
    """AM flow as it is drawn: `static`, which is 1 where nothing changes, minus 1 and clipped at 0;
    then min-max over the clip.
    """
    flow = np.clip(flow - 1, 0, None) if mode == "static" else flow
    span = float(flow.max() - flow.min())
    return ((flow - flow.min()) / span if span else np.zeros_like(flow)).astype(np.float32)


def resized(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """Heat (T, h, w) to (T, height, width), bilinear."""
    return np.stack(
        [
            cv2.resize(step.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            for step in heat
        ]
    )


def energy_inside(heat: np.ndarray, mask: np.ndarray) -> float:
    """The part of the heat (>= 0) that lies on the mask, both (T, H, W): sum(heat * mask) /
    sum(heat), NaN for no heat.
    """
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else float("nan")


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 of values in any shape, (n,), equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]


def roc_auc(heat: np.ndarray, mask: np.ndarray) -> float:
    """The chance that a pixel on the mask is hotter than one off it, ties counting half
    (Mann-Whitney); NaN if either is empty.

    (R - n (n + 1) / 2) / (n m), with R the sum of the ranks of the n pixels on the mask and m the
    number of those off it.
    """
    on = mask.ravel()
    n, m = int(on.sum()), int((~on).sum())
    return float((ranks(heat)[on].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def scores(maps: dict[str, np.ndarray], mask: np.ndarray) -> tuple[dict[str, list[float]], float]:
    """Energy inside and ROC AUC of maps (n, h, w) against the hand's mask (T, H, W), and the part
    of the pictures that it covers.

    A map of T - 1 pairs whose name begins with "Attention" is held against the mask of its pair's
    first frame, any other against that of either frame.
    """
    first, either = mask[:-1], mask[:-1] | mask[1:]
    found = [
        (resized(heat, *mask.shape[1:]), first if name.startswith("Attention") else either)
        for name, heat in maps.items()
    ]
    return {
        "energy inside": [energy_inside(*pair) for pair in found],
        "ROC AUC": [roc_auc(*pair) for pair in found],
    }, float(either.mean())
