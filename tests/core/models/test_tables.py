"""The papers' tables as printed: against the papers' text, and what is built of their rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.errors import BadInput
from core.models.count import count
from core.models.tables import PATH, Table, read_tables, tables

PAPERS = {"AM Flow": "001", "DirecFormer": "002", "FAR": "004"}


def table(name: str) -> Table:
    return next(table for table in tables() if table.name == name)


def test_every_number_of_every_row_stands_in_one_line_of_the_papers_text(clips: Path) -> None:
    """Table 4 of AM Flow is three tables side by side, of which each line holds a row of each."""
    if not (clips.parent / "papers").is_dir():
        pytest.skip(f"no papers at {clips.parent}")
    for one in tables():
        (path,) = (clips.parent / "papers").glob(f"{PAPERS[one.paper]}*")
        lines = [bare(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for row in one.rows:
            numbers = [bare(cell) for cell in row.cells[1:] if re.search(r"\d", cell)]
            assert any(all(number in line for number in numbers) for line in lines), row


def bare(text: str) -> str:
    """Without spaces and LaTeX."""
    return re.sub(r"[\s$]", "", text.replace("\\times", "×"))


def test_there_are_sixteen_tables_of_three_papers_and_ablations_have_a_miniature() -> None:
    names = [one.name for one in tables()]
    assert [sum(name.startswith(paper) for name in names) for paper in PAPERS] == [4, 5, 7]
    assert {one.name: one.miniatures for one in tables() if one.miniatures} == {
        "AM Flow, Table 4": ["am_flow_table4", "am_flow_adapters"],
        "DirecFormer, Table 1": ["direcformer_table1"],
        "DirecFormer, Table 2": ["direcformer_table2", "direcformer_table1"],
        "FAR, Table 2": ["far_tables", "far_table2"],
        **{f"FAR, Table {number}": ["far_tables"] for number in (3, 4, 5, 6)},
    }
    assert table("DirecFormer, Table 2").rows[-1].cells[-1] == "90.19"
    assert table("FAR, Table 8").rows[-2].cells[0] == "FAR (MVD)", "named once, in both rows"


def test_what_the_rows_of_far_are_built_as_costs_what_is_printed() -> None:
    for number in ("2", "3", "5"):
        one = table(f"FAR, Table {number}")
        printed = one.columns.index("GFLOPs")
        for row in one.rows:
            name, preset, settings = row.settings
            gflops = count(name, preset, classes=174, **settings).macs / 1e9
            assert abs(gflops - float(row.cells[printed])) < 0.06, row


ENTRY = {
    "paper": "FAR",
    "number": "2",
    "title": "",
    "data": "",
    "note": "",
    "miniature": "",
    "columns": ["a", "b"],
}


@pytest.mark.parametrize(
    ("rows", "need"),
    [
        ([{"cells": ["1"]}], "has 1 cells; need 2"),
        ([{"cells": ["1", "2"], "miniature": "sd"}], "'sd' is in no miniature table"),
        ([{"cells": ["1", "2"], "build": "nobody b"}], "'nobody' is not known"),
        ([{"cells": ["1", "2"], "build": "far s attention=some"}], "attention='some'"),
    ],
)
def test_a_table_that_cannot_be_so_is_refused(
    tmp_path: Path, rows: list[dict[str, object]], need: str
) -> None:
    path = tmp_path / "tables.json"
    path.write_text(json.dumps([ENTRY | {"rows": rows}]))
    with pytest.raises(BadInput, match=need):
        read_tables(path)
    path.write_text(json.dumps([ENTRY | {"rows": []}] * 2))
    with pytest.raises(BadInput, match="twice"):
        read_tables(path)
    assert PATH.exists()
