"""What really moves in a rendered clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.world.gestures import Gesture


@dataclass(frozen=True)
class Truth:
    """What really moves in a rendered clip of T frames of H x W pixels."""

    mask: np.ndarray
    """(T, H, W) bool: hand, arm and sleeve."""
    motion: np.ndarray
    """(T - 1, H, W) float32: pixels that the hand moves against the background, 0 outside it."""


def truth_of(gesture: Gesture, times: np.ndarray) -> Truth:
    """The truth at sampled frames, which are known by their times (seconds).

    The camera would carry the fingertip from x_t to C_t+1 C_t^-1 x_t; what is left of its way is
    the hand's own motion.
    """
    indices = np.abs(gesture.times[None] - np.asarray(times)[:, None]).argmin(1)
    mask = gesture.mask[indices]
    tips = gesture.fingertip[indices].astype(np.float64)
    camera = gesture.camera[indices].astype(np.float64)
    linear, shift = camera[:, :, :2], camera[:, :, 2]
    in_scene = np.linalg.solve(linear[:-1], (tips[:-1] - shift[:-1])[..., None])
    carried = (linear[1:] @ in_scene)[..., 0] + shift[1:]
    moved = np.linalg.norm(tips[1:] - carried, axis=1)
    return Truth(mask, (mask[:-1] * moved[:, None, None]).astype(np.float32))


def described(gesture: Gesture) -> dict[str, Any]:
    """A gesture's truth as it is written beside its video."""
    return {
        "label": gesture.label,
        "seed": gesture.seed,
        "frames": len(gesture.frames),
        "height": gesture.frames.shape[1],
        "width": gesture.frames.shape[2],
        "times": gesture.times.tolist(),
        "fingertip": gesture.fingertip.tolist(),
        "camera": gesture.camera.tolist(),
        "mask_run_lengths": [run_lengths(mask) for mask in gesture.mask],
    }


def run_lengths(mask: np.ndarray) -> list[int]:
    """Run lengths of a mask read row by row, the first of them outside it."""
    flat = mask.ravel()
    bounds = np.r_[0, np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size]
    lengths: list[int] = np.diff(bounds).tolist()
    return [0, *lengths] if flat[0] else lengths
