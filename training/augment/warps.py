"""Where pixels go: rotation, and affine and projective maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from training.augment.chance import integer


def rotate(video: Tensor, degrees: float, fill: Sequence[float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Turned counter-clockwise about the centre.

    What comes in from outside has the colour `fill`.
    """
    height, width = video.shape[-2:]
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    return warp(video, [[c, s, x - c * x - s * y], [-s, c, y + s * x - c * y]], fill)


def warp(
    video: Tensor, matrix: Sequence[Sequence[float]], fill: Sequence[float] = (0.0, 0.0, 0.0)
) -> Tensor:
    """A map from input to output pixels (x, y), applied to every frame.

    Args:
        matrix: affine (2, 3), or projective (3, 3).
        fill: the colour of what comes in from outside.
    """
    from kornia.geometry.transform import warp_perspective

    rows = [*matrix, [0.0, 0.0, 1.0]] if len(matrix) == 2 else matrix
    full = torch.tensor(rows, dtype=torch.float32, device=video.device)
    colour = torch.tensor(fill, dtype=video.dtype, device=video.device)
    height, width = video.shape[-2:]
    return warp_perspective(
        video,
        full.expand(len(video), 3, 3),
        (height, width),
        padding_mode="fill",
        fill_value=colour,
    )


def distort(video: Tensor, distortion: float, generator: Generator) -> Tensor:
    """A random perspective: each corner moves inwards by up to `distortion` times half the side."""
    from kornia.geometry.transform import get_perspective_transform

    height, width = video.shape[-2:]
    x, y = int(distortion * (width // 2)), int(distortion * (height // 2))
    corners = [(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)]
    moved = [
        (
            cx + integer(x, generator) * (1 if cx == 0 else -1),
            cy + integer(y, generator) * (1 if cy == 0 else -1),
        )
        for cx, cy in corners
    ]
    matrix = get_perspective_transform(
        *(torch.tensor([points], dtype=torch.float32) for points in (corners, moved))
    )[0]
    return warp(video, matrix.tolist())
