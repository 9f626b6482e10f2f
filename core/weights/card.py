"""Model cards: what must be known to use a checkpoint, and how a public checkpoint's is found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from core.errors import BadInput
from core.video import Crop, Sampling
from core.weights.public import layout_of

Config = Mapping[str, Any]
Colour = tuple[float, float, float]
UNCALIBRATED = (
    1e9  # nobody has measured when this model's direction is right, so it is never called known
)


@dataclass(frozen=True)
class Card:
    """What must be known to use a checkpoint, and what was measured of it."""

    model: str
    preset: str
    labels: tuple[str, ...]
    mean: Colour
    std: Colour
    size: int  # pixels, height = width of the model's input
    frames: int
    sampling: Sampling
    crop: Crop
    trained_on: str
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    direction_threshold: float = (
        UNCALIBRATED  # direction margin above which a direction is called known
    )
    sharpness: float = 0.0  # of the order matrix (core.order.sharpened); 0 is the paper's own
    license: str = ""
    hash: str = ""  # first eight hex digits of the file's sha256; filled in on loading
    stride: int = 4  # frames from one sampled frame to the next, with dense sampling
    norm_eps: float = 1e-6  # of the layer norms, for a model that has this setting

    def changed(self, **fields: Any) -> Card:
        """This card with other values of these fields.

        The direction was not calibrated for clips cut or matrices sharpened otherwise: then its
        threshold is UNCALIBRATED.
        """
        other = replace(self, **fields)
        same = all(
            getattr(other, name) == getattr(self, name)
            for name in ("crop", "sampling", "stride", "sharpness")
        )
        return other if same else replace(other, direction_threshold=UNCALIBRATED)

    def threshold(
        self, frames: int, layer: int | None = None, head: str | int = "mean", passes: int = 1
    ) -> float:
        """The direction threshold of an order matrix made so, UNCALIBRATED for all but one way.

        It was calibrated for a single pass over clips of the card's length, the mean over heads of
        the last layer (None).
        """
        return (
            self.direction_threshold
            if (frames, layer, head, passes) == (self.frames, None, "mean", 1)
            else UNCALIBRATED
        )

    @property
    def listed(self) -> str:
        """The labels for a message, cut short where there are many."""
        few = self.labels if len(self.labels) <= 20 else self.labels[:10]
        return ", ".join(few) + (
            f" and {len(self.labels) - 10} more" if len(few) < len(self.labels) else ""
        )


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
    "videomae": Family((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 16, {16: 4}),
}
SIZE = 224
DATA = {
    400: "Kinetics-400",
    600: "Kinetics-600",
    700: "Kinetics-700",
    174: "Something-Something v2",
}
"""Video data sets by their number of classes."""
_DENSE = ("Kinetics-400", "Kinetics-600", "Kinetics-700")
_DEPTHS = {
    384: 12,
    768: 12,
    1024: 24,
    1280: 32,
}  # ViT-S, -B, -L and -H by width: a file that was cut short is noticed

_CONV = re.compile(r"(?:^|\.)patch_embed(?:dings\.projection|\.proj)\.weight$")
_HEAD = re.compile(r"(?:^|\.)(?:head|classifier)\.weight$")
_BLOCK = re.compile(r"(?:^|\.)(?:blocks|layer)\.(\d+)\.")


def public_card(
    what: str,
    state: Mapping[str, Tensor],
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
        is none.
            They go before what the tensors' shapes and the papers say.
        data, license: where they are known; else both follow from the number of classes and the
        family.

    Raises: BadInput for a layout that is not known, a model that differs from ours, config files
    that contradict
        the tensors, and a checkpoint without a classification head.
    """
    state = {k: v for k, v in state.items() if "decoder" not in k}
    conv = _one(state, _CONV)
    family = _family(what, state, conv, config)
    if conv is None or family is None:
        layout = layout_of(state)
        kind = f"holds {layout.name} weights" if layout else "has tensors in no known layout"
        raise BadInput(
            f"{what} holds no model card and {kind}; give a checkpoint written by `python -m "
            f"training fit`, or a fine-tuned video classifier ({', '.join(FAMILIES)})"
        )
    head = _one(state, _HEAD)
    if head is None or head.ndim != 2:
        raise BadInput(
            f"{what} has no classification head, as after pre-training: its classes would be "
            "invented; give a fine-tuned checkpoint"
        )
    constants, classes = FAMILIES[family], head.shape[0]
    settings = _settings(what, family, state, conv, config)
    labels, named = _labels(config, classes)
    trained_on = data or (
        f"{DATA[classes]} (told by its {classes} classes)"
        if classes in DATA
        else f"unknown data, {classes} classes"
    )
    data = data or DATA.get(classes, "")
    frames = settings["frames"]
    return Card(
        model=family,
        preset="s" if family == "videomae" and settings["width"] == 384 else "b",
        labels=labels,
        mean=_colour(what, preprocessor, "image_mean", constants.mean),
        std=_colour(what, preprocessor, "image_std", constants.std),
        size=settings["size"],
        frames=frames,
        sampling="dense" if data in _DENSE else "uniform",
        crop="centre",
        stride=constants.strides.get(frames, next(iter(constants.strides.values()))),
        trained_on=trained_on + ("" if named else "; the checkpoint does not name its classes"),
        settings=settings,
        license=license or f"unknown (the authors' own weights: {constants.license})",
        norm_eps=_norm_eps(what, family, state, config),
        direction_threshold=UNCALIBRATED,
    )


def _one(state: Mapping[str, Tensor], pattern: re.Pattern[str]) -> Tensor | None:
    return next((v for k, v in state.items() if pattern.search(k)), None)


def _family(
    what: str, state: Mapping[str, Tensor], conv: Tensor | None, config: Config
) -> str | None:
    """The family by the tensors, None where they are of none.

    Raises: BadInput if config.json names another, or a variant that is not ours, or if tubes have
    other than 2 frames.
    """
    temporal = any("temporal_attn" in k or "temporal_attention" in k for k in state)
    tubes = conv is not None and conv.ndim == 5
    family = (
        "timesformer" if temporal and not tubes else "videomae" if tubes and not temporal else None
    )
    named = config.get("model_type", family)
    if named is not None and named not in FAMILIES:
        raise BadInput(
            f"{what} is a {named} checkpoint, which cannot be loaded; give one of "
            f"{', '.join(FAMILIES)}"
        )
    for key, ours in {
        "attention_type": "divided_space_time",
        "hidden_act": "gelu",
        "use_mean_pooling": True,
        "tubelet_size": 2,
    }.items():
        if config.get(key, ours) != ours:
            raise BadInput(
                f"{what}: config.json says {key} {config[key]!r}; only {ours!r} can be loaded"
            )
    if family is not None and named != family:
        raise BadInput(
            f"{what}: config.json says {named}, the tensors are those of {family}; give the "
            "config.json of this checkpoint"
        )
    if conv is not None and tubes and conv.shape[2] != 2:
        raise BadInput(f"{what} has tubes of {conv.shape[2]} frames; only 2 can be loaded")
    return family


def _settings(
    what: str, family: str, state: Mapping[str, Tensor], conv: Tensor, config: Config
) -> dict[str, Any]:
    """Sizes from config.json, else from the shapes of the tensors, else the paper's."""
    width, patch = conv.shape[0], conv.shape[-1]
    depth = 1 + max((int(m[1]) for k in state if (m := _BLOCK.search(k))), default=-1)
    times = next(
        (v for k, v in state.items() if re.search(r"(?:^|\.)time_embed(?:dings)?$", k)), None
    )
    places = next(
        (
            v
            for k, v in state.items()
            if re.search(r"(?:^|\.)(?:pos_embed|position_embeddings)$", k)
        ),
        None,
    )
    frames = FAMILIES[family].frames if times is None or times.ndim != 3 else times.shape[1]
    side = (
        SIZE // patch
        if family != "timesformer" or places is None or places.ndim != 3
        else round((places.shape[1] - 1) ** 0.5)
    )
    settings: dict[str, Any] = {
        "size": _whole(what, config, "image_size", side * patch),
        "patch": _whole(what, config, "patch_size", patch),
        "frames": _whole(what, config, "num_frames", frames),
        "width": _whole(what, config, "hidden_size", width),
        "depth": _whole(what, config, "num_hidden_layers", max(depth, _DEPTHS.get(width, 0))),
        "heads": _whole(what, config, "num_attention_heads", width // 64 if width % 64 == 0 else 0),
    }
    if family == "videomae" and width == 384:
        settings["heads"] = (
            # the hub's config.json says 16: the same tensors, split in another way than they were
            # trained
            6
        )
    for key, there in {"width": width, "patch": patch, "depth": depth}.items():
        if settings[key] != there:
            raise BadInput(
                f"{what}: {key} should be {settings[key]}, its tensors have {there}; get the file "
                "again, with its config.json"
            )
    if not settings["heads"] or width % settings["heads"]:
        raise BadInput(
            f"{what}: the number of heads cannot be told from tensors of width {width}; put its "
            "config.json beside it"
        )
    if (
        family == "videomae" and "positions" in config
    ):  # MVD's files are VideoMAE's by name and shape
        settings["positions"] = config["positions"]
    return settings


def _whole(what: str, config: Config, key: str, default: int) -> int:
    value = config.get(key, default)
    if isinstance(value, list | tuple) and len(set(value)) == 1:
        value = value[0]
    if not isinstance(value, int) or not (0 < value <= 4096 or value == default):
        raise BadInput(
            f"{what}: config.json says {key} {value!r}; expected one whole number from 1 to 4096"
        )
    return value


def _norm_eps(what: str, family: str, state: Mapping[str, Tensor], config: Config) -> float:
    hub = any(
        k.startswith("videomae.") for k in state
    )  # the authors use 1e-6, the hub's library another value
    value = config.get("layer_norm_eps", 1e-12 if family == "videomae" and hub else 1e-6)
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
    if (
        len(names) == classes
        and all(labels)
        and labels != tuple(f"LABEL_{i}" for i in range(classes))
    ):
        return labels, True
    return tuple(f"class {i}" for i in range(classes)), False


def _colour(what: str, preprocessor: Config, key: str, default: Colour) -> Colour:
    value = preprocessor.get(key, default)
    if (
        not isinstance(value, list | tuple)
        or len(value) != 3
        or not all(isinstance(v, float | int) for v in value)
    ):
        raise BadInput(
            f"{what}: preprocessor_config.json says {key} {value!r}; expected three numbers"
        )
    red, green, blue = map(float, value)
    if key == "image_std" and not min(red, green, blue) > 0:
        raise BadInput(
            f"{what}: preprocessor_config.json says image_std {value!r}; expected three numbers "
            "above 0"
        )
    return red, green, blue
