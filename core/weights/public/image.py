"""Image ViTs for am_flow's backbone: DINOv2, CLIP and ImageNet.

The files are the authors', timm's and the hub's. Tensors go to a bare `ViT` or under `vit.` of an
am_flow model. The hub's files and transformers' state dicts from version 5 on spell some names
differently; both are understood.
"""

from __future__ import annotations

import re

import torch
from torch import nn

from core.models.vit import resized_positions
from core.weights.public import PublicLayout, Rules, StateDict, renamed

_HUB: Rules = (  # transformers' ViT and DINOv2, before and since version 5
    (r"^(vit|dinov2)\.", ""),
    (r"^embeddings\.cls_token", "cls_token"),
    (r"^embeddings\.position_embeddings", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"^(?:encoder\.layer|layers)\.(\d+)\.", r"blocks.\1."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (
        r"\.attention\.(?:attention\.(q)uery|attention\.(k)ey|attention\.(v)alue"
        r"|(q)_proj|(k)_proj|(v)_proj)\.",
        r".attn.\1\2\3\4\5\6.",
    ),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"\.layer_scale([12])\.lambda1", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)
_CLIP_HUB: Rules = (
    (r"^vision_model\.", ""),
    (r"^embeddings\.class_embedding", "cls_token"),
    (r"^embeddings\.position_embedding\.weight", "pos_embed"),
    (r"^embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"^pre_layrnorm\.", "norm_pre."),  # their spelling
    (r"^post_layernorm\.", "norm."),
    (r"^encoder\.layers\.(\d+)\.", r"blocks.\1."),
    (r"^(blocks.*)\.layer_norm([12])\.", r"\1.norm\2."),
    (r"^(blocks.*)\.self_attn\.([qkv])_proj\.", r"\1.attn.\2."),
    (r"^(blocks.*)\.self_attn\.out_proj\.", r"\1.attn.proj."),
)
_CLIP: Rules = (
    (r"^visual\.class_embedding", "cls_token"),
    (r"^visual\.positional_embedding", "pos_embed"),
    (r"^visual\.conv1\.", "patch_embed.proj."),
    (r"^visual\.ln_pre\.", "norm_pre."),
    (r"^visual\.ln_post\.", "norm."),
    (r"^visual\.transformer\.resblocks\.(\d+)\.", r"blocks.\1."),
    (r"^(blocks.*)\.ln_([12])\.", r"\1.norm\2."),
    (r"^(blocks.*)\.attn\.in_proj_", r"\1.attn.qkv."),  # q, k and v stacked, as ours
    (r"^(blocks.*)\.attn\.out_proj\.", r"\1.attn.proj."),
    (r"^(blocks.*)\.mlp\.c_fc\.", r"\1.mlp.fc1."),
    (r"^(blocks.*)\.mlp\.c_proj\.", r"\1.mlp.fc2."),
)


def _fused(state: StateDict) -> StateDict:
    """Separate q, k and v of an attention as one qkv, in that order."""
    state = dict(state)
    for key in [k for k in state if re.search(r"\.attn\.q\.(weight|bias)$", k)]:
        stem, part = key.rsplit(".q.", 1)
        names = [f"{stem}.{x}.{part}" for x in "qkv"]
        if all(n in state for n in names):
            state[f"{stem}.qkv.{part}"] = torch.cat([state.pop(n) for n in names])
    return state


def _placed(state: StateDict, model: nn.Module) -> StateDict:
    """Tensors where the model has its backbone, positions at the model's size.

    Class token and positions are (1, n, D).
    """
    ours = model.state_dict()
    prefix = "vit." if "vit.pos_embed" in ours else ""
    placed = {}
    for key, value in state.items():
        if key in ("cls_token", "pos_embed"):
            value = value.reshape(1, -1, value.shape[-1])
        key = prefix + key if prefix + key in ours else key
        if key.endswith("pos_embed") and key in ours and _side(value) and _side(ours[key]):
            value = resized_positions(value, _side(ours[key]), _side(ours[key]))
        placed[key] = value
    return placed


def _side(table: torch.Tensor) -> int:
    """Rows and columns of a position table (1, 1 + side*side, D), or 0 if it is not square."""
    side = round((table.shape[1] - 1) ** 0.5)
    return side if side * side == table.shape[1] - 1 else 0


def _hub(state: StateDict, model: nn.Module) -> StateDict:
    return _placed(_fused(renamed(state, _HUB)), model)


def _clip_hub(state: StateDict, model: nn.Module) -> StateDict:
    return _placed(_fused(renamed(state, _CLIP_HUB)), model)


def _clip(state: StateDict, model: nn.Module) -> StateDict:
    return _placed(renamed(state, _CLIP), model)


def _still(names: frozenset[str]) -> bool:
    """Not a video model, which shares most names with an image model.

    `hidden` is the half of RViT's attention that reads its state.
    """
    return not any("temporal" in n or "time_embed" in n or "hidden" in n for n in names)


LAYOUTS = [
    PublicLayout(
        "CLIP",
        lambda names: "visual.class_embedding" in names and "visual.conv1.weight" in names,
        _clip,
        is_image=True,
    ),
    PublicLayout(
        "CLIP, transformers",
        lambda names: (
            any(n.endswith("embeddings.class_embedding") for n in names)
            and any(n.endswith("pre_layrnorm.weight") for n in names)
        ),
        _clip_hub,
        is_image=True,
    ),
    PublicLayout(
        "ViT or DINOv2, transformers",
        lambda names: (
            _still(names)
            and any(n.endswith("embeddings.cls_token") for n in names)
            and any(n.endswith("embeddings.position_embeddings") for n in names)
        ),
        _hub,
        is_image=True,
    ),
    PublicLayout(
        "ViT or DINOv2",
        lambda names: (
            _still(names) and {"cls_token", "pos_embed", "blocks.0.attn.qkv.weight"} <= names
        ),
        _placed,
        is_image=True,
    ),
]
