"""What the splits of a data set are called."""

from __future__ import annotations

import re

from core.errors import BadInput

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation"),
    "test": ("test", "testing"),
}
"""Each split with its spellings."""


def canonical(kind: str, split: str) -> str:
    """The split that a spelling means. Raises: BadInput for another word."""
    for name, spellings in SPLITS.items():
        if split.lower() in spellings:
            return name
    raise BadInput(f"split {split!r} of {kind} is not known; choose one of {', '.join(SPLITS)}")


def meant(name: str) -> str | None:
    """The split that a word such as 'validate' or a file name such as 'kinetics-400_val' means."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return next((split for split, spellings in SPLITS.items() if words & set(spellings)), None)


def numbered(kind: str, split: str | None) -> tuple[str, int]:
    """Split and number of the list: train1 ... test3, without a number the first."""
    match = re.fullmatch(r"(train|test)0?([123]?)", split or "train")
    if match is None:
        raise BadInput(
            f"split {split!r} of {kind} is not known; choose train or test, with the list's "
            "number: train1 ... test3"
        )
    return match[1], int(match[2] or 1)
