"""The AM flow page says how well its curves follow the true motion, or optical flow."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from core.explain.scores import correlation
from core.weights import load
from pages.parts.flow_scores import in_words, with_the_encoder
from tests.pages.test_pages import ROOT, opened

CURVES = {"AM flow, static": 0.3, "AM flow, post": 0.91, "Optical flow": -0.8}


def test_each_curve_is_called_by_its_correlation_the_closest_first() -> None:
    assert in_words(CURVES | {"AM flow, aligned": 0.88}, "True motion", 7) == (
        "**Follows the hand's true motion closely: AM flow post (r = 0.91), AM flow aligned "
        "(r = 0.88).** No closer to the hand's true motion than chance: AM flow static (r = 0.30). "
        "Runs against the hand's true motion: Optical flow (r = −0.80). "
        "With 7 steps, one in twenty unrelated curves reaches r = ±0.76."
    )
    longer = in_words({"AM flow, static": 0.55, "AM flow, post": 0.7}, "True motion", 16)
    assert "roughly: AM flow post (r = 0.70)" in longer, "0.70 of 16 steps is above 0.50"
    assert "loosely: AM flow static (r = 0.55)" in longer


def test_a_clip_whose_motion_is_not_known_is_held_against_optical_flow_and_says_so() -> None:
    line = in_words({"AM flow, static": np.nan, "AM flow, post": 0.9}, "Optical flow", 7)
    assert line.startswith("**Follows the optical flow closely: AM flow post (r = 0.90).**")
    assert "Does not change over the clip: AM flow static." in line and "not known" in line


def test_three_steps_are_too_few_to_compare() -> None:
    assert "too few" in in_words(CURVES, "True motion", 3)
    assert "too few" not in in_words(CURVES, "True motion", 5)


def decoded(array: dict[str, str]) -> np.ndarray:
    """The numbers of an array as Plotly sends it."""
    return np.frombuffer(base64.b64decode(array["bdata"]), array["dtype"])


def test_the_page_leads_with_the_curve_and_its_words_agree_with_what_is_drawn() -> None:
    app = opened("am_flow", str(ROOT / "pages" / "am_flow.py"))
    assert not app.exception and not app.error
    headings = [heading.value for heading in app.subheader]
    assert headings[0] == "How much changes when" and len(headings) == 5
    drawn = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    curves = {line["name"]: decoded(line["customdata"]) for line in drawn}
    line = next(line.value for line in app.markdown if "true motion" in line.value)
    said = dict(re.findall(r"(AM flow \w+|Optical flow) \(r = ([−\d.]+)\)", line))
    assert len(said) == len(curves) - 1 >= 3
    for title, r in said.items():
        drawn_curve = curves[title.replace("AM flow", "AM flow,")]
        expected = correlation(drawn_curve, curves["True motion"])
        assert float(r.replace("−", "-")) == pytest.approx(expected, abs=0.006)
    slider = json.loads(app.get("plotly_chart")[1].proto.spec)["layout"]["sliders"][0]
    assert 0 <= slider["active"] < 7


def test_the_encoder_is_held_against_what_it_is_meant_to_do_for_the_weights_that_were_asked() -> (
    None
):
    def told(post: float, aligned: float, weights: str = "abc", **stage: float) -> str:
        moving = {"clips": 7, "auc_post": post, "auc_aligned": aligned}
        steady = moving | {"auc_post": 91.2, "auc_aligned": 90.1}
        run = {"weights": "abc", "moving_camera": moving, "steady_camera": steady}
        card = replace(load("rvit").card, hash=weights, recipe={"stages": [stage]})
        return with_the_encoder({"runs": [run]}, card)

    words = told(81.72, 72.4)
    assert "In these weights it does not: over 7 rendered clips whose camera moves" in words
    assert "0.817 for *post* and 0.724 for *aligned*; where it rests, 0.912 and 0.901" in words
    assert "In these weights it does: " in told(72.4, 81.72)
    assert "It was taught nothing of its own and was never told where the camera is." in words
    assert "to lay its flow on the hand that moves, which is ours," in told(8, 9, hand_flow=1.0)
    assert told(81.72, 72.4, "other weights") == with_the_encoder(None, load("rvit").card) == ""
