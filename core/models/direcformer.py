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

from core.models.blocks import DropPath, Kind, Mlp, Output, SelfAttention, Spec, frames_layout, init_vit, locations_layout
from core.trace import Axis

ORDER_CLASSES = 1001  # the identity and 1,000 permutations

class Block(nn.Module):
    """Attention over time, then over space, then an MLP, each with a residual (spec 3.2)."""

    def __init__(self, width: int, heads: int, time: Kind, space: Kind, layer: int, drop_path: float,
                 norm_eps: float) -> None:
        super().__init__()
        self.temporal_norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.temporal_attn = SelfAttention(width, heads, time, "time", layer, Axis.TIME)
        self.temporal_fc = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attn = SelfAttention(width, heads, space, "space", layer, Axis.SPACE)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, grid: tuple[int, int, int], want_map: bool, cam: nn.Module | None) -> tuple[Tensor, Tensor | None]:
        """x (B, 1 + N*T, D), patch-major -> the same, and the mean time attention (B, T, T) if wanted."""
        T, h, w = grid
        B = x.shape[0]
        cls, patches = x[:, :1], x[:, 1:]

        within = self.temporal_norm1(rearrange(patches, "b (n t) d -> (b n) t d", t=T))
        within, weights = self.temporal_attn(within, locations_layout(T, h, w), want_map)
        within = self.temporal_fc(self.drop_path(within))
        patches = patches + rearrange(within, "(b n) t d -> b (n t) d", b=B)
        mean_map = None if weights is None else rearrange(weights, "(b n) h t s -> b (n h) t s", b=B).mean(1)

        frames = rearrange(patches, "b (n t) d -> (b t) n d", t=T)
        frames = self.norm1(torch.cat([repeat(cls, "b 1 d -> (b t) 1 d", t=T), frames], 1))
        if cam is not None:
            seen = cam(rearrange(frames[:, 1:], "(b t) (h w) d -> b d t h w", t=T, h=h))
            frames = torch.cat([frames[:, :1], rearrange(seen, "b d t h w -> (b t) (h w) d")], 1)
        frames = self.drop_path(self.attn(frames, frames_layout(T, h, w))[0])
        # One class token a clip: the T copies are averaged after attending to their own frame.
        cls = cls + rearrange(frames[:, 0], "(b t) d -> b t d", t=T).mean(1, keepdim=True)
        patches = patches + rearrange(frames[:, 1:], "(b t) n d -> b (n t) d", t=T)

        x = torch.cat([cls, patches], 1)
        return x + self.drop_path(self.mlp(self.norm2(x))), mean_map


class DirecFormer(nn.Module):
    """A video transformer whose time attention is a signed cosine in [-1, 1] (Eq. 9).

    Args:
        classes: C, number of actions.
        time, space: kernel of the attention over time and over space. cosine/softmax is the released
            model, cosine/cosine the paper's C-C, softmax/softmax TimeSformer.
        order_head: add the head that names the permutation of a shuffled clip (Eq. 11).
        size, patch, frames, width, depth, heads: input pixels, patch pixels, T, D, L, attention heads.
        drop_path: largest drop-path rate, linear over depth.
        norm_eps: epsilon of the layer norms.
    """

    def __init__(self, *, classes: int, time: Kind = "cosine", space: Kind = "softmax", order_head: bool = True,
                 size: int = 224, patch: int = 16, frames: int = 8, width: int = 768, depth: int = 12, heads: int = 12,
                 drop_path: float = 0.1, order_classes: int = ORDER_CLASSES, norm_eps: float = 1e-6) -> None:
        super().__init__()
        side = size // patch
        self.size, self.frames, self.unit_frames = size, frames, 1
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side + 1, width))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, width))
        rate = drop_path / max(1, depth - 1)
        self.blocks = nn.ModuleList(Block(width, heads, time, space, i, rate * i, norm_eps) for i in range(depth))
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.head = nn.Linear(width, classes)
        self.order_head = nn.Linear(width, order_classes) if order_head else None
        self.cam = nn.Identity()
        self.apply(init_vit)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)
        for block in self.blocks:  # with a zero time_embed too, step 0 equals the image model on each frame (spec 3.6)
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
        # Patch-major: all frames of a location lie together, at 1 + location*T + t.
        x = torch.cat([(self.cls_token + pos_cls).expand(B, -1, -1), rearrange(x, "b n t d -> b (n t) d")], 1)
        maps = []
        for i, block in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            x, mean_map = block(x, (T, h, w), detail, self.cam if last else None)
            maps.append(mean_map)
        x = self.norm(x) if detail else self.norm(x[:, :1])
        cls = x[:, 0]
        logits = self.head(cls)
        if not detail:
            return logits
        order_logits = self.order_head(cls) if self.order_head is not None else None
        patches = rearrange(x[:, 1:], "b (h w t) d -> b t h w d", h=h, w=w)
        return Output(logits, order_logits, time_attention=tuple(maps), patches=patches)

    def _time_positions(self, T: int) -> Tensor:
        """(1, T, D): the learned table, stretched where a clip has another number of frames than in training."""
        if T == self.frames:
            return self.time_embed
        return interpolate(self.time_embed.transpose(1, 2), size=T, mode="linear", align_corners=True).transpose(1, 2)

    @torch.no_grad()
    def load_image_model(self, weights: dict[str, Tensor]) -> None:
        """Start from an image ViT in the same layout (spec 3.6): temporal attention copies the spatial one.

        temporal_fc is set to zero, and blocks beyond the image model's start as the identity, so that the
        network equals the image model on each frame.
        """
        depth = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
        state = {k: v for k, v in weights.items() if k in self.state_dict() and "temporal" not in k}
        for i in range(depth):
            for part in ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"):
                state[f"blocks.{i}.temporal_attn.{part}"] = weights[f"blocks.{i}.attn.{part}"]
            for part in ("weight", "bias"):
                state[f"blocks.{i}.temporal_norm1.{part}"] = weights[f"blocks.{i}.norm1.{part}"]
        self.load_state_dict(state, strict=False)
        for block in self.blocks:
            nn.init.zeros_(block.temporal_fc.weight)
            nn.init.zeros_(block.temporal_fc.bias)
        self.start_as_identity(depth)

    @torch.no_grad()
    def start_as_identity(self, first: int) -> None:
        """Blocks from `first` on change nothing at the start: a network can be deepened without forgetting."""
        for block in self.blocks[first:]:
            for layer in (block.temporal_fc, block.attn.proj, block.mlp.fc2):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)


_GESTURE: dict[str, Any] = {"classes": 10, "size": 96, "patch": 16, "frames": 8, "width": 160, "depth": 8, "heads": 5}
_B: dict[str, Any] = {"classes": 400, "size": 224, "patch": 16, "frames": 8, "width": 768, "depth": 12, "heads": 12}
_KINDS = ("softmax", "cosine")

SPECS = [
    Spec(
        "direcformer", "DirecFormer", "Truong et al., CVPR 2022", DirecFormer,
        {"gesture": _GESTURE | {"time": "cosine", "space": "softmax"}, "b": _B | {"time": "cosine", "space": "softmax"}},
        "signed cosine attention over time, order loss, order recovery",
        {"time": _KINDS, "space": _KINDS, "order_head": (True, False)},
    ),
    Spec(
        "timesformer", "TimeSformer", "Bertasius et al., ICML 2021", DirecFormer,
        {"gesture": _GESTURE | {"time": "softmax", "space": "softmax", "order_head": False},
         "b": _B | {"time": "softmax", "space": "softmax", "order_head": False}},
        "the baseline: the same network with softmax in time and space",
        {"time": _KINDS, "space": _KINDS, "order_head": (True, False)},
    ),
]
