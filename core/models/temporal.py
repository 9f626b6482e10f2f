"""The temporal modules of am_flow: one adapter's bottleneck in every frame, as one vector a clip.

Agrawal et al., AVSS 2025, section 3.2. The paper names LSTM, TCN and transformer encoder and gives
no layout; these are the ones whose sizes add up to its printed parameter counts (spec 2.5).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import conv1d, gelu, pad, relu

from core.errors import BadInput
from core.models.blocks import Grid, SelfAttention, Stack, init_vit
from core.models.linear import Linear
from core.trace import Axis, Layout

TemporalKind = Literal["lstm", "tcn", "transformer"]
WIDTHS = {"lstm": 768, "tcn": 128, "transformer": 576}
"""Hidden units, channels and token width that give the paper's 360, 54 and 103 M."""


class TemporalLstm(nn.Module):
    """One LSTM layer; its last hidden state."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, width, batch_first=True)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, T, features) -> (B, width)."""
        return self.lstm(x)[1][0][-1]


class CausalLevel(nn.Module):
    """Two dilated convolutions over time with a residual (Bai et al., 2018).

    They never look ahead.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(features, width, 3)
        self.conv2 = nn.Conv1d(width, width, 3)
        self.shortcut: nn.Module = nn.Identity()
        if features != width:
            self.shortcut = nn.Conv1d(features, width, 1)

    def forward(self, x: Tensor, dilation: int) -> Tensor:
        """(B, features, T) -> (B, width, T). Each convolution reads t, t - d and t - 2d."""
        out = relu(_before(self.conv1, x, dilation))
        out = relu(_before(self.conv2, out, dilation))
        return relu(out + self.shortcut(x))


def _before(conv: nn.Conv1d, x: Tensor, dilation: int) -> Tensor:
    """A convolution of three steps, the last of which is the present one."""
    return conv1d(pad(x, (2 * dilation, 0)), conv.weight, conv.bias, dilation=dilation)


class TemporalConvolution(nn.Module):
    """Two causal levels, the second dilated so that the last time step sees every frame.

    The paper gives no dilations, and takes this module for clips of more than 8 frames (4.1.1). Two
    convolutions of three steps read 5 places, 4 dilations from end to end; two levels of them see
    1 + 4 (1 + d) frames with dilations 1 and d, none left out up to d = 5, which has 25 frames
    (dilations 2 and 4 have 25 as well, of which they read every second). d is the least that will
    do: 2 for up to 13 frames, 5 for the paper's 24. Of a longer clip the mean of the last steps,
    which see all of it together.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.levels: Stack[CausalLevel] = Stack(
            [CausalLevel(features, width), CausalLevel(width, width)]
        )

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, T, features) -> (B, width)."""
        T = x.shape[1]
        near, far = self.levels
        steps = far(near(x.transpose(1, 2), 1), second_dilation(T))
        return steps[..., -max(1, T - 24) :].mean(-1)


def second_dilation(T: int) -> int:
    """d, 2 to 5: the least with which 1 + 4 (1 + d) frames are T or more, if any is."""
    return min(max(2, math.ceil((T - 1) / 4) - 1), 5)


class TemporalTransformer(nn.Module):
    """A linear map and one encoder layer over the T frames (Vaswani et al., 2017), then their mean.

    The norms come after the residuals and the positions are fixed sines: the count leaves room for
    neither a final norm nor a table.
    """

    def __init__(
        self, features: int, width: int, heads: int, hidden: int, name: str, layer: int
    ) -> None:
        super().__init__()
        self.embed = Linear(features, width)
        self.attn = SelfAttention(width, heads, "softmax", name, layer, Axis.TIME)
        self.norm1 = nn.LayerNorm(width)
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, T, features) -> (B, width)."""
        x = self.embed(x)
        x = x + sines(*x.shape[1:]).to(x)
        x = self.norm1(x + self.attn(x, clip_layout(*grid))[0])
        return self.norm2(x + self.fc2(gelu(self.fc1(x)))).mean(1)


def make_temporal(
    kind: TemporalKind, features: int, width: int, heads: int, hidden: int, name: str, layer: int
) -> nn.Module:
    """A module that turns (B, T, features) and the grid (T, h, w) into (B, width).

    `heads` and `hidden` (units of the feed-forward part) belong to the transformer alone, whose tap
    is `name`.

    Raises: BadInput for a width that the heads do not divide, or that is odd.
    """
    if kind == "lstm":
        return TemporalLstm(features, width)
    if kind == "tcn":
        return TemporalConvolution(features, width)
    if width % heads or width % 2:
        raise BadInput(
            f"temporal_width={width} must be even and a multiple of temporal_heads={heads}"
        )
    return TemporalTransformer(features, width, heads, hidden, name, layer)


def sines(T: int, width: int) -> Tensor:
    """Fixed positions (T, width) in -1..1: sines, then cosines, of t / 10000^(2i / width)."""
    phase = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([phase.sin(), phase.cos()], 1)


@lru_cache(maxsize=64)
def clip_layout(T: int, h: int, w: int) -> Layout:
    """One group of T tokens, one a frame.

    A frame has no location, so it goes by its first patch, t*h*w.
    """
    tokens = (torch.arange(T) * h * w)[None]
    return Layout(tokens, tokens, (T, h, w))


class TemporalHead(nn.Module):
    """What one adapter says about the clip: its bottleneck in every frame becomes logits."""

    def __init__(self, module: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.module = module
        self.head = Linear(width, classes)
        self.head.apply(init_vit)

    def forward(self, embedding: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """E (B*T, N, r) -> logits (B, C), and what they are read from, (B, width)."""
        frames = rearrange(embedding, "(b t) n r -> b t (n r)", t=grid[0])
        vector = self.module(frames, grid)
        return self.head(vector), vector
