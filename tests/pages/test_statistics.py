"""The Frame order page's statistics and lessons, without a browser."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.models import available
from core.order.chance import chance_accuracy
from core.weights import file_hash, load, save_checkpoint
from pages.parts import cached, runs
from pages.parts.choose_model import model_options
from tests.pages.test_pages import ROOT, opened

PAGE = str(ROOT / "pages" / "frame_order.py")


@pytest.fixture(autouse=True)
def no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--runs", str(tmp_path / "runs")])


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("name", sorted(available()))
def test_the_order_is_read_from_any_layer_and_head_and_from_the_pixels(name: str) -> None:
    app = opened(name, PAGE)
    layers = app.selectbox(key="order_layer")
    assert layers.value == "last" and len(layers.options) >= 2
    layers.set_value("1").run()
    heads = app.selectbox(key="order_head")
    heads.set_value("1").run()
    assert not app.exception and not app.error
    assert any("layer 1, head 1" in caption.value for caption in app.caption)
    app.segmented_control(key="by").set_value("pixels").run()
    assert not app.exception and any(
        "Pixel likeness, no weights" in caption.value for caption in app.caption
    )


def test_a_hundred_shuffles_are_run_when_asked_counted_alike_and_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    known = cached.shuffle_model
    monkeypatch.setattr(
        cached,
        "shuffle_model",
        lambda *args, **more: calls.append(len(args[2])) or known(*args, **more),
    )
    monkeypatch.setattr("pages.parts.statistics.SEEDS", 20)
    app = opened("timesformer", PAGE)
    label = "OrderAcc, mean of 20 shuffles"
    assert label not in metrics(app) and not calls
    app.button(key="run-shuffles").click().run()
    assert not app.exception and calls == [10, 10]
    first = metrics(app)
    assert first["chance"] == f"{chance_accuracy(8):.2f} %" == "47.13 %" and first[label].endswith(
        " %"
    )
    app.button(key="run-shuffles").click().run()
    assert metrics(app) == first and calls == [10, 10], "kept"
    drawn = json.loads(
        next(c.proto.spec for c in app.get("plotly_chart") if "over-seeds" in c.proto.id)
    )
    bars = [trace for trace in drawn["data"] if trace["type"] == "bar"]
    assert [trace["name"] for trace in bars] == ["TimeSformer", "pixel path"]


def test_a_data_set_is_measured_by_class_and_a_file_that_is_no_video_is_left_out(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("tick", "carret"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i, file in enumerate(sorted((clips / "gestures" / label).glob("*.mp4"))[:2]):
            shutil.copy(file, tmp_path / "set" / label / f"{i}.mp4")
    (tmp_path / "set" / "tick" / "0_broken.mp4").write_bytes(b"no video")
    monkeypatch.setattr(sys, "argv", ["app.py", "--clips", str(tmp_path / "set")])
    app = opened("direcformer", PAGE)
    app.segmented_control(key="order-data").set_value("folder").run()
    app.selectbox(key="order-each").set_value(5).run()
    assert not app.dataframe
    app.button(key="run-data").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["class"].tolist() == ["carret", "tick", "all"] and table["clips"].tolist() == [
        2,
        2,
        4,
    ]
    assert table["OrderAcc"][2] == pytest.approx(
        np.mean([table["OrderAcc"][0], table["OrderAcc"][1]])
    )
    assert any("4 of 5 clips, 1 cannot be used" in caption.value for caption in app.caption)


def a_lesson(room: Path, pixels: float = 55.0) -> Path:
    """A finished lesson as `python -m training teach` leaves it.

    The shipped weights stand in place of the taught ones.
    """
    path = room / "lesson-0"
    path.mkdir(parents=True)
    clip = {
        "name": "flower.mp4",
        "frames": 40,
        "seconds": 2.0,
        "parts": "tt----bbbbbbbb----ttittttittttittttittttt"[:40],
    }
    about = {
        "name": "teach",
        "seed": 3,
        "seconds": 60.0,
        "window": 8,
        "checkpoint": "abc",
        "clips": [clip],
    }
    (path / "recipe.json").write_text(json.dumps(about))
    rows = [
        {
            "stage": "teach",
            "step": i,
            "clips": 120 * i,
            "seconds": 6.0 * i,
            "done": 0.1 * i,
            "kept": i < 10,
            "blocks": 40.0 + 5 * i,
            "blocks_either_way": 50.0 + 5 * i,
            "interleaved": 45.0 + 5 * i,
            "interleaved_either_way": 50.0 + 5 * i,
        }
        for i in range(11)
    ]
    rows[0] |= {
        "pixels_blocks": pixels,
        "pixels_blocks_either_way": 97.0,
        "pixels_interleaved": 52.0,
        "pixels_interleaved_either_way": 96.0,
    }
    (path / "metrics.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + '{"stage": "te'
    )
    model = load("direcformer")
    save_checkpoint(
        path / "model.safetensors",
        model.net.state_dict(),
        replace(model.card, recipe={"taught": {"clips": ["flower.mp4"]}}, hash=""),
    )
    return path


def test_a_finished_lesson_is_drawn_and_its_model_offered_in_this_session_alone(
    tmp_path: Path,
) -> None:
    path = a_lesson(tmp_path)
    app = opened("direcformer", PAGE)
    assert any("Nothing taught yet" in info.value for info in app.info)
    app.session_state["lesson"] = path
    app.run()
    assert not app.exception and not app.error
    assert (
        metrics(app)["held-out blocks, after"] == "85.0 %"
        and metrics(app)["pixel path, blocks"] == "55.0 %"
    )
    assert any(success.value.startswith("Learned: OrderAcc 85.0 %") for success in app.success)
    said = " ".join(caption.value for caption in app.caption)
    assert (
        "flower.mp4 (40 frames)" in said
        and "weights abc" in said
        and file_hash(path / "model.safetensors") in said
    )
    assert any(button.proto.id.endswith("-lesson-NPZ") for button in app.get("download_button"))
    app.button(key="use-lesson").click().run()
    app.run()
    choice = app.session_state["choice"]
    assert (
        str(choice.model) == f"file:{path / 'model.safetensors'}"
        and choice.title == "DirecFormer, taught flower.mp4"
    )
    assert "DirecFormer, taught flower.mp4" in app.selectbox(key="model").options
    assert not any("taught" in title for title in model_options(None).values()), (
        "another session is offered none of it"
    )


def test_a_model_that_did_not_learn_is_offered_with_a_warning_and_without_a_green_arrow(
    tmp_path: Path,
) -> None:
    path = a_lesson(tmp_path, pixels=90.0)
    app = opened("direcformer", PAGE)
    app.session_state["lesson"] = path
    app.run()
    assert not app.exception and not app.error
    verdict = "Not learned: OrderAcc 85.0 % on frames that it never learned from, 40.0 % before"
    assert any(w.value.startswith(verdict) for w in app.warning)
    assert not any("Learned" in success.value for success in app.success)
    shown = next(m for m in app.metric if m.label == "held-out blocks, after")
    assert shown.delta.startswith("+45.0") and shown.proto.color == shown.proto.GRAY
    assert any("It **did not learn** to order frames" in m.value for m in app.markdown)
    app.run()
    assert "DirecFormer, taught flower.mp4, not learned" in app.selectbox(key="model").options


@pytest.mark.long
def test_a_lesson_starts_as_a_child_is_stopped_and_its_room_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    app = opened("direcformer", PAGE)
    app.button(key="start-lesson").click().run()
    assert not app.exception and not app.error
    lesson = app.session_state["lesson"]
    assert runs.read(lesson).state == "running" and app.button(key="stop-lesson")
    until = time.monotonic() + 60
    while not (lesson / "recipe.json").exists():
        assert time.monotonic() < until and runs.read(lesson).state == "running", runs.read(lesson)
        time.sleep(0.1)
    room = app.session_state["lessons"].path
    assert [file.name for file in room.glob("*.mp4")] == ["carret-13.mp4"]
    app.button(key="stop-lesson").click().run()
    assert not app.exception and runs.read(lesson).state in ("stopped", "finished")
    from pages.parts.room import _clear

    _clear(room)
    assert not room.exists()
