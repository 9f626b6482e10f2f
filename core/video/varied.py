"""A clip's frames as they might have been: another beginning, pace, place, size and light.

Nothing is mirrored or run backwards: that would be another movement.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Variation:
    """How much a clip is varied."""

    trim: float = 0.08
    """Most of the clip that is left out at each end, of its length."""
    haste: float = 0.25
    """Standard deviation of the logarithm of its change of pace."""
    shift: float = 0.12
    """Most that the picture moves, of its side."""
    zoom: float = 0.2
    """Most that it grows or shrinks, as a logarithm."""
    turn: float = 8.0
    """Most that it is turned, in degrees."""
    light: float = 0.25
    """Most that the light changes, as a logarithm."""


def middles(frames: np.ndarray, count: int) -> np.ndarray:
    """The middles of `count` equal parts of a clip (N, H, W, 3), (count, H, W, 3)."""
    return frames[((np.arange(count) + 0.5) / count * len(frames)).astype(int)]


def varied(
    frames: np.ndarray, count: int, rng: np.random.Generator, most: Variation = Variation()
) -> np.ndarray:
    """`count` frames of a clip (N, S, S, 3) uint8, one of each equal part, and all varied alike."""
    start, end = most.trim * rng.random(), 1 - most.trim * rng.random()
    pace = np.exp(most.haste * rng.standard_normal())
    moments = ((np.arange(count) + rng.uniform(0.2, 0.8, count)) / count) ** pace
    indices = ((start + moments * (end - start)) * len(frames)).astype(int)
    side = frames.shape[1]
    turn = most.turn * rng.uniform(-1, 1)
    zoom = float(np.exp(most.zoom * rng.uniform(-1, 1)))
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), turn, zoom)
    matrix[:, 2] += most.shift * side * rng.uniform(-1, 1, 2)
    gain = np.exp(most.light * (rng.uniform(-1, 1) + 0.3 * rng.uniform(-1, 1, 3)))
    levels = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)[:, None, :]
    pictures = [
        cv2.warpAffine(frames[i], matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
        for i in indices
    ]
    return np.stack([cv2.LUT(picture, levels) for picture in pictures])
