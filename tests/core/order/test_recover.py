"""Order recovery against hand values (spec 8.5, 8.6) and against trying every path."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from core.errors import BadInput
from core.order import (
    EXACT_FRAMES,
    frame_graph,
    greedy_path,
    hamiltonian_path,
    lcs_length,
    order_accuracy,
    path_weight,
    pixel_affinity,
    recover_order,
    reversal_accuracy,
    sharpened,
)

HAND = np.array(
    [[0.9, 0.1, 0.7, -0.6], [0.8, 0.9, 0.2, 0.6], [-0.7, -0.2, 0.9, -0.5], [0.9, -0.4, 0.3, 0.9]]
)
"""The matrix of spec 8.6."""
ALL8 = np.array(list(permutations(range(8))))  # in lexicographic order


def perfect_signs(order: tuple[int, ...]) -> np.ndarray:
    """+1 where slot t shows an earlier frame than slot u, else -1."""
    o = np.array(order)
    return np.where(o[:, None] < o[None], 1.0, -1.0)


def every_weight(matrix: np.ndarray) -> np.ndarray:
    """The weight of each of the 40,320 paths through 8 slots."""
    total = np.zeros(len(ALL8))
    for i in range(7):
        total += matrix[ALL8[:, i], ALL8[:, i + 1]]
    return total


# -- OrderAcc (spec 8.5)


@pytest.mark.parametrize(
    ("path", "percent"),
    [
        ([0, 1, 2, 3], 100),
        ([3, 2, 1, 0], 25),
        ([1, 0, 2, 3], 75),
        ([1, 2, 3, 0], 75),
        ([2, 3, 0, 1], 50),
        ([1, 0, 3, 2], 50),
        ([7, 6, 5, 4, 3, 2, 1, 0], 12.5),
        ([1, 0, 2, 3, 5, 4, 6, 7], 75),
        ([4, 0, 1, 7, 3, 5, 2, 6], 62.5),
    ],
)
def test_order_accuracy_of_an_unshuffled_clip_has_the_hand_values(
    path: list[int], percent: float
) -> None:
    assert order_accuracy(path, list(range(len(path)))) == percent
    assert 100 * lcs_length(path, list(range(len(path)))) / len(path) == percent


def test_order_accuracy_compares_the_path_with_argsort_not_rank_vectors() -> None:
    order, path = (0, 2, 1), (1, 2, 0)
    assert lcs_length(path, np.argsort(order).tolist()) == 1
    assert lcs_length((2, 0, 1), order) == 2  # the wrong definition gives another value
    assert order_accuracy(path, order) == pytest.approx(100 / 3)


def test_order_accuracy_inverts_the_permutation() -> None:
    order = (2, 0, 3, 1)  # not its own inverse
    assert order_accuracy((1, 3, 0, 2), order) == 100
    assert order_accuracy(order, order) == 25  # argsort runs the other way round


def test_the_longest_common_subsequence_may_have_gaps() -> None:
    assert lcs_length([0, 4, 1, 5, 2, 6, 3], [0, 1, 2, 3, 4, 5, 6]) == 4


def test_chance_level_of_eight_frames_is_47_13_percent() -> None:
    counts = np.zeros(9, int)
    identity = tuple(range(8))
    for path in permutations(range(8)):
        counts[lcs_length(path, identity)] += 1
    assert counts.tolist() == [0, 1, 1429, 14337, 17557, 6105, 841, 49, 1]
    assert counts @ np.arange(9) / counts.sum() == pytest.approx(3.770337, abs=5e-7)


def test_chance_level_does_not_depend_on_the_permutation() -> None:
    order = (4, 0, 1, 7, 3, 5, 2, 6)
    sample = np.random.default_rng(3).permutation(40320)[:1500]
    identity = tuple(range(8))
    here = sum(order_accuracy(ALL8[i].tolist(), order) for i in sample)
    relabelled = sum(order_accuracy(np.array(order)[ALL8[i]].tolist(), identity) for i in sample)
    assert here == relabelled


NO_PERMUTATIONS = [
    ((0, 1, 1), (0, 1, 2)),
    ((0, 1), (0, 1, 2)),
    ((0, 1, 3), (0, 1, 2)),
    ((0, 1, 2), (1, 2, 3)),
]


@pytest.mark.parametrize(("path", "permutation"), NO_PERMUTATIONS)
def test_order_accuracy_refuses_what_is_no_permutation(
    path: tuple[int, ...], permutation: tuple[int, ...]
) -> None:
    with pytest.raises(BadInput, match="0 to"):
        order_accuracy(path, permutation)


def test_reversal_accuracy_takes_the_better_direction() -> None:
    assert reversal_accuracy([3, 2, 1, 0], [0, 1, 2, 3]) == 100
    assert reversal_accuracy([0, 1, 2, 3], [0, 1, 2, 3]) == 100
    assert reversal_accuracy([1, 0, 3, 2], [0, 1, 2, 3]) == 50
    assert reversal_accuracy([1, 0, 2, 3], [0, 1, 2, 3]) == 75


# -- the path (spec 8.6)


def test_the_hand_matrix_has_the_hand_path_and_runner_up() -> None:
    assert hamiltonian_path(HAND) == ((1, 3, 0, 2), pytest.approx(2.2))
    found = recover_order(HAND)
    assert found.path == (1, 3, 0, 2) and found.weight == pytest.approx(2.2)
    assert found.runner_up_path == (3, 0, 2, 1) and found.runner_up == pytest.approx(1.4)


def test_greedy_from_slot_1_is_caught_by_the_hand_matrix() -> None:
    path, weight = greedy_path(HAND, 1)
    assert path[:2] == (1, 0)
    assert weight == pytest.approx(1.0)


def test_margins_of_the_hand_matrix() -> None:
    spread = np.std(HAND[~np.eye(4, dtype=bool)])
    found = recover_order(HAND)
    assert found.margin == pytest.approx(0.8 / (3 * spread))
    # the reversed path 2, 0, 3, 1 weighs -.7 -.6 -.4 = -1.7
    assert found.direction_margin == pytest.approx((2.2 + 1.7) / (3 * spread))


@pytest.mark.parametrize("value", [1e6, -1e6, np.nan, np.inf])
def test_the_diagonal_is_ignored(value: float) -> None:
    matrix = HAND.copy()
    np.fill_diagonal(matrix, value)
    before = matrix.copy()
    assert hamiltonian_path(matrix) == hamiltonian_path(HAND)
    assert recover_order(matrix) == recover_order(HAND)
    assert greedy_path(matrix, 1) == greedy_path(HAND, 1)
    np.testing.assert_array_equal(matrix, before)  # the caller's matrix is left as it was


def test_perfect_signs_of_four_slots_give_argsort() -> None:
    found = recover_order(perfect_signs((2, 0, 3, 1)))
    assert found.path == (1, 3, 0, 2) == tuple(np.argsort((2, 0, 3, 1)))
    assert (found.weight, found.runner_up) == (3, 1)
    assert found.verdict == "known"


def test_perfect_signs_of_eight_slots_give_argsort() -> None:
    order = (4, 0, 1, 7, 3, 5, 2, 6)
    found = recover_order(perfect_signs(order))
    assert found.path == (1, 2, 6, 4, 0, 5, 7, 3)
    assert found.weight == 7
    assert order_accuracy(found.path, order) == 100


def test_equal_paths_go_to_the_lexicographically_smallest() -> None:
    assert hamiltonian_path(np.ones((4, 4))) == ((0, 1, 2, 3), 3)
    found = recover_order(np.ones((4, 4)))
    assert found.path == (0, 1, 2, 3) and found.runner_up_path == (0, 1, 3, 2)
    assert found.margin == 0


def test_ties_survive_rounding() -> None:
    matrix = np.full((7, 7), 0.1)  # sums of 0.1 differ in the last bit by the order of adding
    assert hamiltonian_path(matrix)[0] == tuple(range(7))
    assert recover_order(matrix * 3).verdict == "unknown"


@pytest.mark.parametrize("kind", ["few values", "small integers", "no ties"])
def test_the_path_and_runner_up_equal_those_of_trying_every_path(kind: str) -> None:
    rng = np.random.default_rng({"few values": 0, "small integers": 1, "no ties": 2}[kind])
    for trial in range(334):
        if kind == "no ties":
            matrix = rng.standard_normal((8, 8))
        else:
            matrix = rng.integers(*((0, 2) if kind == "few values" else (-3, 4)), (8, 8)).astype(
                float
            )
        weights = every_weight(matrix)
        best = int(weights.argmax())  # the first of equals: the lexicographically smallest
        path, weight = hamiltonian_path(matrix)
        assert path == tuple(ALL8[best]), (kind, trial)
        assert weight == pytest.approx(weights[best])
        if trial % 4 == 0:
            weights[best] = -np.inf
            second = int(weights.argmax())
            found = recover_order(matrix)
            assert found.path == path
            assert found.runner_up_path == tuple(ALL8[second]), (kind, trial)
            assert found.runner_up == pytest.approx(weights[second])


def test_the_path_of_a_transposed_matrix_runs_backwards() -> None:
    matrix = np.random.default_rng(5).standard_normal((7, 7))
    path, weight = hamiltonian_path(matrix)
    back, same = hamiltonian_path(matrix.T)
    assert back == path[::-1] and same == pytest.approx(weight)


def test_the_path_follows_a_relabelling_of_the_slots() -> None:
    rng = np.random.default_rng(7)
    matrix, names = rng.standard_normal((11, 11)), rng.permutation(11)
    path, weight = hamiltonian_path(matrix)
    renamed, same = hamiltonian_path(matrix[np.ix_(names, names)])
    assert tuple(names[list(renamed)]) == path and same == pytest.approx(weight)


def test_one_and_two_slots_have_an_order() -> None:
    assert hamiltonian_path(np.array([[5.0]])) == ((0,), 0.0)
    alone = recover_order(np.array([[5.0]]))
    assert (alone.path, alone.weight, alone.verdict) == ((0,), 0.0, "unknown")
    pair = np.array([[9.0, -1.0], [2.0, 9.0]])
    assert hamiltonian_path(pair) == ((1, 0), 2.0)
    found = recover_order(pair)
    assert (found.path, found.runner_up_path, found.runner_up, found.verdict) == (
        (1, 0),
        (0, 1),
        -1.0,
        "known",
    )
    assert recover_order(np.ones((2, 2))).verdict == "unknown"


@pytest.mark.parametrize("slots", [EXACT_FRAMES - 1, EXACT_FRAMES])
def test_up_to_sixteen_slots_are_exact(slots: int) -> None:
    order = np.random.default_rng(slots).permutation(slots)
    found = recover_order(perfect_signs(tuple(order)))
    assert found.exact
    assert found.path == tuple(np.argsort(order)) and found.weight == slots - 1


@pytest.mark.parametrize("slots", [17])
def test_beyond_sixteen_slots_the_answer_is_marked_and_no_worse_than_greedy(slots: int) -> None:
    rng = np.random.default_rng(slots)
    for matrix in (
        rng.standard_normal((slots, slots)),
        rng.integers(-2, 3, (slots, slots)).astype(float),
    ):
        found = recover_order(matrix)
        assert not found.exact
        assert sorted(found.path) == list(range(slots))
        assert found.weight == pytest.approx(
            path_weight(np.where(np.eye(slots, dtype=bool), 0, matrix), found.path)
        )
        assert found.weight >= max(greedy_path(matrix, start)[1] for start in range(slots)) - 1e-9
        assert found.runner_up <= found.weight and found.runner_up_path != found.path
        assert hamiltonian_path(matrix)[0] == found.path


def test_the_search_beyond_sixteen_slots_finds_perfect_signs() -> None:
    order = np.random.default_rng(19).permutation(19)
    found = recover_order(perfect_signs(tuple(order)))
    assert found.path == tuple(np.argsort(order)) and found.verdict == "known" and not found.exact


# -- what is refused


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((0, 0)), np.zeros((3, 5)), np.zeros(3), np.zeros((2, 3, 3)), np.zeros((5, 3))],
)
def test_a_matrix_that_is_not_square_is_refused(matrix: np.ndarray) -> None:
    for function in (hamiltonian_path, recover_order):
        with pytest.raises(BadInput, match="square") as error:
            function(matrix)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_matrix_that_is_not_finite_is_refused(value: float) -> None:
    matrix = HAND.copy()
    matrix[2, 1] = value
    for function in (hamiltonian_path, recover_order):
        with pytest.raises(BadInput, match="finite"):
            function(matrix)


# -- how sure


@pytest.mark.parametrize("value", [0.0, 1.0, -0.3, 1e-30, 1e6])
@pytest.mark.parametrize("slots", [2, 3, 5])
def test_a_constant_matrix_leaves_the_order_unknown(value: float, slots: int) -> None:
    found = recover_order(np.full((slots, slots), value))
    assert found.verdict == "unknown" and found.margin == 0 and found.direction_margin == 0


def test_a_constant_matrix_with_rounding_noise_leaves_the_order_unknown() -> None:
    noise = np.random.default_rng(0).standard_normal((8, 8)) * 1e-13
    assert recover_order(0.125 + noise).verdict == "unknown"


def test_a_repeated_frame_leaves_the_order_unknown() -> None:
    matrix = perfect_signs((0, 1, 2, 3, 4))
    matrix[1], matrix[:, 1] = matrix[2], matrix[:, 2]  # slots 1 and 2 show the same frame
    matrix[1, 2] = matrix[2, 1] = -1
    assert recover_order(matrix).verdict == "unknown"


def test_a_symmetric_matrix_is_known_up_to_direction() -> None:
    apart = np.abs(np.subtract.outer([0, 1, 3, 7, 12], [0, 1, 3, 7, 12]))
    found = recover_order(-apart)
    assert found.path == (0, 1, 2, 3, 4) and found.runner_up_path == (4, 3, 2, 1, 0)
    assert found.direction_margin == 0
    assert found.verdict == "up_to_direction"


ALIKE = np.array([[0, 5.0, 1, 0], [5, 0, 4, 2], [1, 4, 0, 6], [0, 2, 6, 0]])
"""A symmetric matrix. 0 1 2 3 and its reverse weigh 15, the next paths 13 (1 0 2 3 has 12)."""


def test_a_symmetric_matrix_says_that_the_path_and_its_reverse_tie() -> None:
    order = recover_order(ALIKE)
    assert (order.path, order.runner_up_path) == ((0, 1, 2, 3), (3, 2, 1, 0))
    assert order.ties_backwards and order.margin == order.direction_margin == 0
    assert order.rival_path == (0, 1, 3, 2) and path_weight(ALIKE, order.rival_path) == 13
    spread = ALIKE[~np.eye(4, dtype=bool)].std()
    assert order.order_margin == pytest.approx((15 - 13) / (3 * spread))
    noise = 1e-8 * np.random.default_rng(0).standard_normal((4, 4))
    assert recover_order(ALIKE + noise).ties_backwards, "rounding in 32 bits breaks no tie"
    assert not recover_order(ALIKE, forbidden=[(3, 2)]).ties_backwards, "the reverse is forbidden"
    lopsided = ALIKE.copy()
    lopsided[0, 1] += 0.1
    assert not recover_order(lopsided).ties_backwards


def test_without_a_tie_the_rival_is_the_runner_up() -> None:
    order = recover_order(HAND)
    assert not order.ties_backwards
    assert order.rival_path == order.runner_up_path and order.order_margin == order.margin


def test_pixel_affinity_is_symmetric_blind_to_direction_and_in_grey_levels() -> None:
    frames = np.zeros((5, 3, 7, 3), np.uint8)
    frames += np.array([0, 10, 30, 60, 250], np.uint8)[:, None, None, None]
    matrix = pixel_affinity(frames)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix[0, 4] == -250 and matrix[1, 2] == -20 and matrix[3, 3] == 0
    shuffled = recover_order(pixel_affinity(frames[[3, 0, 4, 1, 2]]))
    assert shuffled.path in ((1, 3, 4, 0, 2), (2, 0, 4, 3, 1))
    assert shuffled.verdict == "up_to_direction"


def test_the_direction_threshold_decides_between_known_and_up_to_direction() -> None:
    margin = recover_order(HAND).direction_margin
    assert recover_order(HAND, direction_threshold=margin * 0.99).verdict == "known"
    assert recover_order(HAND, direction_threshold=margin * 1.01).verdict == "up_to_direction"


def test_margins_do_not_change_with_scale_or_offset() -> None:
    found, scaled = recover_order(HAND), recover_order(HAND * 1e-4 + 3)
    assert scaled.path == found.path
    assert scaled.margin == pytest.approx(found.margin)
    assert scaled.direction_margin == pytest.approx(found.direction_margin)
    assert scaled.verdict == found.verdict


# -- the graph to draw


@pytest.mark.parametrize("slots", [1, 2, 7])
def test_the_frame_graph_is_complete_and_marks_the_path(slots: int) -> None:
    matrix = np.random.default_rng(slots).standard_normal((slots, slots))
    path, weight = hamiltonian_path(matrix)
    graph = frame_graph(matrix, path)
    assert sorted(graph.nodes) == list(range(slots))
    assert graph.number_of_edges() == slots * (slots - 1)
    assert all(data["weight"] == matrix[t, u] for t, u, data in graph.edges(data=True))
    on_path = {
        data["step"]: (t, u) for t, u, data in graph.edges(data=True) if data["step"] is not None
    }
    assert len(on_path) == slots - 1
    assert [on_path[i] for i in range(slots - 1)] == list(pairwise(path))
    assert sum(matrix[edge] for edge in on_path.values()) == pytest.approx(weight)


def test_sharpening_undoes_the_leaps_of_a_graded_matrix() -> None:
    """Angles a quarter turn apart attract most.

    The heaviest path on W takes every other frame, twice. Sharpened it does not.
    """
    phase = np.linspace(0, 1.2 * np.pi / 2, 8)
    graded = np.sin(1.6 * (phase[None] - phase[:, None]))
    assert hamiltonian_path(graded)[0] != tuple(range(8))
    assert hamiltonian_path(sharpened(graded, 8.0))[0] == tuple(range(8))
    assert sharpened(graded, 0.0) is graded


def test_sharpened_values_are_those_of_the_formula() -> None:
    made = sharpened(np.array([[5.0, 0.3], [-0.1, 7.0]]), 2.0)
    np.testing.assert_allclose(made, [[5, np.tanh(0.4) + 0.1], [0.1 - np.tanh(0.4), 7]])


def test_sharpening_orders_by_likeness_where_no_direction_is_given() -> None:
    near = -np.abs(np.subtract.outer(np.arange(5), np.arange(5))) / 10.0
    shuffled = near[np.ix_([3, 0, 4, 1, 2], [3, 0, 4, 1, 2])]
    assert hamiltonian_path(sharpened(shuffled, 8.0))[0] in {(1, 3, 4, 0, 2), (2, 0, 4, 3, 1)}
