"""Which clips a data set holds, and their labels: one function a public layout, none of which opens
a video.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadInput

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation"),
    "test": ("test", "testing"),
}
SMARTHOME_TRAIN = (3, 4, 6, 7, 9, 12, 13, 15, 17, 19, 25)
"""Persons that the cross-subject protocol of Toyota Smarthome trains on; all others test."""


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
    """The clips of one split; the labels are those of the whole data set, so that all splits number
    them alike.
    """

    labels: tuple[str, ...]
    clips: tuple[Labelled, ...]
    missing: int = 0  # listed, but not there
    first_missing: str = ""


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
        found = KINDS[kind](root, split)
    except BadInput:
        raise
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ) as error:  # each list can be damaged in its own ways
        raise BadInput(
            f"{root} holds a list of {kind} that is not as it was published "
            f"({type(error).__name__}: {error}); get the data set's files again"
        ) from None
    if not found.clips:
        missing = (
            f": {found.missing} are listed and none is there (the first is {found.first_missing})"
            if found.missing
            else ""
        )
        raise BadInput(
            f"{root} holds no clips of {kind}{f' split {split}' if split else ''}{missing}"
        )
    return found


def folder(root: Path, split: str | None) -> Listing:
    """DIR/<label>/<clip>, where a clip is a video or a folder of pictures; with a split
    DIR/<split>/<label>/<clip>.

    Where no folder is named after the split, `val` is one clip of each label, the same on every
    machine (RViT's 21 validation videos of 21 classes), and `train` is the rest.
    """
    if split is None:
        return _labelled_folders([root], root)
    wanted = _canonical("folder", split)
    by_split = _split_folders(root)
    if by_split:
        if wanted not in by_split:
            raise BadInput(
                f"{root} holds no folder {' or '.join(_SPLITS[wanted])}; it holds "
                f"{', '.join(sorted(by_split))}"
            )
        return _labelled_folders(list(by_split.values()), by_split[wanted])
    if wanted == "test":
        raise BadInput(
            f"{root} holds no folder 'test'; make DIR/test/<label>/<clip>, or use the splits "
            "train and val"
        )
    whole = _labelled_folders([root], root)
    held: set[str] = set()
    for label in whole.labels:
        names = [c.name for c in whole.clips if c.label == label]
        if len(names) > 1:
            held.add(names[int(np.random.default_rng(list(label.encode())).integers(len(names)))])
    return Listing(
        whole.labels, tuple(c for c in whole.clips if (c.name in held) == (wanted == "val"))
    )


def has_splits(root: str | Path) -> tuple[str, ...]:
    """The splits of a folder DIR/<split>/<label>/<clip>; none where it is DIR/<label>/<clip>."""
    return tuple(_split_folders(Path(root)))


def _split_folders(root: Path) -> dict[str, Path]:
    return {
        s: root / name for s, names in _SPLITS.items() for name in names if (root / name).is_dir()
    }


def _labelled_folders(all_of: list[Path], wanted: Path) -> Listing:
    labels = sorted(
        {
            p.name
            for part in all_of
            for p in part.iterdir()
            if p.is_dir() and not p.name.startswith(".")
        }
    )
    clips = []
    for label in labels:
        inside = sorted((wanted / label).iterdir()) if (wanted / label).is_dir() else []
        clips += [
            Labelled(f"{label}/{p.name}", p, label)
            for p in inside
            if not p.name.startswith(".") and (p.is_file() or _pictured(p))
        ]
    return Listing(tuple(labels), tuple(clips))


def kinetics(root: Path, split: str | None) -> Listing:
    """CSV files with the columns label, youtube_id, time_start, time_end, split, beside or above
    the videos.

    Videos are <id>_<start>_<end>.<ext> with six digits each, or <id>.<ext> uncut, in any folder
    below.
    """
    wanted = _canonical("kinetics", split or "train")
    rows = []
    for table in _nearby(root, "*.csv"):
        rows += [
            (_spelt(row.get("split") or table.stem), row)
            for row in _table(table)
            if row.get("label") and "youtube_id" in row
        ]
    if not rows:
        raise BadInput(
            f"{root} holds no Kinetics list; expected a .csv with the columns "
            "label,youtube_id,time_start,time_end,split"
        )
    files = _Files(root)
    listed = []
    for own, row in rows:
        if own != wanted:
            continue
        try:
            start, end = (float(row[k] or "nan") for k in ("time_start", "time_end"))
            stem = f"{row['youtube_id']}_{int(start):06d}_{int(end):06d}"
        except (KeyError, ValueError):
            raise BadInput(
                f"{root}: the Kinetics row of {row['youtube_id']!r} has no time_start and "
                "time_end in seconds"
            ) from None
        path, part = files.find(stem, row["label"]), (None, None)
        if path is None:
            path, part = files.find(row["youtube_id"], row["label"]), (start, end)
        listed.append((stem, path, row["label"], *part))
    return _present(sorted({row["label"] for _, row in rows}), listed)


def ssv2(root: Path, split: str | None) -> Listing:
    """Something-Something v2: labels.json, train.json and validation.json (id, template), and
    <id>.webm in any folder below.
    """
    wanted = _canonical("ssv2", split or "train")
    prefix = ("", "something-something-v2-")
    numbers = _json(_one(root, [f"{p}labels.json" for p in prefix]), dict)
    table = _one(root, [f"{p}{s}.json" for p in prefix for s in _SPLITS[wanted]])
    files = _Files(root)
    listed = []
    for row in _json(table, list):
        if "template" not in row:
            raise BadInput(
                f"{table}: the clip {row.get('id')!r} has no template; this split is published "
                "without labels"
            )
        label = re.sub(r"[\[\]]", "", row["template"])
        if label not in numbers:
            raise BadInput(
                f"{table}: the template {row['template']!r} is not in labels.json; the two files "
                "are of different versions"
            )
        listed.append((str(row["id"]), files.find(str(row["id"]), ""), label, None, None))
    return _present(sorted(numbers, key=lambda name: int(numbers[name])), listed)


def jester(root: Path, split: str | None) -> Listing:
    """jester-v1-train.csv and -validation.csv ("id;label"), and a folder of 00001.jpg ... a
    clip.
    """
    wanted = _canonical("jester", split or "train")
    table = _one(root, [f"jester-v1-{s}.csv" for s in _SPLITS[wanted]])
    rows = [[part.strip() for part in line.split(";")] for line in _lines(table)]
    if any(len(row) < 2 for row in rows):
        raise BadInput(
            f"{table}: a line has no label; expected id;label, and the test split is published "
            "without labels"
        )
    names = next((found for found in _nearby(root, "jester-v1-labels.csv")), None)
    if names is not None:
        labels = [line.strip() for line in _lines(names)]
    else:
        labels = sorted(
            {
                line.split(";")[1].strip()
                for t in _nearby(root, "jester-v1-*.csv")
                for line in _lines(t)
                if ";" in line
            }
        )
    parents = [root / "20bn-jester-v1", root, *sorted(p for p in root.iterdir() if p.is_dir())]
    parent = next((p for p in parents if any((p / row[0]).is_dir() for row in rows[:100])), root)
    there = {entry.name for entry in os.scandir(parent) if entry.is_dir()}
    return _present(
        labels,
        [
            (row[0], parent / row[0] if row[0] in there else None, row[1], None, None)
            for row in rows
        ],
    )


def ucf101(root: Path, split: str | None) -> Listing:
    """classInd.txt, trainlist01.txt ... testlist03.txt, and <label>/<clip>.avi in any folder
    below.
    """
    wanted, number = _numbered("ucf101", split)
    labels = [line.split()[1] for line in _lines(_one(root, ["classInd.txt"]))]
    files = _Files(root)
    listed = []
    for line in _lines(_one(root, [f"{wanted}list{number:02d}.txt"])):
        label, _, file = line.split()[0].rpartition("/")
        listed.append((line.split()[0], files.find(Path(file).stem, label), label, None, None))
    return _present(labels, listed)


def hmdb51(root: Path, split: str | None) -> Listing:
    """<label>_test_split1.txt with "<clip>.avi 0|1|2" (unused, train, test), and <label>/<clip>.avi
    in any folder below.
    """
    wanted, number = _numbered("hmdb51", split)
    ending = f"_test_split{number}.txt"
    tables = _nearby(root, f"*{ending}")
    if not tables:
        raise BadInput(
            f"{root} holds no HMDB split files; expected <label>{ending} in it or one folder below"
        )
    files = _Files(root)
    listed = []
    for table in tables:
        label = table.name.removesuffix(ending)
        for line in _lines(table):
            file, use = line.rsplit(maxsplit=1)
            if use == {"train": "1", "test": "2"}[wanted]:
                listed.append((file, files.find(Path(file).stem, label), label, None, None))
    return _present(sorted(t.name.removesuffix(ending) for t in tables), listed)


def smarthome(root: Path, split: str | None) -> Listing:
    """Toyota Smarthome, cross-subject: label and person from names such as
    Cook.Cleandishes_p02_r00_v02_c03.mp4.
    """
    wanted = _canonical("smarthome", split or "train")
    if wanted == "val":
        raise BadInput(
            "smarthome has the splits train and test: its cross-subject protocol has no "
            "validation persons"
        )
    named = re.compile(r"(.+?)_p(\d+)_r\d+_v\d+_c\d+$")
    found = [(m, path) for path in sorted(_Files(root)) if (m := named.match(path.stem))]
    if not found:
        raise BadInput(
            f"{root} holds no Smarthome clips; expected names such as "
            "Cook.Cleandishes_p02_r00_v02_c03.mp4"
        )
    listed = [
        (path.name, path, m[1], None, None)
        for m, path in found
        if (int(m[2]) in SMARTHOME_TRAIN) == (wanted == "train")
    ]
    return _present(sorted({m[1] for m, _ in found}), listed)


KINDS: dict[str, Callable[[Path, str | None], Listing]] = {
    "folder": folder,
    "kinetics": kinetics,
    "ssv2": ssv2,
    "jester": jester,
    "ucf101": ucf101,
    "hmdb51": hmdb51,
    "smarthome": smarthome,
}


class _Files:
    """Every file below a folder, found by its name without ending."""

    def __init__(self, root: Path) -> None:
        self.by_stem: dict[str, list[Path]] = {}
        for parent, folders, names in os.walk(root, followlinks=True):
            folders[:] = [f for f in folders if not f.startswith(".")]
            for name in names:
                if not name.startswith(".") and Path(name).suffix.lower() not in (
                    ".csv",
                    ".json",
                    ".txt",
                    *PICTURES,
                ):
                    self.by_stem.setdefault(Path(name).stem, []).append(Path(parent, name))

    def __iter__(self) -> Iterator[Path]:
        return (path for paths in self.by_stem.values() for path in paths)

    def find(self, stem: str, label: str) -> Path | None:
        """The file of this name; of several the one whose folder is the label."""
        paths = sorted(self.by_stem.get(stem, ()))
        folders = {label, label.replace(" ", "_")}
        return next((p for p in paths if p.parent.name in folders), paths[0] if paths else None)


def _present(
    labels: list[str], listed: list[tuple[str, Path | None, str, float | None, float | None]]
) -> Listing:
    unknown = next((row for row in listed if row[2] not in labels), None)
    if unknown:
        raise BadInput(
            f"the clip {unknown[0]!r} has the label {unknown[2]!r}, which is not among the data "
            f"set's {len(labels)} labels"
        )
    missing = [name for name, path, *_ in listed if path is None]
    clips = {}
    for _, path, label, start, end in listed:
        if path is not None:
            name = (
                f"{label}/{path.name}"
                if start is None
                else f"{label}/{path.name}@{start:g}-{end:g}"
            )
            clips[name] = Labelled(
                name, path, label, start, end
            )  # a clip that several lists name counts once
    return Listing(
        tuple(labels), tuple(clips.values()), len(missing), missing[0] if missing else ""
    )


def _spelt(name: str) -> str | None:
    """The split that a word such as 'validate' or a file name such as 'kinetics-400_val' means."""
    words = re.split(r"[^a-z]+", name.lower())
    return next(
        (split for split, spellings in _SPLITS.items() if set(words) & set(spellings)), None
    )


def _canonical(kind: str, split: str) -> str:
    found = next((s for s, spellings in _SPLITS.items() if split.lower() in spellings), None)
    if found is None:
        raise BadInput(
            f"split {split!r} of {kind} is not known; choose one of {', '.join(_SPLITS)}"
        )
    return found


def _numbered(kind: str, split: str | None) -> tuple[str, int]:
    found = re.fullmatch(r"(train|test)0?([123]?)", split or "train")
    if not found:
        raise BadInput(
            f"split {split!r} of {kind} is not known; choose train or test, with the list's "
            "number: train1 ... test3"
        )
    return found[1], int(found[2] or 1)


def _pictured(path: Path) -> bool:
    return path.is_dir() and any(p.suffix.lower() in PICTURES for p in path.iterdir())


def _nearby(root: Path, pattern: str) -> list[Path]:
    """Files of this name in the folder or one below."""
    found = sorted(root.glob(pattern)) + sorted(
        p for p in root.glob(f"*/{pattern}") if not p.parent.name.startswith(".")
    )
    return [
        p for p in found if p.is_file() and not p.name.startswith(".")
    ]  # ._list.csv is a Mac's note on list.csv


def _one(root: Path, names: list[str]) -> Path:
    for name in names:
        if found := _nearby(root, name):
            return found[0]
    raise BadInput(f"{root} holds no {' or '.join(names)}; expected it there or one folder below")


def _lines(path: Path) -> list[str]:
    return [line for line in _text(path).splitlines() if line.strip()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not text in UTF-8; save it as such") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); check its rights") from None


def _table(path: Path) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(_text(path).splitlines()))
        return [{k: v.strip() if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    except csv.Error as error:
        raise BadInput(f"{path} is not a table with commas ({error})") from None


def _json(path: Path, kind: type) -> Any:
    try:
        value = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path} is not JSON ({error})") from None
    if not isinstance(value, kind):
        raise BadInput(f"{path} holds a {type(value).__name__}, expected a {kind.__name__}")
    return value
