"""VideoMAE and MVD: the authors' files, the hub's, and the state dicts of transformers 4 and 5.

Names do not say how many heads there are. The hub's configuration of VideoMAE-small says 16; the
model was trained with 6. Nor do they say which positions were used: build with positions="mvd" for
MVD.
"""

from __future__ import annotations

import re

import torch
from torch import nn

from core.weights.public import PublicLayout, Rules, StateDict, renamed

_AUTHORS: Rules = ((r"^(?:encoder|backbone)\.", ""),)

_HUB: Rules = (
    (r"^videomae\.", ""),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^(blocks\.\d+)\.layernorm_before\.", r"\1.norm1."),
    (r"^(blocks\.\d+)\.layernorm_after\.", r"\1.norm2."),
    (r"^(blocks\.\d+)\.attention\.output\.dense\.", r"\1.attn.proj."),
    # transformers 4, and the files on the hub
    (r"^(blocks\.\d+)\.attention\.attention\.q_bias$", r"\1.attn.q_bias"),
    (r"^(blocks\.\d+)\.attention\.attention\.v_bias$", r"\1.attn.v_bias"),
    # transformers 5
    (r"^(blocks\.\d+)\.attention\.attention\.query\.bias$", r"\1.attn.q_bias"),
    (r"^(blocks\.\d+)\.attention\.attention\.value\.bias$", r"\1.attn.v_bias"),
    (r"^(blocks\.\d+)\.intermediate\.dense\.", r"\1.mlp.fc1."),
    (r"^(blocks\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
    (r"^classifier\.", "head."),
)


def _from_authors(state: StateDict, model: nn.Module) -> StateDict:
    return renamed(state, _AUTHORS)


def _from_hub(state: StateDict, model: nn.Module) -> StateDict:
    """Queries, keys and values are three matrices there and one here."""
    state = renamed(state, _HUB)
    for key in [
        k for k in state if re.fullmatch(r"blocks\.\d+\.attention\.attention\.query\.weight", k)
    ]:
        stem = key.removesuffix("attention.attention.query.weight")
        parts = [
            state.pop(f"{stem}attention.attention.{part}.weight")
            for part in ("query", "key", "value")
        ]
        state[f"{stem}attn.qkv.weight"] = torch.cat(parts)
    return state


def _is_authors(names: frozenset[str]) -> bool:
    return any(
        re.fullmatch(r"(?:(?:encoder|backbone)\.)?blocks\.\d+\.attn\.q_bias", n) for n in names
    )


def _is_hub(names: frozenset[str]) -> bool:
    """An image ViT of transformers has the same names and a class token."""
    tubes = any(n.endswith("embeddings.patch_embeddings.projection.weight") for n in names)
    layers = any(
        re.fullmatch(r"(?:videomae\.)?encoder\.layer\.\d+\.attention\.attention\.query\.weight", n)
        for n in names
    )
    return (
        tubes
        and layers
        and "encoder.layer.0.layernorm_before.weight"
        in {n.removeprefix("videomae.") for n in names}
        and not any(n.endswith("cls_token") for n in names)
    )


LAYOUTS = [
    PublicLayout("VideoMAE", _is_authors, _from_authors),
    PublicLayout("VideoMAE (transformers)", _is_hub, _from_hub),
]
