"""Order recovery without forbidden edges, against trying every path.

Also the greedy path, and pictures that repeat.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise, permutations

import numpy as np
import pytest

from core.errors import BadInput
from core.order import (
    Edge,
    greedy_path,
    hamiltonian_path,
    path_weight,
    pixel_affinity,
    recover_order,
    repeated_slots,
    running_weights,
)
from tests.core.order.test_recover import HAND


@cache
def every_path(slots: int) -> np.ndarray:
    """All paths in lexicographic order, (slots!, slots)."""
    return np.array(list(permutations(range(slots))), np.int8)


def by_force(
    matrix: np.ndarray, forbidden: tuple[Edge, ...]
) -> list[tuple[tuple[int, ...], float]]:
    """The two heaviest paths that use no forbidden edge; fewer if fewer are left.

    Ties go to the lexicographically smallest.
    """
    paths = every_path(len(matrix))
    weights = sum(
        (matrix[paths[:, i], paths[:, i + 1]] for i in range(len(matrix) - 1)), np.zeros(len(paths))
    )
    for t, u in forbidden:
        weights[((paths[:, :-1] == t) & (paths[:, 1:] == u)).any(1)] = -np.inf
    found = []
    for _ in range(2):
        best = int(np.argmax(weights >= weights.max() - 1e-9))
        if weights[best] == -np.inf:
            break
        found.append((tuple(paths[best].tolist()), float(weights[best])))
        weights[best] = -np.inf
    return found


def some_edges(rng: np.random.Generator, slots: int, count: int) -> tuple[Edge, ...]:
    edges = [(t, u) for t in range(slots) for u in range(slots) if t != u]
    return tuple(edges[i] for i in rng.permutation(len(edges))[:count])


@pytest.mark.parametrize(("slots", "trials"), [(3, 60), (4, 60), (5, 60), (6, 40), (7, 12), (9, 3)])
def test_path_and_runner_up_equal_those_of_trying_every_path(slots: int, trials: int) -> None:
    rng = np.random.default_rng(slots)
    without = 0
    for trial in range(trials):
        matrix = (
            rng.standard_normal((slots, slots))
            if trial % 2
            else rng.integers(-2, 3, (slots, slots)).astype(float)
        )
        forbidden = some_edges(rng, slots, int(rng.integers(1, slots * (slots - 1))))
        expected = by_force(matrix, forbidden)
        if not expected:
            without += 1
            for solve in (hamiltonian_path, recover_order):
                with pytest.raises(BadInput, match="no path through all slots is left"):
                    solve(matrix, forbidden=forbidden)
            continue
        path, weight = hamiltonian_path(matrix, forbidden)
        found = recover_order(matrix, forbidden=forbidden)
        assert path == found.path == expected[0][0] and found.exact and found.forbidden == forbidden
        assert weight == found.weight == pytest.approx(expected[0][1])
        assert found.runner_up_path == expected[-1][0] and found.runner_up == pytest.approx(
            expected[-1][1]
        )
    assert slots > 5 or without, "some cases leave no path"


def test_forbidding_the_best_paths_edges_one_by_one_never_gains() -> None:
    matrix = np.random.default_rng(2).standard_normal((11, 11))
    forbidden: list[Edge] = []
    before = recover_order(matrix)
    for _ in range(7):
        forbidden.append((before.path[0], before.path[1]))
        after = recover_order(matrix, forbidden=forbidden)
        assert not set(forbidden) & set(zip(after.path[:-1], after.path[1:], strict=True))
        assert after.weight <= before.weight
        before = after


def test_forbidding_nothing_and_forbidding_what_is_not_used_change_nothing() -> None:
    assert recover_order(HAND, forbidden=()) == recover_order(HAND)
    unused = recover_order(HAND, forbidden=[(2, 1)])
    assert unused.path == recover_order(HAND).path and unused.weight == recover_order(HAND).weight
    assert unused.direction_margin == recover_order(HAND).direction_margin, (
        "the reverse may use any edge"
    )


def test_the_only_path_that_is_left_is_its_own_runner_up_and_not_identifiable() -> None:
    only = [(t, u) for t in range(3) for u in range(3) if t != u and (t, u) not in ((2, 0), (0, 1))]
    found = recover_order(HAND[:3, :3], forbidden=only)
    assert (
        found.path == found.runner_up_path == (2, 0, 1)
        and found.margin == 0
        and found.verdict == "unknown"
    )


@pytest.mark.parametrize("edge", [(0, 0), (4, 1), (1, -1), (2, 7)])
def test_an_edge_that_does_not_exist_cannot_be_forbidden(edge: Edge) -> None:
    for solve in (hamiltonian_path, recover_order, greedy_path):
        with pytest.raises(BadInput, match="two different slots from 0 to 3"):
            solve(HAND, forbidden=[edge])


def test_beyond_sixteen_slots_the_search_avoids_forbidden_edges_too() -> None:
    rng = np.random.default_rng(17)
    matrix = rng.standard_normal((17, 17))
    free = recover_order(matrix)
    forbidden = tuple(zip(free.path[:-1], free.path[1:], strict=True))
    found = recover_order(matrix, forbidden=forbidden)
    assert not found.exact and sorted(found.path) == list(range(17)) and found.weight < free.weight
    for path in (found.path, found.runner_up_path):
        assert not set(forbidden) & set(pairwise(path))
    assert found.weight >= greedy_path(matrix, forbidden=forbidden)[1] - 1e-9
    away = [(3, u) for u in range(17) if u != 3] + [(t, 3) for t in range(17) if t != 3]
    with pytest.raises(BadInput, match="the search found no path"):
        recover_order(matrix, forbidden=away)


# -- the greedy path


def test_the_greedy_path_of_any_start_is_the_heaviest_of_all_starts() -> None:
    rng = np.random.default_rng(13)
    for slots in (2, 5, 11):
        matrix = rng.standard_normal((slots, slots))
        each = [greedy_path(matrix, start) for start in range(slots)]
        path, weight = greedy_path(matrix)
        assert (path, weight) == max(each, key=lambda found: found[1])
        assert weight <= hamiltonian_path(matrix)[1] + 1e-12


def test_the_greedy_path_goes_round_forbidden_edges_and_says_when_it_cannot() -> None:
    assert greedy_path(HAND, 1)[0] == (1, 0, 2, 3)
    assert greedy_path(HAND, 1, [(1, 0)])[0] == (1, 3, 0, 2)
    with pytest.raises(BadInput, match="only forbidden edges lead on"):
        greedy_path(HAND, 1, [(0, 2), (0, 3)])
    assert greedy_path(HAND, None, [(0, 2), (0, 3)])[0] == (3, 0, 1, 2), (
        "other starts still find a path"
    )


def test_running_weights_end_in_the_weight_of_the_path() -> None:
    np.testing.assert_allclose(running_weights(HAND, (1, 3, 0, 2)), [0, 0.6, 1.5, 2.2])
    assert running_weights(HAND, (1, 3, 0, 2))[-1] == pytest.approx(path_weight(HAND, (1, 3, 0, 2)))
    assert running_weights(np.array([[5.0]]), (0,)).tolist() == [0]


# -- pictures that repeat


def test_slots_with_the_same_picture_are_named_and_leave_the_order_unknown() -> None:
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 200, (10, 5, 7, 3)).astype(np.uint8)
    assert repeated_slots(frames, 2) == ()
    frames[8:10] = frames[2:4]
    frames[8, 0, 0, 0] += 2  # what a codec rounds away
    assert repeated_slots(frames, 2) == ((1, 4),)
    assert repeated_slots(frames) == ((2, 8), (3, 9))
    frames[8, 0, 0, 0] += 1
    assert repeated_slots(frames, 2) == ()
    matrix = rng.standard_normal((5, 5))
    assert recover_order(matrix).verdict == "known"
    found = recover_order(matrix, repeated=[(1, 4)])
    assert found.verdict == "unknown" and found.path == recover_order(matrix).path
    assert found.margin > 0, "the figures are given all the same"


def test_a_frozen_clip_repeats_every_pair() -> None:
    frames = np.broadcast_to(
        np.random.default_rng(5).integers(0, 256, (1, 3, 5, 3)).astype(np.uint8), (4, 3, 5, 3)
    )
    assert len(repeated_slots(frames)) == 6
    assert (
        recover_order(pixel_affinity(frames), repeated=repeated_slots(frames)).verdict == "unknown"
    )
