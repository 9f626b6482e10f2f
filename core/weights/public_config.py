"""What config.json and preprocessor_config.json beside a public checkpoint say, value by value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from core.errors import BadInput
from core.weights.card import Colour

Config = Mapping[str, Any]
State = Mapping[str, Tensor]


def first(state: State, pattern: re.Pattern[str]) -> Tensor | None:
    """The first tensor with such a name."""
    return next((tensor for name, tensor in state.items() if pattern.search(name)), None)


def size_in(what: str, config: Config, key: str, usual: int) -> int:
    """A size of config.json, or `usual`; of equal sizes in a list, such as [224, 224], the one.

    Raises: BadInput for what is not one whole number from 1 to 4096.
    """
    value = config.get(key, usual)
    if isinstance(value, list | tuple) and len(set(value)) == 1:
        value = value[0]
    if not isinstance(value, int) or not (0 < value <= 4096 or value == usual):
        raise BadInput(
            f"{what}: config.json says {key} {value!r}; expected one whole number from 1 to 4096"
        )
    return value


def check_sizes(what: str, settings: Mapping[str, Any], theirs: Mapping[str, int]) -> None:
    """Hold what config.json says against what the tensors have, by the names of `theirs`.

    Raises: BadInput where they differ, and where `heads` is unknown or does not divide `width`.
    """
    for key, there in theirs.items():
        if settings[key] != there:
            raise BadInput(
                f"{what}: {key} should be {settings[key]}, its tensors have {there}; get the file "
                "again, with its config.json"
            )
    width = theirs["width"]
    if not settings["heads"] or width % settings["heads"]:
        raise BadInput(
            f"{what}: the number of heads cannot be told from tensors of width {width}; put its "
            "config.json beside it"
        )


def colour_in(what: str, preprocessor: Config, key: str, usual: Colour) -> Colour:
    """A colour of preprocessor_config.json, or `usual`.

    Raises: BadInput for what is not three numbers, and for a deviation that is not positive.
    """
    value = preprocessor.get(key, usual)
    is_list = isinstance(value, list | tuple)
    if not is_list or len(value) != 3 or not all(isinstance(v, float | int) for v in value):
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
