"""The live view's side of Python: a picture in, what it showed out, film by film."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core import explain
from core.observe import observe
from core.video import Clip
from core.weights import load
from core.world.gestures import render
from pages.parts import live
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from tests.pages.test_pages import opened

ROOT = Path(__file__).parents[2]
PICTURES = render("right", 3, frames=3).frames


def a_choice(name: str) -> Choice:
    clip = Clip(PICTURES, np.arange(3) / 3, "film", "film")
    return Choice(Rendered("right", 3), clip, ModelSource("shipped", name), load(name).card.crop)


def sent(t: int, run: int = 1) -> dict[str, Any]:
    """As assets/live/live.js sends picture t, but without loss."""
    data = cv2.imencode(".png", PICTURES[t][..., ::-1])[1].tobytes()
    return {"run": run, "n": t + 1, "time": t / 3, "picture": base64.b64encode(data).decode()}


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session's state without a session."""
    own: dict[str, Any] = {}
    monkeypatch.setattr(live.st, "session_state", own)
    return own


def test_an_answer_is_what_the_clip_so_far_shows(state: dict[str, Any]) -> None:
    choice = a_choice("rvit")
    answers = [live.answer(choice, sent(t)) for t in range(3)]
    assert [(a["run"], a["n"], a["met"]) for a in answers] == [(1, 1, 1), (1, 2, 2), (1, 3, 3)]
    trace = observe(choice.seeing, choice.clip)
    np.testing.assert_allclose(answers[2]["probabilities"], trace.probabilities, atol=2e-5)
    heat = np.reshape(answers[2]["heat"], answers[2]["grid"])
    np.testing.assert_allclose(heat, explain.spatial(trace)[2], rtol=1e-4)
    assert len(answers[2]["hidden"]) == 5 and answers[2]["hidden"] > answers[0]["hidden"]
    assert not answers[2]["signed"] and 0 < answers[2]["opacity"] <= live.OPACITY


def test_another_film_another_part_of_the_picture_and_other_weights_begin_anew(
    state: dict[str, Any],
) -> None:
    rvit, direcformer = a_choice("rvit"), a_choice("direcformer")
    assert live.answer(rvit, sent(0))["met"] == 1
    assert live.answer(rvit, sent(1))["met"] == 2
    assert live.answer(rvit, sent(2, run=2))["met"] == 1
    assert live.answer(direcformer, sent(2, run=2))["met"] == 1
    back = live.answer(direcformer, sent(0, run=2))
    assert back["met"] == 1, "a clock that goes back is another film"
    assert live.answer(direcformer, sent(1, run=2))["met"] == 2
    assert back["hidden"] == []


def test_a_class_is_doubted_where_the_window_looks_like_no_training_and_where_none_can_tell(
    state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stroke = a_choice("direcformer")
    for score in (0.4, 0.5):
        where = explain.Domain(score, 0.5, "right", 0.0)
        monkeypatch.setattr("core.explain.stream.domain", lambda trace, where=where: where)
        assert live.answer(stroke, sent(0))["doubted"] is (score < 0.5)
    assert live.answer(a_choice("rvit"), sent(0))["doubted"] is True, "no check can judge it"


@pytest.mark.parametrize("damage", [{"picture": "?"}, {"picture": "AAAA"}, {"picture": None}])
def test_what_is_no_picture_is_answered_by_a_line(
    state: dict[str, Any], damage: dict[str, Any]
) -> None:
    answer = live.answer(a_choice("rvit"), sent(0) | damage)
    assert answer["n"] == 1 and "not a picture" in answer["error"] and "\n" not in answer["error"]


def test_the_page_offers_the_model_that_reads_picture_by_picture() -> None:
    app = opened("far", str(ROOT / "pages" / "live.py"))
    assert not app.exception and not app.error
    assert any("looks again at the last 3.0 seconds" in c.value for c in app.caption)
    assert any("not an explanation" in c.value and "weights" in c.value for c in app.caption)
    [button] = [b for b in app.button if b.label == "Watch with RViT"]
    button.click().run()
    assert app.selectbox(key="model").value == "rvit" and not app.exception
    assert "Watch with RViT" not in [b.label for b in app.button]


def test_the_pictures_a_second_can_be_those_of_the_clips_that_taught_the_model() -> None:
    offered = dict(live.rates(load("rvit")))
    assert offered[0] == "all it can" and offered[5] == "5"
    assert offered[round(8 / 3, 2)] == "2.7, as trained"
