"""Why a matrix gives an order, by hand: what it says of neighbours, of time, and of each slot."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from core.order.facts import facts, ranked_by_sums, rightly_first, row_sums

ORDER = (2, 0, 3, 1)
"""The frame in each slot: slots 1, 3, 0, 2 hold frames 0, 1, 2, 3."""
GRADED = np.array([[0, 1.0, 5, 9], [2, 0, 3, 6], [0, 4, 0, 7], [0, 0, 8, 0]])
"""From frame to frame: neighbours 1, 3 and 7, two or more later 5, 9 and 6."""


def of_slots(of_frames: np.ndarray) -> np.ndarray:
    return of_frames[np.ix_(ORDER, ORDER)]


def test_the_facts_of_a_matrix_are_those_of_the_frames_behind_its_slots() -> None:
    leaping = (1, 0, 3, 2)  # frames 0, 2, 1, 3
    assert asdict(facts(of_slots(GRADED), ORDER, leaping)) == {
        "neighbours": pytest.approx(11 / 3),
        "ahead": pytest.approx(20 / 3),
        "far": 2,
        "told": 3,  # 0 before 2, 0 and 1 before 3; of the others the later one comes first
        "pairs": 6,
        "most": pytest.approx(22 / 45),  # frame 3 gets 9, 6 and 7
        "leaps": 2,
        "steps": 3,
    }
    assert facts(of_slots(GRADED), ORDER, (1, 3, 0, 2)).leaps == 0
    assert facts(of_slots(GRADED), ORDER, (2, 0, 3, 1)).leaps == 0, "backwards is no leap"


def test_a_slot_is_ranked_by_what_it_gives_less_what_it_gets_without_its_own() -> None:
    matrix = np.array([[100.0, 1, 2], [3, 100, 6], [5, 0, 100]])
    assert row_sums(matrix).tolist() == [3 - 8, 9 - 1, 5 - 8]
    assert ranked_by_sums(matrix) == (1, 2, 0)
    signs = np.sign(np.subtract.outer(ORDER, ORDER)) * -1.0
    assert ranked_by_sums(signs) == (1, 3, 0, 2), "perfect signs give the true order"


def test_pairs_are_right_where_the_edge_forwards_is_the_heavier() -> None:
    frames = [2, 0, 1]  # the slots show the third, the first and the second frame
    matrix = np.array([[0, 0.3, 0.5], [0.9, 0, 0.6], [0.7, 0.6, 0]], np.float32)
    # first to second: slots 1 and 2, 0.6 both ways; first to third: 0.9 against 0.3, right;
    # second to third: slots 2 and 0, 0.7 against 0.5, right
    assert rightly_first(matrix, frames) == (2, 1, 3)
    assert rightly_first(matrix.T.copy(), frames) == (0, 1, 3)
