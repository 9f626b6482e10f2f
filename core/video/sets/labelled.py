"""What a data set holds before any clip is read: clips with their labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import BadInput

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


@dataclass(frozen=True)
class Labelled:
    """A clip with its label: a video file, a folder of pictures, or frames in memory."""

    name: str  # "<label>/<file>", unique in its listing
    source: Path | np.ndarray  # frames are uint8 RGB (n, H, W, 3)
    label: str
    start: float | None = None  # seconds; None is the file's own
    end: float | None = None


@dataclass(frozen=True)
class Listing:
    """The clips of one split.

    The labels are those of the whole data set, so that all splits number them alike.
    """

    labels: tuple[str, ...]
    clips: tuple[Labelled, ...]
    missing: int = 0  # listed, but not there
    first_missing: str = ""


class Listed(NamedTuple):
    """One line of a data set's list, and the file that it names."""

    name: str
    path: Path | None  # None: not there
    label: str
    start: float | None = None  # seconds
    end: float | None = None

    def clip(self, path: Path) -> Labelled:
        cut = "" if self.start is None else f"@{self.start:g}-{self.end:g}"
        name = f"{self.label}/{path.name}{cut}"
        return Labelled(name, path, self.label, self.start, self.end)


def present(labels: Iterable[str], listed: Iterable[Listed]) -> Listing:
    """The listing of those that are there. Raises: BadInput for an unknown label."""
    labels, listed = tuple(labels), list(listed)
    for line in listed:
        if line.label not in labels:
            raise BadInput(
                f"the clip {line.name!r} has the label {line.label!r}, which is not among the data "
                f"set's {len(labels)} labels"
            )
    clips = [line.clip(line.path) for line in listed if line.path is not None]
    missing = [line.name for line in listed if line.path is None]
    once = {clip.name: clip for clip in clips}  # a clip that several lines name counts once
    return Listing(labels, tuple(once.values()), len(missing), missing[0] if missing else "")
