"""The integral along the way, on functions that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from core.explain.way import FIRST, MOST, NODES, WEIGHTS, Measure, Point, integrated

SHARES = np.array([0.2, 0.3, 0.5]).reshape(1, 1, 3)
"""How three cells share what the score changes."""


def of(score: Callable[[float], float], slope: Callable[[float], float]) -> tuple[Measure, list]:
    """Measures a score whose slope is that of three cells together, and the points it was asked."""
    asked: list[float] = []

    def measure(shares: list[float]) -> dict[float, Point]:
        asked.extend(shares)
        return {a: Point(score(a), (slope(a) * SHARES).astype(np.float32)) for a in shares}

    return measure, asked


def test_the_rule_is_exact_up_to_the_seventh_power_and_no_further() -> None:
    for power in range(9):
        by_rule = sum(w * node**power for w, node in zip(WEIGHTS, NODES, strict=True))
        assert (abs(by_rule - 1 / (power + 1)) < 1e-12) == (power <= 7)


def test_a_smooth_score_takes_thirteen_points() -> None:
    measure, asked = of(lambda a: a**5, lambda a: 5 * a**4)
    np.testing.assert_allclose(integrated(measure), SHARES, atol=1e-6)
    assert len(asked) == len(set(asked)) == FIRST == 13, "neighbours share their ends"


def test_a_jump_within_a_hundredth_of_the_way_is_looked_at_closely() -> None:
    steep, at = 400.0, 0.021

    def score(a: float) -> float:
        return 9.0 * math.tanh(steep * (a - at))

    def slope(a: float) -> float:
        return 9.0 * steep * (1 - math.tanh(steep * (a - at)) ** 2)

    change = score(1) - score(0)
    measure, asked = of(score, slope)
    heat = integrated(measure)
    assert heat.sum() == pytest.approx(change, rel=0.02)
    np.testing.assert_allclose(heat / heat.sum(), SHARES, atol=1e-5)
    assert len(asked) == len(set(asked)) < 60
    assert np.mean([a < 0.1 for a in asked]) > 0.6, "where it jumps"


def test_parts_that_never_add_up_end_the_search() -> None:
    measure, asked = of(lambda a: a, lambda a: 3.0)
    assert integrated(measure).sum() == pytest.approx(3.0)
    assert MOST - 9 < len(asked) <= MOST
