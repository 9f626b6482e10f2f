"""The model card of a public checkpoint, found from its config files and its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from core.errors import BadInput
from core.weights.card import UNCALIBRATED, Card, Colour
from core.weights.public import layout_of
from core.weights.public_config import Config, State, check_sizes, colour_in, first, size_in


@dataclass(frozen=True)
class Family:
    """What the papers' code says where a public checkpoint's own files say nothing (spec 6.1)."""

    mean: Colour
    std: Colour
    frames: int
    strides: dict[int, int]
    """Stride of the dense sampling by number of frames; the first is taken for any other number."""
    license: str = "CC-BY-NC-4.0"


FAMILIES = {
    "timesformer": Family((0.45,) * 3, (0.225,) * 3, 8, {8: 32, 16: 16, 96: 4}),
    "direcformer": Family((0.45,) * 3, (0.225,) * 3, 8, {8: 32}),
    "videomae": Family((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 16, {16: 4}),
}
KERNELS = {"time": "cosine", "space": "softmax"}
"""Of the DirecFormer that its authors release."""
SIZE = 224
DATA = {
    400: "Kinetics-400",
    600: "Kinetics-600",
    700: "Kinetics-700",
    174: "Something-Something v2",
    27: "Jester",
}
"""Video data sets by their number of classes."""
_DENSE = ("Kinetics-400", "Kinetics-600", "Kinetics-700")
_RATE = 30.0
"""Frames a second of most Kinetics clips, in which the strides of the papers count."""
_DEPTHS = {384: 12, 768: 12, 1024: 24, 1280: 32}
"""Blocks of ViT-S, -B, -L and -H by their width: a file that was cut short is noticed."""
_OURS = {
    "attention_type": "divided_space_time",
    "hidden_act": "gelu",
    "use_mean_pooling": True,
    "tubelet_size": 2,
}
"""What config.json must say of a network, where it says anything of it."""

_CONV = re.compile(r"(?:^|\.)patch_embed(?:dings\.projection|\.proj)\.weight$")
_HEAD = re.compile(r"(?:^|\.)(?:head|classifier)\.weight$")
_BLOCK = re.compile(r"(?:^|\.)(?:blocks|layer)\.(\d+)\.")
_ORDER = re.compile(r"(?:^|\.)order(?:_head)?\.weight$")
_TIMES = re.compile(r"(?:^|\.)time_embed(?:dings)?$")
_PLACES = re.compile(r"(?:^|\.)(?:pos_embed|position_embeddings)$")


def public_card(
    what: str,
    state: State,
    config: Config,
    preprocessor: Config,
    *,
    data: str = "",
    license: str = "",
) -> Card:
    """The card of a public checkpoint.

    Args:
        what: the checkpoint's name, for messages.
        state: its tensors under their own names.
        config, preprocessor: the hub's config.json and preprocessor_config.json, empty where there
            are none. They go before what the tensors' shapes and the papers say.
        data, license: where they are known; else both follow from the number of classes and the
            family.

    Raises: BadInput for a layout that is not known, a model that differs from ours, config files
    that contradict the tensors, and a checkpoint without a classification head.
    """
    state = {name: tensor for name, tensor in state.items() if "decoder" not in name}
    conv = first(state, _CONV)
    family = _family(what, conv, state, config)
    if conv is None or family is None:
        layout = layout_of(state)
        kind = f"holds {layout.name} weights" if layout else "has tensors in no known layout"
        raise BadInput(
            f"{what} holds no model card and {kind}; give a checkpoint written by `python -m "
            f"training fit`, or a fine-tuned video classifier ({', '.join(FAMILIES)})"
        )
    classes = _classes(what, state)
    settings = _settings(what, family, conv, state, config)
    labels, are_named = _labels(config, classes)
    if data:
        trained_on = data
    elif classes in DATA:
        data = DATA[classes]
        trained_on = f"{data} (told by its {classes} classes)"
    else:
        trained_on = f"unknown data, {classes} classes"
    if not are_named:
        trained_on += "; the checkpoint does not name its classes"
    if family == "direcformer":
        trained_on += _direcformer_in_words(settings, data)
    usual, frames = FAMILIES[family], settings["frames"]
    usual_stride = next(iter(usual.strides.values()))
    return Card(
        model=family,
        preset="s" if _is_small_videomae(family, settings["width"]) else "b",
        labels=labels,
        mean=colour_in(what, preprocessor, "image_mean", usual.mean),
        std=colour_in(what, preprocessor, "image_std", usual.std),
        size=settings["size"],
        frames=frames,
        sampling="dense" if data in _DENSE else "uniform",
        crop="centre",
        stride=usual.strides.get(frames, usual_stride),
        rate=_RATE if data in _DENSE else 0.0,
        trained_on=trained_on,
        settings=settings,
        license=license or f"unknown (the authors' own weights: {usual.license})",
        norm_eps=_norm_eps(what, family, state, config),
        direction_threshold=UNCALIBRATED,
    )


def _direcformer_in_words(settings: Mapping[str, Any], data: str) -> str:
    """What the tensors do not say of a DirecFormer, and what was taken for it."""
    words = (
        f"; read as DirecFormer, {settings['time']} over time and {settings['space']} over space "
        "(its authors release cosine and softmax; time and space in a config.json say otherwise)"
    )
    if data == "Jester":
        words += "; its authors feed it blue, green, red, here it sees red, green, blue"
    return words


def _is_small_videomae(family: str, width: int) -> bool:
    return family == "videomae" and width == 384


def _classes(what: str, state: State) -> int:
    """The number of classes. Raises: BadInput for a checkpoint without a classification head."""
    head = first(state, _HEAD)
    if head is None or head.ndim != 2:
        raise BadInput(
            f"{what} has no classification head, as after pre-training: its classes would be "
            "invented; give a fine-tuned checkpoint"
        )
    return head.shape[0]


def _family(what: str, conv: Tensor | None, state: State, config: Config) -> str | None:
    """The family by the tensors, None where they are of none.

    Raises: BadInput if config.json names another, or a variant that is not ours, or if tubes have
    other than 2 frames.
    """
    has_time = any("temporal_attn" in name or "temporal_attention" in name for name in state)
    has_tubes = conv is not None and conv.ndim == 5
    family = None
    if has_time and not has_tubes:
        # The two differ in the order head alone; without one only a config.json can tell.
        is_directed = config.get("model_type") == "direcformer" or first(state, _ORDER) is not None
        family = "direcformer" if is_directed else "timesformer"
    elif has_tubes and not has_time:
        family = "videomae"
    named = config.get("model_type", family)
    if named is not None and named not in FAMILIES:
        raise BadInput(
            f"{what} is a {named} checkpoint, which cannot be loaded; give one of "
            f"{', '.join(FAMILIES)}"
        )
    for key, ours in _OURS.items():
        if config.get(key, ours) != ours:
            raise BadInput(
                f"{what}: config.json says {key} {config[key]!r}; only {ours!r} can be loaded"
            )
    if family is not None and named != family:
        raise BadInput(
            f"{what}: config.json says {named}, the tensors are those of {family}; give the "
            "config.json of this checkpoint"
        )
    if conv is not None and has_tubes and conv.shape[2] != 2:
        raise BadInput(f"{what} has tubes of {conv.shape[2]} frames; only 2 can be loaded")
    return family


def _settings(what: str, family: str, conv: Tensor, state: State, config: Config) -> dict[str, Any]:
    """The network's settings: sizes from config.json, else from the tensors, else the paper's.

    Raises: BadInput for sizes that are none, or that contradict the tensors, and where the number
    of heads cannot be told.
    """
    width, patch, depth = conv.shape[0], conv.shape[-1], _depth(state)
    usual_depth = max(depth, _DEPTHS.get(width, 0))
    usual_heads = width // 64 if width % 64 == 0 else 0
    settings: dict[str, Any] = {
        "size": size_in(what, config, "image_size", _side(family, patch, state) * patch),
        "patch": size_in(what, config, "patch_size", patch),
        "frames": size_in(what, config, "num_frames", _frames(family, state)),
        "width": size_in(what, config, "hidden_size", width),
        "depth": size_in(what, config, "num_hidden_layers", usual_depth),
        "heads": size_in(what, config, "num_attention_heads", usual_heads),
    }
    if _is_small_videomae(family, width):
        # The hub's config.json says 16: the same tensors, split otherwise than they were trained.
        settings["heads"] = 6
    check_sizes(what, settings, {"width": width, "patch": patch, "depth": depth})
    if family == "direcformer":
        settings |= _kernels(what, config) | {"order_head": False}
        order = first(state, _ORDER)
        if order is not None:
            settings |= {"order_head": True, "order_classes": order.shape[0]}
    # MVD's files are VideoMAE's by name and shape: only their positions differ.
    if family == "videomae" and "positions" in config:
        settings["positions"] = config["positions"]
    return settings


def _kernels(what: str, config: Config) -> dict[str, Any]:
    """A DirecFormer's attention over time and space: config.json's, else as its authors release.

    Raises: BadInput for another kernel.
    """
    kernels = {key: config.get(key, kind) for key, kind in KERNELS.items()}
    for key, kind in kernels.items():
        if kind not in ("softmax", "cosine"):
            raise BadInput(f"{what}: config.json says {key} {kind!r}; expected softmax or cosine")
    return kernels


def _depth(state: State) -> int:
    """The number of blocks whose tensors are there, counted by the last one."""
    blocks = [int(block[1]) for name in state if (block := _BLOCK.search(name))]
    return max(blocks) + 1 if blocks else 0


def _frames(family: str, state: State) -> int:
    """The frames of a clip: as many as there are embeddings of time, else the paper's number."""
    times = first(state, _TIMES)  # (1, frames, width)
    return FAMILIES[family].frames if times is None or times.ndim != 3 else times.shape[1]


def _side(family: str, patch: int, state: State) -> int:
    """Patches along the height, which is also the width, of a frame."""
    places = first(state, _PLACES)  # (1, 1 + side * side, width), the class token first
    if family == "videomae" or places is None or places.ndim != 3:
        return SIZE // patch
    return round((places.shape[1] - 1) ** 0.5)


def _norm_eps(what: str, family: str, state: State, config: Config) -> float:
    """The epsilon of the layer norms: the authors use 1e-6, the hub's library another value."""
    is_the_hubs = family == "videomae" and any(name.startswith("videomae.") for name in state)
    value = config.get("layer_norm_eps", 1e-12 if is_the_hubs else 1e-6)
    if not isinstance(value, float | int) or not 0 < value < 1:
        raise BadInput(
            f"{what}: config.json says layer_norm_eps {value!r}; expected a number between 0 and 1"
        )
    return float(value)


def _labels(config: Config, classes: int) -> tuple[tuple[str, ...], bool]:
    """Class names, and whether they are real ones.

    The hub's library writes LABEL_0, LABEL_1, ... where it knows none.
    """
    names = config.get("id2label")
    names = names if isinstance(names, Mapping) else {}
    labels = tuple(str(names.get(str(i), "")) for i in range(classes))
    stand_ins = tuple(f"LABEL_{i}" for i in range(classes))
    if len(names) == classes and all(labels) and labels != stand_ins:
        return labels, True
    return tuple(f"class {i}" for i in range(classes)), False
