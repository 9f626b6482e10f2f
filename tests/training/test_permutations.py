"""The permutation sets have the signatures of spec 3.4."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from core.errors import BadInput
from core.order.permutations import permutation_set

STRATEGIES = ("greedy_min", "greedy_max", "random")


def distances(rows: np.ndarray) -> np.ndarray:
    """Hamming distance of each pair, with 99 on the diagonal."""
    apart = (rows[:, None] != rows[None]).sum(2)
    np.fill_diagonal(apart, 99)
    return apart


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_set_holds_a_thousand_different_permutations_without_the_identity(strategy: str) -> None:
    rows = permutation_set(8, 1000, strategy)
    assert rows.shape == (1000, 8) and rows.dtype == np.int64
    assert (np.sort(rows, 1) == np.arange(8)).all()
    assert len(np.unique(rows, axis=0)) == 1000
    assert not (rows == np.arange(8)).all(1).any()


def test_greedy_min_has_the_signature_of_the_spec() -> None:
    rows = permutation_set(8, 1000, "greedy_min")
    assert rows[:3].tolist() == [
        [6, 5, 3, 7, 0, 1, 4, 2],
        [0, 5, 3, 7, 6, 1, 4, 2],
        [0, 5, 3, 6, 7, 1, 4, 2],
    ]
    apart = distances(rows)
    assert apart.min() == 2 and apart[apart < 99].max() == 7
    assert apart[apart < 99].mean() == pytest.approx(5.455, abs=5e-4)
    assert (apart.min(1) == 2).all()


def test_greedy_max_has_the_signature_of_the_release() -> None:
    rows = permutation_set(8, 1000, "greedy_max")
    apart = distances(rows)
    assert apart.min() == 2 and apart[apart < 99].max() == 8
    assert apart[apart < 99].mean() == pytest.approx(7.007007, abs=1e-5)
    counts = np.stack([np.bincount(rows[:, place], minlength=8) for place in range(8)])
    assert counts.min() >= 124 and counts.max() <= 126, (
        "every symbol about equally often in every position"
    )


def test_a_random_set_is_less_balanced_than_greedy_max() -> None:
    apart = distances(permutation_set(8, 1000, "random"))
    assert 6.99 < apart[apart < 99].mean() < 7.005


@pytest.mark.parametrize("strategy", ["greedy_min", "greedy_max"])
def test_each_row_is_the_first_of_the_best_by_mean_distance_to_the_rows_before(
    strategy: str,
) -> None:
    rows = permutation_set(6, 60, strategy, seed=1)
    everything = np.array(list(permutations(range(6))))  # lexicographic
    for n in range(1, 60):
        mean = (everything[:, None] != rows[None, :n]).sum(2).mean(1)
        taken = (everything[:, None] == rows[None, :n]).all(2).any(1)
        taken[0] = True  # the identity
        mean[taken] = np.inf if strategy == "greedy_min" else -np.inf
        best = mean.argmin() if strategy == "greedy_min" else mean.argmax()
        assert rows[n].tolist() == everything[best].tolist(), n


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_seed_decides_the_set(strategy: str) -> None:
    first = permutation_set(5, 7, strategy, 0).copy()
    permutation_set.cache_clear()
    assert np.array_equal(permutation_set(5, 7, strategy, 0), first)
    assert any(
        not np.array_equal(permutation_set(5, 7, strategy, seed), first) for seed in (1, 2, 3)
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_permutations_but_the_identity_can_be_had(strategy: str) -> None:
    rows = permutation_set(4, factorial(4) - 1, strategy)
    assert len(np.unique(rows, axis=0)) == 23 and not (rows == np.arange(4)).all(1).any()


def test_orders_that_do_not_exist_are_refused() -> None:
    for frames, count in ((3, 6), (1, 1), (10, 5), (4, 0)):
        with pytest.raises(BadInput, match="orders of"):
            permutation_set(frames, count)
