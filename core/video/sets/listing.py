"""Which clips a data set holds, and their labels; nothing here opens a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import BadInput
from core.video.sets.folders import folder
from core.video.sets.labelled import Listing
from core.video.sets.layouts import hmdb51, jester, kinetics, smarthome, ssv2, ucf101

KINDS: dict[str, Callable[[Path, str | None], Listing]] = {
    "folder": folder,
    "kinetics": kinetics,
    "ssv2": ssv2,
    "jester": jester,
    "ucf101": ucf101,
    "hmdb51": hmdb51,
    "smarthome": smarthome,
}
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What a layout raises for a damaged list: each can be damaged in its own ways."""


def listing(kind: str, root: str | Path, split: str | None = None) -> Listing:
    """List a data set of one of KINDS.

    Args:
        split: train, val or test (other spellings of these are understood); ucf101 and hmdb51 take
            train1 to test3. None is everything in a plain folder, and train elsewhere.

    Raises: BadInput for an unknown kind or split, files that are missing or cannot be read, or not
    one clip.
    """
    if kind not in KINDS:
        raise BadInput(f"data set kind {kind!r} is not known; choose one of {', '.join(KINDS)}")
    root = Path(root)
    if not root.is_dir():
        raise BadInput(f"{root} is not a folder; give the folder of the {kind} data set")
    try:
        listed = KINDS[kind](root, split)
    except BadInput:
        raise
    except _DAMAGED as error:
        raise BadInput(
            f"{root} holds a list of {kind} that is not as it was published "
            f"({type(error).__name__}: {error}); get the data set's files again"
        ) from None
    if not listed.clips:
        of_split = f" split {split}" if split else ""
        raise BadInput(f"{root} holds no clips of {kind}{of_split}{_all_missing(listed)}")
    return listed


def _all_missing(listed: Listing) -> str:
    if not listed.missing:
        return ""
    return f": {listed.missing} are listed and none is there (the first is {listed.first_missing})"
