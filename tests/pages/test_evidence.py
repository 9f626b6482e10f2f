"""What the pages say of the limits of their figures."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.observe import observe
from core.video import Clip
from core.weights import embedded, load
from pages.parts import evidence, flow_scores


@pytest.mark.parametrize(("model", "words"), [("am_flow", "sees 3 of the 11 outputs"), ("far", "")])
def test_the_line_under_gradcam_says_how_many_of_am_flows_outputs_it_sees(
    model: str, words: str
) -> None:
    choice = SimpleNamespace(loaded=SimpleNamespace(net=load(model).net))
    usual, earlier = (
        evidence._seen_of(evidence.Answer(choice, 0, layer, None, np.empty(0), 1.0))
        for layer in (None, 1)
    )
    assert words in usual and bool(usual) == bool(words) and not earlier


@pytest.mark.parametrize("fingertip", [0.3, 0.0])
def test_whether_it_finds_the_hand_is_asked_with_what_it_was_taught(
    monkeypatch: pytest.MonkeyPatch, fingertip: float
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(flow_scores.st, "caption", lines.append)
    monkeypatch.setattr(flow_scores.st, "subheader", lambda *_, **__: None)
    drawn = SimpleNamespace(draw=lambda: None)
    monkeypatch.setattr(flow_scores, "_scores", lambda *_: drawn)
    stages = [{"fingertip": 0.0}, {"fingertip": fingertip}]
    card = SimpleNamespace(recipe={"stages": stages}, hash="of no file")
    truth = SimpleNamespace(mask=np.zeros((2, 4, 4), bool))
    flow_scores.does_it_find_the_hand(
        SimpleNamespace(choice=SimpleNamespace(card=card), truth=truth)
    )
    assert ["which patches the hand covers" in line for line in lines] == [True] * bool(fingertip)


def test_evidence_for_another_class_than_was_asked_for_is_called_so() -> None:
    card = SimpleNamespace(labels=("juggling balls", "star"))
    question = evidence.Question("star", "", None, True, 0.6, "heat")
    answers = [
        evidence.Answer(SimpleNamespace(card=card), target, None, None, np.empty(0), 1.0)
        for target in (0, 1)
    ]
    assert [each.note(question) for each in answers] == [", for juggling balls", ""]


def test_what_passes_where_gradcam_is_read_is_told_of_the_weights_that_were_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = [{"weights": "abc", "places": [99.6, 41.2, 7.5]}]
    monkeypatch.setattr(evidence, "measured", lambda name: {"runs": runs})
    choice = SimpleNamespace(card=SimpleNamespace(hash="abc"), title="FAR")
    assert evidence.passes_in_words(choice) == (
        "Of FAR's answer passes, after layers 1 to 2: 100 %, 41 %; at the norm: 8 %."
    )
    assert evidence._read_at(choice, 1) == "after layer 2, where 41 % of the answer passes"
    assert "first norm, where 8 % of the answer passes" in evidence._read_at(choice, None)
    choice.card.hash = "of others"
    assert evidence.passes_in_words(choice) == ""
    assert evidence._read_at(choice, 0) == "after layer 1"


def test_another_model_is_read_at_its_own_nearest_place(monkeypatch: pytest.MonkeyPatch) -> None:
    depths = iter((5, 8, 1, 5))
    monkeypatch.setattr(evidence, "_layers", lambda choice: next(depths))
    places = [evidence._nearest(None, layer) for layer in (6, 6, 6, None)]
    assert places == [3, 6, None, None]


@pytest.mark.parametrize("name", [*embedded()])
def test_as_many_places_were_measured_of_a_model_as_its_page_offers(name: str) -> None:
    runs = evidence.measured("gradcam_places")["runs"]
    own = next(run for run in runs if run["row"] == name)
    model = load(name)
    frames = np.zeros((model.card.frames, 96, 96, 3), np.uint8)
    trace = observe(model, Clip(frames, np.arange(len(frames)) / 8, "black", "0"))
    assert len(own["places"]) == 1 + max(each.layer for each in trace.attentions)
