"""Several models on one clip: each of them sees what it sees alone, whatever the sidebar says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import observe
from core.draw.timeline import Timeline
from core.errors import BadInput
from core.video import subclip
from core.weights import load
from core.world.gestures import RENDERED_FRAMES, render, rendered_clip
from pages.parts import cached, pairs, side_by_side
from pages.parts.several import as_alone, fitting, with_am_flow
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from tests.pages.test_pages import ROOT, opened

STAR, CARET = Rendered("star", 5), Rendered("carret", 13)
OTHERS = ["far", "videomae", "am_flow", "rvit", "timesformer"]


def alone(name: str, source: Rendered) -> observe.Trace:
    """The model on the clip as its card says, without the app."""
    model = load(name)
    card = model.card
    whole = rendered_clip(render(source.label, source.seed, frames=RENDERED_FRAMES))
    clip = subclip(whole, frames=card.frames, sampling=card.sampling, stride=card.stride)
    return observe.observe(model, clip)


def in_the_sidebar(
    name: str, frames: int, part: tuple[float | None, float | None] = (None, None)
) -> Choice:
    """A model on a number of frames, chosen and cropped otherwise than its card says."""
    clip = cached.clip(STAR, frames, "dense", 2, *part)
    return Choice(STAR, clip, ModelSource("shipped", name), "centre", "dense", part)


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_beside_the_sidebars_gives_the_probabilities_that_it_gives_alone(name: str) -> None:
    choice = in_the_sidebar("direcformer", 24)
    (beside,) = fitting(choice, [name])
    expected = alone(name, STAR).probabilities
    np.testing.assert_array_equal(
        side_by_side.map_of(beside, "attention").trace.probabilities, expected
    )
    best = int(expected.argmax())
    assert cached.gradcam(beside, best).probability == pytest.approx(expected[best], abs=1e-5)
    np.testing.assert_allclose(cached.motion_probe(beside)[0], expected, atol=1e-5)


def test_the_page_of_am_flow_shows_it_on_its_own_frames_whatever_the_sidebar_shows() -> None:
    choice = with_am_flow(in_the_sidebar("far", 16))
    expected = alone("am_flow", STAR)
    np.testing.assert_array_equal(cached.trace(choice).probabilities, expected.probabilities)
    assert pairs.pairs(choice, 0).attention.shape == (8, *expected.grid[1:])


def test_the_sidebars_own_model_sees_what_the_sidebar_says() -> None:
    choice = in_the_sidebar("direcformer", 24)
    assert as_alone(choice, choice.model) is choice


def test_a_model_beside_takes_its_frames_from_the_sidebars_part_of_the_clip() -> None:
    choice = in_the_sidebar("direcformer", 8, (1.0, 2.0))
    times = as_alone(choice, ModelSource("shipped", "far")).clip.times
    assert len(times) == 16 and 1.0 <= times[0] < times[-1] <= 2.0
    short = in_the_sidebar("direcformer", 8, (1.0, 1.6))
    with pytest.raises(BadInput, match="16 needed"):
        as_alone(short, ModelSource("shipped", "far"))


def figure(app: AppTest, which: int = 0) -> dict:  # type: ignore[type-arg]
    """What a chart of the page draws."""
    return json.loads(app.get("plotly_chart")[which].proto.spec)


def titles(app: AppTest) -> dict[str, float]:
    """The probability above the picture of each model."""
    texts = [note["text"] for note in figure(app)["layout"]["annotations"]]
    found = [re.search(r"<b>(.+)</b>.*, ([\d.]+) %", text) for text in texts]
    return {match[1]: float(match[2]) / 100 for match in found if match}


def test_compare_draws_each_model_at_its_own_times_with_the_probability_that_it_has_alone() -> None:
    app = opened("direcformer", str(ROOT / "pages" / "compare.py"))
    app.slider(key="frames").set_value(24).run()
    app.multiselect[0].set_value(["direcformer", "far", "timesformer"]).run()
    assert not app.exception and not app.error and not app.warning
    own = {"FAR": alone("far", CARET), "TimeSformer": alone("timesformer", CARET)}
    shown = titles(app)
    assert len(shown) == 3
    for title, trace in own.items():
        assert shown[title] == pytest.approx(trace.probabilities.max(), abs=0.006)
    words = [line.value for line in app.markdown]
    assert any(
        "**DirecFormer** 24 frames, **FAR** 16 frames, **TimeSformer** 8 frames" in w for w in words
    )
    assert any("24 frames; trained on 8" in w for w in words)
    times = Timeline.of(
        [app.session_state["choice"].clip.times, *(trace.clip.times for trace in own.values())]
    ).times
    slider = figure(app)["layout"]["sliders"][0]
    assert len(slider["steps"]) == len(times) == len(figure(app)["frames"])


def test_gradcam_shows_the_second_model_with_the_probability_that_it_has_alone() -> None:
    app = opened("far", str(ROOT / "pages" / "gradcam.py"))
    beside = next(box for box in app.selectbox if box.label == "Beside")
    beside.set_value("direcformer").run()
    assert not app.exception and not app.error and not app.warning
    label = app.session_state["choice"].card.labels.index(
        next(box for box in app.selectbox if box.label == "Class").value
    )
    expected = alone("direcformer", CARET).probabilities[label]
    assert titles(app)["DirecFormer"] == pytest.approx(expected, abs=0.006)


def test_gradcam_shows_one_model_where_the_other_cannot_take_the_part_of_the_clip() -> None:
    app = opened("timesformer", str(ROOT / "pages" / "gradcam.py"))
    next(box for box in app.selectbox if box.label == "Beside").set_value("far").run()
    part = next(slider for slider in app.slider if slider.label == "Part (seconds)")
    part.set_value((1.0, 1.6)).run()
    assert not app.exception and not app.error and "16 needed" in app.warning[0].value
    assert list(titles(app)) == ["TimeSformer"]
