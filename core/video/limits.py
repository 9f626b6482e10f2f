"""What is accepted of a file, and what reading it may cost. Each can be set by the environment."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from typing import Any

from core.errors import BadInput


@dataclass(frozen=True)
class Limits:
    """What is accepted. Each can be set."""

    megabytes: float = 500.0
    seconds: float = 900.0
    pixels: int = 4096 * 2304  # of one frame
    frames: int = 120_000


@dataclass(frozen=True)
class Work:
    """What a process may use that decodes one file of a stranger."""

    cpu_seconds: float = 300.0
    memory_megabytes: float = 3000.0
    """Beside what the process has before it opens the file."""


_PREFIX = "AIM_MAX_"


def limits_here() -> Limits:
    """The limits, as AIM_MAX_MEGABYTES, _SECONDS, _PIXELS and _FRAMES set them.

    Raises: BadInput for a value that is no number above 0.
    """
    return Limits(**_given(Limits))


def work_here() -> Work:
    """The same of the work: AIM_MAX_CPU_SECONDS and AIM_MAX_MEMORY_MEGABYTES."""
    return Work(**_given(Work))


def _given(kind: type[Limits] | type[Work]) -> dict[str, Any]:
    """The fields that the environment sets."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        name = f"{_PREFIX}{field.name.upper()}"
        text = os.environ.get(name)
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise BadInput(f"{name} is {text!r}; set it to a number above 0, or leave it out")
        values[field.name] = int(value) if isinstance(field.default, int) else value
    return values
