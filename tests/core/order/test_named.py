"""What the order head names: one of its own permutations, and how right that is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.order.named import HeadTrial, has_order_head, head_trial, named_order, orders_of
from core.order.permutations import permutation_set
from core.video import Clip, shuffled
from core.weights import Card, Model, load
from core.world.gestures import render, rendered_clip
from tests.core.models.nets import SIZES, T, net

ORDERS = 6  # all of three frames


def model_that_names(number: int) -> Model:
    """A tiny network whose order head always names this class."""
    tiny = net(order_classes=ORDERS)
    assert tiny.order_head is not None
    torch.nn.init.zeros_(tiny.order_head.weight)
    torch.nn.init.zeros_(tiny.order_head.bias)
    tiny.order_head.bias.data[number] = 2.0
    half = (0.5, 0.5, 0.5)
    labels = tuple("abcdefghijk")
    size = SIZES["size"]
    card = Card("direcformer", "gesture", labels, half, half, size, T, "uniform", "fit", "")
    return Model(tiny, card)


def clip() -> Clip:
    frames = np.random.default_rng(3).integers(0, 255, (T, 23, 29, 3), np.uint8)
    return Clip(frames, np.arange(T) / 7, "noise", "noise")


@pytest.mark.parametrize("number", [0, 4])
def test_the_named_class_is_an_order_of_the_set_and_0_is_the_identity(number: int) -> None:
    model = model_that_names(number)
    assert has_order_head(model, clip())
    answer = named_order(model, clip())
    orders = orders_of(model.card, T, ORDERS)
    assert answer.number == number and answer.permutation == tuple(orders[number])
    assert answer.probability == pytest.approx(np.exp(2) / (np.exp(2) + ORDERS - 1))
    assert [answer.permutation[slot] for slot in answer.path] == list(range(T))
    assert tuple(orders[0]) == (0, 1, 2) and len({tuple(order) for order in orders}) == ORDERS


def test_the_set_is_that_of_the_last_stage_of_training() -> None:
    half, labels = (0.5, 0.5, 0.5), ("a",)
    recipe = {"stages": [{"permutations": "random"}, {"permutations": "greedy_min"}]}
    card = Card("direcformer", "b", labels, half, half, 96, 5, "uniform", "fit", "", recipe=recipe)
    np.testing.assert_array_equal(orders_of(card, 5, 8)[1:], permutation_set(5, 7, "greedy_min"))


def test_a_trial_is_right_only_for_the_very_order_that_was_drawn() -> None:
    for seed in range(8):
        drawn = int(np.random.default_rng(seed).integers(ORDERS))
        assert head_trial(model_that_names(drawn), clip(), seed) == HeadTrial(True, 100.0)
        other = head_trial(model_that_names((drawn + 1) % ORDERS), clip(), seed)
        assert not other.right and other.accuracy < 100


def test_models_without_the_head_and_clips_of_another_length_are_not_asked() -> None:
    assert not has_order_head(load("timesformer"), clip())
    assert not has_order_head(model_that_names(0), clip().picked([0, 1], "shorter"))


def test_the_shipped_head_knows_the_identity_and_a_thousand_orders() -> None:
    model = load("direcformer")
    gesture = rendered_clip(render("star", 4, frames=model.card.frames))
    order = orders_of(model.card, 8, 1001)[1]
    answer = named_order(model, shuffled(gesture, order.tolist()))
    assert answer.known == 1001 and sorted(answer.permutation) == list(range(8))
    assert answer.permutation == tuple(orders_of(model.card, 8, 1001)[answer.number])
