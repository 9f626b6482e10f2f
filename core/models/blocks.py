"""Parts that more than one model uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from core.errors import BadInput
from core.models.linear import Linear, linear
from core.trace import CLS, Axis, Kernel, Layout, Tap

if TYPE_CHECKING:
    from core.models.video_model import VideoModel

Kind = Literal["softmax", "cosine"]
SHORT = 128  # tokens up to which two matmuls train faster on a CPU than its fused attention
FEW = 16  # below, a product a head costs more than copying all heads into one


@dataclass(frozen=True)
class Output:
    """What a forward pass returns with `detail=True`, with gradients.

    `time_attention` holds, for each layer, the mean over heads and positions, (B, T, T). A field
    that a model does not have is empty.
    """

    logits: Tensor  # (B, C)
    order_logits: Tensor | None = None  # (B, number of permutations + 1)
    time_attention: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()  # am_flow: the logits that are averaged, each (B, C)
    frame_maps: tuple[
        Tensor, ...
    ] = ()  # rvit: attention from frame to frame, spatial and temporal, each (B, T, T)
    am_flow: tuple[
        Tensor, ...
    ] = ()  # am_flow: per AM block the flow of each frame pair, (B, T - 1, tokens)
    patches: Tensor | None = (
        None  # (B, T, h, w, D): the last layer's patch tokens, for dense side tasks
    )


@dataclass(frozen=True)
class Spec:
    """One model that `core.models` offers. A model file ends in a list of these, SPECS."""

    name: str
    title: str
    paper: str
    make: Callable[..., VideoModel]
    presets: dict[str, dict[str, Any]]
    summary: str
    settings: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    unit_frames: int = 1
    """Frames that one temporal token covers: the unit that is shuffled."""
    spatial_taps: tuple[str, ...] = ("space",)
    """Names of the taps that show attention over space, the one to open on first."""
    temporal_taps: tuple[str, ...] = ("time",)
    """The same over time; empty for a model whose frame matrix is not an attention (am_flow)."""
    rollout_taps: tuple[str, ...] = ("time", "space")
    """Names of the taps that the tokens run through, which rollout multiplies; empty for none."""
    am_flow: bool = False
    """Whether it computes AM flow, and so has that view."""


class DropPath(nn.Module):
    """Drop a whole residual branch of a sample with probability `rate`, and rescale the rest."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return self.together(x)[0]

    def together(self, *branches: Tensor) -> tuple[Tensor, ...]:
        """Branches of the same samples, (B, ...) each: what is dropped of one is dropped of all."""
        if not self.training or self.rate == 0:
            return branches
        keep = (torch.rand(len(branches[0]), device=branches[0].device) >= self.rate) / (
            1 - self.rate
        )
        return tuple(x * keep.to(x.dtype).view(-1, *[1] * (x.ndim - 1)) for x in branches)


class Mlp(nn.Module):
    """Linear, GELU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


def queries_keys_values(
    x: Tensor, weight: Tensor, bias: Tensor, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """x (groups, n, D) through a fused projection (3D, D) -> q, k, v, each (groups, heads, n, d).

    Without gradients each is projected into memory of its own, at the same speed, so that a
    recording can keep q and k without a copy and without v. With gradients one product is faster on
    the way back.
    """
    if torch.is_grad_enabled():
        # Copied once here, or three times when they are multiplied.
        q, k, v = rearrange(
            linear(x, weight, bias), "g n (three h d) -> three g h n d", three=3, h=heads
        ).contiguous()
        return q, k, v
    parts = (linear(x, w, b) for w, b in zip(weight.chunk(3), bias.chunk(3), strict=True))
    q, k, v = (rearrange(part, "g n (h d) -> g h n d", h=heads) for part in parts)
    return q, k, v


class SelfAttention(nn.Module):
    """Multi-head self-attention, softmax(q k / sqrt d) v or signed cos(q, k) v (Eqs. 6-10)."""

    def __init__(
        self, width: int, heads: int, kind: Kind, name: str, layer: int, axis: Axis
    ) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.tap = Tap(name, layer, axis, Kernel(kind, scale=(width // heads) ** -0.5))

    def forward(
        self, x: Tensor, layout: Layout, want_map: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (groups, n, D) -> the same shape, and the weights (groups, heads, n, n) if wanted."""
        mixed, weights = self.mixed(x, layout, want_map)
        return self.proj(mixed), weights

    def mixed(
        self, x: Tensor, layout: Layout, want_map: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """The same before the projection, for a caller that projects a part of it, or with other
        weights.
        """
        if (
            torch.is_grad_enabled()
            and x.device.type == "cpu"
            and FEW <= x.shape[-2] <= SHORT
            and not self.tap.listened
        ):
            return self._head_by_head(x, want_map)
        q, k, v = queries_keys_values(x, self.qkv.weight, self.qkv.bias, self.heads)
        self.tap(q, k, layout)
        kernel = self.tap.kernel
        # The CPU's fused backward is several times slower than two matmuls when the map is small.
        explicit = want_map or (
            kernel.kind == "softmax" and q.requires_grad and q.shape[-2] <= SHORT
        )
        weights = kernel.weights(q, k) if explicit else None
        if weights is not None:
            out = weights @ v
        elif kernel.kind == "softmax":
            out = scaled_dot_product_attention(q, k, v)
        elif q.shape[-2] <= q.shape[-1]:
            out = kernel.weights(q, k) @ v
        else:  # a signed sum is linear in v: this order of the products is cheaper
            left, right = kernel.factors(q, k)
            out = left @ (right.transpose(-2, -1) @ v)
        return rearrange(out, "g h n d -> g n (h d)"), weights

    def of_first(self, x: Tensor, layout: Layout) -> Tensor:
        """What `mixed` gives the first token alone, (groups, 1, D).

        In training with softmax the other tokens' keys and values are not computed: q . (W x) =
        (W^T q) . x and sum w (W x) = W (sum w x), so both products with W are of one row. The keys'
        bias adds the same to every score, which softmax takes away.
        """
        if not torch.is_grad_enabled() or self.tap.listened or self.tap.kernel.kind != "softmax":
            return self.mixed(x, layout)[0][:, :1]
        to_q, to_k, to_v = self.qkv.weight.chunk(3)
        q_bias, _, v_bias = self.qkv.bias.chunk(3)
        q = rearrange(linear(x[:, 0], to_q, q_bias), "g (h d) -> h g d", h=self.heads)
        asks = q @ rearrange(to_k, "(h d) w -> h d w", h=self.heads)
        weights = (
            rearrange(asks, "h g w -> g h w") @ x.transpose(1, 2) * self.tap.kernel.scale
        ).softmax(-1)
        seen = rearrange(weights @ x, "g h w -> h g w") @ rearrange(
            to_v, "(h d) w -> h w d", h=self.heads
        )
        return rearrange(seen, "h g d -> g 1 (h d)") + v_bias

    def _head_by_head(self, x: Tensor, want_map: bool) -> tuple[Tensor, Tensor | None]:
        """The same for training on a CPU: each head is multiplied where the projection left it,
        which saves copying q, k and v.
        """
        fused = rearrange(
            linear(x, self.qkv.weight, self.qkv.bias),
            "g n (parts d) -> g n parts d",
            parts=3 * self.heads,
        )
        parts = fused.unbind(2)
        q, k, v = (parts[i * self.heads : (i + 1) * self.heads] for i in range(3))
        weights = [self.tap.kernel.weights(*pair) for pair in zip(q, k, strict=True)]
        out = torch.cat([w @ values for w, values in zip(weights, v, strict=True)], -1)
        return out, torch.stack(weights, 1) if want_map else None


class ImageViT(nn.Module):
    """A plain pre-norm image ViT, (B, 3, H, W) -> tokens (B, 1 + N, D), class token first.

    The embedded stand-in for ImageNet weights: trained on rendered stills, then copied into the
    spatial half of a video model, whose key names it shares.
    """

    def __init__(self, *, size: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        side = size // patch
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + 1, width))
        self.blocks = nn.ModuleList()
        for i in range(depth):
            self.blocks.append(
                nn.ModuleDict(
                    {
                        "norm1": nn.LayerNorm(width, eps=1e-6),
                        "attn": SelfAttention(width, heads, "softmax", "vit", i, Axis.SPACE),
                        "norm2": nn.LayerNorm(width, eps=1e-6),
                        "mlp": Mlp(width, 4 * width),
                    }
                )
            )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.apply(init_vit)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed["proj"](images)
        layout = frames_layout(images.shape[0], *x.shape[-2:])
        x = rearrange(x, "b d h w -> b (h w) d")
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = x + block["attn"](block["norm1"](x), layout)[0]
            x = x + block["mlp"](block["norm2"](x))
        return self.norm(x)


@lru_cache(maxsize=64)
def frames_layout(T: int, h: int, w: int) -> Layout:
    """One group a frame: class token, then the patches of that frame."""
    patches = torch.arange(T * h * w).view(T, h * w)
    tokens = torch.cat([torch.full((T, 1), CLS), patches], 1)
    return Layout(tokens, tokens, (T, h, w))


@lru_cache(maxsize=64)
def locations_layout(T: int, h: int, w: int) -> Layout:
    """One group a patch location: that location in every frame."""
    tokens = torch.arange(T * h * w).view(T, h * w).T.contiguous()
    return Layout(tokens, tokens, (T, h, w))


def fitting(given: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of an image model's tensors those that a model has a place for. Raises: BadInput for one of
    another shape.
    """
    wrong = [k for k, v in given.items() if k in own and v.shape != own[k].shape]
    if wrong:
        raise BadInput(
            f"the image model's {wrong[0]} is {tuple(given[wrong[0]].shape)}, this model needs "
            f"{tuple(own[wrong[0]].shape)}; train it with the same size, patch and width"
        )
    return {k: v for k, v in given.items() if k in own}


def init_vit(module: nn.Module) -> None:
    """The usual ViT start: truncated normal 0.02 weights, zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
