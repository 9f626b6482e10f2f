"""A tiny seeded RViT for its tests, and the paper's equations written out frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import elu, gelu

from core.models.rvit import RViT, RViTUnit
from tests.core.models.nets import CLASSES, HEADS, SIDE, WIDTH, randomised

LAYERS, N = 2, SIDE * SIDE
D = WIDTH // HEADS
SIZES = {
    "classes": CLASSES,
    "size": 7 * SIDE,
    "patch": 7,
    "frames": 3,
    "width": WIDTH,
    "depth": LAYERS,
    "heads": HEADS,
    "dropout": 0.0,
}


def rvit(seed: int = 0, **settings: object) -> RViT:
    torch.manual_seed(seed)
    return randomised(RViT(**SIZES | settings).eval(), seed)


@dataclass
class ByHand:
    """What the equations of spec 1.2 give for one clip."""

    features: Tensor  # f (B, (L + 1) D), before the head
    hidden: list[Tensor]  # per layer (B, n, D), after the last frame
    maps: list[list[Tensor]]  # [frame][layer], (B, heads, n, n)
    outputs: list[list[Tensor]]  # [frame][layer]: o, (B, n, D)
    # [frame][layer]: q and k of T_s, q and k of T_t, each (B, heads, d).
    halves: list[list[tuple[Tensor, ...]]]
    tokens: list[Tensor]  # per frame the last layer's tokens (B, n, D)


def phi(x: Tensor) -> Tensor:
    return elu(x) + 1


def heads(x: Tensor) -> Tensor:
    return x.unflatten(-1, (HEADS, D)).transpose(1, 2)


def weights(q: Tensor, k: Tensor, gate: str) -> Tensor:
    """The explicit map (B, heads, n, n) of spec 1.2."""
    if gate == "softmax":
        return (q @ k.transpose(-1, -2) / D**0.5).softmax(-1)
    a = phi(q) @ phi(k).transpose(-1, -2)
    return a / a.sum(-1, keepdim=True) if gate == "linear_norm" else a


def unit_by_hand(
    block: RViTUnit, u: Tensor, g: Tensor, gate: str
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """The new tokens, o, the map and the class tokens' halves."""
    from_frame, from_state = (
        block.attn.qkv(block.norm1(u)),
        block.attn.qkv_hidden(block.norm_hidden(g)),
    )
    q, k, v = (heads(x) for x in (from_frame + from_state).chunk(3, -1))
    a = weights(q, k, gate)
    o = block.attn.proj((a @ v).transpose(1, 2).flatten(2))
    y = u + o
    halves = tuple(
        heads(x)[:, :, 0] for half in (from_frame, from_state) for x in half.chunk(3, -1)[:2]
    )
    return y + block.mlp.fc2(gelu(block.mlp.fc1(block.norm2(y)))), o, a, halves


@torch.no_grad()
def by_hand(
    model: RViT,
    video: Tensor,
    gate: str = "linear",
    pos_in_state: bool = False,
    positions: str = "every",
) -> ByHand:
    """Frame by frame, every map explicit."""
    pos, B = model.pos_embed, len(video)
    hidden = [
        torch.cat([token.expand(B, 1, WIDTH), torch.zeros(B, N, WIDTH)], 1)
        for token in model.state_token
    ]
    values = ByHand(torch.empty(0), hidden, [], [], [], [])
    for frame in video.unbind(2):
        x = model.patch_embed["proj"](frame).flatten(2).transpose(1, 2)
        x = torch.cat([model.cls_token.expand(B, 1, WIDTH), x], 1)
        maps, outputs, halves = [], [], []
        for layer, block in enumerate(model.blocks):
            u = x + pos if layer == 0 or positions == "every" else x
            g = hidden[layer] + pos
            x, o, a, half = unit_by_hand(block, u, g, gate)
            hidden[layer] = (g if pos_in_state else hidden[layer]) + o
            maps.append(a)
            outputs.append(o)
            halves.append(half)
        values.maps.append(maps)
        values.outputs.append(outputs)
        values.halves.append(halves)
        values.tokens.append(x)
    values.features = torch.cat([x[:, 0], *(h[:, 0] for h in hidden)], 1)
    return values
