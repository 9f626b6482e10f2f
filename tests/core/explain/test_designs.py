"""Which tokens see which: counted by hand on a clip of 4 frames of 5 x 5 tokens."""

from __future__ import annotations

import numpy as np
import pytest

from core.explain import designs
from core.explain.designs import Design, attentions, families

MIDDLE, CORNER, LAST = 37, 0, 99
"""The middle of the second frame, the first token of the clip, and its last."""


def counts(design: Design) -> list[tuple[int, int, int]]:
    """How many tokens the middle, the corner and the last see, for each sight."""
    return [
        (int(rows[0]), int(rows[1]), int(rows[2]))
        for sight in design.sights
        for rows in [sight.sees[[MIDDLE, CORNER, LAST]].sum(1)]
    ]


def of(title: str, among: tuple[Design, ...]) -> Design:
    return next(design for design in among if design.title == title)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Two-stream", [(9, 4, 4), (36, 16, 16)]),
        ("3D CNN", [(27, 8, 8), (3, 2, 2)]),
        ("Transformer", [(100, 100, 100)]),
    ],
)
def test_a_family_sees(title: str, expected: list[tuple[int, int, int]]) -> None:
    assert counts(of(title, families())) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Joint", [(100, 100, 100)]),
        ("Divided", [(4, 4, 4), (25, 25, 25)]),
        # itself and the frames before: none, one, three of 25
        ("Recurrent linear", [(25, 25, 25), (26, 1, 76)]),
        ("Signed", [(4, 4, 4), (25, 25, 25)]),
        # 13 of 25 places have the corners' colour, in four frames
        ("Sparse-dense", [(100, 100, 100), (52, 52, 52)]),
        ("Difference of maps", [(25, 25, 25), (50, 50, 50)]),
    ],
)
def test_a_design_sees(title: str, expected: list[tuple[int, int, int]]) -> None:
    assert counts(of(title, attentions())) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Global", [(100, 100, 100)]),
        ("Temporal", [(4, 4, 4)]),
        ("Sparse-dense", [(52, 52, 52)]),
    ],
)
def test_a_scheme_of_far_sees(title: str, expected: list[tuple[int, int, int]]) -> None:
    assert counts(of(title, designs.schemes())) == expected


def test_where_it_sees_and_not_only_how_much() -> None:
    frames = np.arange(100) // 25
    state = of("Recurrent linear", attentions()).sights[1].sees
    assert set(np.flatnonzero(state[MIDDLE])) == {*range(25), MIDDLE}
    flow = of("Difference of maps", attentions()).sights[1].sees
    assert set(frames[flow[MIDDLE]]) == {1, 2}, "its own frame's map and the next one's"
    assert set(frames[flow[LAST]]) == {2, 3}, "the last repeats the pair before it"
    time = of("Divided", attentions()).sights[0].sees
    assert list(np.flatnonzero(time[MIDDLE])) == [12, 37, 62, 87]
    local = of("Sparse-dense", attentions()).sights[1].sees
    assert not local[MIDDLE, MIDDLE + 1] and local[MIDDLE, MIDDLE + 2 + 25]


def test_only_the_signed_design_repels() -> None:
    signed = {
        (design.title, sight.title.split(",")[0])
        for design in (*families(), *attentions())
        for sight in design.sights
        if sight.signed
    }
    assert signed == {("Signed", "time")}


def test_a_layout_and_the_heat_that_pages_draw_agree_on_who_is_seen() -> None:
    for name in ("videomae", "far", "timesformer", "rvit", "am_flow"):
        for attention in designs._recorded(name).values():
            if attention.grid != designs.GRID:
                continue
            sees = designs._seen(attention)
            heat = attention.heat((1, 2, 2)).numpy()
            np.testing.assert_array_equal(~np.isnan(heat).ravel(), sees[MIDDLE])
