"""An image ViT: what the still stage trains, and am_flow's frozen backbone.

One set of names serves the still stage, DINOv2, CLIP and ImageNet weights (Oquab et al., "DINOv2",
2023; Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML
2021; Dosovitskiy et al., ICLR 2021). The names are DINOv2's, and those of the spatial half of the
video models, which start from such a network; `core.weights.public.image` brings other layouts to
them.
"""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.errors import BadInput
from core.models.backbone import BlockSize
from core.models.blocks import (
    Mlp,
    SelfAttention,
    Stack,
    frames_layout,
    init_vit,
    queries_keys_values,
    softmax_attention,
)
from core.models.linear import linear
from core.models.sites import passed
from core.trace import Axis, Layout

Activation = Literal["gelu", "quick_gelu"]


class LayerScale(nn.Module):
    """A learned gain for each channel of a residual branch (DINOv2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class QuickMlp(Mlp):
    """Linear, x * sigmoid(1.702 x), Linear (CLIP)."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class ImageAttention(SelfAttention):
    """Softmax self-attention within each image, which am_flow also asks for its q and k."""

    def __init__(self, width: int, heads: int, layer: int) -> None:
        super().__init__(width, heads, "softmax", "vit", layer, Axis.SPACE)

    def with_queries_and_keys(
        self, x: Tensor, layout: Layout | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (images, n, D) -> the same shape, and q and k, each (images, heads, n, d).

        Without a layout nothing is tapped.
        """
        q, k, v = queries_keys_values(x, self.qkv.weight, self.qkv.bias, self.heads)
        if layout is not None:
            q = passed(self.queries, q)
            self.tap(q, k, layout)
        mixed = softmax_attention(self.tap.kernel, q, k, v)
        if layout is not None:
            mixed = passed(self.mixed_heads, mixed)
        return self.proj(rearrange(mixed, "g h n d -> g n (h d)")), q, k

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q and k of other tokens x (groups, n, D) under this layer's own W_q and W_k.

        Each is (groups, heads, n, d).
        """
        columns = 2 * x.shape[-1]
        q, k = rearrange(
            linear(x, self.qkv.weight[:columns], self.qkv.bias[:columns]),
            "g n (two h d) -> two g h n d",
            two=2,
            h=self.heads,
        )
        return q, k


class ImageBlock(nn.Module):
    """Pre-norm attention and MLP, each with a residual that LayerScale may weigh."""

    def __init__(
        self,
        width: int,
        heads: int,
        layer: int,
        layer_scale: bool,
        activation: Activation,
        eps: float,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = ImageAttention(width, heads, layer)
        self.ls1: nn.Module = LayerScale(width) if layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = (
            QuickMlp(width, 4 * width) if activation == "quick_gelu" else Mlp(width, 4 * width)
        )
        self.ls2: nn.Module = LayerScale(width) if layer_scale else nn.Identity()

    def residual(self, x: Tensor, normed: Tensor) -> Tensor:
        """What attention is added to: x itself."""
        return x

    def forward(self, x: Tensor, layout: Layout | None) -> Tensor:
        """x (images, n, D) -> the same shape. Without a layout nothing is tapped."""
        x = x + self.ls1(self.attn(self.norm1(x), layout)[0])
        return x + self.ls2(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    """Images (B, 3, H, W), normalised -> tokens (B, 1 + N, D) after the final norm.

    The class token comes first. Trained on rendered stills it is the embedded stand-in for ImageNet
    weights.

    Args:
        size: pixels (height = width) for which the position table was learned; other sizes
            interpolate it.
        patch, width, depth, heads: patch pixels, D, L, attention heads.
        layer_scale: a gain a channel on both residuals (DINOv2).
        pre_norm: a norm before the first block, and a patch projection without bias (CLIP).
        activation: of the MLP; quick_gelu is CLIP's x * sigmoid(1.702 x).
        eps: of every LayerNorm: 1e-6, CLIP 1e-5.

    Raises: BadInput if the heads do not divide the width, or for an unknown activation.
    """

    def __init__(
        self,
        *,
        size: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        layer_scale: bool = False,
        pre_norm: bool = False,
        activation: Activation = "gelu",
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if width % heads:
            raise BadInput(
                f"heads={heads} does not divide width={width}; choose a number that does"
            )
        if activation not in ("gelu", "quick_gelu"):
            raise BadInput(f"activation={activation!r} is not known; choose gelu or quick_gelu")
        self.patch, self.width, self.heads = patch, width, heads
        side = size // patch
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv2d(3, width, patch, patch, bias=not pre_norm)}
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + 1, width))
        self.norm_pre: nn.Module = nn.LayerNorm(width, eps=eps) if pre_norm else nn.Identity()
        self.blocks: Stack[ImageBlock] = Stack(
            ImageBlock(width, heads, i, layer_scale, activation, eps) for i in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=eps)
        self.apply(init_vit)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def embed(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Images (B, 3, H, W) -> what enters the first block, (B, 1 + N, D), and the grid (h, w).

        There are N = h w patches.
        """
        x = self.patch_embed["proj"](images)
        h, w = x.shape[-2:]
        x = rearrange(x, "b d h w -> b (h w) d")
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
        return self.norm_pre(x + resized_positions(self.pos_embed, h, w)), (h, w)

    class_tokens = 1
    """That stand before the patches of a frame."""

    def block_sizes(self, size: int) -> list[BlockSize]:
        """What each block works on in pictures of `size` pixels."""
        tokens = (size // self.patch) ** 2 + self.class_tokens
        block = BlockSize(tokens, self.width, tokens, self.width, self.heads)
        return [block] * len(self.blocks)

    def layout(self, layer: int, T: int, grid: tuple[int, int]) -> Layout:
        """What a block's attention runs over in T frames of h x w patches: each frame."""
        return frames_layout(T, *grid)

    def last_grid(self, grid: tuple[int, int]) -> tuple[int, int]:
        """The grid of the last block in pictures of h x w patches."""
        return grid

    def by_row(self, layer: int, values: Tensor, grid: tuple[int, int]) -> Tensor:
        """Values (..., tokens) of a block's keys, row by row."""
        return values

    def summary(self, tokens: Tensor) -> Tensor:
        """What it says of each picture, (B, D), of the last block's tokens: the class token."""
        return self.norm(tokens[:, 0])

    def untouched_summary(self, images: Tensor) -> Tensor:
        """The same of images (B, 3, H, W), with nothing beside it and nothing tapped."""
        return self(images, tapped=False)[:, 0]

    def forward(self, images: Tensor, tapped: bool = True) -> Tensor:
        """Images (B, 3, H, W) -> tokens (B, 1 + N, D); each image is a frame of what is tapped."""
        x, grid = self.embed(images)
        layout = frames_layout(len(images), *grid) if tapped else None
        for block in self.blocks:
            x = block(x, layout)
        return self.norm(x)


def resized_positions(table: Tensor, h: int, w: int) -> Tensor:
    """A position table (1, 1 + side*side, D) for a grid of h x w patches, (1, 1 + h*w, D).

    The class token comes first and stays. Bicubic without antialiasing, as transformers does for
    DINOv2 and CLIP. (DINOv2's own code adds 0.1 to the target size before dividing, which shifts
    the scale by less than 1 %.)
    """
    side = round((table.shape[1] - 1) ** 0.5)
    if (h, w) == (side, side):
        return table
    patches = rearrange(table[:, 1:].float(), "1 (h w) d -> 1 d h w", h=side)
    patches = interpolate(patches, size=(h, w), mode="bicubic", align_corners=False)
    return torch.cat([table[:, :1], rearrange(patches, "1 d h w -> 1 (h w) d").to(table.dtype)], 1)
