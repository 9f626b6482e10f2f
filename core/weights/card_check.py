"""A card is checked when it is read, value by value, and against its tensors before it is used.

A checkpoint comes from anybody. So nothing of it is taken for granted: a page that opens on a model
draws its labels, divides by its colours and samples by its stride long after it was loaded, and a
card of a few bytes can ask for a network that no machine holds.
"""

from __future__ import annotations

import inspect
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from core.errors import BadInput, brief
from core.models import VideoModel, build, settings_of, spec
from core.models.count import count_model
from core.models.taught import Taught
from core.weights.card import UNCALIBRATED, Card

_MOST_TEXT = 2_000_000
"""Characters of a card: four thousand long labels, and the stages of a long training."""
_DEEPEST = 40
"""Lists and objects in one another."""
_LENGTHS = {"labels": 200, "model": 100, "preset": 100, "hash": 100, "license": 1000}
"""Characters of a text at most, of a label where there are several."""
_LONGEST = 20_000
"""The same for any other text: `trained_on` names every stage."""
_MOST_LABELS = 4000
_RANGES: dict[str, tuple[float, float]] = {
    "mean": (-100, 100),
    "std": (1e-3, 1000),
    "size": (1, 1024),
    "frames": (1, 256),
    "direction_threshold": (0, UNCALIBRATED),
    "sharpness": (0, 1000),
    "stride": (1, 10_000),
    "rate": (0, 1000),
    "norm_eps": (1e-20, 1),
}
_MOST_SETTINGS = {"depth": 200, "size": 1024, "frames": 256}
_MOST_OF_A_SETTING = 10_000
_MOST_TOKENS = 110_000
"""Patches of a clip: 96 frames in 28 x 28 are 75,264."""
_MOST_NUMBERS = 2**25
"""Numbers of a clip's tokens: those of TimeSformer-L, 96 frames of 14 x 14 patches, are 2**24."""


def read_card(name: str, text: str) -> Card:
    """The card that a checkpoint holds as JSON, `name` being the file for messages.

    Raises: BadInput for what is no card, or says something that no checkpoint can mean.
    """
    try:
        if len(text) > _MOST_TEXT:
            raise BadInput(f"it has {len(text):,} characters; expected at most {_MOST_TEXT:,}")
        values = _parsed(text)
        hints = get_type_hints(Card)
        for key in values:
            if key not in hints:
                raise BadInput(f"{brief(key)!r} is no field of a card")
        for field in fields(Card):
            is_needed = field.default is MISSING and field.default_factory is MISSING
            if is_needed and field.name not in values:
                raise BadInput(f"it says nothing of {field.name}")
        tuples = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        card = Card(**values | tuples)
        _check_values(card)
    except BadInput as error:
        raise BadInput(
            f"{name} has a card that cannot be used: {error}; write it again with `python -m "
            "training fit`"
        ) from None
    return card


def check_card(name: str, card: Card) -> None:
    """Raises: BadInput, one line, for a value of a card that no checkpoint can mean."""
    try:
        _check_values(card)
    except BadInput as error:
        raise BadInput(f"{name} cannot be used: {error}; get the checkpoint again") from None


def check_network(name: str, card: Card, tensors: Mapping[str, Tensor] | None = None) -> None:
    """Make the network of a card without memory, and run it on a clip that has none.

    Args:
        tensors: what the file holds; the network's must have the same names and shapes. None where
            names are others and are compared later.

    Raises: BadInput for a card whose settings make no network, or another one.
    """
    try:
        net = build_for(card, "meta")
    except (BadInput, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise BadInput(
            f"{name} has a card that cannot be used: {brief(error, 300)}; write it again with "
            "`python -m training fit`"
        ) from None
    if tensors is not None:
        ours = {key: tensor.shape for key, tensor in net.state_dict().items()}
        if ours != {key: tensor.shape for key, tensor in tensors.items()}:
            raise BadInput(
                f"{name} does not fit {card.model} {card.preset}: its tensors have other names or "
                "shapes"
            )
    # Outside: what a forward pass caches must not be made on the meta device.
    clip = torch.empty(1, 3, card.frames, card.size, card.size, device="meta")
    try:
        if (net.size, net.frames) != (card.size, card.frames):
            raise BadInput(
                f"the network takes {net.frames} frames of {net.size} pixels, the card says "
                f"{card.frames} of {card.size}"
            )
        count_model(net, clip)
    except (BadInput, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        reason = brief(str(error).strip().splitlines()[0] if str(error).strip() else error, 300)
        raise BadInput(
            f"{name} has a card whose network does not work ({reason}); write it again with "
            "`python -m training fit`"
        ) from None


def build_for(card: Card, device: str = "cpu") -> VideoModel:
    """A fresh network as a card says.

    Raises: BadInput as `core.models.build`.
    """
    takes_eps = "norm_eps" in inspect.signature(spec(card.model).make).parameters
    eps = {"norm_eps": card.norm_eps} if takes_eps else {}
    classes = {"classes": len(card.labels)} if spec(card.model).names_classes else {}
    settings = classes | eps | card.settings
    with torch.device(device):
        net = build(card.model, card.preset, **settings)
    # Outside: what its first pass caches must not be made on the meta device.
    return Taught(net, len(card.labels)).eval() if card.taught else net


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
        depth = _depth(values)
    except RecursionError:
        depth = _DEEPEST + 1
    except ValueError as error:
        raise BadInput(f"it is no JSON ({brief(error)})") from None
    if depth > _DEEPEST:
        raise BadInput(f"lists and objects lie more than {_DEEPEST} deep in one another")
    if not isinstance(values, dict):
        raise BadInput(f"it is a {type(values).__name__}, no JSON object")
    return values


def _depth(value: Any) -> int:
    """How deep lists and objects lie in one another; a plain value has 0."""
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, inside), default=0)


def _check_values(card: Card) -> None:
    """Every field by its type, then its range, then what has a shape of its own."""
    for name, hint in get_type_hints(Card).items():
        _check_value(name, hint, getattr(card, name))
    if spec(card.model).names_classes or card.taught:
        _check_labels(card.labels)
    elif card.labels:
        raise BadInput(f"{card.model} names no classes, and it has {len(card.labels)} labels")
    _check_history(card.recipe)
    _check_settings(card)


def _check_value(name: str, hint: Any, value: Any) -> None:
    """Raises: BadInput for a value of another type, or outside the range of the field."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise BadInput(f"{name} is {_shown(value)}; expected {', '.join(arguments)}")
    elif origin is dict:
        if not isinstance(value, dict):
            raise BadInput(f"{name} is {_shown(value)}; expected an object")
    elif origin is tuple:
        count = len(arguments) if arguments[-1] is not ... else None
        if not isinstance(value, tuple) or count not in (None, len(value)):
            number = f"{count} values" if count else "a list"
            raise BadInput(f"{name} is {_shown(value)}; expected {number}")
        for each in value:
            _check_value(name, arguments[0], each)
    elif hint is str:
        _check_text(name, value)
    else:
        _check_number(name, hint, value)


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise BadInput(f"{name} holds {_shown(value)}; expected text")
    most = _LENGTHS.get(name, _LONGEST)
    if len(value) > most:
        raise BadInput(f"{name} holds a text of {len(value):,} characters; expected at most {most}")
    # Control characters, halves of characters, and breaks of line or paragraph.
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
        raise BadInput(f"{name} holds {_shown(value)}; expected one line of text")


def _check_number(name: str, hint: Any, value: Any) -> None:
    low, high = _RANGES[name]
    is_whole = hint is int
    is_number = type(value) is int or (type(value) is float and not is_whole)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        kind = "a whole number" if is_whole else "a number"
        raise BadInput(f"{name} holds {_shown(value)}; expected {kind} from {low:g} to {high:g}")


def _check_labels(labels: tuple[str, ...]) -> None:
    if not 1 <= len(labels) <= _MOST_LABELS:
        raise BadInput(f"it has {len(labels)} labels; expected 1 to {_MOST_LABELS}")
    if not all(label.strip() for label in labels):
        raise BadInput("a label is empty; expected a name for each class")
    if len(set(labels)) < len(labels):
        twice = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise BadInput(f"two classes are called {_shown(twice)}; expected a name for each class")


def _check_history(recipe: dict[str, Any]) -> None:
    """What pages and training read of a recipe: its stages, and the clips that were taught."""
    stages, taught = recipe.get("stages", []), recipe.get("taught")
    are_objects = isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages)
    if not are_objects or not all(isinstance(stage.get("name"), str) for stage in stages):
        raise BadInput("the stages of its recipe are no list of objects with a name each")
    if not isinstance(recipe.get("few", {}), dict):
        raise BadInput("the recipe's `few` is no object")
    if taught not in (None, {}):
        clips = taught.get("clips") if isinstance(taught, dict) else None
        if not isinstance(clips, list) or not clips:
            raise BadInput("the recipe's `taught` names no list of clips")
        for clip in clips:
            _check_text("clips", clip)


def _check_settings(card: Card) -> None:
    """Bounds on the network before any of it is made: sizes, and what a clip costs in it."""
    for key, value in card.settings.items():
        values = value if isinstance(value, list) else [value]
        for each in values:
            _check_setting(key, each)
    own_classes = card.settings.get("classes", len(card.labels))
    if own_classes != len(card.labels) and not card.taught:
        raise BadInput(
            f"its settings ask for {_shown(card.settings['classes'])} classes, and it has "
            f"{len(card.labels)} labels"
        )
    every = settings_of(card.model, card.preset, **card.settings)
    size, patch, frames = (every.get(key) or 1 for key in ("size", "patch", "frames"))
    tokens = (size // patch) ** 2 * frames
    if not tokens or tokens > _MOST_TOKENS or tokens * every.get("width", 1) > _MOST_NUMBERS:
        raise BadInput(
            f"{frames} frames of {size} pixels in patches of {patch} make {tokens:,} tokens of "
            f"width {every.get('width', 1)}; expected no more than {_MOST_TOKENS:,} tokens and "
            f"{_MOST_NUMBERS:,} numbers"
        )


def _check_setting(key: str, value: Any) -> None:
    most = _MOST_SETTINGS.get(key, _MOST_OF_A_SETTING)
    if isinstance(value, str):
        _check_text("settings", value)
    elif isinstance(value, bool) or value is None:
        return
    elif not isinstance(value, int | float):
        raise BadInput(f"its setting {brief(key)} is {_shown(value)}; expected a number or a word")
    elif not math.isfinite(value) or not 0 <= value <= most:
        raise BadInput(f"its setting {brief(key)} is {_shown(value)}; expected 0 to {most}")
    elif isinstance(value, float) and value >= 1:
        raise BadInput(f"its setting {brief(key)} is {_shown(value)}; expected less than 1")


def _shown(value: Any) -> str:
    return brief(repr(value) if not isinstance(value, dict | list | tuple) else json.dumps(value))
