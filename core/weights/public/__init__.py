"""Public checkpoints: recognise the layout of a state dict and turn its names into ours.

A file of this folder holds the layouts of one family in a list named LAYOUTS. Names, tensor orders
and traps are those of spec 6.2.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor, nn

StateDict = dict[str, Tensor]
Rules = tuple[tuple[str, str], ...]
"""Regular expressions and their replacements, applied to a name in order."""
_CONTAINERS = (
    *("model_state", "state_dict", "model_state_dict", "model", "module", "net", "network"),
    *("weights", "params", "state_dict_ema", "model_ema", "ema_state_dict", "ema"),
)
"""Where training files keep a model; the last ones are running averages of it."""
_DEEPEST = 4
"""Dictionaries that may lie in one another; more hold no model, or hold themselves."""
_WRAPPERS = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Wherever they stand in a name: torch.compile and FSDP wrap single blocks too."""
_FRONT = re.compile(r"^(?:module|model|net|network)\.")


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


def unwrapped(state: Mapping[Any, Any]) -> StateDict:
    """The tensors of a model in a training file, by their names without what wrapped the model.

    Such a file keeps them beside an optimiser, a schedule and more, in a dictionary that may lie in
    another. A model goes before the running average of its weights. Of a name, words like `module.`
    and `_orig_mod.` are left out, which say how the model was trained and not what it is.
    """
    tensors = _innermost(state, _DEEPEST, set())
    taken = set(tensors)
    names = {}
    for name in tensors:
        bare = _bare(name)
        # Two tensors keep two names, whatever wraps them.
        names[name] = name if bare in taken else bare
        taken.add(names[name])
    return {names[name]: tensor for name, tensor in tensors.items()}


def _innermost(state: Mapping[Any, Any], depth: int, visited: set[int]) -> StateDict:
    """The tensors by name of the dictionary that holds those of a model.

    No dictionary is looked into twice: one may hold itself, or another a million times.
    """
    if id(state) in visited:
        return {}
    visited.add(id(state))
    own = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    inside = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Mapping)}
    if not depth:
        return own
    for key in _CONTAINERS:
        tensors = _innermost(inside[key], depth - 1, visited) if key in inside else {}
        if tensors:
            return tensors
    if own:
        return own
    others = (_innermost(value, depth - 1, visited) for value in inside.values())
    return max(others, key=len, default={})


def _bare(name: str) -> str:
    """A tensor's name without the words that wrap a model, however many there are."""
    bare = _WRAPPERS.sub("", name)
    while (shorter := _FRONT.sub("", bare)) != bare:
        bare = shorter
    return bare


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
