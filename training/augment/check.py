"""Whether the ways to augment that a recipe names are ones that are known, with their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.errors import BadInput
from training.augment.lists import LISTS, usual_numbers

CHANCES = ("mirror", "erase")
"""Ways to augment that take one number, their probability."""
_MIXING = ("mixup", "cutmix", "switch")
_HIGHEST = {"scale": 1.0, "sigma": math.inf}
"""Pairs of numbers that rise, and the highest that either may be."""


def check_augment(named: Mapping[str, Any]) -> None:
    """Check the ways to augment of a recipe.

    Raises: BadInput for one that is not known, a second way to crop, or numbers of another form
    than it takes.
    """
    unknown = [name for name in named if name not in (*LISTS, *CHANCES, "mix")]
    second_crops = [name for name in named if name in LISTS][1:]
    for name in (unknown or second_crops)[:1]:
        raise BadInput(
            f"augmentation {name!r} cannot be used; choose one of "
            f"{', '.join(LISTS)}, and any of {', '.join((*CHANCES, 'mix'))}"
        )
    for name, given in named.items():
        if name in CHANCES:
            _check_chance(name, given)
        else:
            _check_numbers(name, given)


def _check_chance(name: str, given: Any) -> None:
    if not _is_number(given) or given > 1:
        raise BadInput(f"{name} must be a probability from 0 to 1, got {given!r}")


def _check_numbers(name: str, given: Any) -> None:
    usual = dict.fromkeys(_MIXING, 0.0) if name == "mix" else usual_numbers(name)
    if not isinstance(given, Mapping) or set(given) - set(usual):
        raise BadInput(f"augmentation {name} takes the numbers {', '.join(usual)}, got {given!r}")
    for key, value in given.items():
        _check_value(name, key, value, usual[key])
    if name == "jittered_crop":
        sizes = usual | dict(given)
        if not sizes["size"] <= sizes["least"] <= sizes["most"]:
            raise BadInput(
                f"size, least and most of {name} must rise in this order, got {sizes['size']}, "
                f"{sizes['least']} and {sizes['most']}"
            )


def _check_value(name: str, key: str, value: Any, usual: Any) -> None:
    """One number, or a tuple of them where the usual value is one."""
    count = len(usual) if isinstance(usual, tuple) else 0
    numbers = value if count and isinstance(value, list | tuple) else [value]
    if len(numbers) != max(count, 1) or not all(map(_is_number, numbers)):
        form = f"{count} numbers" if count else "a number"
        raise BadInput(f"{key} of {name} must be {form} of 0 or more, got {value!r}")
    if _is_whole(usual) and not all(_is_whole(number) and number > 0 for number in numbers):
        form = f"{count} whole numbers" if count else "a whole number"
        raise BadInput(f"{key} of {name} must be {form} above 0, got {value!r}")
    highest = _HIGHEST.get(key)
    if highest is not None and not 0 < numbers[0] <= numbers[1] <= highest:
        limit = f" to {highest:g} at most" if highest < math.inf else ""
        raise BadInput(f"{key} of {name} must rise from above 0{limit}, got {value!r}")
    if key == "kernel" and not all(number % 2 for number in numbers):
        raise BadInput(f"kernel of {name} must be two odd numbers of pixels, got {value!r}")


def _is_whole(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_whole, value))
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf
