"""The files of a data set: its lists, and the videos that they name."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.video.sets.labelled import PICTURES

_NO_VIDEOS = (".csv", ".json", ".txt", *PICTURES)


class Files:
    """Every video below a folder, found by its name without ending."""

    def __init__(self, root: Path) -> None:
        self.by_stem: dict[str, list[Path]] = {}
        for parent, folders, names in os.walk(root, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                if not name.startswith(".") and path.suffix.lower() not in _NO_VIDEOS:
                    self.by_stem.setdefault(path.stem, []).append(path)

    def __iter__(self) -> Iterator[Path]:
        return (path for paths in self.by_stem.values() for path in paths)

    def find(self, stem: str, label: str) -> Path | None:
        """The file of this name; of several the one whose folder is the label."""
        paths = sorted(self.by_stem.get(stem, ()))
        folders = {label, label.replace(" ", "_")}
        for path in paths:
            if path.parent.name in folders:
                return path
        return paths[0] if paths else None


def nearby(root: Path, pattern: str) -> list[Path]:
    """Files of this name in the folder or one below."""
    below = [path for path in root.glob(f"*/{pattern}") if not path.parent.name.startswith(".")]
    paths = sorted(root.glob(pattern)) + sorted(below)
    # ._list.csv is a Mac's note on list.csv
    return [path for path in paths if path.is_file() and not path.name.startswith(".")]


def one(root: Path, names: list[str]) -> Path:
    """The first file that has one of these names. Raises: BadInput if there is none."""
    for name in names:
        for path in nearby(root, name):
            return path
    raise BadInput(f"{root} holds no {' or '.join(names)}; expected it there or one folder below")


def lines(path: Path) -> list[str]:
    """Those that hold anything. Raises: BadInput for what is no text."""
    return [line for line in _text(path).splitlines() if line.strip()]


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by its head. Raises: BadInput for what is none."""
    try:
        rows = list(csv.DictReader(_text(path).splitlines()))
    except csv.Error as error:
        raise BadInput(f"{path} is not a table with commas ({error})") from None
    return [{k: v.strip() if isinstance(v, str) else v for k, v in row.items()} for row in rows]


def json_of(path: Path, kind: type) -> Any:
    """A JSON file that holds a list or an object. Raises: BadInput for another."""
    try:
        value = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path} is not JSON ({error})") from None
    if not isinstance(value, kind):
        raise BadInput(f"{path} holds a {type(value).__name__}, expected a {kind.__name__}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not text in UTF-8; save it as such") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); check its rights") from None
