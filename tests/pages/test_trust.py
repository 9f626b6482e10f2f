"""The page Trust: what it says is what core computes."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.explain.trust import faithfulness, sanity
from core.explain.trust.every_map import every_map
from core.explain.trust.faithfulness import FILLS, Curve, Curves, Subsets, beside_random, curves
from core.explain.trust.one_clip import Held, held_against_truth
from core.explain.trust.over_clips import truth_seen
from core.explain.trust.truth_scores import NAMES
from core.world.gestures import render
from pages.parts import cached
from pages.parts.trust_removal import in_a_sentence
from pages.parts.trust_scores import lost_in_words
from tests.pages.test_intervene import CARRET, choice
from tests.pages.test_pages import ROOT, no_runs, opened

__all__ = ["no_runs"]  # a fixture
PAGE = str(ROOT / "pages" / "trust.py")
FALLING = Curve(np.array([0, 0.5, 1]), np.array([0.9, 0.1, 0.05]))
RISING = Curve(np.array([0, 0.5, 1]), np.array([0.05, 0.2, 0.9]))
OWN: Curves = {
    ("deletion", "mean"): FALLING,
    ("deletion", "blur"): RISING,
    ("insertion", "mean"): RISING,
    ("insertion", "blur"): FALLING,
}


def held() -> list[Held]:
    """What core says of the clip that the app opens on, without what pages do."""
    asked = choice()
    gesture = render(CARRET.label, CARRET.seed, frames=48)
    indices = [int(np.abs(gesture.times - time).argmin()) for time in asked.clip.times]
    truth = truth_seen(gesture.mask[indices], gesture.fingertip[indices], asked.seeing.card)
    return held_against_truth(every_map(asked.seeing, asked.clip)[1], *truth)


def figure(app: AppTest, key: str) -> dict[str, Any]:
    chart = next(each for each in app.get("plotly_chart") if each.proto.id.endswith(f"-{key}"))
    data: dict[str, Any] = json.loads(chart.proto.spec)
    return data


def test_every_score_on_the_page_is_that_of_core_with_the_baselines_that_it_fails_to_beat() -> None:
    app = opened("direcformer", PAGE)
    assert not app.exception and not app.error
    expected = held()
    table = next(m.value for m in app.markdown if m.value.startswith("|map|"))
    rows = {row.split("|")[1]: row.split("|")[2:] for row in table.splitlines()[2:]}
    assert set(rows) == {each.name for each in expected}
    for each in expected:
        *cells, words, _ = rows[each.name]
        values = [each.scores.numbers[score] for score in NAMES]
        assert [cell.strip("*") for cell in cells] == [f"{value:.2f}" for value in values]
        bold = [cell.startswith("*") for cell in cells]
        won = [not each.is_baseline and not each.not_beaten[score] for score in NAMES]
        assert bold == won
        assert words == lost_in_words(each)
    shown = figure(app, "truth")
    bars = [bar for bar in shown["data"] if bar["type"] == "bar"]
    ours = [each for each in expected if ", head " not in each.name and each.name != "attention"]
    for bar, score in zip(bars, NAMES, strict=True):
        assert [row[0] for row in bar["customdata"]] == [each.name for each in ours]
        assert bar["x"] == pytest.approx([each.scores.numbers[score] for each in ours])
    aucs = {each.name: each.scores.auc for each in expected}
    assert f"its last layer {aucs['attention']:.2f}" in app.markdown[0].value


def test_which_baselines_are_not_beaten_is_said_in_plain_words() -> None:
    scores = held()[0].scores
    lost: dict[str, tuple[str, ...]] = dict.fromkeys(NAMES, ())
    assert lost_in_words(Held("rollout", scores, lost)) == "none: it beats all four"
    assert lost_in_words(Held("centre", scores, lost)) == "a baseline itself"
    some = lost | {"auc": ("centre", "optical flow"), "hand": ("centre", "optical flow")}
    some["energy"] = ("uniform", "centre", "optical flow", "frame difference")
    assert (
        lost_in_words(Held("rollout", scores, some))
        == "centre and optical flow (on the hand, ROC AUC); all four (energy on hand)"
    )


def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves that cost nothing."""
    sets = Subsets(np.eye(3, 288, dtype=bool), np.array([1.0, 2.0, 3.0]))
    monkeypatch.setattr(faithfulness, "curves", lambda *_: OWN)
    monkeypatch.setattr(faithfulness, "random_curves", lambda *_: [OWN] * 5)
    monkeypatch.setattr(faithfulness, "subsets", lambda *_, **__: sets)


def test_a_clip_without_truth_says_so_and_its_maps_can_still_be_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured(monkeypatch)
    monkeypatch.setattr(cached, "hand", lambda choice: None)
    app = opened("timesformer", PAGE)
    assert "rendered clips alone" in app.info[0].value and not app.get("plotly_chart")
    app.selectbox(key="trust_map").set_value("GradCAM").run()
    app.button(key="remove").click().run()
    assert not app.exception and len(app.get("plotly_chart")) == 1
    table = next(m.value for m in app.markdown if m.value.startswith("|score|"))
    heat = cached.heat_of(choice("timesformer"), "GradCAM", 9)
    sets = Subsets(np.eye(3, 288, dtype=bool), np.array([1.0, 2.0, 3.0]))
    scores = beside_random(heat, OWN, [OWN] * 5, dict.fromkeys(FILLS, sets))
    area = scores["deletion", "mean"].own
    assert f"|deletion, area|{area:.2g} (random: {area:.2g} to {area:.2g})|" in table
    assert f"|{scores['infidelity', 'blur'].own:.2g} (random" in table.replace("**", "")


def test_the_sentence_tells_of_the_third_that_is_gone_beside_a_random_third() -> None:
    sentence = in_a_sentence("GradCAM", "circle", OWN, [OWN, OWN | {("deletion", "mean"): RISING}])
    assert "Without the 50 % that *GradCAM* calls hottest" in sentence
    assert "is at 10 % (mean colour) and 20 % (blur)" in sentence
    assert "at random at 15 % and 20 %" in sentence


def test_another_models_map_is_let_go_and_a_check_of_weights_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixed = sanity.Cascade(("head", "all"), np.array([1.0, 0.93]))
    monkeypatch.setattr(sanity, "cascade", lambda *_, **__: fixed)
    monkeypatch.setattr(sanity, "swaps", lambda *_: sanity.Swaps(1.0, 0.2))
    app = opened("far", PAGE)
    app.selectbox(key="trust_map").set_value("rollout").run()
    app.button(key="randomise").click().run()
    said = " ".join(m.value for m in app.markdown)
    assert "*rollout* does not depend on the weights" in said and "0.93" in said
    assert "does not depend on the class" in said and "It depends on the clip" in said
    assert figure(app, "cascade")["data"][0]["y"] == [1.0, 1.0, 0.93]
    app.session_state["model"] = "direcformer"  # which has no rollout
    app.run()
    assert app.selectbox(key="trust_map").value == "attention"
    assert not app.exception and not app.error


@pytest.mark.long
def test_curves_and_the_cascade_of_the_page_are_those_of_core() -> None:
    app = opened("direcformer", PAGE)
    app.button(key="remove").click().run(timeout=120)
    app.button(key="randomise").click().run(timeout=120)
    assert not app.exception and not app.error
    asked = choice()
    target = int(cached.trace(asked).logits.argmax())
    maps = every_map(asked.seeing, asked.clip, (), target)[1]
    heat = next(each.heat for each in maps if each.name == "attention")
    own = curves(asked.seeing, asked.clip, target, heat)
    lines = [each for each in figure(app, "removal")["data"] if each["mode"] == "lines+markers"]
    for line, curve in zip(lines, own.values(), strict=True):
        drawn = np.frombuffer(base64.b64decode(line["y"]["bdata"]), line["y"]["dtype"])
        assert drawn == pytest.approx(100 * curve.probabilities, abs=0.01)
    assert cached.cascade(asked, "attention", target).depends_on_weights
