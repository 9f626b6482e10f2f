"""The fixed position tables of FAR and VideoMAE, as in the checkpoints of VideoMAE and of MVD."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from core.errors import BadInput

Positions = Literal["videomae", "mvd"]


def check_positions(kind: Positions, width: int) -> None:
    """Raises: BadInput if this table does not divide into the width."""
    if kind == "mvd" and width % 16:
        raise BadInput(
            f"width {width} does not fit positions='mvd', which needs a multiple of 16; choose "
            "another width or 'videomae'"
        )


@lru_cache(maxsize=16)
def position_table(kind: Positions, T: int, h: int, w: int, width: int) -> Tensor:
    """Fixed sines and cosines of each token, (T*h*w, width) float32, time-major.

    videomae: one sinusoid over the flattened index, sine and cosine interleaved.
    mvd: the first quarter is time, the rest half column and half row, each all sines and then all
    cosines.
    """
    # In double precision: in single a late token is 5e-5 off. Without inference mode, else a first
    # call that only looks would make a table unfit for training.
    with torch.inference_mode(False):
        tokens = torch.arange(T * h * w, dtype=torch.float64, device="cpu")
        if kind == "videomae":
            channel = torch.arange(width, dtype=torch.float64, device="cpu")
            angle = tokens[:, None] / 10000 ** (2 * (channel // 2) / width)
            return torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
        time = _sinusoid(tokens // (h * w), width // 4)
        column = _sinusoid(tokens % w, 3 * width // 8)
        row = _sinusoid(tokens // w % h, 3 * width // 8)
        return torch.cat([time, column, row], 1).float()


def _sinusoid(place: Tensor, size: int) -> Tensor:
    """All sines and then all cosines of each place (N,), (N, size) float64."""
    channel = torch.arange(size // 2, dtype=torch.float64, device="cpu")
    angle = place[:, None] * 10000 ** -(channel / (size / 2))
    return torch.cat([angle.sin(), angle.cos()], 1)
