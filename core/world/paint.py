"""What backgrounds and sprites are painted with: colours, skin tones, smooth noise and grain.

Colours are RGB, 0..255. Everything follows from the generator that is handed in, or from nothing.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

GRAIN = 1024
"""Pixels along each side of the noise tile: the largest side of a rendered frame."""

_SKIN_TONES = np.array(
    [
        [245, 205, 180],
        [225, 170, 135],
        [200, 140, 100],
        [160, 105, 70],
        [115, 72, 48],
        [75, 48, 35],
    ]
)


def colour(rng: np.random.Generator, saturation: float = 0.6) -> np.ndarray:
    """A random colour, float32 (3,); `saturation` 0..1 bounds how vivid it may be."""
    hue = rng.integers(180)
    vividness = 255 * saturation * rng.random() ** 1.3
    value = 255 * rng.uniform(0.1, 1.0)
    hsv = np.array([[[hue, vividness, value]]])
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def skin(rng: np.random.Generator) -> np.ndarray:
    """A skin tone from pale to dark, float32 (3,)."""
    position = rng.uniform(0, len(_SKIN_TONES) - 1)
    low = int(position)
    high = min(low + 1, len(_SKIN_TONES) - 1)
    tone = _SKIN_TONES[low] + (position - low) * (_SKIN_TONES[high] - _SKIN_TONES[low])
    return (tone * rng.normal(1, 0.06, 3)).astype(np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 3
) -> np.ndarray:
    """Fractal value noise, float32 (h, w), zero mean, roughly -1..1.

    `cells` are those of the coarsest octave, across the longer side.
    """
    total = np.zeros(shape, np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        n = cells * 2**octave
        rows = max(2, n * shape[0] // max(shape) + 2)
        columns = max(2, n * shape[1] // max(shape) + 2)
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        total += amplitude * cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
        amplitude *= 0.55
    return total * 0.6


@lru_cache(maxsize=1)
def grain() -> np.ndarray:
    """One tile of sensor noise, int16 (GRAIN, GRAIN, 3), standard deviation 64.

    A frame takes a crop of it, scaled down.
    """
    return (np.random.default_rng(404).standard_normal((GRAIN, GRAIN, 3)) * 64).astype(np.int16)
