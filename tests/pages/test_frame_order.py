"""The Frame order page: every way to shuffle, and forbidden edges.

Also what is said when the order cannot be known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.order.shuffle import permutation
from core.video import Clip
from core.weights.domain import domain_check
from pages.parts.show import VERDICTS
from tests.pages.test_pages import opened

PAGE = str(Path(__file__).parents[2] / "pages" / "frame_order.py")


@pytest.fixture
def page() -> AppTest:
    app = opened("direcformer", PAGE)
    assert not app.exception and not app.error and not app.warning
    return app


def shown(app: AppTest) -> tuple[int, ...]:
    assert not app.exception
    return app.session_state["shown_order"]


def data(app: AppTest) -> dict:
    return json.loads(app.get("bidi_component")[0].proto.json)


def test_every_way_to_shuffle_is_the_one_of_core_and_by_hand_begins_with_what_is_shown(
    page: AppTest,
) -> None:
    assert shown(page) == permutation(8, "seed") == tuple(data(page)["permutation"])
    page.number_input(key="shuffle").set_value(7).run()
    assert shown(page) == permutation(8, "seed", seed=7)
    page.selectbox(key="how").set_value("swaps").run()
    page.number_input(key="swaps").set_value(3).run()
    assert shown(page) == permutation(8, "swaps", seed=7, swaps=3)
    page.selectbox(key="how").set_value("reversed").run()
    assert shown(page) == tuple(range(7, -1, -1))
    page.selectbox(key="how").set_value("hand").run()
    assert (
        shown(page) == tuple(range(7, -1, -1))
        and page.text_input(key="order").value == "7,6,5,4,3,2,1,0"
    )
    page.text_input(key="order").set_value("1,0,2,3,4,5,6,7").run()
    assert shown(page) == (1, 0, 2, 3, 4, 5, 6, 7) and not page.warning
    page.text_input(key="order").set_value("1,0,2").run()
    assert shown(page) == permutation(8, "seed", seed=7) and "0 to 7 once" in page.warning[0].value
    written = page.text_input(key="order")
    assert written.value == "1,0,2", "what was written is kept"
    assert "from 0" in written.label and "the strip counts from 1" in written.help


def test_forbidden_edges_are_avoided_and_too_many_are_refused_in_a_line(page: AppTest) -> None:
    best = data(page)["paths"][0]
    edges = [f"{t + 1}→{u + 1}" for t, u in zip(best["path"][:-1], best["path"][1:], strict=True)]
    page.multiselect(key="without").set_value(edges[:1]).run()
    after = data(page)
    assert after["paths"][0]["weight"] < best["weight"] and after["forbidden"] == [best["path"][:2]]
    assert any("without 1 forbidden edge." in i.value for i in page.info)
    page.multiselect(key="without").set_value(
        [f"{t}→1" for t in range(2, 9)] + [f"1→{u}" for u in range(2, 9)]
    ).run()
    assert not page.exception and "no path through all slots is left" in page.error[0].value
    assert (
        data(page)["paths"][0]["path"] == best["path"]
        and len(page.multiselect(key="without").value) == 14
    )
    assert len(data(page)["forbidden"]) == 14, (
        "what was asked for is not lost: a click on another edge adds to it"
    )
    page.multiselect(key="without").set_value(edges[:1]).run()
    page.slider(key="frames").set_value(4).run()
    assert not page.exception and all(
        int(n) <= 4 for edge in page.multiselect(key="without").value for n in edge.split("→")
    )


def test_a_clip_that_stands_still_is_not_identifiable_and_says_why(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.parts import cached

    known = cached.clip

    def frozen(*args: Any, **more: Any) -> Clip:
        clip = known(*args, **more)
        return Clip(
            np.repeat(clip.frames[:1], len(clip), 0), clip.times, clip.source, clip.id + "frozen"
        )

    monkeypatch.setattr(cached, "clip", frozen)
    page.run()
    assert not page.exception
    assert any(
        "Not identifiable" in i.value
        and "Slots 1 and 2 show the same picture, and 27 more pairs do" in i.value
        for i in page.info
    )
    labels = ("frames in order (guessing 47.1)", "either direction (guessing 54.4)")
    assert [m.value for m in page.metric if m.label in labels] == ["—", "—"]


def test_margins_are_shown_with_the_thresholds_that_they_are_judged_by(page: AppTest) -> None:
    card = page.session_state["choice"].card
    check = domain_check(card)
    assert check is not None
    threshold = max(card.direction_threshold, check.directions[card.labels.index("carret")])
    assert {"lead (at least 0.001)", f"lead over its reverse (at least {threshold:.3f})"} <= {
        m.label for m in page.metric
    }
    page.selectbox(key="passes").set_value(4).run()
    assert any("mean of 4 passes" in caption.value for caption in page.caption)
    assert any(m.label == "lead over its reverse (not calibrated)" for m in page.metric)
    page.selectbox(key="passes").set_value(1).run()
    page.toggle(key="sharp").set_value(False).run()
    assert any(m.label == "lead over its reverse (not calibrated)" for m in page.metric), (
        "a threshold holds for the matrix it was measured with"
    )
    assert not any(VERDICTS["known"][0] in i.value for i in page.info)


def test_the_likeness_of_pixels_is_reported_both_ways_round(page: AppTest) -> None:
    page.button_group(key="by").set_value("pixels").run()
    text = next(i.value for i in page.info if "symmetric" in i.value)
    assert VERDICTS["up_to_direction"][0] in text and "No other path ties" not in text
    values = {metric.label: metric.value for metric in page.metric}
    assert (values["in order one way"], values["the other way"]) == ("12.5 %", "100.0 %"), (
        "what is drawn first is not the one that luck would make look right"
    )
    assert float(values["lead (at least 0.001)"]) > 0.001, "that of the next other path"
    shown = data(page)
    best, backwards = shown["paths"][:2]
    assert best["path"] == backwards["path"][::-1] and best["weight"] == backwards["weight"]
    assert best["accuracy"] < backwards["accuracy"] and "exactly the same" in shown["words"]["tie"]
    scale = shown["scales"]["plain"]
    assert scale["low"] < scale["high"] == 0


def test_two_matrices_stand_side_by_side_on_one_shuffle(page: AppTest) -> None:
    """The one that can be negative beside one that cannot, and why, from what was measured."""
    page.button_group(key="pair").set_value("model").run()
    assert not page.exception and not page.error
    figure = next(json.loads(c.proto.spec) for c in page.get("plotly_chart"))
    signed, softmax = figure["data"]
    assert signed["zmin"] == -signed["zmax"] and softmax["zmin"] == 0
    text = next(m.value for m in page.markdown if "by chance" in m.value)
    assert "**DirecFormer** says before and after by its sign" in text
    assert "**TimeSformer** is never negative" in text and "of 28 pairs" in text
    page.button_group(key="pair").set_value("sharpened").run()
    assert any("neighbours are weak, so the path leaps" in m.value for m in page.markdown)
    page.button_group(key="pair").set_value("sums").run()
    assert not page.exception and any("decided by 7 edges" in m.value for m in page.markdown)
    page.button_group(key="pair").set_value("readings").run()
    assert not page.exception
    figure = next(json.loads(c.proto.spec) for c in page.get("plotly_chart"))
    raw, sharp, sums = figure["data"]
    assert (raw["type"], sharp["type"], sums["type"]) == ("heatmap", "heatmap", "bar")
    ends = [figure["layout"][axis]["domain"][1] for axis in ("xaxis", "xaxis2", "xaxis3")]
    assert ends[0] < ends[1] < ends[2] <= 1
    text = next(m.value for m in page.markdown if "decided by 7 edges" in m.value)
    assert text.startswith("Raw, a frame weighs")
    names = [m.value.split(":")[0] for m in page.markdown if "in their true place" in m.value]
    assert names == ["**Raw path (the paper)**", "**Sharpened path**", "**Row sums**"]
    page.button_group(key="by").set_value("pixels").run()
    assert not page.exception and not page.error


def test_beyond_sixteen_frames_the_page_says_that_the_order_was_searched_for(page: AppTest) -> None:
    page.slider(key="frames").set_value(19).run()
    assert not page.exception and not page.error
    shown = data(page)
    assert (
        len(shown["permutation"]) == 19
        and not shown["exact"]
        and shown["paths"][0]["name"] == "Best path found"
    )
    assert "local search, perhaps not the best" in shown["words"]["goal"]


@pytest.mark.parametrize("name", ["far", "videomae"])
def test_sixteen_pairs_of_frames_are_put_in_order_exactly(name: str) -> None:
    app = opened(name, PAGE)
    app.slider(key="frames").set_value(32).run()
    assert not app.exception and not app.error and not app.warning
    shown = data(app)
    assert len(shown["permutation"]) == 16 == len(shown["paths"][0]["path"]) and shown["exact"]
    assert app.session_state["choice"].clip.frames.shape[0] == 32
    assert any("of all of it, whatever part" in c.value for c in app.caption), (
        "a lesson does not heed the part that the sidebar chose"
    )
