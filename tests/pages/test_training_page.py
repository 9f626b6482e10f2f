"""The Training page beyond rendered recipes: every recipe, its settings, searches, measurements."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from core.runs import thinned
from pages.parts import measuring, runs
from pages.parts.settings import checked
from tests.pages.test_runs import on_disk, page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "argv", ["app.py", "--runs", str(tmp_path / "runs")])
    yield tmp_path / "runs"
    runs.stop_all()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str], str]]:
    """What would have been started."""
    asked: list[tuple[Path, list[str], str]] = []
    monkeypatch.setattr(
        runs, "_launch", lambda path, words, out="--out": asked.append((path, words, out))
    )
    return asked


def test_every_recipe_is_offered_with_its_losses_and_its_settings(
    launched: list[tuple[Path, list[str], str]], folder: Path
) -> None:
    app = page()
    box = app.selectbox(key="recipe")
    assert set(box.options) == set(runs.recipes()) and len(box.options) > 30
    box.set_value("direcformer_jester").run()
    assert not app.exception and not app.error
    losses = app.dataframe[0].value
    assert dict(zip(losses["flag"], losses["weight"], strict=True)) == {
        "--classify": 1.0,
        "--order": 1.0,
        "--directed": 1.0,
    }
    settings = app.dataframe[1].value
    told = dict(zip(settings["flag"], settings["value"], strict=True))
    assert told["--lr"] == "0.005" and told["model"] == "direcformer b"
    app.button(key="start").click().run()
    assert "ame the folder that holds the clips" in app.error[0].value and not launched
    app.text_input(key="root-direcformer_jester-jester").set_value("/data/jester")
    app.text_input(key="more-direcformer_jester").set_value("--lr 0.01 --set depth=6")
    app.button(key="start").click().run()
    ((path, words, out),) = launched
    assert path == folder / "my_run" and out == "--out"
    assert words[:2] == ["fit", "direcformer_jester"] and "--root=/data/jester" in words
    assert words[-4:] == ["--lr", "0.01", "--set", "depth=6"]
    assert not any(word.startswith("--validate-clips") for word in words)


def test_a_folder_of_clips_stands_in_for_rendered_ones(
    launched: list[tuple[Path, list[str], str]],
) -> None:
    app = page()
    app.selectbox(key="recipe").set_value("rvit_gesture").run()
    app.selectbox(key="data-rvit_gesture").set_value("folder").run()
    app.text_input(key="root-rvit_gesture-folder").set_value("/my/clips")
    app.button(key="start").click().run()
    assert not app.exception
    ((_, words, _),) = launched
    assert {"--data=folder", "--root=/my/clips"} <= set(words)


@pytest.mark.parametrize("text", ["--out /tmp/x", "--until-stdin-closes", "lr 3", "--lr '0.1"])
def test_what_is_no_setting_of_a_recipe_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(BadInput) as error:
        checked(text, runs.recipes()["rvit_gesture"])
    assert "\n" not in str(error.value)
    assert checked("--lr=0.1 --set a=b", runs.recipes()["rvit_gesture"]) == [
        "--lr=0.1",
        "--set",
        "a=b",
    ]


def test_a_search_and_a_measurement_are_started_as_their_commands(
    launched: list[tuple[Path, list[str], str]], folder: Path
) -> None:
    (on_disk(folder, "done") / "model.safetensors").touch()
    app = page()
    app.number_input(key="tune-trials").set_value(3)
    app.button(key="tune-start").click().run()
    app.selectbox(key="evaluate-model").set_value("run:done")
    app.button(key="evaluate").click().run()
    assert not app.exception and not app.error
    search, measurement = launched
    assert search[1][:3] == ["tune", "rvit_gesture", "--trials=3"] and search[2] == "--out"
    checkpoint = str(folder / "done" / "model.safetensors")
    assert measurement[1] == [
        "evaluate",
        "--checkpoint",
        checkpoint,
        "--data=gestures",
        "--clips=200",
    ]
    assert measurement[2] == "--report" and measurement[0] == folder / "my_measurement"


def test_what_was_measured_and_what_a_search_recommends_are_shown_and_are_no_runs(
    folder: Path,
) -> None:
    measured = folder / "mine"
    measured.mkdir(parents=True)
    result = {"clips": 7, "top1": 0.875, "order_accuracy": 62.5, "reversal_accuracy": 75.0}
    (measured / runs.REPORT_FILE).write_text(json.dumps(result))
    searched = folder / "search"
    searched.mkdir()
    (searched / runs.STUDY_FILE).touch()
    (searched / runs.File.LOG).write_text("0.9 in trial-0001: --lr 0.0003\n")
    app = page()
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures == {
        "Clips": "7",
        "Top-1": "87.5 %",
        "OrderAcc": "62.5 %",
        "Either direction": "75.0 %",
    }
    assert any("--lr 0.0003" in code.value for code in app.code)
    assert runs.listed(folder) == []
    assert measuring.checkpoints_of({}) == {}


def test_the_curves_that_a_published_run_leaves_are_thinned_evenly_with_their_ends() -> None:
    rows = [{"stage": "video", "clips": i, "loss": 1 / i} for i in range(1, 1001)]
    rows.insert(500, {"stage": "video", "clips": 500, "validation_top1": 0.5})
    rows += [{"stage": "stills", "clips": 3, "loss": 1.0}]
    kept = thinned(rows, most=100)
    of_video = [row for row in kept if row["stage"] == "video" and "loss" in row]
    assert len(of_video) == 100 and of_video[-1]["clips"] == 1000
    assert {b["clips"] - a["clips"] for a, b in pairwise(of_video)} == {10}
    assert sum("validation_top1" in row for row in kept) == 1
    assert [row for row in kept if row["stage"] == "stills"] == rows[-1:]


def test_a_model_whose_curves_were_kept_shows_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pages.parts import history

    metrics = tmp_path / "metrics"
    metrics.mkdir()
    name = next(iter(history.cards()))
    rows = [{"stage": "video", "clips": i, "loss": 1 / i, "lr": 0.1} for i in (1, 2, 3)]
    (metrics / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(history, "METRICS_FOLDER", metrics)

    def run() -> None:
        from pages.parts import history

        history.draw()

    app = AppTest.from_function(run, default_timeout=60).run()
    assert not app.exception and len(app.get("plotly_chart")) == 2
    assert not any("were not kept" in caption.value for caption in app.caption)
