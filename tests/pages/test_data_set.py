"""The Data set page: filters, figures at the top, and clips that open elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.draw.data_set.made_up import write_made_up
from core.draw.data_set.results import Filter, disagreements, open_results, results_in
from core.errors import BadInput
from core.weights import CHECKPOINTS, load
from core.weights.files import listed_sums
from pages.parts import data_set, data_set_charts, data_set_clips, session
from tests.pages.test_pages import opened

PAGE = str(Path(__file__).parents[2] / "pages" / "data_set.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of two models on the same 211 clips."""
    for seed, name in enumerate(("one", "two")):
        write_made_up(tmp_path / name, 211, seed=seed, shard=53)
    monkeypatch.setattr(sys, "argv", ["app.py", "--results", str(tmp_path)])
    return tmp_path


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_figures_at_the_top_are_those_of_the_clips_that_pass(folder: Path) -> None:
    results, other = (open_results(folder / name) for name in ("one", "two"))
    app = opened("direcformer", PAGE)
    app.selectbox(key="set").set_value("one")
    app.selectbox(key="beside").set_value("two").run()
    assert not app.exception and not app.error
    rows = results.where(Filter())
    assert figures(app)["Clips"] == str(len(rows)) == "209"
    assert figures(app)["Not usable"] == "2"
    assert figures(app)["Disagree"] == str(disagreements(results, other)[rows].sum())
    app.multiselect(key="set_label").set_value(["left"])
    app.selectbox(key="set_right").set_value("right").run()
    rows = results.where(Filter({"label": ["left"]}, correct=True))
    assert figures(app)["Clips"] == str(len(rows)) and figures(app)["Right"] == "100.0 %"
    mean = results.numbers("order_accuracy")[rows].mean()
    assert figures(app)["OrderAcc"] == f"{mean:.1f} %"
    app.segmented_control(key="set_show").set_value("broken").run()
    assert not app.exception
    assert app.dataframe[0].value["error"].tolist() == [
        "clip 100: made up as broken",
        "clip 201: made up as broken",
    ]


def test_the_page_opens_on_results_that_come_with_the_app() -> None:
    shipped = [open_results(folder) for folder in results_in(data_set.SHIPPED)]
    assert [results.about["model"] for results in shipped] == ["direcformer", "timesformer"]
    for results in shipped:
        card = load(results.about["model"]).card
        assert results.about["weights"] == card.hash, "remake them: CONTRIBUTING.md says how"
    app = opened("direcformer", PAGE)
    assert not app.exception and not app.error
    assert figures(app)["Clips"] == "120"


def test_no_clip_passes_is_said_and_results_that_cannot_be_read_are_named(folder: Path) -> None:
    (folder / "two" / "manifest.json").write_text("{")
    app = opened("direcformer", PAGE)
    assert "is damaged" in app.warning[0].value and not app.exception
    app.selectbox(key="set").set_value("one")
    app.selectbox(key="set_column").set_value("probability").run()
    low, high = app.slider(key="set_probability").value
    app.slider(key="set_probability").set_value((low, low)).run()
    assert not app.exception
    assert "No clip passes" in app.info[0].value and figures(app)["Clips"] == "0"
    assert high <= 1.0


def selected(*points: dict[str, Any]) -> dict[str, Any]:
    return {"selection": {"points": list(points)}}


def test_a_click_in_a_chart_filters_and_another_takes_it_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    state[data_set_charts.CONFUSIONS] = selected({"customdata": ["left", "up"]})
    data_set_charts._take_cell()
    assert (state["set_label"], state["set_prediction"]) == (["left"], ["up"])
    state[data_set_charts.CONFUSIONS] = selected()
    data_set_charts._take_cell()
    assert (state["set_label"], state["set_prediction"]) == ([], [])
    results = open_results(folder / "one")
    bars = [{"customdata": [0.25, 0.5]}, {"customdata": [0.5, 0.75]}]
    state[data_set_charts.HISTOGRAM] = selected(*bars)
    data_set_charts._take_bars(results, "probability")
    assert state["set_probability"] == (0.25, 0.75)
    state[data_set_charts.HISTOGRAM] = selected()
    data_set_charts._take_bars(results, "probability")
    assert state["set_probability"] == data_set.bounds_of(results, "probability")
    state[data_set_charts.MAP] = selected({"customdata": 3}, {"customdata": 7})
    ringed = data_set_charts.ringed(np.array([1, 3, 5]))
    assert ringed is not None and ringed.tolist() == [3], "7 does not pass the filter"


def test_a_button_of_a_clip_shows_it_with_the_model_of_the_results(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = open_results(folder / "one")
    subject = SimpleNamespace(results=results)
    rows = np.array([5, 8])
    records = results.records(rows, ["path", "start", "end"])
    state: dict[str, Any] = {data_set_clips.CLIPS: {"open": {"row": 8, "page": "explore"}}}
    monkeypatch.setattr(st, "session_state", state)
    data_set_clips._take(subject, rows, records)  # type: ignore[arg-type]
    label, seed = records[1]["path"].split(":")[1:]
    assert (state["source"], state["label"], state["seed"]) == ("gesture", label, int(seed))
    assert str(state[session.SWITCH_TO]) == "direcformer"
    sums = listed_sums(CHECKPOINTS)
    of_variant = {"weights_sha256": sums["direcformer_cc.safetensors"]}
    subject = SimpleNamespace(results=SimpleNamespace(about=results.about | of_variant))
    data_set_clips._take(subject, rows, records)  # type: ignore[arg-type]
    assert str(state[session.SWITCH_TO]) == "direcformer_cc", "the very weights that made them"
    state[data_set_clips.CLIPS] = {"open": {"row": 6, "page": "explore"}}
    state.pop("label")
    data_set_clips._take(subject, rows, records)  # type: ignore[arg-type]
    assert "label" not in state, "no such clip is on the page"


def test_a_file_of_the_results_opens_with_its_part_and_a_lost_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    file = tmp_path / "clip.mp4"
    record = {"path": str(file), "start": 1.25, "end": 3.5}
    with pytest.raises(BadInput, match=r"clip\.mp4 is no longer where the results name it"):
        data_set_clips._choose_clip(record)
    file.touch()
    data_set_clips._choose_clip(record)
    assert state[session.OWN_CLIP] == file and state["source"] == "upload"
    assert (1.25, 3.5) in state.values()


@pytest.mark.long
def test_a_million_rows_answer_a_filter_within_two_seconds(tmp_path: Path) -> None:
    import time

    write_made_up(tmp_path, 1_000_000, shard=4096, width=4)
    results = open_results(tmp_path)
    began = time.perf_counter()
    asked = Filter({"label": ["left", "up"]}, {"probability": (0.3, 0.9)}, correct=True)
    rows = results.by(results.where(asked), "truth_auc", largest_first=True)
    records = results.records(rows[:24], data_set_clips.PICTURES)
    results.counts(rows)
    assert time.perf_counter() - began < 2 and len(records) == 24
    assert results.nbytes < 300e6
