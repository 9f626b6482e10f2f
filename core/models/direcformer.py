"""DirecFormer and its TimeSformer baseline: divided attention, signed over time.

Truong et al., "DirecFormer: A Directed Attention in Transformer Approach to Robust Action
Recognition", CVPR 2022, built on TimeSformer (Bertasius et al., ICML 2021). Equation numbers are
those of DirecFormer. TimeSformer is the same network with softmax in time and space.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.models.blocks import (
    DropPath,
    Grid,
    Kind,
    Mlp,
    SelfAttention,
    Stack,
    depth_of,
    fitting,
    frames_layout,
    init_vit,
    locations_layout,
    silence,
    through_cam,
)
from core.models.linear import Linear, linear
from core.models.sites import EMBEDDED, Part, Site, passed, passed_stream
from core.models.video_model import Output, Spec, VideoModel
from core.trace import Axis

ORDER_CLASSES = 1001
"""The identity and 1,000 permutations."""


class Block(nn.Module):
    """Attention over time, then over space, then an MLP, each with a residual (spec 3.2)."""

    def __init__(
        self,
        width: int,
        heads: int,
        time: Kind,
        space: Kind,
        layer: int,
        drop_path: float,
        norm_eps: float,
        temporal_cls: bool = False,
    ) -> None:
        super().__init__()
        self.temporal_cls = temporal_cls
        self.temporal_norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.temporal_attn = SelfAttention(width, heads, time, "time", layer, Axis.TIME)
        self.temporal_fc = Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attn = SelfAttention(width, heads, space, "space", layer, Axis.SPACE)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def forward(
        self,
        cls: Tensor,
        patches: Tensor,
        grid: Grid,
        detail: bool,
        cam: nn.Module | None = None,
        last: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """cls (B, 1, D) and patches (B, N*T, D), patch-major -> the same.

        With `detail` also the mean time attention (B, T, T). With gradients it takes two short cuts
        to the same logits: two linear layers of the time attention are multiplied into one, and of
        the last block's space attention only the class tokens are computed, as nobody reads its
        patches but in detail. Without gradients it computes every step as the paper writes it, so
        that the operations that `core.models.count` counts are the paper's.
        """
        change, mean_map = self._over_time(cls, patches, grid, detail)
        patches = patches + change
        frames = self._frames(cls, patches, grid, cam)
        if last and not detail and torch.is_grad_enabled():
            cls = cls + self._class_tokens_over_space(frames, grid)
            return cls + self.drop_path(self.mlp(self.norm2(cls))), patches, mean_map
        cls_change, patches_change = self._over_space(frames, grid)
        cls, patches = cls + cls_change, patches + patches_change
        cls_change, patches_change = self.drop_path.together(
            *(self.mlp(self.norm2(x)) for x in (cls, patches))
        )
        return cls + cls_change, patches + patches_change, mean_map

    def _over_time(
        self, cls: Tensor, patches: Tensor, grid: Grid, detail: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Each location attends to itself at every time: what is added to patches (B, N*T, D).

        With `temporal_cls` also to the class token, whose key and value stand in the time attention
        of Eqs. 6 and 7. With `detail` also the mean of the maps between frames over heads and
        locations, (B, T, T).
        """
        T, B = grid[0], len(patches)
        x = rearrange(self.temporal_norm1(patches), "b (n t) d -> (b n) t d", t=T)
        extra = int(self.temporal_cls)
        if extra:
            token = repeat(self.temporal_norm1(cls), "b 1 d -> (b n) 1 d", n=grid[1] * grid[2])
            x = torch.cat([token, x], 1)
        layout = locations_layout(*grid, class_key=self.temporal_cls)
        mixed, weights = self.temporal_attn.mixed(x, layout, detail, silent=extra)
        change = rearrange(self._projected_twice(mixed), "(b n) t d -> b (n t) d", b=B)
        if weights is None:
            return change, None
        weights = weights[..., extra:]
        return change, rearrange(weights, "(b n) h t s -> b (n h) t s", b=B).mean(1)

    def _projected_twice(self, mixed: Tensor) -> Tensor:
        """The time attention's own projection and `temporal_fc` (spec 3.2), (B*N, T, D).

        With gradients by one product: nothing but a sample's drop-path factor stands between the
        two layers, so their product costs one.
        """
        first, second = self.temporal_attn.proj, self.temporal_fc
        if not torch.is_grad_enabled():
            return second(self.drop_path(first(mixed)))
        both = linear(mixed, second.weight @ first.weight, second.weight @ first.bias)
        return self.drop_path(both) + second.bias

    def _frames(self, cls: Tensor, patches: Tensor, grid: Grid, cam: nn.Module | None) -> Tensor:
        """What space attention sees: each frame with a copy of the class token, (B*T, 1 + N, D)."""
        T, h, _ = grid
        places = rearrange(self.norm1(patches), "b (n t) d -> b t n d", t=T)
        if cam is not None:
            places = through_cam(cam, places, h)
        copies = self.norm1(repeat(cls, "b 1 d -> b t 1 d", t=T))
        return rearrange(torch.cat([copies, places], 2), "b t n d -> (b t) n d")

    def _over_space(self, frames: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """What the tokens of each frame add to cls (B, 1, D) and to patches (B, N*T, D).

        One class token a clip: its T copies are averaged after attending to their own frame.
        """
        mixed, _ = self.attn.mixed(frames, frames_layout(*grid))
        change = self.drop_path(self.attn.proj(mixed))
        change = rearrange(change, "(b t) n d -> b t n d", t=grid[0])
        # One pass on the way back, where slices take four.
        copies, places = change.split([1, change.shape[2] - 1], 2)
        return copies.mean(1), rearrange(places, "b t n d -> b (n t) d")

    def _class_tokens_over_space(self, frames: Tensor, grid: Grid) -> Tensor:
        """The first of the two that `_over_space` gives, alone."""
        mixed = self.attn.of_first(frames, frames_layout(*grid))
        change = self.drop_path(self.attn.proj(mixed))
        return rearrange(change, "(b t) 1 d -> b t 1 d", t=grid[0]).mean(1)


class DirecFormer(VideoModel):
    """A video transformer whose time attention is a signed cosine in [-1, 1] (Eq. 6).

    Args:
        classes: C, number of actions.
        time, space: kernel of the attention over time and over space. cosine/softmax is the
            released model, cosine/cosine the paper's C-C, softmax/softmax TimeSformer.
        order_head: add the head that names the permutation of a shuffled clip (Eq. 12).
        temporal_cls: let every patch see the class token, the key k_00 and the value v_00 that the
            time attention has in Eqs. 6 and 7; the released code leaves both out.
        size, patch, frames, width, depth, heads: input pixels, patch pixels, T, D, L, attention
            heads.
        drop_path: largest drop-path rate, linear over depth.
        order_classes: permutations that the order head names, the identity among them.
        norm_eps: epsilon of the layer norms.
    """

    def __init__(
        self,
        *,
        classes: int,
        time: Kind = "cosine",
        space: Kind = "softmax",
        order_head: bool = True,
        temporal_cls: bool = False,
        size: int = 224,
        patch: int = 16,
        frames: int = 8,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        drop_path: float = 0.1,
        order_classes: int = ORDER_CLASSES,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        side = size // patch
        self.size, self.frames = size, frames
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + 1, width))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, width))
        rate = drop_path / max(1, depth - 1)
        self.blocks: Stack[Block] = Stack(
            Block(width, heads, time, space, i, rate * i, norm_eps, temporal_cls)
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.head = Linear(width, classes)
        self.order_head = Linear(width, order_classes) if order_head else None
        self.cam = nn.Identity()
        self.apply(init_vit)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)
        # With a zero time_embed too, step 0 equals the image model on each frame (spec 3.6).
        silence(*(block.temporal_fc for block in self.blocks))

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`."""
        video = passed(Site(Part.INPUT), video)
        B, _, T, _, _ = video.shape
        x = self.patch_embed["proj"](rearrange(video, "b c t h w -> (b t) c h w"))
        h, w = x.shape[-2:]
        pos_cls, pos_patches = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        x = rearrange(x, "bt d h w -> bt (h w) d") + pos_patches
        x = rearrange(x, "(b t) n d -> b n t d", t=T) + self._time_positions(T)[:, None]
        # Patch-major: all frames of a location lie together, at location*T + t.
        patches = rearrange(x, "b n t d -> b (n t) d")
        patches = passed_stream(patches, "b (n t) d", EMBEDDED, t=T)
        cls = passed(Site(Part.CLASS), (self.cls_token + pos_cls).expand(B, -1, -1))
        maps = []
        for i, block in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            cls, patches, mean_map = block(
                cls, patches, (T, h, w), detail, self.cam if last else None, last
            )
            patches = passed_stream(patches, "b (n t) d", i, t=T)
            cls = passed(Site(Part.CLASS, i), cls)
            maps.append(mean_map)
        cls = self.norm(cls)[:, 0]
        logits = self.head(cls)
        if not detail:
            return logits
        order_logits = self.order_head(cls) if self.order_head is not None else None
        patches = rearrange(self.norm(patches), "b (h w t) d -> b t h w d", h=h, w=w)
        return Output(
            logits, order_logits, time_attention=tuple(maps), features=cls, patches=patches
        )

    @property
    def trunk(self) -> Stack[Block]:
        return self.blocks

    def _time_positions(self, T: int) -> Tensor:
        """The learned table, (1, T, D), stretched for a clip of another length than in training."""
        if self.frames == T:
            return self.time_embed
        table = self.time_embed.transpose(1, 2)
        return interpolate(table, size=T, mode="linear", align_corners=True).transpose(1, 2)

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT (spec 3.6): temporal attention copies the spatial one.

        temporal_fc is set to zero, and blocks beyond the image model's start as the identity, so
        that the network equals the image model on each frame.

        Raises: BadInput for another width, patch or size.
        """
        depth = depth_of(weights)
        state = {k: v for k, v in weights.items() if "temporal" not in k}
        for i in range(depth):
            for name in ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"):
                state[f"blocks.{i}.temporal_attn.{name}"] = weights[f"blocks.{i}.attn.{name}"]
            for name in ("weight", "bias"):
                state[f"blocks.{i}.temporal_norm1.{name}"] = weights[f"blocks.{i}.norm1.{name}"]
        self.load_state_dict(fitting(state, self.state_dict()), strict=False)
        silence(*(block.temporal_fc for block in self.blocks))
        self.start_as_identity(depth)

    def start_as_identity(self, first: int) -> None:
        for block in self.blocks.trailing(first):
            silence(block.temporal_fc, block.attn.proj, block.mlp.fc2)


_GESTURE: dict[str, Any] = {
    "classes": 10,
    "size": 96,
    "patch": 16,
    "frames": 8,
    "width": 160,
    "depth": 8,
    "heads": 5,
}
_B: dict[str, Any] = {
    "classes": 400,
    "size": 224,
    "patch": 16,
    "frames": 8,
    "width": 768,
    "depth": 12,
    "heads": 12,
}
_KINDS = ("softmax", "cosine")

SPECS = [
    Spec(
        "direcformer",
        "DirecFormer",
        "Truong et al., CVPR 2022",
        DirecFormer,
        {
            "gesture": _GESTURE | {"time": "cosine", "space": "softmax"},
            "b": _B | {"time": "cosine", "space": "softmax"},
        },
        "signed cosine attention over time, which can tell before from after; order loss, order "
        "recovery",
        {
            "time": _KINDS,
            "space": _KINDS,
            "order_head": (True, False),
            "temporal_cls": (False, True),
        },
    ),
    Spec(
        "timesformer",
        "TimeSformer",
        "Bertasius et al., ICML 2021",
        DirecFormer,
        {
            "gesture": _GESTURE | {"time": "softmax", "space": "softmax", "order_head": False},
            "b": _B | {"time": "softmax", "space": "softmax", "order_head": False},
        },
        "baseline: DirecFormer's network, softmax in time and space",
        {
            "time": _KINDS,
            "space": _KINDS,
            "order_head": (True, False),
            "temporal_cls": (False, True),
        },
    ),
]
