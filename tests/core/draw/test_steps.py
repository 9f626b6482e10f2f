"""What the step-through draws is what core computes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.draw.steps import candidates, colour_range, step_through
from core.order import greedy_path, order_accuracy, path_weight, recover_order
from tests.core.order.test_recover import HAND, perfect_signs

ORDER = (2, 0, 3, 1)


def test_the_paths_are_those_of_core_with_their_running_weights() -> None:
    found = recover_order(HAND)
    data = step_through(HAND, found, ORDER, ["a", "b", "c", "d"])
    json.dumps(data)
    names = [path["name"] for path in data["paths"]]
    assert names == ["Exact optimum", "Runner-up", "Greedy path", "Best path backwards"]
    expected = [found.path, found.runner_up_path, greedy_path(HAND)[0], found.path[::-1]]
    for path, slots in zip(data["paths"], expected, strict=True):
        assert tuple(path["path"]) == slots and path["weight"] == pytest.approx(
            path_weight(HAND, slots)
        )
        assert path["running"][0] == 0 and path["running"][-1] == pytest.approx(path["weight"])
        assert path["accuracy"] == order_accuracy(slots, ORDER)
        assert path["places"] == [ORDER[slot] == place for place, slot in enumerate(slots)]
    assert (
        data["pictures"] == ["a", "b", "c", "d"]
        and data["permutation"] == list(ORDER)
        and data["exact"]
    )


def test_the_edges_are_the_whole_matrix_but_its_diagonal() -> None:
    matrix = np.random.default_rng(7).standard_normal((7, 7))
    data = step_through(matrix, recover_order(matrix), range(7), [""] * 7)
    drawn = np.diag(np.diag(matrix))
    for t, u, weight in data["edges"]:
        drawn[t, u] = weight
    np.testing.assert_array_equal(drawn, matrix)


def test_forbidden_edges_are_avoided_but_by_the_path_backwards() -> None:
    best = recover_order(HAND)
    edge = (best.path[-1], best.path[-2])
    found = recover_order(HAND, forbidden=[edge])
    data = step_through(HAND, found, ORDER, [""] * 4)
    assert data["forbidden"] == [list(edge)]
    uses = {
        path["name"]: edge in zip(path["path"][:-1], path["path"][1:], strict=True)
        for path in data["paths"]
    }
    assert uses == {
        "Exact optimum": False,
        "Runner-up": False,
        "Greedy path": False,
        "Best path backwards": True,
    }


def test_a_greedy_path_in_a_dead_end_and_a_missing_runner_up_are_said() -> None:
    matrix = np.array([[0, 1.0, 2], [3, 0, 4], [5, 9, 0]])
    # 2 -> 0 -> 1 is left, but from 2 the heaviest edge goes to 1.
    found = recover_order(matrix, forbidden=[(1, 0), (1, 2), (0, 2)])
    assert {c.name: c.path for c in candidates(matrix, found, (0, 1, 2))} == {
        "Exact optimum": (2, 0, 1),
        "Greedy path": None,
        "Best path backwards": (1, 0, 2),
    }
    data = step_through(matrix, found, (0, 1, 2), [""] * 3)
    json.dumps(data, allow_nan=False)
    assert {"name": "Greedy path", "path": None} in data["paths"]


@pytest.mark.parametrize(
    ("matrix", "middle", "reach"),
    [
        (perfect_signs((0, 1, 2)), 0, 1),
        (np.array([[9, 0.2], [-0.6, 9]]), 0, 0.6),
        (np.array([[0, 0.2], [0.6, 0]]), 0.4, 0.2),
        (np.array([[0, -3.0], [-1, 0]]), -2, 1),
        (np.full((3, 3), 0.5), 0.5, 1),
        (np.array([[4.0]]), 0, 1),
    ],
)
def test_the_scale_is_neutral_at_zero_where_both_signs_occur_else_at_the_mean(
    matrix: np.ndarray, middle: float, reach: float
) -> None:
    assert colour_range(matrix) == (pytest.approx(middle), pytest.approx(reach))


def test_beyond_sixteen_slots_the_best_path_is_not_called_exact() -> None:
    matrix = perfect_signs(tuple(range(17)))
    data = step_through(matrix, recover_order(matrix), range(17), [""] * 17)
    assert not data["exact"] and data["paths"][0]["name"] == "Best path found"
