"""The page Other models: what it says and draws of the survey's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.draw import backbones
from core.draw.labels import overlaps
from core.draw.style import WIDTH
from pages.parts import survey
from tests.pages.test_pages import opened

PAGE = str(Path(__file__).parents[2] / "pages" / "backbones.py")


@pytest.mark.parametrize("axis", survey.AXES)
@pytest.mark.parametrize("data", survey.CHOICES)
def test_every_name_of_the_backbones_can_be_read(data: str, axis: str) -> None:
    points = survey.points_of(data, axis, shown="far")
    figure = backbones.scatter(points, survey.axis_of(data, axis), "top-1")
    notes = figure.layout.annotations
    assert len(notes) == len(points) >= 6
    (low, high), (bottom, top) = figure.layout.xaxis.range, figure.layout.yaxis.range
    sizes = np.array([backbones._size(point) for point in points], float)
    offsets = np.array([(note.ax, note.ay) for note in notes], float)
    for width in (WIDTH, 1150, 1530):
        room = np.array([width - 62 - 14, backbones.height_of(points) - 62 - 50], float)
        at = np.array([((n.x - low) / (high - low), (top - n.y) / (top - bottom)) for n in notes])
        assert overlaps(at * room, sizes, offsets) == [], width
        ends = at * room + offsets
        assert (ends - sizes / 2 > -1).all() and (ends + sizes / 2 < room + 1).all(), width


def test_sentences_are_computed_from_the_table() -> None:
    assert survey.in_words("k400") == (
        "On Kinetics-400 InternVideo is highest, 91.1 % with 1000.0 M parameters. "
        "The smallest, Side4Video with 4.0 M parameters, has 88.6 %."
    )
    assert survey.in_words("hmdb51").startswith("On HMDB51 VideoMAE V2 is highest, 88.1 %")


def test_a_data_set_that_cannot_compare_families_says_so() -> None:
    assert survey.comparable("hmdb51") == (
        "HMDB51 has values of 1 transformer beside 7 two-stream networks and 6 3D CNNs: it cannot "
        "compare the families, so no trend is drawn."
    )
    assert "1 two-stream network and no 3D CNNs beside 12 transformers" in survey.comparable("ssv2")
    assert survey.comparable("k400") == ""


@pytest.mark.long
def test_the_page_opens_on_its_own_clips_too_and_marks_them_apart() -> None:
    app = opened("far", PAGE)
    assert not app.exception and not app.error
    assert any("InternVideo is highest" in m.value for m in app.markdown)
    app.segmented_control(key="survey_data").set_value("strokes").run()
    assert not app.exception
    assert any("guessing names 10 %" in m.value for m in app.markdown)
    points = survey.points_of("strokes", "year", "far")
    assert {p.kind for p in points} == {"own"} and [p.is_shown for p in points].count(True) == 1
    assert {p.kind for p in survey.points_of("k400", "year", "far")} == {*survey.FAMILIES, "app"}
