"""FAR's token-group interaction: a bottleneck convolution that joins the two colours.

The paper is that of `core.models.far`.
"""

from __future__ import annotations

from typing import Literal

from einops import rearrange
from torch import Tensor, nn

from core.models.blocks import Grid


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, T, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Interaction(nn.Module):
    """Token-group interaction: z + a bottleneck convolution of the volume, which joins the colours.

    LayerNorm, 1x1x1 to a quarter of the width, 3x3x3 with one group a head, 1x1x1 back (spec 4.3).
    The last norm's gain starts at zero, so that pretrained weights are not disturbed at step 0.
    """

    def __init__(
        self, width: int, groups: int, norm: Literal["batch", "layer"], eps: float
    ) -> None:
        super().__init__()
        narrow = width // 4
        make_norm = nn.BatchNorm3d if norm == "batch" else ChannelNorm
        self.norm = nn.LayerNorm(width, eps=eps)
        self.down = nn.Conv3d(width, narrow, 1)
        self.norm1 = make_norm(narrow)
        self.mix = nn.Conv3d(narrow, narrow, 3, padding=1, groups=groups)
        self.norm2 = make_norm(narrow)
        self.up = nn.Conv3d(narrow, width, 1)
        self.norm3 = make_norm(width)
        nn.init.zeros_(self.norm3.weight)

    def forward(self, z: Tensor, grid: Grid) -> Tensor:
        """z (B, N, D) -> the same shape."""
        T, h, w = grid
        x = rearrange(self.norm(z), "b (t h w) d -> b d t h w", t=T, h=h, w=w)
        x = nn.functional.gelu(self.norm1(self.down(x)))
        x = nn.functional.gelu(self.norm2(self.mix(x)))
        return z + rearrange(self.norm3(self.up(x)), "b d t h w -> b (t h w) d")
