"""One figure of memory that caches, uploads and work share: what would break it is refused.

AIM_MEMORY_MEGABYTES sets it; by default it is 85 % of what the machine, or the container, has.
What is kept goes first, what was used longest ago before the rest.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from core.errors import BadInput
from pages.parts.store import stores

SETTING = "AIM_MEMORY_MEGABYTES"
_SHARE = 0.85
"""Of the machine: the rest is the system's and the browser's."""
_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container's bound stands, in cgroups 2 and 1."""


def budget() -> int:
    """Bytes that the app may take.

    Raises: BadInput for a setting that is no number above 0.
    """
    text = os.environ.get(SETTING, "")
    if text and not (text.isdecimal() and int(text)):
        raise BadInput(f"{SETTING} is {text!r}; set it to a whole number above 0, or leave it out")
    return int(text) * 10**6 if text else int(_SHARE * machine())


def machine(cgroups: Iterable[Path] = _CGROUPS) -> int:
    """Bytes of memory of this machine, or of the container where that has less."""
    total: int = psutil.virtual_memory().total
    for file in cgroups:
        with suppress(OSError, ValueError):
            total = min(total, int(file.read_text()))
    return total


def used() -> int:
    """Bytes that the server and its own processes take: lessons, runs, decoders."""
    process = psutil.Process()
    total = 0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):  # it ended meanwhile
            total += each.memory_info().rss
    return total


def make_room() -> None:
    """Before work: let go of what is kept where the budget is used up.

    Raises: BadInput where that does not help, with what to lower.
    """
    most = budget()
    own: int = psutil.Process().memory_info().rss
    if own <= most // 2 or used() <= most:  # to look for children takes milliseconds
        return
    for store in stores():
        store.halve()
    give_back()
    taken = used()
    if taken > most:
        raise BadInput(
            f"the app takes {taken / 1e6:,.0f} of its {most / 1e6:,.0f} MB of memory; lower the "
            f"number of frames, choose a smaller model, or start it with a larger {SETTING}"
        )


def give_back() -> None:
    """Return what was freed to the system, which the C library would keep for later."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def kept() -> tuple[int, int]:
    """Bytes that the stores of values hold, and how many values these are."""
    each = [(store.held, len(store)) for store in stores()]
    return sum(held for held, _ in each), sum(count for _, count in each)
