"""Optical flow from the pixels, to hold AM flow against."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.errors import BadInput


def optical_flow(frames: UInt8[np.ndarray, "T H W 3"]) -> Float[np.ndarray, "T-1 H W 2"]:
    """Farneback's dense optical flow of each frame and the next, float32 (T - 1, H, W, 2).

    G. Farneback, "Two-frame motion estimation based on polynomial expansion", SCIA 2003, on grey
    values, with the settings of OpenCV's tutorial. Raises: BadInput for fewer than two frames.
    """
    if len(frames) < 2:
        raise BadInput("optical flow compares two frames, got one; give 2 or more")
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    return np.stack([_farneback(before, after) for before, after in pairwise(grey)])


def _farneback(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The displacement of each pixel from one grey picture (H, W) to the next, (H, W, 2)."""
    return cv2.calcOpticalFlowFarneback(
        before,
        after,
        np.zeros((*before.shape, 2), np.float32),
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )


def magnitude(flow: Float[np.ndarray, "*shape 2"]) -> Float[np.ndarray, "*shape"]:
    """Length of each displacement: (..., 2) -> (...), pixels."""
    return np.linalg.norm(flow, axis=-1).astype(np.float32)
