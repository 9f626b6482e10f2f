"""What DirecFormer's order head answers: which of its permutations a shuffled clip has (Eq. 12).

The head is a classifier over the identity and the orders of `core.order.permutations`. An order
that is not among them it cannot name; it can only come close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from core.observe import check_fits, softmax, to_input
from core.order.accuracy import order_accuracy
from core.order.permutations import permutation_set
from core.video import Clip, shuffled
from core.weights import Card, Model


@dataclass(frozen=True)
class NamedOrder:
    """The permutation that the head names for a shuffled clip."""

    permutation: tuple[int, ...]
    """The frame that it says is in each slot."""
    probability: float
    """What it gives this permutation, 0..1."""
    number: int
    """Its class: 0 is the identity, k the k-th order of the set."""
    known: int
    """How many orders it tells apart."""

    @property
    def path(self) -> tuple[int, ...]:
        """The slots in the order that it says."""
        return tuple(np.argsort(self.permutation).tolist())


def orders_of(card: Card, frames: int, classes: int) -> np.ndarray:
    """The orders that the head of these weights tells apart, the identity first, (classes, frames).

    The strategy of the set is that of the last stage of training, else that of the released set.

    Raises: BadInput for frames of which there is no such set.
    """
    stages = card.recipe.get("stages") or [{}]
    strategy = stages[-1].get("permutations", "greedy_max")
    others = permutation_set(frames, classes - 1, strategy)
    return np.concatenate([np.arange(frames)[None], others])


def has_order_head(model: Model, clip: Clip) -> bool:
    """Whether the model names the order of a clip of this length."""
    return getattr(model.net, "order_head", None) is not None and len(clip) == model.card.frames


def named_order(model: Model, clip: Clip) -> NamedOrder:
    """What the head says of a shuffled clip; `has_order_head` must hold.

    Raises: BadInput if the clip does not fit the model.
    """
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    with model.lock, torch.inference_mode():
        logits = model.net(video, detail=True).order_logits[0]
    p = softmax(logits.float().numpy())
    orders = orders_of(model.card, len(clip), len(p))
    best = int(p.argmax())
    return NamedOrder(tuple(orders[best].tolist()), float(p[best]), best, len(p))


@dataclass(frozen=True)
class HeadTrial:
    """What the head answered to a clip under one of its own orders."""

    right: bool
    """Whether it named that very order."""
    accuracy: float
    """OrderAcc of the order that it named, percent."""


def head_trial(model: Model, clip: Clip, seed: int) -> HeadTrial:
    """Shuffle a clip by one of the head's own orders, drawn by the seed, and ask the head."""
    head = model.net.order_head
    assert isinstance(head, nn.Linear)
    classes = head.out_features
    orders = orders_of(model.card, len(clip), classes)
    order = orders[int(np.random.default_rng(seed).integers(classes))]
    answer = named_order(model, shuffled(clip, order.tolist()))
    right = answer.permutation == tuple(order.tolist())
    return HeadTrial(right, order_accuracy(answer.path, order))
