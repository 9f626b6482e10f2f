"""The papers' own tables as they are printed, and what of them can be built here.

Cells are text with the digits that are printed. Numbers of references are left out, and a method
that a table names once for several rows stands in each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from assets import ASSETS
from core.errors import BadInput
from core.models import setting, settings_of

PATH = ASSETS / "papers" / "tables.json"


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]
    build: str = ""
    """How it is built here: a model, a preset and settings; empty for what is not."""
    miniature: str = ""
    """The row of the tables in miniature that asks the same; empty for none."""

    @property
    def settings(self) -> tuple[str, str, dict[str, Any]]:
        """Model, preset and settings of `build`."""
        name, preset, *rest = self.build.split()
        return name, preset, dict(map(setting, rest))


@dataclass(frozen=True)
class Table:
    """A table of a paper."""

    paper: str
    number: str
    title: str
    data: str
    """The data set, or empty."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    """What is odd about it."""
    miniature: str = ""
    """The tables of `training reproduce` that ask it again in miniature, as words."""

    @property
    def miniatures(self) -> list[str]:
        """Their names."""
        return self.miniature.split()

    @property
    def name(self) -> str:
        """Paper and number: what it is called in a link."""
        return f"{self.paper}, Table {self.number}"


@cache
def tables() -> tuple[Table, ...]:
    """Every table, paper by paper. Raises: BadInput as `read_tables`."""
    return read_tables(PATH)


def read_tables(path: Path) -> tuple[Table, ...]:
    """The tables of a file.

    Raises: BadInput for a row of another width than its table, one that cannot be built as it says,
    or a table that stands there twice.
    """
    result: list[Table] = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        rows = tuple(
            Row(tuple(row["cells"]), row.get("build", ""), row.get("miniature", ""))
            for row in entry["rows"]
        )
        table = Table(**entry | {"columns": tuple(entry["columns"]), "rows": rows})
        if table.name in {other.name for other in result}:
            raise BadInput(f"{path.name} holds {table.name} twice; need each once")
        for row in rows:
            _check(path, table, row)
        result.append(table)
    return tuple(result)


def _check(path: Path, table: Table, row: Row) -> None:
    if len(row.cells) != len(table.columns):
        raise BadInput(
            f"{path.name}, {table.name}: {row.cells} has {len(row.cells)} cells; need "
            f"{len(table.columns)}"
        )
    if row.miniature and not table.miniature:
        raise BadInput(f"{path.name}, {table.name}: {row.miniature!r} is in no miniature table")
    if row.build:
        name, preset, settings = row.settings
        settings_of(name, preset, **settings)
