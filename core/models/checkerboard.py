"""FAR's groups of tokens: the whole clip, one location at every time, or one checkerboard colour.

Kim and Choi, Sensors 2024, 24, 6842, Eqs. 3 to 5. Tokens are numbered time-major, t*h*w + row*w +
col.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import pad

from core.errors import BadInput
from core.trace import PAD, Layout

HIDDEN = -1e4
"""What a filler key adds to q.k: its weight is exactly 0, and half precision holds the number."""


@dataclass(frozen=True)
class Groups:
    """Which tokens attend to one another: g groups of n tokens.

    A group that is one token short for each time is filled up with PAD.
    """

    layout: Layout
    gather: Tensor
    """(g * n,) int64: the token at each place; a filler repeats token 0."""
    back: Tensor
    """(T*h*w,) int64: the place of each token."""
    hidden: Tensor | None
    """(g, 1, n, 1): HIDDEN at fillers, 0 elsewhere; None without fillers."""

    @property
    def count(self) -> int:
        """g."""
        return len(self.layout.keys)

    def gathered(self, x: Tensor) -> Tensor:
        """Tokens (B, heads, T*h*w, d) by group, (B * g, heads, n, d)."""
        x = x.index_select(2, self.gather.to(x.device))
        return rearrange(x, "b h (g n) d -> (b g) h n d", g=self.count)

    def scattered(self, x: Tensor) -> Tensor:
        """Groups (B * g, heads, n, d) as tokens again, (B, heads, T*h*w, d), without fillers."""
        x = rearrange(x, "(b g) h n d -> b h (g n) d", g=self.count)
        return x.index_select(2, self.back.to(x.device))


def _groups(tokens: Tensor, grid: tuple[int, int, int]) -> Groups:
    """tokens (g, n) with PAD for fillers."""
    flat = tokens.flatten()
    fillers = tokens == PAD
    back = torch.argsort(flat)[fillers.sum() :]
    hidden = None
    if fillers.any():
        hidden = torch.where(fillers, HIDDEN, 0.0)[:, None, :, None]
    return Groups(Layout(tokens, tokens, grid), flat.clamp(min=0), back, hidden)


# A first call that only looks would make tables that are unfit for training, so inference mode is
# off while they are made.


@lru_cache(maxsize=64)
def whole_clip(T: int, h: int, w: int) -> Groups:
    """One group: every token of the clip (Eq. 3)."""
    with torch.inference_mode(False):
        return _groups(torch.arange(T * h * w, device="cpu")[None], (T, h, w))


@lru_cache(maxsize=64)
def tubes(T: int, h: int, w: int) -> Groups:
    """One group a location: that location at every time (Eq. 4)."""
    with torch.inference_mode(False):
        tokens = torch.arange(T * h * w, device="cpu").view(T, h * w)
        return _groups(tokens.T.contiguous(), (T, h, w))


@lru_cache(maxsize=64)
def colours(T: int, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Tokens of the two checkerboard colours, (row + col) even and odd, at every time (Eq. 5).

    Raises: BadInput for a grid of one patch, which has no second colour.
    """
    if h * w < 2:
        raise BadInput(
            "a checkerboard needs at least two patches a frame; give larger frames or smaller "
            "patches"
        )
    with torch.inference_mode(False):
        tokens = torch.arange(T * h * w, device="cpu")
        odd = (tokens // w % h + tokens % w) % 2 == 1
        return tokens[~odd], tokens[odd]


@lru_cache(maxsize=64)
def checkerboard(T: int, h: int, w: int) -> Groups:
    """One group a colour.

    With an odd number of patches the second has T tokens less, and is filled up.

    Raises: BadInput as `colours`.
    """
    with torch.inference_mode(False):
        even, odd = colours(T, h, w)
        filled = pad(odd, (0, len(even) - len(odd)), value=PAD)
        return _groups(torch.stack([even, filled]), (T, h, w))
