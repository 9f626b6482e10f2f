"""What others report: a survey's table of backbones, and rows of the papers' own tables.

Tang et al., "A survey on backbones for deep video action recognition", Table 1 and its list of
references; and of the papers of DirecFormer, FAR and AM Flow those rows that print a cost. Numbers
are kept as `Decimal`, with the digits that are printed. What was printed is not put right: a note
stands beside what is odd.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from assets import ASSETS
from core.errors import BadInput
from core.models import available, setting

FOLDER = ASSETS / "survey"
FAMILIES = {"two-stream": "Two-stream", "3d-cnn": "3D CNN", "transformer": "Transformer"}
DATA = {"hmdb51": "HMDB51", "k400": "Kinetics-400", "ssv2": "Something-Something v2"}
CLASSES = {"k400": 400, "ssv2": 174}
DATA_REFERENCES = {"hmdb51": 43, "k400": 44, "ssv2": 45}
BACKBONES = (
    "name",
    "year",
    "family",
    "params_m",
    *(f"{data}_top1" for data in DATA),
    "ref",
    "idea",
    "note",
)
PRINTED = (
    "method",
    "model",
    "build",
    "data",
    "top1",
    "top5",
    "cost",
    "params_m",
    "source",
    "counted_params_m",
    "counted_gflops",
)


@dataclass(frozen=True)
class Backbone:
    """A row of the survey's table."""

    name: str
    year: int
    family: str
    """A key of FAMILIES."""
    parameters: Decimal | None
    """Millions."""
    top1: dict[str, Decimal]
    """Percent, for those keys of DATA that have a value."""
    reference: int
    """Its number in the survey's list of references."""
    idea: str
    """What the survey says of it in a few words; empty for one that stands in the table alone."""
    note: str
    """What is odd about its row."""


@dataclass(frozen=True)
class Printed:
    """A row of a paper's table, with what it costs."""

    method: str
    model: str
    """The model of `core.models` that it is, or empty."""
    build: str
    """How it is built here: a model, a preset and settings; empty for what is not."""
    data: str
    """A key of DATA."""
    top1: Decimal
    """Percent."""
    top5: Decimal | None
    cost: str
    """GFLOPs of one view x views, or TFLOPs of all, as printed; both are multiply-accumulates."""
    size: str
    """Millions of parameters as printed: a sum of parts, or empty."""
    source: str
    counted: tuple[Decimal, Decimal] | None
    """Of what is built: millions of parameters, and GFLOPs of one view, as `core count` gives them.

    They are kept, as counting the twenty takes half a minute; a test counts them again.
    """

    @property
    def gflops(self) -> float:
        """Of all views."""
        if self.cost.endswith("T"):
            return 1000 * float(self.cost[:-1])
        of_one, views = self.cost.split("x")
        return float(of_one) * int(views)

    @property
    def parameters(self) -> float | None:
        """Millions, the sum of the printed parts; a number with a + is the least."""
        parts = [part for part in self.size.split("+") if part]
        return sum(map(float, parts)) if parts else None

    @property
    def settings(self) -> tuple[str, str, dict[str, Any]]:
        """Model, preset and settings to build it with, its classes among them."""
        name, preset, *rest = self.build.split()
        return name, preset, {"classes": CLASSES[self.data]} | dict(map(setting, rest))


@cache
def backbones() -> tuple[Backbone, ...]:
    """The survey's table, in its order. Raises: BadInput as `read_backbones`."""
    return read_backbones(FOLDER / "backbones.tsv", references())


@cache
def references() -> dict[int, str]:
    """Those of the survey's references that its table names: number -> text.

    Raises: BadInput if the file is damaged.
    """
    path = FOLDER / "references.tsv"
    return {_whole(row, "number", path): row["text"] for row in _rows(path, ("number", "text"))}


@cache
def printed() -> tuple[Printed, ...]:
    """Rows of the papers' tables, paper by paper. Raises: BadInput as `read_printed`."""
    return read_printed(FOLDER / "papers.tsv")


def read_backbones(path: Path, known: dict[int, str]) -> tuple[Backbone, ...]:
    """A table of backbones, whose references are among those `known`.

    Raises: BadInput for a row that cannot be so: a family, year or number out of range, a name that
    stands there twice, a reference that is not in the list.
    """
    rows: list[Backbone] = []
    for row in _rows(path, BACKBONES):
        scores = {data: _number(row, f"{data}_top1", path, 100) for data in DATA}
        backbone = Backbone(
            row["name"],
            _whole(row, "year", path),
            row["family"],
            _number(row, "params_m", path),
            {data: score for data, score in scores.items() if score is not None},
            _whole(row, "ref", path),
            row["idea"],
            row["note"],
        )
        _check(path, row, backbone.family in FAMILIES, f"family: one of {', '.join(FAMILIES)}")
        _check(path, row, 2000 <= backbone.year < 2100, "year: four figures, from 2000 on")
        _check(path, row, backbone.reference in known, "ref: a number of references.tsv")
        _check(path, row, backbone.name not in {r.name for r in rows}, "name: each once")
        rows.append(backbone)
    return tuple(rows)


def read_printed(path: Path) -> tuple[Printed, ...]:
    """Rows of papers' tables.

    Raises: BadInput for a row that cannot be so: a data set, model or number out of range, a cost
    that is neither `GFLOPs x views` nor TFLOPs.
    """
    rows = []
    for row in _rows(path, PRINTED):
        top1 = _number(row, "top1", path, 100)
        _check(path, row, top1 is not None, "top1: a number")
        assert top1 is not None
        line = Printed(
            row["method"],
            row["model"],
            row["build"],
            row["data"],
            top1,
            _number(row, "top5", path, 100),
            row["cost"],
            row["params_m"],
            row["source"],
            _pair(row, path),
        )
        _check(path, row, line.data in DATA, f"data: one of {', '.join(DATA)}")
        _check(path, row, line.model in {"", *available()}, "model: one of `core models`, or none")
        _check(path, row, line.build.split(" ")[0] in ("", line.model), "build: begins with model")
        _check(path, row, _can(lambda line=line: line.gflops > 0), "cost: such as 196x3 or 5.3T")
        _check(path, row, _can(lambda line=line: line.parameters != 0), "params_m: such as 86+28")
        _check(
            path, row, bool(line.build) == (line.counted is not None), "counts where it is built"
        )
        rows.append(line)
    return tuple(rows)


def best(data: str) -> Backbone:
    """The highest row of the survey's table on a data set."""
    return max((b for b in backbones() if data in b.top1), key=lambda b: b.top1[data])


def by_family(data: str) -> dict[str, int]:
    """How many rows of each family have a value on a data set."""
    return {
        family: sum(b.family == family and data in b.top1 for b in backbones())
        for family in FAMILIES
    }


def placed(model: str, data: str) -> Printed | None:
    """The best row of a model that can be built here; None where no paper prints one."""
    own = [row for row in printed() if row.model == model and row.data == data and row.build]
    return max(own, key=lambda row: row.top1, default=None)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The lines of a TSV below its header. Raises: BadInput for other columns, or too few."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(reader.fieldnames or ()) != columns:
            raise BadInput(f"{path.name} has the columns {reader.fieldnames}; need {columns}")
        for row in reader:
            _check(path, row, None not in row and None not in row.values(), "a value a column")
            yield row


def _check(path: Path, row: dict[str, str], holds: bool, need: str) -> None:
    if not holds:
        name = next(iter(row.values()))
        raise BadInput(f"{path.name}, {name!r}: {row} does not fit; need {need}")


def _can(holds: Any) -> bool:
    """Whether something holds, and can be asked at all."""
    try:
        return bool(holds())
    except ValueError:
        return False


def _pair(row: dict[str, str], path: Path) -> tuple[Decimal, Decimal] | None:
    """What was counted of a row that is built."""
    parameters = _number(row, "counted_params_m", path)
    gflops = _number(row, "counted_gflops", path)
    return None if parameters is None or gflops is None else (parameters, gflops)


def _number(row: dict[str, str], column: str, path: Path, most: int = 10**6) -> Decimal | None:
    """A number above 0; None where the table has none."""
    if not row[column]:
        return None
    try:
        value = Decimal(row[column])
    except InvalidOperation:
        value = Decimal(-1)
    _check(path, row, 0 < value <= most, f"{column}: a number from 0 to {most}")
    return value


def _whole(row: dict[str, str], column: str, path: Path) -> int:
    _check(path, row, row[column].isdigit(), f"{column}: a whole number")
    return int(row[column])
