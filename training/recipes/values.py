"""A field of a recipe: its flag on the command line, and which values make sense."""

from __future__ import annotations

import math
from dataclasses import Field, field
from typing import Any

from core.errors import BadInput

BELOW_ONE = 1 - 1e-6


def flag(
    default: Any,
    text: str,
    least: float | None = None,
    most: float | None = None,
    one_of: tuple[str, ...] = (),
    kind: type | None = None,
) -> Any:
    """A field of a recipe that is a flag of `fit`.

    Args:
        text: what `fit --help` says of it.
        least, most, one_of: which values make sense.
        kind: of the value, or of each of several; None is that of the default.
    """
    if kind is None:
        kind = type(default[0]) if isinstance(default, tuple) else type(default)
    known = {"help": text, "least": least, "most": most, "one_of": one_of, "kind": kind}
    return field(default=default, metadata=known)


def check_value(each: Field, value: Any) -> None:
    flag_name = f"--{each.name.replace('_', '-')}"
    least, most = each.metadata.get("least"), each.metadata.get("most")
    if least is not None and not (least <= value and (most is None or value <= most)):
        limits = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
        raise BadInput(f"{flag_name} must be {limits}, got {value}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{flag_name} must be a finite number, got {value}")
    known = each.metadata.get("one_of")
    if known and value not in known:
        raise BadInput(f"{each.name} {value!r} is not known; choose one of {', '.join(known)}")
