"""The aligning encoder of am_flow: two frames meet, so that camera motion can be undone.

Agrawal et al., AVSS 2025; what the paper leaves open is spec A4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.models.blocks import Mlp, init_vit
from core.models.vit import ImageAttention
from core.trace import Axis, Kernel, Layout, Tap


class AligningEncoder(nn.Module):
    """One pre-norm encoder layer over the tokens of two consecutive frames.

    The layer's own map, over both frames, is not tapped: its factors would outweigh all others of a
    clip.
    """

    def __init__(self, tokens: int, width: int, heads: int, layer: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = ImageAttention(width, heads, layer)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, width)
        kernel = Kernel("softmax", scale=(width // heads) ** -0.5)
        self.tap = Tap("aligned", layer, Axis.SPACE, kernel)
        self.apply(init_vit)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, frames: Tensor) -> Tensor:
        """frames (B, T, N, D) -> each pair, one in the light of the other, (B, T - 1, 2, N, D)."""
        B, T, N, _ = frames.shape
        frames = frames + self.pos_embed
        pairs = torch.cat([frames[:, :-1], frames[:, 1:]], 2).flatten(0, 1)  # (B (T-1), 2N, D)
        pairs = pairs + self.attn.with_queries_and_keys(self.norm1(pairs), None)[0]
        pairs = pairs + self.mlp(self.norm2(pairs))
        return pairs.view(B, T - 1, 2, N, -1)

    def offer(self, q: Tensor, k: Tensor, layout: Layout) -> None:
        """Tap q and k (B, T - 1, 2, heads, N, d): each frame as the pair that it begins shows it.

        The last frame begins none, and is offered as the pair before shows it.
        """
        grid = layout.grid
        T = grid[0]
        firsts = Layout(layout.queries[: T - 1], layout.keys[: T - 1], grid)
        last = Layout(layout.queries[T - 1 :], layout.keys[T - 1 :], grid)
        self.tap(q[:, :, 0].flatten(0, 1), k[:, :, 0].flatten(0, 1), firsts)
        self.tap(q[:, -1, 1], k[:, -1, 1], last)
