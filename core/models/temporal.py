"""The temporal modules of am_flow: one adapter's bottleneck in every frame, as one vector a clip.

Agrawal et al., AVSS 2025, section 3.2. The paper names LSTM, TCN and transformer encoder and gives
no layout; these are the ones whose sizes add up to its printed parameter counts (spec 2.5).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad, relu

from core.errors import BadInput
from core.models.blocks import Grid, SelfAttention
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

    def __init__(self, features: int, width: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(features, width, 3, dilation=dilation)
        self.conv2 = nn.Conv1d(width, width, 3, dilation=dilation)
        self.shortcut: nn.Module = nn.Identity()
        if features != width:
            self.shortcut = nn.Conv1d(features, width, 1)
        self.before = (2 * dilation, 0)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, T) -> (B, width, T)."""
        out = relu(self.conv1(pad(x, self.before)))
        out = relu(self.conv2(pad(out, self.before)))
        return relu(out + self.shortcut(x))


class TemporalConvolution(nn.Module):
    """Two causal levels with dilations 1 and 2; the last time step, which covers 13 frames."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.levels = nn.Sequential(CausalLevel(features, width, 1), CausalLevel(width, width, 2))

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, T, features) -> (B, width)."""
        return self.levels(x.transpose(1, 2))[..., -1]


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
