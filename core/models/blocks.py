"""Parts that more than one model uses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from core.errors import BadInput
from core.models.linear import Linear, linear
from core.models.sites import Part, Site, passed, watched
from core.trace import CLS, Axis, Kernel, Layout, Tap

Kind = Literal["softmax", "cosine"]
Grid = tuple[int, int, int]
"""(T, h, w) in tokens."""
M = TypeVar("M", bound=nn.Module)

SHORT = 128
"""Tokens up to which two matmuls train faster on a CPU than its fused attention."""
FEW = 16
"""Tokens below which a product a head costs more than copying all heads into one."""


class Stack(nn.ModuleList, Generic[M]):
    """An nn.ModuleList of modules of one class, which a type checker then knows."""

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[M]: ...

        def __getitem__(self, index: int) -> M: ...  # type: ignore[override]  # slices: trailing()

    def trailing(self, first: int) -> list[M]:
        """The modules from number `first` on."""
        return list(self)[first:]


class DropPath(nn.Module):
    """Drop a whole residual branch of a sample with probability `rate`, and rescale the rest."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """x (B, ...) -> the same shape."""
        return self.together(x)[0]

    def together(self, *branches: Tensor) -> tuple[Tensor, ...]:
        """Branches of the same samples, (B, ...) each: what is dropped of one is dropped of all."""
        if not self.training or self.rate == 0:
            return branches
        kept = torch.rand(len(branches[0]), device=branches[0].device) >= self.rate
        factor = kept / (1 - self.rate)
        return tuple(x * factor.to(x.dtype).view(-1, *[1] * (x.ndim - 1)) for x in branches)


class Mlp(nn.Module):
    """Linear, GELU, Linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., width) -> the same shape."""
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
        fused = rearrange(
            linear(x, weight, bias), "g n (three h d) -> three g h n d", three=3, h=heads
        )
        # Copied once here, or three times when they are multiplied.
        q, k, v = fused.contiguous()
        return q, k, v
    projected = (linear(x, w, b) for w, b in zip(weight.chunk(3), bias.chunk(3), strict=True))
    q, k, v = (rearrange(values, "g n (h d) -> g h n d", h=heads) for values in projected)
    return q, k, v


def softmax_attention(
    kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, short: int = SHORT
) -> Tensor:
    """softmax(scale q.k) v: q, k (..., n, d) and v (..., n, e) -> (..., n, e).

    The CPU's fused backward is several times slower than two matmuls when the map is small, so up
    to `short` tokens the map is multiplied out where gradients are needed.
    """
    if q.requires_grad and q.shape[-2] <= short:
        return kernel.weights(q, k) @ v
    if q.shape[-1] == v.shape[-1]:
        return scaled_dot_product_attention(q, k, v, scale=kernel.scale)
    # Fused kernels want q, k and v of one width; a zero channel changes nothing.
    width = max(q.shape[-1], v.shape[-1])
    q, k, values = (
        x if x.shape[-1] == width else pad(x, (0, width - x.shape[-1])) for x in (q, k, v)
    )
    mixed = scaled_dot_product_attention(q, k, values, scale=kernel.scale)
    return mixed[..., : v.shape[-1]]


class SelfAttention(nn.Module):
    """Multi-head self-attention, softmax(q k / sqrt d) v or signed cos(q, k) v.

    The equations are DirecFormer's 6 to 10; its d is the width by the number of heads.
    """

    def __init__(
        self, width: int, heads: int, kind: Kind, name: str, layer: int, axis: Axis
    ) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.tap = Tap(name, layer, axis, Kernel(kind, scale=(width // heads) ** -0.5))
        self.queries = Site(Part.QUERIES, layer, name)
        self.mixed_heads = Site(Part.HEADS, layer, name)

    def forward(
        self, x: Tensor, layout: Layout | None, want_map: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x (groups, n, D) -> the same shape, and the weights (groups, heads, n, n) if wanted.

        Without a layout nothing is tapped.
        """
        mixed, weights = self.mixed(x, layout, want_map)
        return self.proj(mixed), weights

    def mixed(
        self, x: Tensor, layout: Layout | None, want_map: bool = False, silent: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """The same before the projection.

        For a caller that projects a part of it, or with other weights. The first `silent` tokens
        are keys and values alone: they ask nothing, and have no row in what comes out.
        """
        trains_on_cpu = torch.is_grad_enabled() and x.device.type == "cpu"
        seen = self.tap.listened or watched()
        if trains_on_cpu and FEW <= x.shape[-2] <= SHORT and not seen and not silent:
            return self._head_by_head(x, want_map)
        q, k, v = queries_keys_values(x, self.qkv.weight, self.qkv.bias, self.heads)
        q = q[:, :, silent:]
        if layout is not None:
            q = passed(self.queries, q)
            self.tap(q, k, layout)
        kernel = self.tap.kernel
        weights = None
        if want_map:
            weights = kernel.weights(q, k)
            out = weights @ v
        elif kernel.kind == "softmax":
            out = softmax_attention(kernel, q, k, v)
        elif q.shape[-2] <= q.shape[-1]:
            out = kernel.weights(q, k) @ v
        else:  # a signed sum is linear in v: this order of the products is cheaper
            left, right = kernel.factors(q, k)
            out = left @ (right.transpose(-2, -1) @ v)
        if layout is not None:
            out = passed(self.mixed_heads, out)
        return rearrange(out, "g h n d -> g n (h d)"), weights

    def of_first(self, x: Tensor, layout: Layout) -> Tensor:
        """What `mixed` gives the first token alone, (groups, 1, D).

        In training with softmax the other tokens' keys and values are not computed: q . (W x) =
        (W^T q) . x and sum w (W x) = W (sum w x), so both products with W are of one row. The keys'
        bias adds the same to every score, which softmax takes away.
        """
        seen = self.tap.listened or watched()
        if not torch.is_grad_enabled() or seen or self.tap.kernel.kind != "softmax":
            return self.mixed(x, layout)[0][:, :1]
        to_q, to_k, to_v = self.qkv.weight.chunk(3)
        q_bias, _, v_bias = self.qkv.bias.chunk(3)
        q = rearrange(linear(x[:, 0], to_q, q_bias), "g (h d) -> h g d", h=self.heads)
        asked = q @ rearrange(to_k, "(h d) w -> h d w", h=self.heads)  # W^T q
        scores = rearrange(asked, "h g w -> g h w") @ x.transpose(1, 2) * self.tap.kernel.scale
        sums = rearrange(scores.softmax(-1) @ x, "g h w -> h g w")  # sum w x
        mixed = sums @ rearrange(to_v, "(h d) w -> h w d", h=self.heads)
        return rearrange(mixed, "h g d -> g 1 (h d)") + v_bias

    def _head_by_head(self, x: Tensor, want_map: bool) -> tuple[Tensor, Tensor | None]:
        """The same for training on a CPU, without copies of q, k and v.

        Each head is multiplied where the projection left it.
        """
        fused = rearrange(
            linear(x, self.qkv.weight, self.qkv.bias),
            "g n (columns d) -> g n columns d",
            columns=3 * self.heads,
        )
        columns = fused.unbind(2)
        q, k, v = (columns[i * self.heads : (i + 1) * self.heads] for i in range(3))
        weights = [self.tap.kernel.weights(*pair) for pair in zip(q, k, strict=True)]
        out = torch.cat([w @ values for w, values in zip(weights, v, strict=True)], -1)
        return out, torch.stack(weights, 1) if want_map else None


def through_cam(cam: nn.Module, patches: Tensor, rows: int) -> Tensor:
    """Patch tokens (B, T, h*w, D) through a model's `cam` as (B, D, T, h, w), and back."""
    volume = cam(rearrange(patches, "b t (h w) d -> b d t h w", h=rows))
    return rearrange(volume, "b d t h w -> b t (h w) d")


def pooled(x: Tensor, stride: int) -> Tensor:
    """The largest of each `stride` tokens that lie a whole part of x (..., n, D) apart."""
    return x.unflatten(-2, (stride, -1)).amax(-3) if stride > 1 else x


@lru_cache(maxsize=64)
def frames_layout(T: int, h: int, w: int) -> Layout:
    """One group a frame: class token, then the patches of that frame."""
    patches = torch.arange(T * h * w).view(T, h * w)
    tokens = torch.cat([torch.full((T, 1), CLS), patches], 1)
    return Layout(tokens, tokens, (T, h, w))


@lru_cache(maxsize=64)
def locations_layout(T: int, h: int, w: int, class_key: bool = False) -> Layout:
    """One group a patch location: that location in every frame.

    With `class_key` the class token is a key of each group, the first, and asks in none.
    """
    tokens = torch.arange(T * h * w).view(T, h * w).T.contiguous()
    keys = torch.cat([torch.full((h * w, 1), CLS), tokens], 1) if class_key else tokens
    return Layout(tokens, keys, (T, h, w))


def depth_of(weights: dict[str, Tensor]) -> int:
    """How many blocks the tensors of an image model hold, by their names `blocks.0.…`."""
    return 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))


def fitting(given: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of an image model's tensors that a model has a place for.

    Raises: BadInput for one of another shape.
    """
    placed = {key: tensor for key, tensor in given.items() if key in own}
    for key, tensor in placed.items():
        if tensor.shape != own[key].shape:
            raise BadInput(
                f"the image model's {key} is {tuple(tensor.shape)}, this model needs "
                f"{tuple(own[key].shape)}; train it with the same size, patch and width"
            )
    return placed


@torch.no_grad()
def silence(*layers: nn.Module) -> None:
    """Set every parameter to zero: a residual branch that ends in such a layer adds nothing."""
    for layer in layers:
        for parameter in layer.parameters(recurse=False):
            parameter.zero_()


def init_vit(module: nn.Module) -> None:
    """The usual ViT start: truncated normal 0.02 weights, zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
