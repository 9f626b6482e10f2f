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
    Kind,
    Mlp,
    Output,
    SelfAttention,
    Spec,
    fitting,
    frames_layout,
    init_vit,
    locations_layout,
)
from core.models.linear import Linear, linear
from core.models.video_model import VideoModel
from core.trace import Axis

ORDER_CLASSES = 1001  # the identity and 1,000 permutations


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
    ) -> None:
        super().__init__()
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
        grid: tuple[int, int, int],
        detail: bool,
        cam: nn.Module | None = None,
        last: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """cls (B, 1, D) and patches (B, N*T, D), patch-major -> the same; with `detail` also the
        mean time attention (B, T, T).

        With gradients it takes two short cuts to the same logits, without it is computed, and
        counted, as the paper writes it. Of the last block nobody reads the patches, unless in
        detail: cut short, it leaves them as they are after the time attention.
        """
        T, h, w = grid
        B, short = len(cls), torch.is_grad_enabled()
        cls_only = short and last and not detail
        within = rearrange(self.temporal_norm1(patches), "b (n t) d -> (b n) t d", t=T)
        mixed, weights = self.temporal_attn.mixed(within, locations_layout(T, h, w), detail)
        first, second = self.temporal_attn.proj, self.temporal_fc
        # nothing but a sample's drop-path factor stands between the two: their product costs one
        # layer
        if short:
            within = (
                self.drop_path(
                    linear(mixed, second.weight @ first.weight, second.weight @ first.bias)
                )
                + second.bias
            )
        else:
            within = second(self.drop_path(first(mixed)))
        patches = patches + rearrange(within, "(b n) t d -> b (n t) d", b=B)
        mean_map = (
            None
            if weights is None
            else rearrange(weights, "(b n) h t s -> b (n h) t s", b=B).mean(1)
        )

        seen = rearrange(self.norm1(patches), "b (n t) d -> b t n d", t=T)
        if cam is not None:
            seen = rearrange(
                cam(rearrange(seen, "b t (h w) d -> b d t h w", h=h)), "b d t h w -> b t (h w) d"
            )
        frames = torch.cat([self.norm1(repeat(cls, "b 1 d -> b t 1 d", t=T)), seen], 2)
        frames, layout = rearrange(frames, "b t n d -> (b t) n d"), frames_layout(T, h, w)
        mixed = (
            self.attn.of_first(frames, layout) if cls_only else self.attn.mixed(frames, layout)[0]
        )
        frames = rearrange(self.drop_path(self.attn.proj(mixed)), "(b t) n d -> b t n d", t=T)
        of_frames, of_places = frames.split(
            [1, frames.shape[2] - 1], 2
        )  # one pass on the way back, where slices take four
        # One class token a clip: the T copies are averaged after attending to their own frame.
        cls = cls + of_frames.mean(1)
        if cls_only:
            return cls + self.drop_path(self.mlp(self.norm2(cls))), patches, mean_map
        patches = patches + rearrange(of_places, "b t n d -> b (n t) d")
        of_cls, of_patches = self.drop_path.together(
            *(self.mlp(self.norm2(x)) for x in (cls, patches))
        )
        return cls + of_cls, patches + of_patches, mean_map


class DirecFormer(VideoModel):
    """A video transformer whose time attention is a signed cosine in [-1, 1] (Eq. 9).

    Args:
        classes: C, number of actions.
        time, space: kernel of the attention over time and over space. cosine/softmax is the
        released
            model, cosine/cosine the paper's C-C, softmax/softmax TimeSformer.
        order_head: add the head that names the permutation of a shuffled clip (Eq. 11).
        size, patch, frames, width, depth, heads: input pixels, patch pixels, T, D, L, attention
        heads.
        drop_path: largest drop-path rate, linear over depth.
        norm_eps: epsilon of the layer norms.
    """

    def __init__(
        self,
        *,
        classes: int,
        time: Kind = "cosine",
        space: Kind = "softmax",
        order_head: bool = True,
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
        self.blocks = nn.ModuleList(
            Block(width, heads, time, space, i, rate * i, norm_eps) for i in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.head = Linear(width, classes)
        self.order_head = Linear(width, order_classes) if order_head else None
        self.cam = nn.Identity()
        self.apply(init_vit)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)
        for block in (
            self.blocks
        ):  # with a zero time_embed too, step 0 equals the image model on each frame (spec 3.6)
            nn.init.zeros_(block.temporal_fc.weight)
            nn.init.zeros_(block.temporal_fc.bias)

    def forward(self, video: Tensor, detail: bool = False) -> Tensor | Output:
        """Normalised video (B, 3, T, H, W) -> logits (B, C), or `Output` with `detail=True`."""
        B, _, T, _, _ = video.shape
        x = self.patch_embed["proj"](rearrange(video, "b c t h w -> (b t) c h w"))
        h, w = x.shape[-2:]
        pos_cls, pos_patches = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        x = rearrange(x, "bt d h w -> bt (h w) d") + pos_patches
        x = rearrange(x, "(b t) n d -> b n t d", t=T) + self._time_positions(T)[:, None]
        # Patch-major: all frames of a location lie together, at location*T + t.
        cls, patches = (
            (self.cls_token + pos_cls).expand(B, -1, -1),
            rearrange(x, "b n t d -> b (n t) d"),
        )
        maps = []
        for i, block in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            cls, patches, mean_map = block(
                cls, patches, (T, h, w), detail, self.cam if last else None, last
            )
            maps.append(mean_map)
        cls = self.norm(cls)[:, 0]
        logits = self.head(cls)
        if not detail:
            return logits
        order_logits = self.order_head(cls) if self.order_head is not None else None
        patches = rearrange(self.norm(patches), "b (h w t) d -> b t h w d", h=h, w=w)
        return Output(logits, order_logits, time_attention=tuple(maps), patches=patches)

    @property
    def trunk(self) -> nn.ModuleList:
        return self.blocks

    def _time_positions(self, T: int) -> Tensor:
        """(1, T, D): the learned table, stretched where a clip has another number of frames than in
        training.
        """
        if self.frames == T:
            return self.time_embed
        return interpolate(
            self.time_embed.transpose(1, 2), size=T, mode="linear", align_corners=True
        ).transpose(1, 2)

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT in the same layout (spec 3.6): temporal attention copies the
        spatial one.

        temporal_fc is set to zero, and blocks beyond the image model's start as the identity, so
        that the network equals the image model on each frame. Raises: BadInput for another width,
        patch or size.
        """
        depth = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
        state = {k: v for k, v in weights.items() if "temporal" not in k}
        for i in range(depth):
            for part in ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"):
                state[f"blocks.{i}.temporal_attn.{part}"] = weights[f"blocks.{i}.attn.{part}"]
            for part in ("weight", "bias"):
                state[f"blocks.{i}.temporal_norm1.{part}"] = weights[f"blocks.{i}.norm1.{part}"]
        self.load_state_dict(fitting(state, self.state_dict()), strict=False)
        for block in self.blocks:
            nn.init.zeros_(block.temporal_fc.weight)
            nn.init.zeros_(block.temporal_fc.bias)
        self.start_as_identity(depth)

    @torch.no_grad()
    def start_as_identity(self, first: int) -> None:
        """Blocks from `first` on change nothing at the start: a network can be deepened without
        forgetting.
        """
        for block in self.blocks[first:]:
            for layer in (block.temporal_fc, block.attn.proj, block.mlp.fc2):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)


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
        {"time": _KINDS, "space": _KINDS, "order_head": (True, False)},
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
        {"time": _KINDS, "space": _KINDS, "order_head": (True, False)},
    ),
]
