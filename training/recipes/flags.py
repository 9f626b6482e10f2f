"""A recipe on the command line: the flags that change one, and the words that say it again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from core.cli import add_settings, settings_given
from core.errors import BadInput
from training.recipes import Recipe, recipe, recipes


def _yes_or_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _several(kind: type) -> Callable[[str], tuple]:
    def several(text: str) -> tuple:
        return tuple(kind(part) for part in text.split(",") if part)

    several.__name__ = f"list of {kind.__name__}"
    return several


_KINDS: dict[type, tuple[Callable[[str], Any], str | None]] = {
    int: (int, "N"),
    float: (float, "X"),
    str: (str, None),
    bool: (_yes_or_no, "true|false"),
}
"""How a value of each kind is read, and what help calls it (None: by the name of the flag)."""


def flags() -> list[Field]:
    """The recipe's fields that are flags of their own.

    The model's settings are --set, and ways to augment --augment.
    """
    return [f for f in fields(Recipe) if f.name not in ("settings", "augment")]


def add_flags(command: argparse.ArgumentParser) -> None:
    """A recipe by its name, and every flag that changes it."""
    command.add_argument("recipe", help=f"one of {', '.join(sorted(recipes()))}")
    add_settings(command, "a setting of the model")
    command.add_argument(
        "--augment",
        action="append",
        default=[],
        metavar="NAME=JSON|none",
        help="vary clips that are not rendered in one more way, such as mirror=0.5 or "
        """'jittered_crop={"size": 224, "least": 256, "most": 320}'; """
        "none leaves out those of the recipe; may be repeated",
    )
    for f in flags():
        names = dict.fromkeys((f"--{f.name.replace('_', '-')}", f"--{f.name}"))
        kind, metavar = _KINDS[f.metadata["kind"]]
        if isinstance(f.default, tuple):
            kind, metavar = _several(f.metadata["kind"]), f"{metavar},{metavar}"
        command.add_argument(
            *names, dest=f.name, type=kind, metavar=metavar, default=None, help=f.metadata["help"]
        )


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The named recipe with the changes of the command line."""
    base = recipe(args.recipe)
    given = {f.name: getattr(args, f.name) for f in flags()}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = base.settings | settings_given(args)
    augment = augment_of(base.augment, args.augment)
    return replace(base, **changes, settings=settings, augment=augment)


def augment_of(usual: dict[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """The recipe's augmentation with those of the command line.

    Raises: BadInput for text of another form.
    """
    augment = {} if "none" in given else dict(usual)
    for text in given:
        if text == "none":
            continue
        name, _, value = text.partition("=")
        try:
            augment[name] = json.loads(value)
        except ValueError:
            raise BadInput(
                f"--augment {text!r} is not NAME=JSON or none; write for example --augment "
                "mirror=0.5"
            ) from None
    return augment


def words_of(asked: Recipe, base: Recipe) -> list[str]:
    """The flags that make `asked` of `base`: the reverse of `recipe_of`.

    A setting that `base` has and `asked` has not is set to what its preset says.
    """
    from core.models import usual_settings

    words: list[str] = []
    for f in flags():
        value = getattr(asked, f.name)
        if value != getattr(base, f.name):
            words += [f"--{f.name.replace('_', '-')}", _text(value)]
    undone = base.settings.keys() - asked.settings.keys()
    usual = usual_settings(base.model, base.preset) if undone else {}
    settings = {key: usual[key] for key in base.settings if key in undone and key in usual}
    for key, value in (settings | asked.settings).items():
        if value != base.settings.get(key):
            words += ["--set", f"{key}={value}"]
    # As JSON has it, where tuples are lists.
    ways, usual_ways = (json.loads(json.dumps(r.augment)) for r in (asked, base))
    if ways != usual_ways:
        words += ["--augment", "none"]
        for name, numbers in ways.items():
            words += ["--augment", f"{name}={json.dumps(numbers)}"]
    return words


def _text(value: Any) -> str:
    """A value as its flag takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
