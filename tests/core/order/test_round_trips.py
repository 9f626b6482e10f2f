"""What goes in comes out: orders as text, shuffled matrices put back, paths of relabelled slots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.order import recover_order
from core.order.matrix import put_back
from core.order.shuffle import order_text, parse_order, permutation

SOME = settings(max_examples=60, deadline=None)
ORDERS = st.integers(1, 12).flatmap(lambda units: st.permutations(range(units)))
SMALL = st.integers(2, 6).flatmap(lambda units: st.permutations(range(units)))


def matrix(slots: int, seed: int) -> np.ndarray:
    """Random weights, no two paths of which weigh the same."""
    return np.random.default_rng(seed).standard_normal((slots, slots))


@SOME
@given(ORDERS)
def test_an_order_that_is_written_is_read_again(order: list[int]) -> None:
    assert parse_order(order_text(order)) == tuple(order)
    assert permutation(len(order), "hand", order=parse_order(order_text(order))) == tuple(order)


@SOME
@given(st.text(alphabet="0123456789,-ab. ", max_size=12))
def test_text_is_an_order_or_is_refused_in_one_line(text: str) -> None:
    try:
        order = parse_order(text)
    except BadInput as error:
        message = str(error)
    else:
        message = ""
        assert parse_order(order_text(order)) == order
    assert "\n" not in message


@SOME
@given(SMALL, st.integers(0, 1000))
def test_a_shuffled_matrix_is_put_back(order: list[int], seed: int) -> None:
    units = matrix(len(order), seed)
    slots = units[np.ix_(order, order)]
    np.testing.assert_array_equal(put_back(slots, np.array(order)), units)


@SOME
@given(SMALL, st.integers(0, 1000))
def test_relabelling_the_slots_relabels_the_path(order: list[int], seed: int) -> None:
    weights = matrix(len(order), seed)
    recovered = recover_order(weights)
    relabelled = recover_order(weights[np.ix_(order, order)])
    assert tuple(order[slot] for slot in relabelled.path) == recovered.path
    assert relabelled.weight == pytest.approx(recovered.weight)
    assert relabelled.margin == pytest.approx(recovered.margin, abs=1e-9)
    assert relabelled.verdict == recovered.verdict


@SOME
@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_a_path_does_not_depend_on_the_unit_of_the_weights(
    slots: int, seed: int, scale: float, shift: float
) -> None:
    weights = matrix(slots, seed)
    recovered, scaled = recover_order(weights), recover_order(scale * weights + shift)
    assert scaled.path == recovered.path
    assert scaled.direction_margin == pytest.approx(recovered.direction_margin, abs=1e-6)
