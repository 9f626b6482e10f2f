"""The adapters of am_flow: small branches beside the frozen attention and MLP of every block.

Scaled parallel adapters are those of He et al., "Towards a Unified View of Parameter-Efficient
Transfer Learning", ICLR 2022; hyperformer is Karimi Mahabadi et al., "Parameter-efficient
Multi-task Fine-tuning for Transformers via Shared Hypernetworks", ACL 2021, which AM Flow compares
against (Table 4c).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from core.errors import BadInput
from core.models.backbone import BlockSize
from core.models.blocks import Stack, pooled
from core.models.linear import Linear, linear

PLACES = 2
"""Adapters a block: 0 beside the attention, 1 beside the MLP."""


class AdapterWeights(NamedTuple):
    """The tensors of one adapter: W_down of Eq. 5, W_up, their biases b, and the scale."""

    down: Tensor  # (r, D), or (r, D + 1) with a column for AM flow, which may go unused
    down_bias: Tensor  # (r,)
    up: Tensor  # (D, r)
    up_bias: Tensor  # (D,)
    scale: Tensor  # ()


def adapt(
    x: Tensor, flow: Tensor | None, weights: AdapterWeights, stride: int = 1
) -> tuple[Tensor, Tensor]:
    """E = ReLU(W_down [x || flow] + b) (Eq. 5), and scale (W_up E + b), which joins the residual.

    x is (frames, n, D), the output of the LayerNorm that the frozen branch gets too; flow is
    (frames, n) or None. Beside attention that pools its queries E is pooled alike, `stride` tokens
    into the largest of them. Returns (frames, n / stride, r) and (frames, n / stride, D').
    """
    D = x.shape[-1]
    embedding = linear(x, weights.down[:, :D], weights.down_bias)
    if flow is not None:
        embedding = embedding + flow[..., None] * weights.down[:, D]
    embedding = pooled(relu(embedding), stride)
    return embedding, weights.scale * linear(embedding, weights.up, weights.up_bias)


class Adapter(nn.Module):
    """One scaled parallel adapter; it adds nothing at the start, because W_up is zero."""

    def __init__(self, inputs: int, bottleneck: int, width: int) -> None:
        super().__init__()
        self.down = Linear(inputs, bottleneck)
        self.up = Linear(bottleneck, width)
        self.scale = nn.Parameter(torch.ones(()))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self) -> AdapterWeights:
        return AdapterWeights(
            self.down.weight, self.down.bias, self.up.weight, self.up.bias, self.scale
        )


class ParallelAdapters(nn.Module):
    """Two adapters a block, each with weights of its own.

    Those beside the attention of `flow_blocks` take AM flow.
    """

    def __init__(
        self, sizes: Sequence[BlockSize], bottleneck: int, flow_blocks: Collection[int]
    ) -> None:
        super().__init__()
        self.blocks: Stack[Stack[Adapter]] = Stack()
        for i, size in enumerate(sizes):
            columns = size.width + (i in flow_blocks)
            beside_attention = Adapter(columns, bottleneck, size.out_width)
            beside_mlp = Adapter(size.out_width, bottleneck, size.out_width)
            self.blocks.append(Stack([beside_attention, beside_mlp]))

    def forward(self) -> list[list[AdapterWeights]]:
        """The weights by block and place."""
        return [[adapter() for adapter in block] for block in self.blocks]


class HyperAdapters(nn.Module):
    """The same adapters, with all weights but the scales made by one shared network (Hyperformer).

    A learned embedding of the block and one of the place are joined, passed through two layers with
    a ReLU and a LayerNorm, and mapped linearly to the weights of that adapter. There is one task,
    so no task embedding; ReLU, scale and parallel placement stay those of AM Flow, so that only the
    source of the weights differs. Adapters that get no AM flow leave its column unused. W_up starts
    at zero.
    """

    def __init__(
        self,
        sizes: Sequence[BlockSize],
        bottleneck: int,
        flow_blocks: Collection[int],
        dim: int = 64,
    ) -> None:
        super().__init__()
        depth, width = len(sizes), sizes[0].width
        if any(size.out_width != width for size in sizes):
            raise BadInput(
                "am_flow setting adapter='hyperformer' needs blocks of one width, which a backbone "
                "in stages has not; choose parallel"
            )
        columns = width + bool(flow_blocks)
        self.shape = (bottleneck, columns, width)
        self.block_embed = nn.Parameter(torch.randn(depth, dim))
        self.place_embed = nn.Parameter(torch.randn(PLACES, dim))
        self.project = nn.Sequential(
            Linear(2 * dim, dim), nn.ReLU(), Linear(dim, dim), nn.LayerNorm(dim)
        )
        self.down = Linear(dim, bottleneck * columns + bottleneck)
        self.up = Linear(dim, width * bottleneck + width)
        self.scale = nn.Parameter(torch.ones(depth, PLACES))
        # W_down is then as large as a linear layer's usual start.
        nn.init.normal_(self.down.weight, std=(3 * width * dim) ** -0.5)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self) -> list[list[AdapterWeights]]:
        """The weights by block and place."""
        r, columns, D = self.shape
        depth = len(self.block_embed)
        of_block = self.block_embed[:, None].expand(-1, PLACES, -1)
        of_place = self.place_embed.expand(depth, -1, -1)
        code = self.project(torch.cat([of_block, of_place], -1))  # (depth, places, dim)
        down, down_bias = self.down(code).split([r * columns, r], -1)
        up, up_bias = self.up(code).split([D * r, D], -1)
        down, up = down.unflatten(-1, (r, columns)), up.unflatten(-1, (D, r))
        return [
            [
                AdapterWeights(
                    down[i, p], down_bias[i, p], up[i, p], up_bias[i, p], self.scale[i, p]
                )
                for p in range(PLACES)
            ]
            for i in range(depth)
        ]
