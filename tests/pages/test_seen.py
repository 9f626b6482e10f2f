"""Frames beyond training are marked wherever they are used."""

from __future__ import annotations

import numpy as np
import pytest

from core.video import Clip
from pages.parts.seen import otherwise, shown_frames
from pages.parts.show import provenance_line
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from tests.pages.test_pages import ROOT, opened


def seen(frames: int, kind: str = "shipped", crop: str = "fit") -> Choice:
    clip = Clip(np.zeros((frames, 24, 32, 3), np.uint8), np.arange(frames) / 8, "grey", "grey")
    return Choice(Rendered("tick", 0), clip, ModelSource(kind, "direcformer"), crop, "uniform")


def test_another_number_of_frames_than_that_of_the_training_is_named_with_it() -> None:
    assert shown_frames(seen(24)) == "24 frames; trained on 8"
    assert shown_frames(seen(8)) == "8 frames"
    assert shown_frames(seen(24, "random")) == "24 frames", "random weights were not trained"
    assert "grey, 24 frames; trained on 8 · a map" in provenance_line(seen(24), "a map")
    assert "trained on" not in provenance_line(seen(24), by="Pixel likeness, no weights")


def test_what_differs_from_the_training_is_listed() -> None:
    assert otherwise(seen(8)) == []
    assert otherwise(seen(16, crop="centre")) == [
        "16 frames; trained on 8",
        "central square; trained on the whole frame",
    ]
    assert otherwise(seen(16, "random", "centre")) == []


@pytest.mark.parametrize(("page", "badges"), [("explore", 2), ("gradcam", 2)])
def test_results_of_another_length_have_a_badge_beside_the_class_and_in_the_sidebar(
    page: str, badges: int
) -> None:
    app = opened("timesformer", str(ROOT / "pages" / f"{page}.py"))

    def marked() -> list[str]:
        lines = [line.value for line in app.markdown]
        return [line for line in lines if "straighten" in line and "trained on 8" in line]

    assert not app.exception and not marked()
    assert any(caption.value == "Trained on 8 frames." for caption in app.caption)
    app.slider(key="frames").set_value(12).run()
    assert not app.exception
    assert len([m for m in marked() if m.endswith("12 frames; trained on 8]")]) == badges
    assert any("12 frames; trained on 8 ·" in caption.value for caption in app.caption)
