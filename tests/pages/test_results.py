"""The Results page: printed figures beside measured ones, and the verdict's reliability."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.draw.results import Series, beside_paper, reliability
from core.models.tables import tables
from core.weights import UNCALIBRATED
from core.world.gestures import LABELS
from pages.parts import history, results
from pages.parts.history import cards, measured
from tests.pages.test_pages import opened

PAGE = str(Path(__file__).parents[2] / "pages" / "results.py")


def test_a_row_opens_the_setting_that_it_speaks_of(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("far", PAGE)
    assert not app.exception and not app.error
    far = next(t for t in tables() if t.name == "FAR, Table 5")
    lines: list[str] = []
    monkeypatch.setattr(results.st, "info", lambda text, **_: lines.append(text))
    monkeypatch.setattr(results.st, "button", lambda *_, **__: False)
    results.setting_of(far.rows[1])
    assert lines[0].startswith("**2:1** is `python -m core count far --preset s --set ratio=2:1`")
    assert "55.4 GFLOPs" in lines[0], "as the table prints it"


def test_a_row_of_a_shipped_variant_opens_that_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = next(t for t in tables() if t.name == "DirecFormer, Table 2").rows
    offered: list[str] = []
    asked_for: list[str] = []
    monkeypatch.setattr(results.st, "info", lambda *_, **__: None)
    monkeypatch.setattr(results.st, "button", lambda text, **_: not offered.append(text))
    monkeypatch.setattr(results, "open_model", asked_for.append)
    for row in (rows[0], rows[2], rows[-1]):
        results.setting_of(row)
    assert asked_for == ["timesformer", "direcformer", "direcformer_cc"]
    assert offered[-1].startswith("Look at DirecFormer C-C")


def test_the_miniature_stands_beside_the_same_rows_of_the_paper() -> None:
    table = next(t for t in tables() if t.name == "AM Flow, Table 4")
    rows, series = results.side_by_side(table, measured("am_flow_table4") or {})
    assert rows == ["AM flow, aligned", "no AM flow", "AM flow"]
    assert [one.title for one in series] == [
        "the paper, Kinetics-400",
        "here, rendered clips",
        "here, real clips",
    ]
    assert series[0].values == (88.8, 74.3, 72.7)
    assert [f"{value:.1f}" for value in series[1].values if value] == ["53.2", "47.0", "48.3"]
    assert [f"{value:.1f}" for value in series[2].spread if value] == ["2.6", "4.8", "5.6"]


def test_the_order_table_is_read_both_ways_on_real_clips() -> None:
    table = next(t for t in tables() if t.name == "DirecFormer, Table 2")
    rows, series = results.side_by_side(table, measured("direcformer_table2") or {})
    assert rows[-1] == "C-S + L_ord + L_self" and len(rows) == 5
    last = [one.values[-1] for one in series]
    assert [f"{value:.1f}" for value in last if value] == ["90.0", "49.8", "67.4"]


def test_every_bar_has_its_figure_and_none_where_there_is_none() -> None:
    figure = beside_paper(
        ["a", "b"], [Series("paper", (50.0, None)), Series("here", (4.25, 7.0), (0.5, None))]
    )
    assert [list(bar.text) for bar in figure.data] == [["50.0 %", ""], ["4.2 ± 0.5 %", "7.0 %"]]


def test_a_bar_of_the_reliability_is_all_shuffles() -> None:
    counts = {"shuffles": 8, "called": 4, "right": 3, "up_to_direction": 2, "unknown": 2}
    figure = reliability({"real clips": {"star": counts}})
    assert {bar.name: (bar.x[0], bar.customdata[0]) for bar in figure.data} == {
        "called, and right": (37.5, "3 of 8 shuffles"),
        "called, and wrong": (12.5, "1 of 8 shuffles"),
        "not called": (50.0, "4 of 8 shuffles"),
    }
    assert any(note.text == "3 of 4" for note in figure.layout.annotations)


def test_the_cost_of_a_row_is_that_of_all_views_and_what_is_counted_stands_beside_it() -> None:
    points = {point.name: point for point in results.costs("k400", "direcformer")}
    best = points["DirecFormer C-C"]
    assert (best.x, best.y, best.kind, best.is_shown) == (588.0, 82.75, "app", True)
    assert "counted here: 192.2 GFLOPs a view" in best.words, "a cosine can be multiplied cheaper"
    assert "counted here: 196.0 GFLOPs a view" in points["DirecFormer C-S"].words
    assert points["MTV-H"].x == 44_500 and points["MTV-H"].kind == "AM Flow"


def test_what_is_learned_from_a_few_clips_has_a_bar_for_each_number_of_them() -> None:
    line = {"few_1": {"mean": 51.5, "sd": None}, "few_10": {"mean": 94.5, "sd": 2.0}}
    rows, series = results.few_shot({"summary": [{"row": "rvit, head", "rendered": line}]})
    assert rows == ["RViT, head"]
    assert [(one.title, one.values, one.spread) for one in series] == [
        ("1 clip of each", (51.5,), (None,)),
        ("10 clips of each", (94.5,), (2.0,)),
    ]


def test_no_other_model_has_a_margin_above_which_it_calls_a_direction_known() -> None:
    thresholds = {name: card["direction_threshold"] for name, card in cards().items()}
    known = {name for name, least in thresholds.items() if least < UNCALIBRATED}
    assert known == {"direcformer", "direcformer_cc"}


def test_a_table_that_no_paper_prints_has_a_bar_for_each_of_its_figures_in_percent() -> None:
    line = {"row": "never told", "seeds": 2, "rendered": {"top1": {"mean": 0.5, "sd": 0.25}}}
    line["rendered"]["hand_auc"] = {"mean": 62.5, "sd": None}
    rows, series = results.own_rows({"summary": [line]}, results.OWN_TABLES["supervision"][2])
    assert rows == ["never told"]
    assert [(one.title, one.values, one.spread) for one in series] == [
        ("top-1", (50.0,), (25.0,)),
        ("attention on the hand", (62.5,), (None,)),
    ]


@pytest.mark.parametrize("name", results.OWN_TABLES)
def test_no_bar_of_a_table_that_was_made_is_above_100_percent(name: str) -> None:
    _, series = results.own_rows(measured(name) or {"summary": []}, results.OWN_TABLES[name][2])
    assert all(1 < value <= 100 for one in series for value in one.values)


def test_the_page_says_of_which_weights_the_curves_were_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    monkeypatch.setattr(results.st, "caption", said.append)
    monkeypatch.setattr(results, "embedded", lambda: ("rvit", "far"))
    monkeypatch.setattr(results, "metrics_file", lambda name: tmp_path / name)
    (tmp_path / "far").touch()
    results.where_the_curves_are()
    (tmp_path / "rvit").touch()
    results.where_the_curves_are()
    assert "they were not kept of RViT; any others are on the page Training" in said[0]
    assert "those of the last stage of each are on the page Training" in said[1]


def test_the_card_of_the_default_model_says_how_often_its_verdict_was_right_by_stroke() -> None:
    rows = history.verdicts("direcformer")
    assert [row["stroke"] for row in rows] == [*LABELS, "all"]
    asked = next(each for each in measured("readings")["models"] if each["model"] == "direcformer")
    for row in rows:
        for data in ("real", "rendered"):
            counts = asked[data]["verdict"][row["stroke"]]
            shown = {key: row[f"{data}: {key}"] for key in ("shuffles", "called", "right")}
            assert shown == {key: counts[key] for key in shown}
    star = next(row for row in rows if row["stroke"] == "star")
    assert star["real: right"] < star["real: called"] < star["real: shuffles"]
    assert rows[-1]["rendered: called"] == sum(row["rendered: called"] for row in rows[:-1])
    assert history.verdicts("far") == [], "it calls no direction known"


def test_other_weights_than_those_that_were_asked_have_no_such_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "listed_sums", lambda _: {"direcformer.safetensors": "0" * 64})
    assert history.verdicts("direcformer") == []


def test_what_a_miniature_does_not_ask_stands_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(results.st, "caption", said.append)
    monkeypatch.setattr(results, "chart", lambda *_: None)
    table = next(t for t in tables() if t.name == "DirecFormer, Table 1")
    results._miniature(table, "direcformer_table1")
    assert "how far a kernel is from that, not which is better. 2,400 clips a row" in said[0]
