"""Gestures of one's own on the screen: given, learned, tried, and used on another page."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.draw.matrices import confusion_map
from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.weights import load_checkpoint
from core.world.gestures import render
from pages.parts import own_lesson
from pages.parts.own_gestures import Collection, OwnClip, OwnGesture, features_of
from pages.parts.own_lesson import offered
from pages.parts.sources import ModelSource
from tests.pages.test_pages import ROOT, no_runs, opened
from tests.pages.test_record import recording

__all__ = ["no_runs"]
PAGE = str(ROOT / "pages" / "gestures.py")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Three clips of each of two strokes that no shipped model knows."""
    folder = tmp_path_factory.mktemp("clips")
    paths: dict[str, list[Path]] = {}
    for label in ("Z", "spiral"):
        for seed in range(3):
            path = folder / f"{label}-{seed}.mp4"
            write_mp4(path, render(label, seed, frames=8, size=(60, 80)).frames, 8)
            paths.setdefault(label, []).append(path)
    return paths


def collected(clips: dict[str, list[Path]]) -> Collection:
    return Collection(
        [
            OwnGesture(number, name, [OwnClip(path, path.name, "data:,") for path in paths])
            for number, (name, paths) in enumerate(clips.items())
        ]
    )


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def test_the_page_says_what_is_missing_before_anything_can_be_learned() -> None:
    app = opened("rvit", PAGE)
    assert not app.exception and not app.error
    assert app.button(key="learn").disabled and app.button(key="learn-longer").disabled
    assert "Still missing: gesture 1 has no name" in captions(app)
    app.text_input(key="gesture-name-0").set_value("Z")
    app.text_input(key="gesture-name-1").set_value("z").run()
    assert "two gestures are named 'z'" in captions(app)
    app.text_input(key="gesture-name-1").set_value("S")
    app.button(key="add-open-0").click().run()
    assert len(app.session_state["gestures"].gestures[0].clips) == 1
    assert "'Z' has 1 clip that can be used; give at least 3" in captions(app)
    app.button(key="add-open-0").click().run()
    assert "is a clip of Z already" in app.warning[0].value
    assert not app.exception


def test_what_is_recorded_for_a_gesture_is_a_clip_of_it_and_of_no_other() -> None:
    ours = recording()
    app = opened("rvit", PAGE)
    app.button(key="record-for-1").click().run()
    assert app.session_state["source"] == "record" and app.session_state["recorder_asked"] == 1
    app.session_state["recordings"] = {ours.id: ours}
    app.session_state["recorded_for"] = app.session_state["record_for"], ours.id
    app.run()
    first, second = app.session_state["gestures"].gestures
    assert [clip.title for clip in second.clips] == [ours.source] and not first.clips
    app.text_input(key="gesture-name-1").set_value("wave").run()
    app.button(key="add-open-0").click().run()
    assert "is a clip of wave already" in app.warning[0].value
    assert not first.clips and not app.exception


def with_clips(clips: dict[str, list[Path]]) -> AppTest:
    """The page with its sidebar, before RViT and a spiral, with the clips of two gestures given."""

    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    app = AppTest.from_function(run, default_timeout=120, kwargs={"page": PAGE})
    app.session_state["model"] = "rvit"
    app.session_state["gestures"] = collected(clips)
    app.session_state["label"], app.session_state["seed"] = "spiral", 77
    return app.run()


def test_gestures_are_learned_and_the_model_is_there_on_every_page(
    clips: dict[str, list[Path]],
) -> None:
    app = with_clips(clips)
    app.button(key="learn").click().run()
    assert not app.exception and not app.error
    own = app.session_state["own_head"]
    right, numbers = own.head.right, own.head.numbers
    assert len(own.clips) == 6 and numbers["chance"] == 50
    assert own.seconds < 5
    assert app.metric[0].value == f"{numbers['accuracy']:.0f} %"
    assert any(f"{right} of 6 clips right" in text.value for text in app.markdown)
    assert own.source.name in app.session_state["taught"]
    assert load_checkpoint(own.source.name).card.labels == ("Z", "spiral")
    app.button(key="use-own").click().run()
    choice = app.session_state["choice"]
    assert choice.title == "RViT, taught Z, spiral" and choice.card.taught
    assert not app.exception
    app._kwargs = {"page": str(ROOT / "pages" / "gradcam.py")}
    app.run()
    assert not app.exception and not app.error
    assert app.get("plotly_chart")


def test_the_whole_network_learns_longer_and_what_is_kept_of_it_opens_again_as_an_own_checkpoint(
    clips: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(own_lesson, "SECONDS", 3)
    app = with_clips(clips)
    app.button(key="learn-longer").click().run()
    assert not app.exception and not app.error
    until = time.monotonic() + 120
    while "use-tuned" not in {button.key for button in app.button}:
        assert time.monotonic() < until and not app.exception and not app.error
        time.sleep(0.5)
        app.run()
    assert "of 2 right" in "".join(text.value for text in app.markdown)
    (path,) = [Path(path) for path, title in app.session_state["taught"].items()]
    assert app.session_state["taught"][str(path)] == "RViT, taught Z, spiral longer"

    kept = tmp_path / "own_gestures.safetensors"
    kept.write_bytes(path.read_bytes())  # what *Download it* gives
    app.session_state["own_checkpoint"] = str(kept)
    app.session_state["switch_to"] = ModelSource("file", str(kept))
    app.run()
    choice = app.session_state["choice"]
    assert not app.exception and choice.model == ModelSource("file", str(kept))
    assert choice.title == "RViT, taught Z, spiral" and choice.card.labels == ("Z", "spiral")


def test_a_clip_is_read_by_a_model_once(
    clips: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    monkeypatch.setattr(
        "pages.parts.own_gestures.read_frames", lambda path, card: read.append(path)
    )
    monkeypatch.setattr("pages.parts.own_gestures.example_features", lambda *_: (np.zeros((1, 2)),))
    from core.weights import load

    own, model = collected(clips), load("rvit")
    assert len(features_of(own, model)) == len(read) == 6
    features_of(own, model)
    assert len(read) == 6
    features_of(own, model.changed(hash="another"))
    assert len(read) == 12


def test_what_is_missing_is_named_gesture_by_gesture(clips: dict[str, list[Path]]) -> None:
    own = collected(clips)
    own.check()
    own.gestures[1].name = "z"
    with pytest.raises(BadInput, match="two gestures are named 'z'"):
        own.check()
    own.gestures[1].name, own.gestures[1].clips = "S", own.gestures[1].clips[:2]
    with pytest.raises(BadInput, match="'S' has 2 clips"):
        own.check()


def test_two_models_of_the_same_gestures_have_titles_of_their_own(tmp_path: Path) -> None:
    first = offered(tmp_path / "a", "rvit", ("Z", "S"))
    second = offered(tmp_path / "b", "rvit", ("Z", "S"))
    from pages.parts.choose_model import taught

    assert taught()[first.name] == "RViT, taught Z, S"
    assert taught()[second.name] == "RViT, taught Z, S (2)"


def test_a_confusion_map_writes_each_count_into_its_cell() -> None:
    figure = confusion_map(np.array([[3.0, 0.0], [1.0, 2.0]]), ["Z", "spiral"])
    assert [cell.text for cell in figure.layout.annotations] == ["3", "0", "1", "2"]
    assert figure.data[0].text[1][0] == "spiral taken for Z"
