"""The lower half of Explore: one query through the layers, and what the viewer hands over."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from assets import ASSETS
from core import explain
from core.draw.packing import HeadOf
from core.draw.viewer_help import VIEWER_HELP
from core.draw.words import TAP_HELP
from core.models import spec
from core.observe import Trace, observe
from core.video import subclip
from core.weights import load
from core.world.gestures import render, rendered_clip
from pages.parts import subject
from pages.parts.kept import kept
from pages.parts.layers import strongest_frame
from pages.parts.look import Drawing, Look, drawing, from_text, not_here, read, unread
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from pages.parts.viewer import head_of
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
    named = re.findall(r"\((\w+)\): (.+?\.)", TAP_HELP)
    assert {name for name, _ in named} == {
        tap for model in ("far", "am_flow") for tap in spec(model).spatial_taps
    }
    assert all(f"({name}): {meaning}" in controls["tap"] for name, meaning in named)
    assert all(
        f"({tap.replace('_', ' ')}): from what" in controls["times"]
        for tap in spec("rvit").temporal_taps
    )


def test_what_the_viewer_explains_stands_in_one_place_and_is_plain_text() -> None:
    modules = (ASSETS / "viewer").glob("*.js")
    javascript = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    named = set(re.findall(r'\blabelled\("(\w+)"', javascript))
    named |= set(re.findall(r"\bhelp\.controls\.(\w+)", javascript))
    assert {"tap", "view", "scale", "drawn", "smooth"} <= named <= VIEWER_HELP["controls"].keys()
    groups = ("controls", "off", "views", "queries", "kernels")
    texts = [text for group in groups for text in VIEWER_HELP[group].values()]
    assert [text for text in texts if "**" in text or "$" in text] == []
    assert [text for text in texts if text in javascript] == []


def captions(app: AppTest, word: str) -> list[str]:
    return [c.value for c in app.caption if word in c.value]


def following(model: str, text: str) -> AppTest:
    """Explore of this model, below a viewer that shows what `text` says."""

    def run(page: str, text: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.query_params["v"] = text
        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    arguments = {"page": EXPLORE, "text": text}
    app = AppTest.from_function(run, default_timeout=120, kwargs=arguments)
    app.session_state["model"] = model
    app.run()
    assert not app.exception and not app.error
    return app


def test_the_figures_below_show_what_the_viewer_shows() -> None:
    app = following("timesformer", "layer:last,query:cls,head:mean")
    words = "attention of each layer, summary (class token), mean over heads, each layer has a"
    assert captions(app, words)
    assert captions(app, "layer 8, attention of each layer")
    app = following("timesformer", "view:time,layer:0,head:1,query:2-3-4,scale:shared,frame:5")
    words = "patch at frame 3, row 4, column 5 (time), head 2, one scale for all layers"
    assert len(captions(app, words)) == 2
    assert any("layer 1, attention of each layer" in line for line in captions(app, words))
    layers = json.loads(app.get("plotly_chart")[1].proto.spec)
    assert layers["layout"]["sliders"][0]["active"] == 5
    app.segmented_control(key="layer_map").set_value("rollout").run()
    assert not app.exception and not app.error
    assert len(captions(app, "rollout up to each layer")) == 2, (
        "softmax attention can be multiplied"
    )


def test_the_figures_open_on_the_frame_that_gets_most(trace: Trace) -> None:
    heat = explain.spatial(trace)
    assert strongest_frame(heat, len(trace.clip)) == int(heat.max((1, 2)).argmax())
    pairs = np.zeros((4, 2, 2))
    pairs[2, 0, 1] = -3.0
    assert strongest_frame(pairs, 8) == 4, "the first frame of the third pair"


def test_a_wrong_part_of_the_viewers_link_is_named_in_one_line(trace: Trace) -> None:
    wish = from_text("layer:99,head:x,view:sideways,query:9-0-0,scale:none,frame:7,opacity:0.3")
    assert not_here(wish, trace) == [
        "layer 100",
        "head x",
        "view sideways",
        "query 10-1-1",
        "scale none",
    ]
    assert not_here(from_text("tap:space,layer:last,head:4,query:gradcam,smooth"), trace) == []
    right = "tap:space,times:time_frames,opacity:0.3,target:2,mass:0.5,smooth,locked"
    assert unread(right) == [] and unread(f"rubbish,{right},leyer:3") == ["rubbish", "leyer:3"]
    assert not following("direcformer", "layer:last,query:cls").warning
    app = following("direcformer", "layer:99,head:77,rubbish")
    assert [warning.value.split("the viewer ")[1][:27] for warning in app.warning] == [
        "layer 100, head 78, rubbish"
    ]


def test_where_rollout_means_nothing_one_line_says_why_and_attention_stays() -> None:
    app = opened("direcformer", EXPLORE)
    app.segmented_control(key="layer_map").set_value("rollout").run()
    assert not app.exception and not app.error
    assert ["signed" in info.value and "\n" not in info.value for info in app.info] == [True]
    assert len(captions(app, "attention of each layer")) == 2 and not captions(
        app, "rollout up to each layer"
    )


def test_what_the_viewer_says_is_read_with_care(trace: Trace) -> None:
    wish = {"tap": "space", "query": [3, 1, 2], "view": "time", "head": 1, "layer": 4}
    assert read(wish, trace) == Look("space", (3, 1, 2), "time", 1, 4)
    for wrong in (
        {},
        {"query": [99, 0, 0], "head": 77, "view": "x", "tap": "../.."},
        {"query": [0, 0], "head": "x", "layer": "last"},
        {"layer": 8, "tap": 3},
        {"query": "gradcam"},
        {"query": [0, 0, "1"], "head": [], "view": {}},
    ):
        assert read(wrong, trace) == Look("space", "cls", "space x time", "mean", 7)
    assert read({"query": "mean", "head": "max", "layer": 0}, trace) == Look(
        "space", "mean", "space x time", "max", 0
    )
    assert drawing({"opacity": 9, "colours": "no", "frame": 8, "scale": 3}, 8) == drawing({}, 8)
    assert drawing({"opacity": 0, "frame": 7, "smooth": True}, 8) == Drawing(
        "clip", "inferno", 0.0, True, 7
    )


def test_queries_and_keys_are_sent_of_heads_that_are_there(trace: Trace) -> None:
    asked = {"tap": "space", "layer": 2, "head": 4}
    assert head_of(asked, trace) == HeadOf("space", 2, 4)
    for wrong in ({"head": 5}, {"layer": 8}, {"tap": "x"}, {"head": "mean"}, {"layer": "last"}):
        assert head_of(asked | wrong, trace) is None
    assert head_of(None, trace) is None and head_of([1], trace) is None


@pytest.mark.long
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
