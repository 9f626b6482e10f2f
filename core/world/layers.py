"""What a rendered frame is put together from: sprites coloured, scenes dyed, layers laid over.

Layers are uint8 RGBA (h, w, 4), premultiplied.
"""

from __future__ import annotations

import cv2
import numpy as np


def rgb(rgba: np.ndarray) -> np.ndarray:
    """The colours alone, (h, w, 3)."""
    return cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)


def alpha(rgba: np.ndarray) -> np.ndarray:
    """How opaque each pixel is, (h, w)."""
    return cv2.extractChannel(rgba, 3)


def tinted(
    shading: np.ndarray, colour: np.ndarray, flat: float, cloth: np.ndarray | None = None
) -> np.ndarray:
    """Shading times colour, with cloth over it, as premultiplied uint8 RGBA.

    `flat` 0..1 is how much the light comes from all sides.
    """
    shades = np.arange(256)[:, None] * (1 - flat) + 105 * flat
    levels = np.clip(shades / 160 * colour[None], 0, 255).astype(np.uint8)
    coloured = cv2.LUT(rgb(shading), levels[:, None, :])
    if cloth is not None:
        dressed = cv2.multiply(rgb(cloth), rgb(shading), scale=1 / 128)
        dressed = cv2.convertScaleAbs(dressed, alpha=float(np.clip(colour.mean() / 130, 0.25, 1.2)))
        cv2.copyTo(dressed, alpha(cloth), coloured)
    opaque = alpha(shading)
    channels = [cv2.multiply(channel, opaque, scale=1 / 255) for channel in cv2.split(coloured)]
    return cv2.merge([*channels, opaque])


def dyed(scene: np.ndarray, colour: np.ndarray, share: float) -> np.ndarray:
    """The uint8 RGB scene with its colours drawn to one colour by a share of 0..1.

    Its light and dark are kept.
    """
    grey = cv2.merge([cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)] * 3)
    shades = np.clip(np.arange(256)[:, None] / 128 * colour, 0, 255).astype(np.uint8)
    in_one_colour = cv2.LUT(grey, shades[:, None, :])
    return cv2.addWeighted(in_one_colour, share, scene, 1 - share, 0)


def over(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA `front` over a `back` of three or four channels."""
    channels = back.shape[2]
    keep = cv2.merge([cv2.bitwise_not(alpha(front))] * channels)
    behind = cv2.multiply(back, keep, scale=1 / 255)
    return cv2.add(behind, front if channels == 4 else rgb(front))
