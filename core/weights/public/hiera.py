"""Hiera: the authors' files, and those of transformers.

A masked autoencoder has no norm of pooled tokens, which only a classifier needs: it is left as a
norm starts, where it changes no map.
"""

from __future__ import annotations

import re

import torch
from torch import nn

from core.weights.public import PublicLayout, Rules, StateDict, renamed

_HUB: Rules = (
    (r"^hiera\.", ""),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^pooler\.layernorm\.", "norm."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
)
_BLOCK = re.compile(r"^encoder\.stages\.(\d+)\.layers\.(\d+)\.")


def _numbered(state: StateDict) -> StateDict:
    """Blocks by their number in the whole network instead of stage and place."""
    blocks = sorted({(int(m[1]), int(m[2])) for name in state if (m := _BLOCK.match(name))})
    numbers = {block: number for number, block in enumerate(blocks)}

    def renumbered(match: re.Match[str]) -> str:
        return f"blocks.{numbers[int(match[1]), int(match[2])]}."

    return {_BLOCK.sub(renumbered, name): tensor for name, tensor in state.items()}


def _hub(state: StateDict, model: nn.Module) -> StateDict:
    return _placed(_numbered(renamed(state, _HUB)), model)


def _placed(state: StateDict, model: nn.Module) -> StateDict:
    """Tensors where the model has its backbone."""
    last = max((k for k in state if k.endswith("mlp.fc2.bias")), key=_block, default=None)
    if last is not None and "norm.weight" not in state:
        state = state | {
            "norm.weight": torch.ones_like(state[last]),
            "norm.bias": torch.zeros_like(state[last]),
        }
    prefix = "vit." if "vit.pos_embed" in model.state_dict() else ""
    return {prefix + name if _is_ours(name) else name: t for name, t in state.items()}


def _block(name: str) -> int:
    number = re.match(r"blocks\.(\d+)\.", name)
    return int(number[1]) if number else -1


def _is_ours(name: str) -> bool:
    return name.startswith(("blocks.", "patch_embed.", "norm.")) or name == "pos_embed"


LAYOUTS = [
    PublicLayout(
        "Hiera, transformers",
        lambda names: (
            any(n.endswith("embeddings.position_embeddings") for n in names)
            and any(n.endswith("encoder.stages.0.layers.0.attn.qkv.weight") for n in names)
        ),
        _hub,
        is_image=True,
    ),
    PublicLayout(
        "Hiera",
        lambda names: (
            {"pos_embed", "blocks.0.attn.qkv.weight"} <= names
            and any(re.fullmatch(r"blocks\.\d+\.proj\.weight", n) for n in names)
            and "cls_token" not in names
        ),
        _placed,
        is_image=True,
    ),
]
