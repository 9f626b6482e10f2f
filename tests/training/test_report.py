"""The report of an evaluation: text as in the RViT paper, a table, and a page.

The page needs nothing else.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from training.evaluate import Row, summarise
from training.report import confusion, order_histogram, per_class, table, text_report, write_report

LABELS = ("moving furniture", "archery", "checking <tires>", "wrestling")


def row(
    name: str,
    label: str,
    first: str,
    p: tuple[float, ...],
    order: float = 50.0,
    either: float = 75.0,
) -> Row:
    return Row(
        label,
        (first, *(x for x in LABELS if x != first)),
        order,
        either,
        order == either,
        0.25,
        name,
        p,
    )


ROWS = [
    row(
        "moving_furniture/W4.mp4",
        "moving furniture",
        "moving furniture",
        (0.77562, 0.1, 0.06438, 0.06),
    ),
    row("archery/0lk.mp4", "archery", "wrestling", (0.4, 0.3, 0.2, 0.1), 100, 100),
    row("archery/<1lk>.mp4", "archery", "archery", (0.9, 0.05, 0.03, 0.02), 100, 100),
]
RESULT = summarise(ROWS, LABELS) | {"views": "1x1", "skipped": 2}


def test_the_text_report_is_the_papers_table() -> None:
    assert text_report(ROWS).splitlines() == [
        "Video Name\tTrue Label\tPredictions with Probabilities",
        "moving_furniture/W4.mp4\tmoving furniture\tmoving furniture (0.7756), archery (0.1000), "
        "checking <tires> (0.0644)",
        "archery/0lk.mp4\tarchery\twrestling (0.4000), moving furniture (0.3000), archery (0.2000)",
        "archery/<1lk>.mp4\tarchery\tarchery (0.9000), moving furniture (0.0500), checking "
        "<tires> (0.0300)",
    ]


def test_the_table_has_a_line_a_clip() -> None:
    lines = table(ROWS)
    assert lines[0][:3] == ["clip", "label", "predicted"] and len(lines) == 4
    assert lines[2] == [
        "archery/0lk.mp4",
        "archery",
        "wrestling",
        "0.4000",
        "3",
        "100.00",
        "100.00",
        "0.2500",
    ]


def test_figures_show_the_numbers_of_the_result() -> None:
    heat = confusion(RESULT).data[0]
    assert list(heat.x) == list(heat.y) == list(LABELS)
    assert (
        heat.z[1].tolist() == [0, 0.5, 0, 0.5]
        and heat.z[2].tolist() == [0] * 4
        and heat.customdata[1].tolist() == [0, 1, 0, 1]
    )
    bars = per_class(RESULT).data
    assert [list(b.x) for b in bars] == [["moving furniture", "archery"]] * 3
    assert [list(b.y) for b in bars] == [[100, 50], [50, 100], [75, 100]]
    order, either = order_histogram(ROWS).data
    assert (list(order.x), list(order.y)) == ([50, 100], [1, 2]) and (
        list(either.x),
        list(either.y),
    ) == ([75, 100], [1, 2])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_report(
        tmp_path / "r",
        ROWS,
        RESULT,
        {"model": "direcformer gesture", "trained on": "rendered <clips> & nothing else"},
    )
    return tmp_path / "r"


def test_the_page_needs_no_other_file(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert len(page) > 1_000_000, "Plotly is inside"
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)
    assert page.count("plotly-graph-div") >= 3
    for text in (
        "Evaluation of direcformer gesture",
        "rendered &lt;clips&gt; &amp; nothing else",
        "<b>66.7 %</b>top-1",
        "<b>2</b>skipped",
        "<span class=right>archery (0.9000)</span>",
        "checking &lt;tires&gt; (0.0644)",
        "<td>archery/&lt;1lk&gt;.mp4",
        "83.3 %",
    ):
        assert text in page, text
    assert "checking <tires> (" not in page


def test_json_and_table_are_written_beside_it(written: Path) -> None:
    assert json.loads((written / "evaluation.json").read_text()) == RESULT
    with open(written / "evaluation.tsv", newline="") as file:
        assert list(csv.reader(file, "excel-tab")) == table(ROWS)
    assert (written / "report.txt").read_text() == text_report(ROWS)
