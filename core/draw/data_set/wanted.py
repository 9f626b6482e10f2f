"""Which clips a data set holds, and how one becomes frames: nothing of a model but its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BadInput
from core.explain.trust.over_clips import FIRST_SEED
from core.video import Clip, digest
from core.video.sets.labelled import PICTURES, Labelled
from core.video.sets.listing import listing
from core.video.sets.named import named
from core.video.sets.reading import Plan, read
from core.weights import Card
from core.world.gestures import LABELS, Gesture, Uncut

GESTURES = "gestures"
RENDERED = 200
"""Rendered clips, where no number is given."""
RENDERED_FRAMES = 48
"""Of a rendered clip, from which a model's are taken: as the app draws `render:LABEL:SEED`."""
_NO_CLIPS = (*PICTURES, ".csv", ".json", ".md", ".parquet", ".tsv", ".txt")


@dataclass(frozen=True)
class Wanted:
    """One clip of a data set."""

    number: int  # from 0
    name: str  # unique in the data set
    path: str  # absolute, or render:LABEL:SEED
    label: str | None
    start: float | None = None  # seconds
    end: float | None = None

    @property
    def identity(self) -> dict[str, object]:
        """What a row says of it, whether it can be used or not."""
        return {
            "number": self.number,
            "clip": self.name,
            "path": self.path,
            "label": self.label,
            "start": self.start,
            "end": self.end,
        }


@dataclass(frozen=True)
class WantedSet:
    """The clips of a data set, in an order that is the same at every start."""

    source: str  # as it was given
    clips: tuple[Wanted, ...]
    missing: int = 0  # listed, but not there
    first_missing: str = ""

    @property
    def digest(self) -> str:
        """Names these clips and this order."""
        return digest(*((c.name, c.path, c.label, c.start, c.end) for c in self.clips))


def wanted_set(source: str, rendered: int | None = None) -> WantedSet:
    """The clips that `source` names.

    It is `gestures`, that is `rendered` rendered clips (None: RENDERED), labels in turn, from seeds
    that no training run draws; KIND:ROOT[:SPLIT] or DIR as `core.video.sets.named` takes them; or a
    folder in which clips lie, which then have no label.

    Raises: BadInput for what cannot be listed, or holds no clip.
    """
    if source == GESTURES:
        if rendered is not None and rendered < 1:
            raise BadInput(f"--clips {rendered} renders nothing; give 1 or more")
        return WantedSet(source, tuple(map(_gesture, range(rendered or RENDERED))))
    if rendered is not None:
        raise BadInput(f"--clips says how many gestures are rendered; leave it out for {source}")
    kind, root, split = named(source)
    loose = _loose(Path(root)) if kind == "folder" and split is None else []
    try:
        listed = listing(kind, root, split)
    except BadInput:
        if not loose:
            raise
        return WantedSet(source, tuple(loose))
    clips = [
        Wanted(len(loose) + i, c.name, _absolute(c), c.label, c.start, c.end)
        for i, c in enumerate(listed.clips)
    ]
    return WantedSet(source, (*loose, *clips), listed.missing, listed.first_missing)


def _gesture(number: int) -> Wanted:
    label, seed = LABELS[number % len(LABELS)], FIRST_SEED + number
    return Wanted(number, f"{label}/{seed}", f"render:{label}:{seed}", label)


def _loose(root: Path) -> list[Wanted]:
    """The clips that lie in a folder itself: they have no label."""
    paths = sorted(
        path
        for path in root.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _NO_CLIPS
    )
    return [Wanted(i, path.name, str(path.absolute()), None) for i, path in enumerate(paths)]


def _absolute(clip: Labelled) -> str:
    assert isinstance(clip.source, Path), "what is listed lies on a disk"
    return str(clip.source.absolute())


def read_wanted(wanted: Wanted, card: Card) -> tuple[Clip, Gesture | None]:
    """A clip as the card samples it, and the gesture that it is, where it is rendered.

    A file's frames are as the model sees them, (T, size, size, 3); of too few they are as in the
    training of these weights, which a card of this project names. Raises: VideoError.
    """
    if wanted.path.startswith("render:"):
        _, label, seed = wanted.path.split(":")
        uncut = Uncut(label, int(seed), RENDERED_FRAMES)
        how = {"sampling": card.sampling, "stride": card.stride, "rate": card.rate}
        indices = uncut.indices(frames=card.frames, **how).tolist()
        gesture = uncut.drawn(indices)
        return uncut.clip(gesture, indices), gesture
    short = (card.recipe.get("stages") or [{}])[-1].get("short", "refuse")
    plan = Plan(
        card.frames,
        card.sampling,
        card.stride,
        short=short,
        size=card.size,
        shape=card.crop,
        rate=card.rate,
    )
    clip = Labelled(wanted.name, Path(wanted.path), wanted.label or "", wanted.start, wanted.end)
    frames, times = read(clip, plan)
    identity = digest(wanted.path, np.asarray(times[0]).tolist(), card.crop, card.size)
    return Clip(frames[0], times[0], Path(wanted.path).name, identity), None
