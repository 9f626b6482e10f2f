"""The matrix that an order is read from: of a model's attention, or of the pixels (spec 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from core.errors import BadInput
from core.explain.maps import temporal
from core.observe import observe
from core.order.recover import pixel_affinity, sharpened
from core.trace import Head
from core.video import Clip, Crop, random_order, shuffled
from core.weights import Card, Model

MOST_PASSES = 64


@dataclass(frozen=True)
class Affinity:
    """Which of a model's matrices an order is read from. The defaults are the paper's."""

    layer: int | None = None  # None is the last
    head: Head = "mean"
    sharpness: float = 0.0  # of `core.order.sharpened`; 0 is the attention itself
    passes: int = 1  # orders of the same frames that are averaged over

    @staticmethod
    def of(card: Card, passes: int = 1) -> Affinity:
        """The matrix that a model's figures are measured with."""
        return Affinity(sharpness=card.sharpness, passes=passes)

    @property
    def words(self) -> str:
        """For a line below a figure; layers and heads count from 1, as they are shown."""
        if isinstance(self.head, int):
            heads = f"head {self.head + 1}"
        else:
            heads = {"mean": "mean over heads", "max": "strongest head"}[self.head]
        layer = "last layer" if self.layer is None else f"layer {self.layer + 1}"
        sharp = ", sharpened" if self.sharpness else ""
        passes = f", mean of {self.passes} passes" if self.passes > 1 else ""
        return f"{layer}, {heads}{sharp}{passes}"


@dataclass(frozen=True)
class Pixels:
    """The baseline without weights: frames that look alike follow one another, either way round."""

    crop: Crop = "fit"
    unit: int = 1  # frames in a slot, of which the first is compared
    size: int = 96  # pixels, height = width, at which frames are compared


def order_matrix(
    by: Model | Pixels, clip: Clip, affinity: Affinity | None = None
) -> Float[np.ndarray, "T T"]:
    """How strongly each slot of a clip comes before each other, (T', T').

    The slot of a shuffled frame says nothing, yet a model with a time embedding is not blind to it.
    So each pass after the first shuffles the temporal tokens once more, by its number as seed; its
    matrix is put back, and averaged before it is sharpened. The paper takes one pass.

    `affinity` None is `Affinity.of` the model's card; pixels have none.

    Raises: BadInput if the clip does not fit the model, the layer or head is not there, or the
    passes are not 1 to MOST_PASSES.
    """
    if isinstance(by, Pixels):
        return pixel_affinity(clip.seen(by.crop, by.size)[:: by.unit])
    affinity = affinity or Affinity.of(by.card)
    if not 1 <= affinity.passes <= MOST_PASSES:
        raise BadInput(f"{affinity.passes} passes; choose 1 to {MOST_PASSES}")
    matrices = [temporal(observe(by, clip), affinity.layer, affinity.head)]
    for seed in range(1, affinity.passes):
        order = random_order(len(clip) // by.unit, seed)
        trace = observe(by, shuffled(clip, order, by.unit))
        matrices.append(put_back(temporal(trace, affinity.layer, affinity.head), order))
    return sharpened(np.mean(matrices, axis=0), affinity.sharpness)


def put_back(
    matrix: Float[np.ndarray, "T T"], permutation: Int[np.ndarray, " T"]
) -> Float[np.ndarray, "T T"]:
    """A matrix of slots, (T, T), as one of the units that were shuffled into them."""
    slots = np.argsort(permutation)
    return matrix[np.ix_(slots, slots)]
