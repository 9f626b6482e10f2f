"""The survey's table and the papers' rows: as printed, and what the page computes of them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import BadInput
from core.models import survey
from core.models.count import count
from core.models.survey import (
    DATA,
    Printed,
    backbones,
    best,
    by_family,
    placed,
    printed,
    references,
)

PAPERS = {"AM Flow": "001", "DirecFormer": "002", "FAR": "004", "survey": "003"}


@pytest.fixture(scope="module")
def shared(clips: Path) -> Path:
    """The folder of the papers' texts, beside that of the real clips."""
    if not (clips.parent / "papers").is_dir():
        pytest.skip(f"no papers at {clips.parent}")
    return clips.parent


def text(shared: Path, paper: str) -> str:
    (path,) = (shared / "papers").glob(f"{PAPERS[paper]}*")
    return path.read_text(encoding="utf-8")


def test_the_table_is_the_surveys_to_the_digit(shared: Path) -> None:
    there = (shared / "survey_table1.tsv").read_text(encoding="utf-8").splitlines()
    columns = len(there[0].split("\t"))
    here = (survey.FOLDER / "backbones.tsv").read_text(encoding="utf-8").splitlines()
    assert ["\t".join(line.split("\t")[:columns]) for line in here] == there


def test_each_row_stands_in_the_papers_text_with_its_reference(shared: Path) -> None:
    paper = text(shared, "survey")
    for b in backbones():
        row = [b.parameters, *(b.top1.get(data) for data in DATA)]
        cells = ["-" if value is None else str(value) for value in row]
        assert "\t".join([f"{b.name} [{b.reference}]", str(b.year), *cells]) in paper


def test_the_references_are_the_papers_own(shared: Path) -> None:
    def letters(words: str) -> str:
        return re.sub(r"\W", "", words)

    paper = letters(text(shared, "survey"))
    for number, reference in references().items():
        assert f"{number}{letters(reference)}" in paper, number
    named = {b.reference for b in backbones()} | set(survey.DATA_REFERENCES.values())
    assert set(references()) == named


def test_the_rows_of_the_papers_tables_are_theirs_to_the_digit(shared: Path) -> None:
    lines = {
        paper: [
            re.sub(r"[$ ]", "", line).replace(",", ".").casefold()
            for line in text(shared, paper).splitlines()
        ]
        for paper in PAPERS
    }
    for row in printed():
        paper, tables = row.source.split(", ", 1)
        assert tables.startswith("Table ")
        method, _, variant = row.method.partition(", ")
        name = {"AM Flow": "Ours", "FAR-S": "ViT-S", "FAR-B": "ViT-B"}.get(method.split(" (")[0])
        name = name or (variant if paper == "FAR" and variant else method.split(" C-")[0])
        name = name.split(" S-")[0]
        cost = row.cost.removesuffix("T").replace("x", "×")
        words = [name, str(row.top1), str(row.top5 or "")]
        if paper != "DirecFormer":  # whose costs and sizes stand in a table of their own
            words += [cost, row.size if paper == "AM Flow" else ""]
        elif row.data == "k400":
            assert any(_holds(line, [name, cost, f"{row.size}M"]) for line in lines[paper]), row
        assert any(_holds(line, words) for line in lines[paper]), row


def _holds(line: str, words: list[str]) -> bool:
    return all(re.sub(r"[ ]", "", word).casefold() in line for word in words)


def test_sums_counts_and_extremes_of_the_table() -> None:
    rows = backbones()
    assert [sum(b.family == family for b in rows) for family in survey.FAMILIES] == [7, 10, 15]
    sizes = [b.parameters for b in rows if b.parameters]
    assert (len(sizes), sum(sizes)) == (23, Decimal("4285.8"))
    sums = {data: sum(b.top1[data] for b in rows if data in b.top1) for data in DATA}
    assert sums == {"hmdb51": Decimal("996.1"), "k400": Decimal("2141.8"), "ssv2": Decimal("915.2")}
    assert by_family("hmdb51") == {"two-stream": 7, "3d-cnn": 6, "transformer": 1}
    assert by_family("ssv2") == {"two-stream": 1, "3d-cnn": 0, "transformer": 12}
    assert [(best(data).name, str(best(data).top1[data])) for data in DATA] == [
        ("VideoMAE V2", "88.1"),
        ("InternVideo", "91.1"),
        ("MVD", "77.3"),
    ]
    assert str(next(b for b in rows if b.name == "UniFormer").top1["k400"]) == "83", "as printed"


def test_the_models_of_the_app_are_placed_by_their_papers_best_rows() -> None:
    rows = {(m, d): placed(m, d) for m in ("direcformer", "far", "am_flow") for d in DATA}
    shown = {key: (str(row.top1), row.method) for key, row in rows.items() if row}
    assert shown == {
        ("direcformer", "k400"): ("82.75", "DirecFormer C-C"),
        ("direcformer", "ssv2"): ("64.94", "DirecFormer C-C"),
        ("far", "k400"): ("83.6", "FAR-B (MVD)"),
        ("far", "ssv2"): ("73.3", "FAR-B (MVD)"),
        ("am_flow", "k400"): ("89.6", "AM Flow, transformer, 32 frames"),
        ("am_flow", "ssv2"): ("74.8", "AM Flow, TCN, 24 frames"),
    }
    assert placed("rvit", "k400") is None, "its paper prints no figure on a whole data set"


def test_costs_and_sizes_are_sums_of_what_is_printed() -> None:
    row = placed("direcformer", "ssv2")
    assert row is not None and row.gflops == 588.0 and row.parameters == 121.4
    maps = placed("am_flow", "k400")
    assert maps is not None and (maps.cost, maps.gflops, maps.parameters) == (
        "13.8T",
        13800.0,
        266.0,
    )


def counts_again(row: Printed) -> None:
    name, preset, settings = row.settings
    again = count(name, preset, **settings)
    assert row.counted is not None
    parameters, gflops = row.counted
    assert (f"{again.parameters / 1e6:.2f}", f"{again.macs / 1e9:.1f}") == (
        str(parameters),
        str(gflops),
    ), row


def test_what_is_counted_of_a_row_is_what_core_count_gives() -> None:
    row = placed("direcformer", "ssv2")
    assert row is not None and row.counted is not None
    counts_again(row)
    assert str(row.counted[0]) == "122.16", "121,392,558 and an order head of 1,001 x 769"


@pytest.mark.long
def test_so_it_is_of_every_row() -> None:
    for row in {(row.build, row.data): row for row in printed() if row.build}.values():
        counts_again(row)


@pytest.mark.parametrize(
    ("column", "value", "need"),
    [
        ("family", "2d-cnn", "family: one of two-stream"),
        ("year", "97", "year: four figures"),
        ("params_m", "-3", "params_m: a number"),
        ("k400_top1", "101", "k400_top1: a number from 0 to 100"),
        ("ref", "7", "ref: a number of references"),
        ("name", "twin", "name: each once"),
    ],
)
def test_a_row_that_cannot_be_so_is_refused(
    tmp_path: Path, column: str, value: str, need: str
) -> None:
    row = dict.fromkeys(survey.BACKBONES, "") | {
        "name": "one",
        "year": "2021",
        "family": "transformer",
        "k400_top1": "83",
        "ref": "5",
    }
    path = tmp_path / "table.tsv"
    lines = [survey.BACKBONES, (row | {"name": "twin"}).values(), (row | {column: value}).values()]
    path.write_text("\n".join("\t".join(line) for line in lines), encoding="utf-8")
    with pytest.raises(BadInput, match=need):
        survey.read_backbones(path, {5: "a book"})


@pytest.mark.parametrize(
    ("column", "value", "need"),
    [
        ("top1", "", "top1: a number"),
        ("data", "jester", "data: one of"),
        ("model", "nobody", "model: one of"),
        ("build", "far b", "build: begins with model"),
        ("cost", "196", "cost: such as"),
        ("params_m", "86+x", "params_m: such as"),
        ("build", "rvit gesture", "counts where it is built"),
    ],
)
def test_a_papers_row_that_cannot_be_so_is_refused(
    tmp_path: Path, column: str, value: str, need: str
) -> None:
    row = dict(
        zip(
            survey.PRINTED, ("a", "rvit", "", "k400", "80", "", "2x3", "", "b", "", ""), strict=True
        )
    )
    path = tmp_path / "rows.tsv"
    lines = [survey.PRINTED, (row | {column: value}).values()]
    path.write_text("\n".join("\t".join(line) for line in lines), encoding="utf-8")
    with pytest.raises(BadInput, match=need):
        survey.read_printed(path)
    path.write_text("\n".join("\t".join(line) for line in (survey.PRINTED, row.values())))
    assert survey.read_printed(path)[0].gflops == 6
