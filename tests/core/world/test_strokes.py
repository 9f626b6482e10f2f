"""The strokes that no shipped model has learned: each runs as its name says."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.weights import embedded, load
from core.world.gestures import LABELS, STROKES, UNSEEN, render
from core.world.stroke import stroke


def turned(path: np.ndarray) -> float:
    """How far a path (n, 2) turns in all, in full turns, to the right on the screen."""
    step = np.diff(path[::4], axis=0)
    step = step[np.hypot(*step.T) > 0.005]
    angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    return float(angle[-1] - angle[0]) / (2 * np.pi)


def drawn(label: str) -> list[np.ndarray]:
    return [stroke(label, np.random.default_rng(seed)) for seed in range(12)]


def test_the_ten_strokes_are_what_the_shipped_models_know_and_six_more_are_not() -> None:
    assert (*LABELS, *UNSEEN) == STROKES and len(LABELS) == 10 and len(UNSEEN) == 6
    name = next(iter(embedded()))
    assert not set(UNSEEN) & set(load(name).card.labels)


def test_a_spiral_goes_round_about_twice_and_an_eight_comes_back() -> None:
    assert 1.5 < abs(np.median([turned(path) for path in drawn("spiral")])) < 2.3
    for path in drawn("eight"):
        size = np.ptp(path, 0).max()
        assert np.hypot(*(path[0] - path[-1])) < 0.6 * size
    assert abs(np.median([turned(path) for path in drawn("eight")])) < 0.5


@pytest.mark.parametrize(
    ("label", "corners"),
    [
        ("Z", [(0, 0), (1, 0), (0, 1), (1, 1)]),
        ("M", [(0, 1), (0.15, 0), (0.5, 0.7), (0.85, 0), (1, 1)]),
        ("S", [(1, 0.15), (0.1, 0.3), (0.9, 0.7), (0, 0.85)]),
        ("cross", [(0.5, 0), (0.5, 1), (0, 0.5), (1, 0.5)]),
    ],
)
def test_a_stroke_passes_its_corners_in_their_order(
    label: str, corners: list[tuple[float, float]]
) -> None:
    for path in drawn(label):
        inside = (path - path.min(0)) / np.ptp(path, 0)
        nearest = [int(np.hypot(*(inside - corner).T).argmin()) for corner in corners]
        # cross: the way back to the left passes the middle again
        assert nearest == sorted(nearest) or label == "cross", (label, nearest)
        assert max(np.hypot(*(inside - corner).T).min() for corner in corners) < 0.4


def test_what_is_no_stroke_is_refused_with_all_that_are() -> None:
    with pytest.raises(BadInput, match="carret, Z, S, M, spiral, eight, cross"):
        render("zigzag", 0)
