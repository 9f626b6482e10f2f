"""The order in which frames are shown: the same arguments give the same order.

Only permutations come out.
"""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.order.shuffle import HOW, order_text, parse_order, permutation


@pytest.mark.parametrize("frames", [1, 2, 7, 16, 19])
@pytest.mark.parametrize("how", [how for how in HOW if how != "hand"])
def test_every_way_gives_a_permutation_that_its_arguments_fix(how: str, frames: int) -> None:
    for seed in (0, 3, 10**9):
        made = permutation(frames, how, seed=seed, swaps=5)
        assert sorted(made) == list(range(frames)) and made == permutation(
            frames, how, seed=seed, swaps=5
        )


def test_a_seed_gives_the_order_of_the_command_line() -> None:
    assert permutation(11, seed=5) == tuple(np.random.default_rng(5).permutation(11).tolist())


def test_swaps_change_so_many_pairs_of_the_true_order() -> None:
    assert permutation(7, "swaps", seed=3, swaps=0) == tuple(range(7))
    for seed in range(30):
        one = permutation(7, "swaps", seed=seed, swaps=1)
        assert sum(frame != t for t, frame in enumerate(one)) == 2
        two = permutation(7, "swaps", seed=seed, swaps=2)
        assert sum(a != b for a, b in zip(one, two, strict=True)) == 2, (
            "the second swap follows the first"
        )
    assert len({permutation(7, "swaps", seed=seed, swaps=1) for seed in range(200)}) == 21, (
        "any two frames may change places"
    )


def test_reversed_runs_backwards_and_by_hand_is_as_it_is() -> None:
    assert permutation(5, "reversed", seed=3, swaps=2) == (4, 3, 2, 1, 0)
    assert permutation(4, "hand", order=(3, 1, 0, 2)) == (3, 1, 0, 2)
    assert permutation(4, "hand", order=parse_order("3, 1,0,2")) == (3, 1, 0, 2)
    assert (
        parse_order(order_text((3, 1, 0, 2))) == (3, 1, 0, 2)
        and order_text((3, 1, 0, 2)) == "3,1,0,2"
    )


@pytest.mark.parametrize("order", [(), (0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4), (0, 1, 2, 3, 4)])
def test_an_order_that_is_no_permutation_is_refused(order: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="must hold each of 0 to 3 once") as error:
        permutation(4, "hand", order=order)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "a", "3,1,,2", "3;1;0", "1.5,0", "../../etc/passwd", "0," * 5000 + "x"]
)
def test_a_text_that_is_no_order_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(BadInput, match="whole numbers") as error:
        parse_order(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_what_cannot_be_shuffled_by_is_refused() -> None:
    for wrong in ({"seed": -1}, {"how": "swaps", "swaps": -2}):
        with pytest.raises(BadInput, match="0 or more"):
            permutation(5, **wrong)
    with pytest.raises(BadInput, match="choose one of seed, swaps, reversed, hand"):
        permutation(5, "sorted")
