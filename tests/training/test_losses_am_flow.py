"""The loss that asks AM flow to lie on the hand that moves, against hand values."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses import hand_flow_loss, moving_hand

STEPS = torch.tensor([[[[1.0, 0.0, 0.0]], [[0.0, 0.5, 0.0]], [[0.0, 0.5, 0.1]]]])
"""A hand on three patches in three frames, (1, 3, 1, 3): it moves, then it all but rests."""


def test_a_pair_counts_where_the_hand_moves_and_shows_it_in_both_of_its_places() -> None:
    hand, moves = moving_hand(STEPS)
    assert hand.tolist() == [[[1.0, 0.5, 0.0], [0.0, 0.5, pytest.approx(0.1)]]]
    assert moves.tolist() == [[True, False]]


def test_flow_is_compared_with_the_hand_by_its_share_of_the_patches() -> None:
    flow = torch.tensor([[[9.0, 2.0, 1.0, 1.0], [9.0, 0.0, 0.0, 7.0]]])  # class token, 3 patches
    by_hand = -(2 / 3 * math.log(2 / 4) + 1 / 3 * math.log(1 / 4))
    assert hand_flow_loss([flow], STEPS).item() == pytest.approx(by_hand, abs=1e-5)
    assert hand_flow_loss([flow[..., 1:]], STEPS).item() == pytest.approx(by_hand, abs=1e-5)
    even = torch.ones(1, 2, 3)
    both = hand_flow_loss([flow, even], STEPS).item()
    assert both == pytest.approx((by_hand + math.log(3)) / 2, abs=1e-5)


def test_flow_on_the_hand_has_the_least_loss_and_none_anywhere_is_finite() -> None:
    hand, _ = moving_hand(STEPS)
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert hand_flow_loss([hand], STEPS).item() == pytest.approx(entropy, abs=1e-4)
    flow = torch.zeros(1, 2, 3, requires_grad=True)
    loss = hand_flow_loss([flow], STEPS)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3), abs=1e-5)
    assert flow.grad is not None and flow.grad.isfinite().all()
