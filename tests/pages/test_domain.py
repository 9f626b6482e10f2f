"""A clip that does not look like training: what pages call its class, and what they offer."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.explain import OUTSIDE
from core.weights import load
from core.weights.domain import DomainCheck
from pages.parts import domain
from pages.parts.store import Store
from tests.pages.test_pages import ROOT, opened


@pytest.fixture
def everything_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No score reaches 2; what was judged before is forgotten."""

    class Strict(DomainCheck):
        def score(self, features: Any) -> float:
            return 0.25

    check = Strict(np.zeros(1), 0.0, 2.0, np.zeros(10), load("direcformer").card.hash)
    module = sys.modules["core.explain.domain"]  # core.explain.domain is the function
    monkeypatch.setattr(module, "domain_check", lambda card: check)
    monkeypatch.setattr("core.order.reading.domain_check", lambda card: check)
    store = Store()
    monkeypatch.setattr("pages.parts.once._shared", lambda: store)


def page(name: str) -> str:
    return str(ROOT / "pages" / name)


def test_explore_names_the_closest_stroke_of_a_clip_outside_and_says_what_to_do(
    everything_is_outside: None,
) -> None:
    app = opened("direcformer", page("explore.py"))
    headings = {heading.value: heading for heading in app.subheader}
    assert "Closest of its ten strokes" in headings and "What it sees" not in headings
    assert "score 0.25" in headings["Closest of its ten strokes"].help
    assert any(OUTSIDE[1:] in warning.value for warning in app.warning)
    assert any("left, right, up, down, circle" in caption.value for caption in app.caption)
    app.session_state["source"] = "upload"
    app.run()
    app.button(key="show-rendered").click().run()
    assert app.session_state["source"] == "gesture" and not app.exception


def test_gradcam_compare_and_frame_order_claim_no_class_outside(
    everything_is_outside: None,
) -> None:
    gradcam = opened("direcformer", page("gradcam.py"))
    assert any(
        heading.value.startswith("Closest of its ten strokes: where the evidence for")
        for heading in gradcam.subheader
    )
    assert "closest: carret" in gradcam.get("plotly_chart")[0].proto.spec
    order = opened("direcformer", page("frame_order.py"))
    assert order.info[0].value.startswith("**Known up to direction.** This clip does not look")
    assert any("closest of its strokes in order: *" in caption.value for caption in order.caption)


def test_intervene_claims_no_class_outside_and_leads_to_gestures_of_ones_own(
    everything_is_outside: None,
) -> None:
    app = opened("direcformer", page("intervene.py"))
    assert app.markdown[0].value.startswith("**Untouched, DirecFormer takes the clip for *carret*")
    assert "Closest of its ten strokes" in [heading.value for heading in app.subheader]
    assert any(OUTSIDE[1:] in warning.value for warning in app.warning)
    assert any("largest difference 0 · change: none" in each.value for each in app.caption)
    assert app.button(key="go-gestures").label == "Teach it your gestures" and not app.exception


def test_a_rendered_gesture_is_what_the_model_sees() -> None:
    app = opened("direcformer", page("explore.py"))
    assert "What it sees" in [heading.value for heading in app.subheader] and not app.warning


def test_weights_that_nobody_calibrated_name_no_more_than_the_closest_of_their_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(domain.st, "subheader", lambda title, help: lines.append(title))
    monkeypatch.setattr(domain.st, "caption", lines.append)
    monkeypatch.setattr(domain.cached, "domain", lambda choice: None)
    card = SimpleNamespace(labels=("wave", "fist"), listed="wave, fist")
    domain.classes_heading(SimpleNamespace(card=card), "What it sees", "")
    assert lines[0] == "Closest of its 2 classes"
    assert "wave, fist" in lines[1] and "for the included weights alone" in lines[1]
