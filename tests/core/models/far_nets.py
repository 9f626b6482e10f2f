"""Tiny seeded FAR nets, beside those of nets.py.

Time, rows, columns, width and classes all differ.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.models.far import FAR
from tests.core.models.nets import randomised

T, ROWS, COLUMNS, WIDTH, HEADS, CLASSES, PATCH = 3, 2, 4, 48, 6, 11, 5
GRID = (T, ROWS, COLUMNS)
SIZES = {
    "classes": CLASSES,
    "size": 3 * PATCH,
    "patch": PATCH,
    "frames": 2 * T,
    "width": WIDTH,
    "depth": 2,
    "heads": HEADS,
    "drop_path": 0.0,
}
VIDEOMAE = {"attention": "global", "interaction": "none", "classifier": "mean"}
PATTERNS = ("global", "sd", "temporal", "hst", "hsda")


def net(seed: int = 0, **settings: object) -> FAR:
    torch.manual_seed(seed)
    model = randomised(FAR(**SIZES | settings).eval(), seed)
    for name, buffer in model.named_buffers():  # batch norms that have seen something
        if "running" in name:
            buffer.copy_(torch.rand(buffer.shape) + 0.5)
    return model


def clip(batch: int = 2, grid: tuple[int, int, int] = GRID, seed: int = 1) -> Tensor:
    """A clip that gives this grid of tokens."""
    t, h, w = grid
    return torch.randn(
        batch, 3, 2 * t, PATCH * h, PATCH * w, generator=torch.Generator().manual_seed(seed)
    )


def token(video: Tensor, t: int, row: int, col: int) -> Tensor:
    """The pixels of one token, a view."""
    return video[
        :, :, 2 * t : 2 * t + 2, PATCH * row : PATCH * (row + 1), PATCH * col : PATCH * (col + 1)
    ]
