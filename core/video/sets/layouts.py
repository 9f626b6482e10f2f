"""The public data sets as they are published: one function a layout, from its lists to clips."""

from __future__ import annotations

import os
import re
from pathlib import Path

from core.errors import BadInput
from core.video.sets.labelled import Listed, Listing, present
from core.video.sets.lists import Files, json_of, lines, nearby, one, table
from core.video.sets.splits import SPLITS, canonical, meant, numbered

SMARTHOME_TRAIN = (3, 4, 6, 7, 9, 12, 13, 15, 17, 19, 25)
"""Persons that the cross-subject protocol of Toyota Smarthome trains on; all others test."""


def kinetics(root: Path, split: str | None) -> Listing:
    """CSV files with the columns label, youtube_id, time_start, time_end, split.

    They lie beside or above the videos, <id>_<start>_<end>.<ext> with six digits each, or
    <id>.<ext> uncut, in any folder below.
    """
    wanted = canonical("kinetics", split or "train")
    rows = []
    for file in nearby(root, "*.csv"):
        rows += [
            (meant(row.get("split") or file.stem), row)
            for row in table(file)
            if row.get("label") and "youtube_id" in row
        ]
    if not rows:
        raise BadInput(
            f"{root} holds no Kinetics list; expected a .csv with the columns "
            "label,youtube_id,time_start,time_end,split"
        )
    files = Files(root)
    listed = [_of_kinetics(row, files, root) for own, row in rows if own == wanted]
    return present(sorted({row["label"] for _, row in rows}), listed)


def _of_kinetics(row: dict[str, str], files: Files, root: Path) -> Listed:
    identity, label = row["youtube_id"], row["label"]
    try:
        start, end = (float(row[k] or "nan") for k in ("time_start", "time_end"))
        stem = f"{identity}_{int(start):06d}_{int(end):06d}"
    except (KeyError, ValueError):
        raise BadInput(
            f"{root}: the Kinetics row of {identity!r} has no time_start and time_end in seconds"
        ) from None
    path = files.find(stem, label)
    if path is None:
        return Listed(stem, files.find(identity, label), label, start, end)
    return Listed(stem, path, label)


def ssv2(root: Path, split: str | None) -> Listing:
    """Something-Something v2: labels.json, train.json and validation.json (id, template).

    The videos are <id>.webm in any folder below.
    """
    wanted = canonical("ssv2", split or "train")
    prefixes = ("", "something-something-v2-")
    numbers = json_of(one(root, [f"{prefix}labels.json" for prefix in prefixes]), dict)
    names = [f"{prefix}{name}.json" for prefix in prefixes for name in SPLITS[wanted]]
    file = one(root, names)
    files = Files(root)
    listed = []
    for row in json_of(file, list):
        if "template" not in row:
            raise BadInput(
                f"{file}: the clip {row.get('id')!r} has no template; this split is published "
                "without labels"
            )
        label = re.sub(r"[\[\]]", "", row["template"])
        if label not in numbers:
            raise BadInput(
                f"{file}: the template {row['template']!r} is not in labels.json; the two files "
                "are of different versions"
            )
        listed.append(Listed(str(row["id"]), files.find(str(row["id"]), ""), label))
    return present(sorted(numbers, key=lambda name: int(numbers[name])), listed)


def jester(root: Path, split: str | None) -> Listing:
    """jester-v1-train.csv and -validation.csv ("id;label"), and a folder of pictures a clip."""
    wanted = canonical("jester", split or "train")
    file = one(root, [f"jester-v1-{name}.csv" for name in SPLITS[wanted]])
    rows = [[part.strip() for part in line.split(";")] for line in lines(file)]
    if any(len(row) < 2 for row in rows):
        raise BadInput(
            f"{file}: a line has no label; expected id;label, and the test split is published "
            "without labels"
        )
    parents = [root / "20bn-jester-v1", root, *sorted(p for p in root.iterdir() if p.is_dir())]
    parent = next((p for p in parents if any((p / row[0]).is_dir() for row in rows[:100])), root)
    there = {entry.name for entry in os.scandir(parent) if entry.is_dir()}
    listed = [Listed(row[0], parent / row[0] if row[0] in there else None, row[1]) for row in rows]
    return present(_labels_of_jester(root), listed)


def _labels_of_jester(root: Path) -> list[str]:
    """As jester-v1-labels.csv numbers them, or all that stand in the other lists."""
    for file in nearby(root, "jester-v1-labels.csv"):
        return [line.strip() for line in lines(file)]
    every_line = [line for file in nearby(root, "jester-v1-*.csv") for line in lines(file)]
    return sorted({line.split(";")[1].strip() for line in every_line if ";" in line})


def ucf101(root: Path, split: str | None) -> Listing:
    """classInd.txt, trainlist01.txt ... testlist03.txt, and <label>/<clip>.avi in any folder."""
    wanted, number = numbered("ucf101", split)
    labels = [line.split()[1] for line in lines(one(root, ["classInd.txt"]))]
    files = Files(root)
    listed = []
    for line in lines(one(root, [f"{wanted}list{number:02d}.txt"])):
        name = line.split()[0]
        label, _, file = name.rpartition("/")
        listed.append(Listed(name, files.find(Path(file).stem, label), label))
    return present(labels, listed)


def hmdb51(root: Path, split: str | None) -> Listing:
    """<label>_test_split1.txt with "<clip>.avi 0|1|2", which are unused, train and test.

    The videos are <label>/<clip>.avi in any folder below.
    """
    wanted, number = numbered("hmdb51", split)
    ending = f"_test_split{number}.txt"
    lists = nearby(root, f"*{ending}")
    if not lists:
        raise BadInput(
            f"{root} holds no HMDB split files; expected <label>{ending} in it or one folder below"
        )
    files = Files(root)
    listed = []
    for file in lists:
        label = file.name.removesuffix(ending)
        for line in lines(file):
            name, use = line.rsplit(maxsplit=1)
            if use == {"train": "1", "test": "2"}[wanted]:
                listed.append(Listed(name, files.find(Path(name).stem, label), label))
    return present(sorted(file.name.removesuffix(ending) for file in lists), listed)


def smarthome(root: Path, split: str | None) -> Listing:
    """Toyota Smarthome, cross-subject: label and person stand in the names of its videos.

    Such as Cook.Cleandishes_p02_r00_v02_c03.mp4.
    """
    wanted = canonical("smarthome", split or "train")
    if wanted == "val":
        raise BadInput(
            "smarthome has the splits train and test: its cross-subject protocol has no "
            "validation persons"
        )
    named = re.compile(r"(.+?)_p(\d+)_r\d+_v\d+_c\d+$")
    labels, listed = set(), []
    for path in sorted(Files(root)):
        match = named.match(path.stem)
        if match is None:
            continue
        label, person = match[1], int(match[2])
        labels.add(label)
        if (person in SMARTHOME_TRAIN) == (wanted == "train"):
            listed.append(Listed(path.name, path, label))
    if not labels:
        raise BadInput(
            f"{root} holds no Smarthome clips; expected names such as "
            "Cook.Cleandishes_p02_r00_v02_c03.mp4"
        )
    return present(sorted(labels), listed)
