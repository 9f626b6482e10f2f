"""What somebody who names a data set means: DIR, or KIND:ROOT[:SPLIT]."""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import BadInput
from core.video.sets.folders import has_splits
from core.video.sets.listing import KINDS


def check_folder(data: str | Path) -> None:
    """Raises: BadInput for what is no folder."""
    if not Path(data).is_dir():
        raise BadInput(
            f"{data} is not a folder; give DIR with clips as DIR/<label>/<clip>, KIND:ROOT[:SPLIT] "
            f"with a kind of {', '.join(KINDS)}, or 'gestures'"
        )


def named(data: str, holdout: float = 0.0) -> tuple[str, str, str | None]:
    """Kind, root and split of a folder DIR or of "kind:root[:split]".

    Where no split is named it is the one that is not trained on: val, or test where a data set has
    no val. With a `holdout` it is what a run holds a share of back from: train. None is a whole
    folder.

    Raises: BadInput for no folder.
    """
    kind, _, root = data.partition(":")
    split = None
    if kind in KINDS and root:
        before, colon, after = root.rpartition(":")
        is_path = Path(root).is_dir() or re.search(r"[\\/]", after)
        if colon and not is_path:  # the colon of a drive names no split
            root, split = before, after
    else:
        kind, root = "folder", data
        check_folder(data)
    if split is None and (kind != "folder" or has_splits(root)):
        split = "train" if holdout else _tested_split(kind, root)
    return kind, root, split


def _tested_split(kind: str, root: str) -> str:
    """The split that is not trained on."""
    if kind == "folder":
        return "val" if "val" in has_splits(root) else "test"
    return "test" if kind in ("ucf101", "hmdb51", "smarthome") else "val"
