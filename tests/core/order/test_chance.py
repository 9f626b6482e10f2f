"""The distribution of chance, against hand values (spec 8.5) and against every order."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from core.errors import BadInput
from core.order import lcs_length
from core.order.chance import MOST_FRAMES, chance_accuracy, chance_distribution, longest_counts


def test_the_counts_for_eight_frames_are_those_of_the_spec() -> None:
    assert longest_counts(8) == (1, 1429, 14337, 17557, 6105, 841, 49, 1)
    assert chance_accuracy(8) * 8 / 100 == pytest.approx(3.770337, abs=5e-7)
    assert f"{chance_accuracy(8):.2f} {chance_accuracy(4):.2f}" == "47.13 60.42"
    assert chance_accuracy(8, either_way=True) == pytest.approx(54.37, abs=0.01)


@pytest.mark.parametrize("frames", range(1, 8))
def test_the_counts_equal_those_over_every_order(frames: int) -> None:
    forward, either = np.zeros(frames, int), np.zeros(frames, int)
    for order in permutations(range(frames)):
        up, down = (lcs_length(order, range(frames)[::way]) for way in (1, -1))
        forward[up - 1] += 1
        either[max(up, down) - 1] += 1
    assert longest_counts(frames) == tuple(forward) and longest_counts(
        frames, either_way=True
    ) == tuple(either)


@pytest.mark.parametrize("frames", [9, 16, 23])
def test_beyond_enumeration_every_order_is_counted_once(frames: int) -> None:
    assert (
        sum(longest_counts(frames))
        == sum(longest_counts(frames, either_way=True))
        == factorial(frames)
    )
    assert longest_counts(frames)[-1] == 1 and longest_counts(frames)[-2] == (frames - 1) ** 2
    assert chance_distribution(frames).sum() == pytest.approx(1)


def test_random_orders_fall_as_the_distribution_says() -> None:
    rng, T = np.random.default_rng(3), 13
    seen = (
        np.bincount(
            [lcs_length(rng.permutation(T).tolist(), range(T)) for _ in range(3000)],
            minlength=T + 1,
        )[1:]
        / 3000
    )
    expected = chance_distribution(T)
    assert np.abs(seen - expected).max() < 4 * np.sqrt(expected.max() / 3000)


@pytest.mark.parametrize("frames", [-3, 0, MOST_FRAMES + 1])
def test_numbers_of_frames_without_an_exact_answer_are_refused(frames: int) -> None:
    with pytest.raises(BadInput, match=f"1 to {MOST_FRAMES} frames, got {frames}"):
        chance_distribution(frames)
