"""Parts of a frame, scaled to squares: drawn at random to train, in fixed places to test."""

from __future__ import annotations

import math

import numpy as np
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from core.video.sets.reading import short_side
from training.augment.chance import integer, uniform


def resized_crop(
    video: Tensor,
    size: int,
    generator: Generator,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """A random part of the frame, scaled to size x size.

    It has `scale` of the area, and `ratio` of width to height (log-uniform). If ten draws do not
    fit into the frame, it is the central part of the nearest ratio.
    """
    height, width = video.shape[-2:]
    for _ in range(10):
        area = height * width * uniform(*scale, generator)
        aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1]), generator))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top, left = integer(height - h, generator), integer(width - w, generator)
            break
    else:
        w, h = min(width, round(height * ratio[1])), min(height, round(width / ratio[0]))
        top, left = (height - h) // 2, (width - w) // 2
    return resize(video[..., top : top + h, left : left + w], size, size)


def resize(video: Tensor, height: int, width: int) -> Tensor:
    """Every frame of a clip (T, 3, H, W), scaled without aliasing."""
    return interpolate(video, (height, width), mode="bilinear", antialias=True)


def crops(frames: np.ndarray, count: int, size: int) -> np.ndarray:
    """Square crops along the longer side, the short side scaled to `size`.

    Args:
        frames: (T, H, W, 3) uint8.
        count: three are left (top), centre and right (bottom); one is the centre.

    Returns: (count, T, size, size, 3) uint8.
    """
    scaled = np.stack([short_side(frame, size) for frame in frames])
    height, width = scaled.shape[1:3]
    room = max(height, width) - size
    starts = [room // 2]
    if count > 1:
        starts = np.linspace(0, room, count).round().astype(int).tolist()
    if width >= height:
        return np.stack([scaled[:, :, start : start + size] for start in starts])
    return np.stack([scaled[:, start : start + size] for start in starts])


def multi_view(clips: np.ndarray, count: int, size: int) -> np.ndarray:
    """`crops` of each temporal view (spec 4.6), the crops of a view together.

    From (V, T, H, W, 3) to (V x count, T, size, size, 3).
    """
    return np.concatenate([crops(clip, count, size) for clip in clips])
