"""Where a map looks, against numbers that were worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.explain.where import entropy, moving, place, share_on


def one_hot(steps: int, h: int, w: int, row: int, col: int) -> np.ndarray:
    heat = np.zeros((steps, h, w), np.float32)
    heat[:, row, col] = 0.3
    return heat


def test_entropy_is_0_on_one_patch_1_alike_everywhere_and_half_on_the_root_of_them() -> None:
    assert entropy(one_hot(2, 4, 4, 1, 2)) == 0
    assert entropy(np.full((3, 5, 7), 0.2, np.float32)) == pytest.approx(1)
    four_of_sixteen = np.zeros((1, 4, 4), np.float32)
    four_of_sixteen[0, 0] = 2
    assert entropy(four_of_sixteen) == pytest.approx(math.log(4) / math.log(16))


def test_what_speaks_against_a_place_is_no_heat_and_a_step_without_heat_does_not_count() -> None:
    heat = one_hot(2, 3, 5, 1, 4)
    heat[0, 0, 0] = -9
    heat[1] = -1
    assert entropy(heat) == 0
    assert place(heat) == pytest.approx((0.9, 0.5, 0))
    assert math.isnan(entropy(-heat * 0 - 1))
    assert all(map(math.isnan, place(np.zeros((2, 3, 5), np.float32))))


def test_the_centre_and_the_spread_of_two_corners() -> None:
    heat = np.zeros((1, 2, 4), np.float32)
    heat[0, 0, 0], heat[0, 1, 3] = 1, 1  # at (1/8, 1/4) and (7/8, 3/4)
    x, y, spread = place(heat)
    assert (x, y) == pytest.approx((0.5, 0.5))
    assert spread == pytest.approx(math.hypot(3 / 8, 1 / 4))


def test_a_square_that_moves_is_seen_where_it_was_and_where_it_is() -> None:
    frames = np.zeros((3, 8, 12, 3), np.uint8)
    for t in range(3):
        frames[t, :4, 4 * t : 4 * t + 4] = 200
    mask = moving(frames)
    assert mask[0, :4, :8].all()
    assert mask.sum((1, 2)).tolist() == [32, 48, 32]


def test_the_share_on_motion_counts_what_of_a_patch_moves() -> None:
    mask = np.zeros((4, 8, 12), bool)
    mask[:, :2, :4] = True  # half of the patch at the top left, of 4 x 4 pixels
    heat = np.zeros((2, 2, 3), np.float32)  # a step covers two frames
    heat[:, 0, 0], heat[:, 1, 2] = 3, 1
    assert share_on(heat, mask) == pytest.approx(0.75 * 0.5)
    assert math.isnan(share_on(heat, np.zeros_like(mask)))
