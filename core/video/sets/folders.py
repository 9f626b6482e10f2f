"""Clips in folders that are named after their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.errors import BadInput
from core.video.sets.labelled import PICTURES, Labelled, Listing
from core.video.sets.splits import SPLITS, canonical


def folder(root: Path, split: str | None) -> Listing:
    """DIR/<label>/<clip>, where a clip is a video or a folder of pictures.

    With a split it is DIR/<split>/<label>/<clip>. Where no folder is named after the split, `val`
    is one clip of each label, the same on every machine (RViT's 21 validation videos of 21
    classes), and `train` is the rest.
    """
    if split is None:
        return _labelled_folders([root], root)
    wanted = canonical("folder", split)
    by_split = _split_folders(root)
    if by_split:
        if wanted not in by_split:
            raise BadInput(
                f"{root} holds no folder {' or '.join(SPLITS[wanted])}; it holds "
                f"{', '.join(sorted(by_split))}"
            )
        return _labelled_folders(list(by_split.values()), by_split[wanted])
    if wanted == "test":
        raise BadInput(
            f"{root} holds no folder 'test'; make DIR/test/<label>/<clip>, or use the splits "
            "train and val"
        )
    every = _labelled_folders([root], root)
    held = _one_of_each_label(every)
    clips = tuple(clip for clip in every.clips if (clip.name in held) == (wanted == "val"))
    return Listing(every.labels, clips)


def has_splits(root: str | Path) -> tuple[str, ...]:
    """The splits of a folder DIR/<split>/<label>/<clip>; none where it is DIR/<label>/<clip>."""
    return tuple(_split_folders(Path(root)))


def _split_folders(root: Path) -> dict[str, Path]:
    return {
        split: root / name
        for split, names in SPLITS.items()
        for name in names
        if (root / name).is_dir()
    }


def _one_of_each_label(listing: Listing) -> set[str]:
    """Names of one clip of each label that has more."""
    held: set[str] = set()
    for label in listing.labels:
        names = [clip.name for clip in listing.clips if clip.label == label]
        if len(names) > 1:
            rng = np.random.default_rng(list(label.encode()))
            held.add(names[int(rng.integers(len(names)))])
    return held


def _labelled_folders(splits: list[Path], wanted: Path) -> Listing:
    """The clips of one split, by the labels of all."""
    labels = {
        path.name
        for split in splits
        for path in split.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }
    clips = []
    for label in sorted(labels):
        inside = sorted((wanted / label).iterdir()) if (wanted / label).is_dir() else []
        clips += [Labelled(f"{label}/{path.name}", path, label) for path in inside if _holds(path)]
    return Listing(tuple(sorted(labels)), tuple(clips))


def _holds(path: Path) -> bool:
    """Whether a file or a folder of pictures counts as a clip."""
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return any(file.suffix.lower() in PICTURES for file in path.iterdir())
    return path.is_file()
