"""The matrix that an order is read from, and the order that a model finds (spec 3.5)."""

from __future__ import annotations

import numpy as np

from core.errors import BadInput
from core.explain.maps import temporal
from core.observe import observe
from core.order.recover import Order, recover_order, repeated_slots, sharpened
from core.trace import Head
from core.video import Clip, cropped, shuffled
from core.weights import Model

MOST_PASSES = 64


def order_matrix(
    model: Model,
    clip: Clip,
    passes: int = 1,
    layer: int | None = None,
    head: Head = "mean",
) -> np.ndarray:
    """The frame matrix of the last layer, mean over heads (spec 3.5), sharpened as the card says,
    (T', T').

    The slot of a shuffled frame says nothing, yet a model with a time embedding is not blind to it.
    So each pass after the first shuffles the temporal tokens once more, by its number as seed; what
    it finds is put back, and averaged before it is sharpened. The paper takes one pass.

    Raises: BadInput if the clip does not fit the model, the layer or head is not there, or `passes`
    is not 1 to MOST_PASSES.
    """
    if not 1 <= passes <= MOST_PASSES:
        raise BadInput(f"{passes} passes; choose 1 to {MOST_PASSES}")
    unit = model.unit
    found = [temporal(observe(model, clip), layer, head)]
    for seed in range(1, passes):
        order = np.random.default_rng(seed).permutation(len(clip) // unit)
        matrix = temporal(observe(model, shuffled(clip, order, unit)), layer, head)
        back = np.argsort(order)
        found.append(matrix[np.ix_(back, back)])
    return sharpened(np.mean(found, axis=0), model.card.sharpness)


def order_of(
    model: Model,
    clip: Clip,
    permutation: np.ndarray | tuple[int, ...],
    passes: int = 1,
) -> Order:
    """Shuffle the clip's temporal tokens and recover their order, from a matrix of so many
    passes.
    """
    card, unit = model.card, model.unit
    mixed = shuffled(clip, permutation, unit)
    repeated = repeated_slots(cropped(mixed.frames, card.crop, card.size), unit)
    return recover_order(
        order_matrix(model, mixed, passes),
        card.threshold(len(clip), passes=passes),
        repeated=repeated,
    )
