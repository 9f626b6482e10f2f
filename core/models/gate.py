"""RViT's attention gate, where a frame and what the state remembers meet.

The paper is that of `core.models.rvit`, whose words are used here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from core.errors import BadInput
from core.models.blocks import softmax_attention
from core.models.linear import Linear
from core.models.sites import Part, Site, passed, watched
from core.trace import CLS, Axis, Kernel, Layout, Tap

Gate = Literal["linear", "linear_norm", "softmax"]
FrameMaps = Literal["linear", "softmax"]


@lru_cache(maxsize=256)
def frame_layout(t: int, frames: int, h: int, w: int) -> Layout:
    """Frame t of `frames` as one group: class token, then its patches."""
    tokens = torch.cat([torch.tensor([CLS]), torch.arange(t * h * w, (t + 1) * h * w)])[None]
    return Layout(tokens, tokens, (frames, h, w))


@lru_cache(maxsize=64)
def class_tokens_layout(frames: int) -> Layout:
    """One token a frame in one group.

    They have no place in the picture, so the grid is (T, 1, 1) and frame t is (t, 0, 0).
    """
    tokens = torch.arange(frames)[None]
    return Layout(tokens, tokens, (frames, 1, 1))


def _frame_of(layout: Layout) -> int:
    """Which frame a layout of `frame_layout` is."""
    _, h, w = layout.grid
    return int(layout.keys[0, -1]) // (h * w)


class AttentionGate(nn.Module):
    """Attention whose Q, K and V are the sum of a frame's half and the hidden state's half.

    Spec 1.2, step 4. The gates are linear, phi(Q) phi(K)^T V with phi = ELU + 1 and rows that are
    not normalised (the paper's); linear_norm, each row divided by its sum; softmax, softmax(Q K^T /
    sqrt d) V. The maps from frame to frame beside it have a kernel of their own.

    Raises: BadInput if the heads do not divide the width.
    """

    def __init__(
        self, width: int, heads: int, gate: Gate, layer: int, frame_maps: FrameMaps = "linear"
    ) -> None:
        super().__init__()
        if width % heads:
            raise BadInput(
                f"rvit width {width} cannot be split over {heads} heads; choose a width that is a "
                "multiple of heads"
            )
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.qkv_hidden = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        softmax = Kernel("softmax", scale=(width // heads) ** -0.5)
        kernel = Kernel("linear", normalised=gate == "linear_norm")
        if gate == "softmax":
            kernel = softmax
        between_frames = Kernel("linear", normalised=True)
        if frame_maps == "softmax":
            between_frames = softmax
        self.gate = Tap("gate", layer, Axis.SPACE, kernel)
        self.time_frames = Tap("time_frames", layer, Axis.TIME, between_frames)
        self.space_frames = Tap("space_frames", layer, Axis.TIME, between_frames)

    def forward(self, from_frame: Tensor, from_state: Tensor, layout: Layout) -> Tensor:
        """Halves of Q, K and V, each (B, n, 3D) -> (B, n, D)."""
        frame = None
        if watched():
            frame = _frame_of(layout)
            site = Site(Part.HALVES, self.gate.layer, self.gate.name, frame)
            from_frame, from_state = passed(site, torch.stack([from_frame, from_state]))
        q, k, v = self._split(from_frame + from_state)
        q = passed(Site(Part.QUERIES, self.gate.layer, self.gate.name, frame), q)
        self.gate(q, k, layout)
        mixed = self.attend(q, k, v)
        mixed = passed(Site(Part.HEADS, self.gate.layer, self.gate.name, frame), mixed)
        return self.proj(rearrange(mixed, "b h n d -> b n (h d)"))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q, k, v (B, heads, n, d) -> the same shape. Linear kernels never build the n x n map."""
        kernel = self.gate.kernel
        if kernel.kind == "softmax":
            return softmax_attention(kernel, q, k, v)
        left, right = kernel.factors(q, k)
        out = left @ (right.transpose(-2, -1) @ v)
        if kernel.normalised:
            out = out / (left @ right.sum(-2)[..., None] + kernel.eps)
        return out

    def frame_maps(self, from_frames: Tensor, from_states: Tensor) -> tuple[Tensor, Tensor]:
        """The class tokens' rows of both halves, each (B, T, 3D) -> S_spatial and S_temporal.

        Attention from frame to frame (spec 1.3), each (B, T, T) > 0 with rows that sum to 1, the
        mean over heads: what the class token of frame t asks against what that of frame t' offers,
        before frame and state are added. It stands beside the network, after the clip: the paper's
        Figures 4 and 5 and its loss take all of it, though no frame of a recurrence meets a later
        one. In the first layer T_s has met no frame yet, so there S_spatial is 1/T for any clip.

        linear divides phi(Q) phi(K)^T by the sums of its rows, as derived from the paper's gate;
        its maps stay close to 1/T. softmax(Q K^T / sqrt d) is what a draft by the paper's author
        has; which of them the figures show the paper does not say, so the choice is ours.
        """
        layout = class_tokens_layout(from_frames.shape[1])
        maps = []
        for tap, rows in ((self.space_frames, from_frames), (self.time_frames, from_states)):
            q, k, _ = self._split(rows)
            tap(q, k, layout)
            maps.append(tap.kernel.weights(q, k).mean(1))
        return maps[0], maps[1]

    def _split(self, qkv: Tensor) -> tuple[Tensor, ...]:
        return tuple(rearrange(qkv, "b n (three h d) -> three b h n d", three=3, h=self.heads))
