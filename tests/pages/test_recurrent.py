"""What Explore shows of a model that reads frame by frame, and of frames chosen by motion."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.draw.state_curves import score_bars_over_time, state_panels
from tests.pages.test_pages import ROOT, opened


def test_the_three_panels_say_what_they_are_drawn_of() -> None:
    times = np.array([0.0, 0.5, 1.5])
    hidden = np.array([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
    gate = np.full((3, 2), 0.25)
    tokens = np.array([[0.5, 0.25, 0.25]] * 3)
    figure = state_panels(times, hidden, gate, tokens)
    by_axis = {}
    for line in figure.data:
        by_axis.setdefault(line.yaxis, []).append(line)
    assert [list(line.y) for line in by_axis["y"]] == [[1, 2, 4], [2, 3, 4]]
    assert [list(line.y) for line in by_axis["y2"]] == [[25] * 3] * 2
    assert [line.name for line in by_axis["y3"]] == [
        "newest frame (T_s)",
        "memory of layer 1 (T_t)",
        "memory of layer 2 (T_t)",
    ]
    assert sum(line.y[0] for line in by_axis["y3"]) == 100


def test_the_bars_that_are_taken_stand_out_and_the_threshold_is_in_sight() -> None:
    figure = score_bars_over_time(np.arange(4.0), np.array([0, 3.0, 1.0, 2.0]), [1, 3], 30.0)
    colours = figure.data[0].marker.color
    assert colours[1] == colours[3] != colours[0] == colours[2]
    assert figure.layout.yaxis.range[1] > 30 and figure.layout.shapes[0].y0 == 30


@pytest.fixture(scope="module")
def app() -> AppTest:
    app = opened("rvit", str(ROOT / "pages" / "explore.py"))
    app.session_state["sampling"] = "motion"
    return app.run()


def test_explore_shows_the_state_both_maps_and_the_informative_frames(app: AppTest) -> None:
    assert not app.exception and not app.error
    headings = [heading.value for heading in app.subheader]
    for heading in ("The hidden state over time", "Both frame maps"):
        assert heading in headings
    assert any("the state of the last layer grows" in line.value for line in app.markdown)
    names = [chart.proto.id for chart in app.get("plotly_chart")]
    assert any("hidden-state" in name for name in names)
    drawn = next(
        json.loads(chart.proto.spec)["data"]
        for chart in app.get("plotly_chart")
        if "frame-maps" in chart.proto.id
    )
    assert len([trace for trace in drawn if trace["type"] == "heatmap"]) == 2


def test_frames_chosen_by_motion_are_explained(app: AppTest) -> None:
    if app.session_state["choice"].sampling != "motion":
        pytest.fail("the page did not take the sampling")
    assert any("threshold of 30" in line.value for line in app.markdown)


def test_another_model_has_no_such_sections() -> None:
    app = opened("far", str(ROOT / "pages" / "explore.py"))
    headings = [heading.value for heading in app.subheader]
    assert "Both frame maps" not in headings and "Informative frames" not in headings
