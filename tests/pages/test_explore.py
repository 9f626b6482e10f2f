"""The lower half of Explore: one query through the layers, and what the viewer hands over."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from assets import ASSETS
from core import explain
from core.models import spec
from core.observe import Trace, observe
from core.video import subclip
from core.weights import load
from core.world.gestures import render, rendered_clip
from pages.parts import subject
from pages.parts.kept import kept
from pages.parts.look import TAP_HELP, Look, read
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from pages.parts.viewer_help import VIEWER_HELP
from tests.pages.test_pages import ROOT, opened

EXPLORE = str(ROOT / "pages" / "explore.py")


@pytest.fixture(scope="module")
def trace() -> Trace:
    model = load("direcformer")
    card = model.card
    return observe(
        model,
        subclip(
            rendered_clip(render("tick", 5, frames=48)), frames=card.frames, sampling=card.sampling
        ),
    )


def test_the_viewer_explains_its_attentions_in_the_words_of_the_page_and_its_frame_maps() -> None:
    controls = VIEWER_HELP["controls"]
    named = re.findall(r"\*\*(\w+)\*\*: (.+?\.)", TAP_HELP)
    assert {name for name, _ in named} == {
        tap for model in ("far", "am_flow") for tap in spec(model).spatial_taps
    }
    assert all(f"{name}: {meaning}" in controls["tap"] for name, meaning in named)
    assert all(
        f"{tap.replace('_', ' ')}: from what" in controls["times"]
        for tap in spec("rvit").temporal_taps
    )


def test_what_the_viewer_explains_stands_in_one_place_and_is_plain_text() -> None:
    modules = (ASSETS / "viewer").glob("*.js")
    javascript = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    named = set(re.findall(r'\blabelled\("(\w+)"', javascript))
    named |= set(re.findall(r"\bhelp\.controls\.(\w+)", javascript))
    assert {"tap", "view", "scale", "drawn", "smooth"} <= named <= VIEWER_HELP["controls"].keys()
    groups = ("controls", "views", "queries", "kernels")
    texts = [text for group in groups for text in VIEWER_HELP[group].values()]
    assert [text for text in texts if "**" in text or "$" in text] == []
    assert [text for text in texts if text in javascript] == []


def captions(app: AppTest, word: str) -> list[str]:
    return [c.value for c in app.caption if word in c.value]


def test_a_patch_is_followed_through_the_layers_and_the_tube() -> None:
    app = opened("timesformer", EXPLORE)
    assert any(
        "attention of each layer, class token, mean over heads, scale: clip" in line
        for line in captions(app, "each layer")
    )
    app.segmented_control(key="who").set_value("patch").run()
    app.selectbox(key="by_frame").set_value(3)
    app.selectbox(key="by_view").set_value("time")
    app.selectbox(key="by_head").set_value("2")
    app.selectbox(key="layer_scale").set_value("shared")
    app.segmented_control(key="tube_layer").set_value(1).run()
    assert not app.exception and not app.error
    row, column = (app.selectbox(key=f"by_{name}").value for name in ("row", "column"))
    words = f"patch at frame 3, row {row}, column {column} (time), head 2, scale: shared"
    assert len(captions(app, words)) == 2 and any(
        "· layer 2, attention of each layer" in line for line in captions(app, words)
    )
    app.segmented_control(key="layer_map").set_value("rollout").run()
    assert not app.exception and not app.error
    assert len(captions(app, "rollout up to each layer")) == 2, (
        "softmax attention can be multiplied"
    )


def test_every_control_of_who_looks_explains_itself() -> None:
    app = opened("far", EXPLORE)
    app.segmented_control(key="who").set_value("patch").run()
    assert not app.exception
    keys = ("by_tap", "by_frame", "by_row", "by_column", "by_head")
    assert [key for key in keys if not app.selectbox(key=key).help] == []


def test_where_rollout_means_nothing_one_line_says_why_and_attention_stays() -> None:
    app = opened("direcformer", EXPLORE)
    app.segmented_control(key="layer_map").set_value("rollout").run()
    assert not app.exception and not app.error
    assert ["signed" in info.value and "\n" not in info.value for info in app.info] == [True]
    assert len(captions(app, "attention of each layer")) == 2 and not captions(
        app, "rollout up to each layer"
    )


def test_what_the_viewer_says_is_read_with_care(trace: Trace) -> None:
    assert read({"tap": "space", "query": [3, 1, 2], "view": "time", "head": 1}, trace) == Look(
        "space", (3, 1, 2), "time", 1
    )
    for wrong in (
        {},
        {"query": [99, 0, 0], "head": 77, "view": "x", "tap": "../.."},
        {"query": [0, 0], "head": "x"},
        {"query": "gradcam"},
        {"query": [0, 0, "1"], "head": [], "view": {}},
    ):
        assert read(wrong, trace) == Look("space", "cls", "space x time", "mean")
    assert read({"query": "mean", "head": "max"}, trace) == Look(
        "space", "mean", "space x time", "max"
    )


def test_the_file_of_a_view_holds_what_the_viewer_drew(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "loaded", lambda source: load("direcformer"))
    choice = Choice(Rendered("tick", 5), trace.clip, ModelSource("shipped", "direcformer"), "fit")
    state = {
        "keep": "npz",
        "tap": "space",
        "layer": 2,
        "head": "max",
        "query": [3, 1, 2],
        "view": "space",
    }
    name, data = kept(choice, trace, state)
    found = np.load(io.BytesIO(data))
    assert name == "attention.npz"
    np.testing.assert_array_equal(found["map"], explain.hover(trace, 2, "max", (3, 1, 2), "space"))
    np.testing.assert_array_equal(found["frame_map"], explain.temporal(trace, 2, "max"))
    assert (
        "frame_map: (T', T') attention from frame (row) to frame (column), time, layer 3, max "
        "over heads" in list(found["about"])
    )
    source = str(found["source"])
    assert (
        "layer 3, patch at frame 4, row 2, column 3 (space), max over heads" in source
        and "not an explanation" in source
    )
    weights = load("direcformer").card.hash
    assert f"weights {weights}" in source
    for wrong in (
        {"layer": 99, "opacity": 9, "colours": "no", "top": -1, "cut": "x", "scale": "shared"},
        {"query": "gradcam", "target": 99},
    ):
        name, data = kept(choice, trace, {"keep": "mp4"} | wrong)
        assert name == "attention.mp4" and data[4:8] == b"ftyp"
