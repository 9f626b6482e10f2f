"""The model card of a frozen image model, found from its config files and its tensors.

Only the part that looks is taken. A text half, a classifier of images and a mask token are left
out, and the card says so; any other tensor without a place is a sign of another network, which is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.errors import BadInput, brief
from core.models import spec
from core.weights.card import UNCALIBRATED, Card, Colour
from core.weights.hiera_config import hiera_settings
from core.weights.public import PublicLayout
from core.weights.public_config import Config, State, check_sizes, colour_in, size_in

FRAMES = 8
"""Frames of a clip, unless told otherwise: it sees each by itself."""
SIZE = 224
_IMAGENET: tuple[Colour, Colour] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Family:
    """What holds for an image model where its own files say nothing (spec 6.1)."""

    types: tuple[str, ...]
    """`model_type` of config.json."""
    license: str
    eps: float
    colours: tuple[Colour, Colour] = _IMAGENET
    """Mean and standard deviation."""


FAMILIES = {
    "dinov2": Family(("dinov2",), "Apache-2.0", 1e-6),
    "clip": Family(
        ("clip", "clip_vision_model"),
        "MIT",
        1e-5,
        ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    ),
    "vit": Family(("vit",), "Apache-2.0", 1e-6),
    "hiera": Family(("hiera",), "CC-BY-NC-4.0", 1e-6),
}
_BESIDE = re.compile(
    r"(?:^|\.)(?:mask_token|position_ids|classifier|head|fc_norm|pooler|logit_scale|logit_bias"
    r"|text_model|text_projection|visual_projection|proj|decoder\w*"
    r"|encoder_norm|multi_?scale_fusion\w*)(?:\.|$)"
    r"|^(?:transformer\.|positional_embedding$|token_embedding\.|ln_final\."
    r"|input_resolution$|context_length$|vocab_size$)"
)
"""What a file may hold beside the part that looks: none of it changes what that sees."""
_NORM = re.compile(r"(?:^|\.)norm\w*\.(weight|bias)$")


def image_card(
    what: str,
    layout: PublicLayout,
    state: State,
    config: Config,
    preprocessor: Config,
    *,
    data: str = "",
    license: str = "",
) -> Card:
    """The card of an image model, which has no labels.

    Arguments are those of `core.weights.public_card`, and the layout that the tensors are in. A
    file in which no norm has learned anything is of random weights: then `trained_on` is empty.

    Raises: BadInput for a network that differs from ours, and config files that contradict the
    tensors.
    """
    tensors = layout.convert(dict(state), nn.Module())
    config = config["vision_config"] if isinstance(config.get("vision_config"), dict) else config
    family = _family(what, tensors, config)
    usual = FAMILIES[family]
    settings_of = hiera_settings if family == "hiera" else _settings
    settings = settings_of(what, tensors, config) | {
        "eps": _number(what, config, "layer_norm_eps", usual.eps)
    }
    settings["size"] = _size(what, settings, config, preprocessor)
    settings["frames"] = FRAMES
    trained_on = data or "images that the checkpoint does not name"
    mean, std = usual.colours
    return Card(
        model=family,
        preset=_preset(family, settings),
        labels=(),
        mean=colour_in(what, preprocessor, "image_mean", mean),
        std=colour_in(what, preprocessor, "image_std", std),
        size=settings["size"],
        frames=FRAMES,
        sampling="uniform",
        crop="centre",
        trained_on="" if learned_nothing(tensors) else trained_on,
        settings=settings,
        license=license or f"unknown (the authors' own weights: {usual.license})",
        direction_threshold=UNCALIBRATED,
    )


def check_unused(what: str, card: Card, names: tuple[str, ...]) -> None:
    """Raises: BadInput if a tensor that was not used is of the part that looks."""
    strange = [name for name in names if not _BESIDE.search(name)]
    if strange:
        raise BadInput(
            f"{what} is no {spec(card.model).title} as it is known here: it holds "
            f"{brief(strange[0])}, which would go unused; give one of "
            f"{', '.join(spec(name).title for name in FAMILIES)} as its authors released it"
        )


def learned_nothing(tensors: Mapping[str, Tensor]) -> bool:
    """Whether every norm is as a network starts: one gain and one bias for all channels.

    No training leaves that, so these are random weights.
    """
    norms = [tensor for name, tensor in tensors.items() if _NORM.search(name)]
    return bool(norms) and all(bool((norm == norm.flatten()[0]).all()) for norm in norms)


def _family(what: str, tensors: State, config: Config) -> str:
    """The family by the tensors. Raises: BadInput if config.json names another."""
    family = "vit"
    if "cls_token" not in tensors:
        family = "hiera"
    elif "norm_pre.weight" in tensors:
        family = "clip"
    elif "blocks.0.ls1.gamma" in tensors:
        family = "dinov2"
    named = config.get("model_type", FAMILIES[family].types[0])
    if named not in FAMILIES[family].types:
        known = ", ".join(kind for each in FAMILIES.values() for kind in each.types)
        raise BadInput(
            f"{what}: config.json says {brief(repr(named))}, the tensors are those of {family}; "
            f"give one of {known}, with its own config.json"
        )
    return family


def _settings(what: str, tensors: State, config: Config) -> dict[str, Any]:
    """A ViT's settings. Raises: BadInput for sizes that contradict the tensors."""
    conv, table = tensors.get("patch_embed.proj.weight"), tensors.get("pos_embed")
    if conv is None or table is None or conv.ndim != 4:
        raise BadInput(
            f"{what} has no projection of patches or no position table; get the whole file again"
        )
    width, patch = conv.shape[0], conv.shape[-1]
    depth = 1 + max(int(n.split(".")[1]) for n in tensors if n.startswith("blocks."))
    side = round((table.shape[-2] - 1) ** 0.5)
    settings = {
        "patch": size_in(what, config, "patch_size", patch),
        "width": size_in(what, config, "hidden_size", width),
        "depth": size_in(what, config, "num_hidden_layers", depth),
        "positions": size_in(what, config, "image_size", side * patch),
        "heads": size_in(what, config, "num_attention_heads", width // 64),
    }
    theirs = {"patch": patch, "width": width, "depth": depth, "positions": side * patch}
    check_sizes(what, settings, theirs)
    is_clip = "norm_pre.weight" in tensors
    return settings | {
        "layer_scale": "blocks.0.ls1.gamma" in tensors,
        "pre_norm": is_clip,
        "activation": _activation(what, "quick_gelu" if is_clip else "gelu", config),
    }


def _activation(what: str, usual: str, config: Config) -> str:
    value = config.get("hidden_act", usual)
    if value not in ("gelu", "quick_gelu"):
        raise BadInput(
            f"{what}: config.json says hidden_act {brief(repr(value))}; only gelu and quick_gelu "
            "can be loaded"
        )
    return value


def _number(what: str, config: Config, key: str, usual: float) -> float:
    value = config.get(key, usual)
    if not isinstance(value, float | int) or not 0 < value < 1:
        raise BadInput(
            f"{what}: config.json says {key} {brief(repr(value))}; expected a number "
            "between 0 and 1"
        )
    return float(value)


def _size(what: str, settings: dict[str, Any], config: Config, preprocessor: Config) -> int:
    """Pixels of the input: what the hub's processor cuts out, else what the authors take.

    DINOv2's positions are those of large pictures, which it sees at 224 pixels. Whole patches only,
    and whole units of Hiera.
    """
    usual = min(SIZE, settings["positions"])
    given = preprocessor.get("crop_size") or preprocessor.get("size") or usual
    if isinstance(given, Mapping):
        sides = set(given.values())
        given = sides.pop() if len(sides) == 1 else None
    size = size_in(what, {"size of the picture": given}, "size of the picture", usual)
    unit = settings["patch"] * settings.get("unit", 1)
    return max(size // unit, 1) * unit


def _preset(family: str, settings: dict[str, Any]) -> str:
    presets = spec(family).presets
    fitting = [name for name, preset in presets.items() if preset.get("width") == settings["width"]]
    return next(iter([*fitting, *presets]))
