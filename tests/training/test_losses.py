"""Losses against hand values (spec 8.4)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses import (
    SHARPNESS,
    fingertip_loss,
    hand_loss,
    inside,
    order_signs,
    pair_loss,
    pair_weights,
    rank_loss,
    self_loss,
)

FORWARD, BACKWARD = torch.tensor([[1, 2]]), torch.tensor([[2, 1]])
MIXED = torch.tensor([[[0.5, 0.2], [-0.4, 0.1]]])


def test_signs_of_two_frames() -> None:
    assert order_signs(FORWARD).tolist() == [[[-1, 1], [-1, -1]]]
    assert order_signs(BACKWARD).tolist() == [[[-1, -1], [1, -1]]]


def test_signs_compare_original_frames_not_slots() -> None:
    signs = order_signs(torch.tensor([[2, 0, 3, 1]]))[0]
    for t, frame in enumerate((2, 0, 3, 1)):
        for u, other in enumerate((2, 0, 3, 1)):
            assert signs[t, u] == (1 if frame < other else -1)


@pytest.mark.parametrize(
    ("attention", "loss"),
    [
        (torch.zeros(1, 2, 2), -0.5),
        (torch.ones(1, 2, 2), 0.0),
        (order_signs(FORWARD), -1.5),
        (-order_signs(FORWARD), 0.5),
        (MIXED, -0.5),
    ],
)
def test_l_self_of_two_frames_has_the_hand_values(attention: Tensor, loss: float) -> None:
    assert self_loss([attention], FORWARD).item() == pytest.approx(loss)


def test_l_self_of_two_reversed_frames_has_the_hand_value() -> None:
    assert self_loss([MIXED], BACKWARD).item() == pytest.approx(-0.2)


def test_l_self_of_eight_frames_has_its_hand_minimum_zero_and_maximum() -> None:
    order = torch.tensor([[4, 0, 1, 7, 3, 5, 2, 6]])
    assert self_loss([order_signs(order)], order).item() == pytest.approx(-1.125)
    assert self_loss([torch.zeros(1, 8, 8)], order).item() == pytest.approx(-0.125)
    assert self_loss([-order_signs(order)], order).item() == pytest.approx(7 / 8)
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        loss = self_loss([torch.rand(1, 8, 8, generator=rng) * 2 - 1], order).item()
        assert -1.125 <= loss <= 7 / 8


def test_l_self_without_the_diagonal_has_hand_values() -> None:
    # off the diagonal: (1 - .2) * 1 + (1 + .4) * -1 = -.6 over two pairs
    assert self_loss([MIXED], FORWARD, diagonal=False).item() == pytest.approx(-0.3)
    assert self_loss([MIXED], BACKWARD, diagonal=False).item() == pytest.approx(0.3)
    assert self_loss([torch.zeros(1, 2, 2)], FORWARD, diagonal=False).item() == pytest.approx(0)
    assert self_loss([order_signs(FORWARD)], FORWARD, diagonal=False).item() == pytest.approx(-1)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_diagonal_gets_a_gradient_only_where_it_counts(diagonal: bool) -> None:
    attention = torch.zeros(3, 5, 5, requires_grad=True)
    order = torch.stack(
        [torch.randperm(5, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    )
    self_loss([attention], order, diagonal=diagonal).backward()
    own = torch.eye(5, dtype=torch.bool).expand(3, 5, 5)
    assert bool(attention.grad[own].any()) is diagonal
    expected = -order_signs(order) / (3 * (25 if diagonal else 20))
    torch.testing.assert_close(attention.grad[~own], expected[~own])


def test_l_self_is_a_mean_over_layers_and_clips() -> None:
    order = torch.cat([FORWARD, BACKWARD])
    both = MIXED.expand(2, 2, 2)
    assert self_loss([both], order).item() == pytest.approx((-0.5 - 0.2) / 2)
    layers = [both, torch.zeros(2, 2, 2), torch.ones(2, 2, 2)]
    assert self_loss(layers, order).item() == pytest.approx((-0.35 - 0.5 + 0) / 3)


def test_the_symmetric_matrix_is_the_released_helpers() -> None:
    signs = order_signs(torch.tensor([[2, 0, 3, 1]]), symmetric=True)[0]
    assert signs.tolist() == [[1, -1, 1, -1], [-1, 1, 1, 1], [1, 1, 1, -1], [-1, 1, -1, 1]]
    assert torch.equal(signs, signs.T)
    # All alike: no order can be read off it.
    assert order_signs(torch.arange(5)[None], symmetric=True).eq(1).all()
    assert self_loss([torch.ones(1, 4, 4)], torch.arange(4)[None], symmetric=True).item() == 0


# -- the fingertip side task


YES, NO = torch.tensor([True]), torch.tensor([False])


def test_pair_loss_reads_a_cosine_as_log_odds() -> None:
    a = math.log(3) / SHARPNESS  # odds of 3 to 1: probability 3/4
    matrix = torch.tensor([[[0.9, a], [-a, -0.9]]])
    assert pair_loss(matrix, FORWARD, YES).item() == pytest.approx(math.log(4 / 3), rel=1e-5)
    assert pair_loss(matrix, BACKWARD, YES).item() == pytest.approx(math.log(4), rel=1e-5)


def test_pair_loss_of_a_silent_matrix_is_a_coin_toss() -> None:
    order = torch.tensor([[2, 0, 3, 1]])
    for directed in (YES, NO):
        assert pair_loss(torch.zeros(1, 4, 4), order, directed).item() == pytest.approx(
            math.log(2), rel=1e-5
        )


def test_without_a_direction_pair_loss_asks_for_neighbours_and_is_blind_to_reversal() -> None:
    order = torch.tensor([[2, 0, 3, 1]])
    apart = (order[:, :, None] - order[:, None]).abs()
    near = torch.where(apart == 1, 1.0, -1.0)
    generator = torch.Generator().manual_seed(0)
    other = torch.rand(1, 4, 4, generator=generator) * 2 - 1
    assert pair_loss(near, order, NO) < 1e-3 < pair_loss(-near, order, NO)
    torch.testing.assert_close(pair_loss(other, order, NO), pair_loss(other, 3 - order, NO))
    assert abs(pair_loss(other, order, YES) - pair_loss(other, 3 - order, YES)) > 0.01


def test_pair_loss_weighs_the_rare_neighbours_twice() -> None:
    a = math.log(3) / SHARPNESS
    # three frames in order: 4 neighbour entries at weight 2, 2 others at weight 1; a positive
    # cosine is right for neighbours
    by_hand = (8 * math.log(4 / 3) + 2 * math.log(4)) / 10
    assert pair_loss(
        torch.full((1, 3, 3), a), torch.tensor([[0, 1, 2]]), NO
    ).item() == pytest.approx(by_hand, rel=1e-5)


def test_rank_loss_of_hand_values() -> None:
    sure = torch.tensor([[[math.log(3), 0.0], [0.0, math.log(3)]]])  # 3/4 for the right place
    order = torch.tensor([[0, 1]])
    assert rank_loss(sure, order, YES).item() == pytest.approx(math.log(4 / 3), rel=1e-5)
    assert rank_loss(sure, 1 - order, YES).item() == pytest.approx(math.log(4), rel=1e-5)
    # either end first: the mean of 3/4 and 1/4 is a half
    assert rank_loss(sure, order, NO).item() == pytest.approx(math.log(2), rel=1e-5)


def test_fingertip_loss_of_a_silent_head_has_the_hand_value() -> None:
    predicted, tip = torch.zeros(1, 2, 3, 4), torch.tensor([[1.5, 1.25]])
    # ln 6 for the patch, 2 * mean(.5 * .5**2, .5 * .25**2) for the offset
    assert fingertip_loss(predicted, tip).item() == pytest.approx(math.log(6) + 0.15625)
    assert hand_loss(predicted, torch.rand(1, 2, 3)).item() == pytest.approx(math.log(2))


def test_fingertip_loss_reads_x_as_column_and_y_as_row() -> None:
    predicted = torch.zeros(1, 3, 5, 4)
    predicted[0, 1, 4] = torch.tensor([50.0, 0.0, 0.75, 0.25])  # row 1, column 4
    assert fingertip_loss(predicted, torch.tensor([[4.75, 1.25]])).item() == pytest.approx(
        0, abs=1e-6
    )
    assert fingertip_loss(predicted, torch.tensor([[1.25, 2.75]])).item() > 40


def test_a_grid_holds_its_left_and_upper_edges_and_not_the_others() -> None:
    tips = torch.tensor(
        [
            [-0.1, 1.0],
            [3.0, 1.0],
            [1.0, -0.1],
            [1.0, 2.0],
            [0.0, 0.0],
            [2.99, 1.99],
            [float("nan"), 1.0],
        ]
    )
    assert inside(tips, 2, 3).tolist() == [False, False, False, False, True, True, False]


def test_the_hand_loss_reads_the_second_score_alone() -> None:
    predicted = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = hand_loss(predicted, torch.zeros(1, 2, 3))
    loss.backward()
    assert loss.item() == pytest.approx(
        torch.nn.functional.softplus(predicted[..., 1]).mean().item()
    )
    assert predicted.grad[..., 1].all() and not predicted.grad[..., [0, 2, 3]].any()


def test_pair_weights_leave_the_diagonal_out_and_count_undirected_neighbours_twice() -> None:
    order = torch.tensor([[2, 0, 1]])
    assert pair_weights(order, YES).tolist() == [[[0, 1, 1], [1, 0, 1], [1, 1, 0]]]
    assert pair_weights(order, NO).tolist() == [[[0, 1, 2], [1, 0, 2], [2, 2, 0]]]
