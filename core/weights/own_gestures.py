"""What makes a set of one's own gestures: their names, and how many clips each needs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.errors import BadInput

LEAST_NAMES, MOST_NAMES = 2, 6
LEAST_CLIPS = 3
MOST_LETTERS = 24
_NAME = re.compile(rf"[^\W_][\w -]{{0,{MOST_LETTERS - 1}}}")


def check_gestures(clips: Mapping[str, int]) -> None:
    """What can be learned, from how many clips each name has.

    Raises: BadInput that says which name lacks what.
    """
    if not LEAST_NAMES <= len(clips) <= MOST_NAMES:
        names = f"{len(clips)} names ({', '.join(clips)})" if clips else "no name"
        raise BadInput(
            f"got {names if len(clips) != 1 else f'one name ({next(iter(clips))})'}; give "
            f"{LEAST_NAMES} to {MOST_NAMES} gestures, each with {LEAST_CLIPS} clips or more"
        )
    check_names(list(clips))
    for name, count in clips.items():
        if count < LEAST_CLIPS:
            raise BadInput(
                f"{name!r} has {count} clip{'s' * (count != 1)} that can be used; give at least "
                f"{LEAST_CLIPS}"
            )


def check_names(names: list[str]) -> None:
    """Raises: BadInput for a name that is no plain one, or that two gestures share."""
    for number, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"{name[:60]!r} cannot name a gesture; use 1 to {MOST_LETTERS} letters, digits, "
                "spaces, - and _, beginning with a letter or digit"
            )
        same = [other for other in names[:number] if other.casefold() == name.casefold()]
        if same:
            raise BadInput(
                f"two gestures are named {name!r}; give each a name of its own, apart from case"
            )
