"""The settings of a Hiera from its tensors and its config.json."""

from __future__ import annotations

import re
from typing import Any

from core.errors import BadInput, brief
from core.weights.public_config import Config, State

_FIXED = {
    "query_stride": [2, 2],
    "embed_dim_multiplier": 2,
    "hidden_act": "gelu",
    "mlp_ratio": 4,
}
"""What config.json must say of a network, where it says anything of it."""
_HEAD = 96
"""Numbers of a head in the models whose first stage is as wide as that."""


def hiera_settings(what: str, tensors: State, config: Config) -> dict[str, Any]:
    """Sizes by the tensors; heads and windows by config.json, else as the authors' Hiera-B.

    Raises: BadInput for a config.json that contradicts the tensors, or a variant that is not ours.
    """
    conv, table = tensors.get("patch_embed.proj.weight"), tensors.get("pos_embed")
    if conv is None or table is None or conv.ndim != 4:
        raise BadInput(
            f"{what} has no projection of patches or no position table; get the whole file again"
        )
    width, patch = conv.shape[0], (conv.shape[-1] + 1) // 2
    depths = _depths(tensors)
    side = round(table.shape[1] ** 0.5)
    theirs = {
        "embed_dim": width,
        "depths": depths,
        "patch_stride": [patch, patch],
        "patch_padding": [patch - 1, patch - 1],
        "image_size": [side * patch, side * patch],
        "num_query_pool": len(depths) - 1,
        **_FIXED,
    }
    for key, there in theirs.items():
        value = config.get(key, there)
        if value not in (there, _plain(there)):
            raise BadInput(
                f"{what}: config.json says {key} {brief(repr(value))}, expected {there}; get the "
                "file again, with its config.json"
            )
    return {
        "patch": patch,
        "positions": side * patch,
        "width": width,
        "depths": depths,
        "heads": _heads(what, width, depths, config),
        "windowed": _listed(
            what, config, "masked_unit_attention", [i < 2 for i in range(len(depths))], bool
        ),
        "unit": _listed(what, config, "masked_unit_size", [8, 8], int)[0],
    }


def _plain(value: Any) -> Any:
    """One number for a list of equal ones."""
    return value[0] if isinstance(value, list) and len(set(value)) == 1 else value


def _depths(tensors: State) -> list[int]:
    """Blocks of each stage: of a stage all are as wide."""
    outs: dict[int, int] = {}
    for name, tensor in tensors.items():
        if number := re.fullmatch(r"blocks\.(\d+)\.attn\.proj\.weight", name):
            outs[int(number[1])] = tensor.shape[0]
    widths = [outs[number] for number in sorted(outs)]
    return [widths.count(width) for width in dict.fromkeys(widths)]


def _heads(what: str, width: int, depths: list[int], config: Config) -> list[int]:
    if "num_heads" not in config and width != _HEAD:
        raise BadInput(
            f"{what}: the number of heads cannot be told from tensors of width {width}; put its "
            "config.json beside it"
        )
    return _listed(what, config, "num_heads", [2**stage for stage in range(len(depths))], int)


def _listed(what: str, config: Config, key: str, usual: list[Any], kind: type[int]) -> list[Any]:
    """A list of config.json as long as `usual`, each at least 1 where it is a number."""
    value: Any = config.get(key, usual)
    is_list = isinstance(value, list | tuple) and len(value) == len(usual)
    if not is_list or not all(type(each) is kind and (kind is bool or each > 0) for each in value):
        raise BadInput(f"{what}: config.json says {key} {brief(repr(value))}; expected {usual}")
    return list(value)
