"""Public checkpoints: recognise the layout of a state dict and turn its names into ours.

A file of this folder holds the layouts of one family in a list named LAYOUTS. Names, tensor orders
and traps are those of spec 6.2.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from torch import Tensor, nn

StateDict = dict[str, Tensor]
Rules = tuple[tuple[str, str], ...]
"""Regular expressions and their replacements, applied to a name in order."""


@dataclass(frozen=True)
class PublicLayout:
    """One way in which a public checkpoint names its tensors."""

    name: str
    fits: Callable[[frozenset[str]], bool]
    """Whether these tensor names are of this layout."""
    convert: Callable[[StateDict, nn.Module], StateDict]
    """Tensors under our names; what has no place in the model keeps its name and is reported."""
    is_image: bool = False
    """Whether it is of an image model, whose names in ours are those of `core.models.vit`."""


@dataclass(frozen=True)
class LoadReport:
    """What became of each tensor, by our names.

    `missing` are ours that were not there, `unexpected` theirs that have no place, `mismatched`
    have another shape.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


@cache
def layouts() -> tuple[PublicLayout, ...]:
    """Every known layout."""
    groups = (
        getattr(import_module(f"{__name__}.{m.name}"), "LAYOUTS", [])
        for m in pkgutil.iter_modules(__path__)
    )
    return tuple(layout for group in groups for layout in group)


def renamed(state: StateDict, rules: Rules) -> StateDict:
    """The same tensors with the rules applied to each name."""
    out = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        out[key] = value
    return out


def unwrapped(state: dict) -> StateDict:
    """The tensors of a training file, by their names without a leading `module.`.

    Such a file keeps them under model, module, state_dict or model_state, which may hold one
    another.
    """
    for key in ("model_state", "state_dict", "model", "module"):
        if isinstance(state.get(key), dict):
            return unwrapped(state[key])
    return {k.removeprefix("module."): v for k, v in state.items() if isinstance(v, Tensor)}


def layout_of(names: Iterable[str]) -> PublicLayout | None:
    """The layout that these tensor names are in, or None."""
    names = frozenset(names)
    return next((layout for layout in layouts() if layout.fits(names)), None)


def load_public(model: nn.Module, state_dict: dict) -> LoadReport:
    """Copy a public state dict into `model` as far as names and shapes fit, and say what fitted.

    A state dict in no known layout is taken by its own names.
    """
    state = unwrapped(state_dict)
    layout = layout_of(state)
    theirs = layout.convert(state, model) if layout else state
    ours = model.state_dict()
    loaded = {k: v for k, v in theirs.items() if k in ours and ours[k].shape == v.shape}
    model.load_state_dict(loaded, strict=False)
    return LoadReport(
        loaded=tuple(loaded),
        missing=tuple(k for k in ours if k not in theirs),
        unexpected=tuple(k for k in theirs if k not in ours),
        mismatched=tuple(k for k in theirs if k in ours and k not in loaded),
    )
