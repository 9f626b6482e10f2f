"""One reading of an order: shuffle, read the matrix, find the path, judge it (spec 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, Real

from core.order.accuracy import order_accuracy, reversal_accuracy
from core.order.edges import Edge
from core.order.matrix import Affinity, Pixels, order_matrix
from core.order.recover import Order, recover_order, repeated_slots
from core.video import Clip, cropped, shuffled
from core.weights import Model
from core.weights.card import UNCALIBRATED


@dataclass(frozen=True)
class Reading:
    """The order that was read of a shuffled clip, and how right it is. Slots count from 0."""

    matrix: Real[np.ndarray, "T T"]  # weight of the edge from slot to slot
    permutation: tuple[int, ...]  # the unit of frames in each slot
    order: Order
    accuracy: float  # OrderAcc in percent
    either_way: float  # the same of the path or the path reversed, whichever is better
    threshold: float  # direction margin above which the direction is called known
    repeated: tuple[Edge, ...]  # pairs of slots that show the same picture

    @property
    def calibrated(self) -> bool:
        """Whether anybody measured when the direction of such a matrix is right."""
        return self.threshold < UNCALIBRATED

    @property
    def backwards(self) -> float:
        """OrderAcc of the path the other way round, in percent."""
        return order_accuracy(self.order.path[::-1], self.permutation)

    def unflattered(self) -> Reading:
        """The same reading; of a path and its reverse that tie, by the one that is less right.

        The matrix gives no reason for either, so the better one would be luck. This is for showing
        one reading; a mean over many shuffles takes either, which is fair on average.
        """
        if not self.order.ties_backwards or self.backwards >= self.accuracy:
            return self
        path = self.order.path
        order = replace(self.order, path=path[::-1], runner_up_path=path)
        return replace(self, order=order, accuracy=self.backwards)


def read(
    by: Model | Pixels,
    clip: Clip,
    permutation: Sequence[int] | Int[np.ndarray, " T"],
    affinity: Affinity | None = None,
    forbidden: Sequence[Edge] = (),
    *,
    matrix: Real[np.ndarray, "*shape"] | None = None,
) -> Reading:
    """Shuffle a clip by a permutation of its units, and read their order.

    `affinity` None is `Affinity.of` the model's card. `matrix` is that of the shuffled clip where
    it is at hand; else it is made.

    Raises: BadInput as `shuffled`, `order_matrix` and `recover_order`.
    """
    mixed = shuffled(clip, tuple(permutation), by.unit)
    if matrix is None:
        matrix = order_matrix(by, mixed, affinity)
    threshold = direction_threshold(by, clip, affinity)
    return reading_of(matrix, permutation, threshold, repeated_units(by, clip), forbidden)


def reading_of(
    matrix: Real[np.ndarray, "*shape"],
    permutation: Sequence[int] | Int[np.ndarray, " T"],
    threshold: float = UNCALIBRATED,
    repeated: Sequence[Edge] = (),
    forbidden: Sequence[Edge] = (),
) -> Reading:
    """The reading of a matrix (T', T') of slots into which `permutation` has put the units.

    `repeated` are pairs of units that show the same picture. Raises: BadInput as `recover_order`.
    """
    units = tuple(int(unit) for unit in permutation)
    slot_of = {unit: slot for slot, unit in enumerate(units)}
    pairs = [(slot_of[unit], slot_of[other]) for unit, other in repeated]
    slots = tuple(sorted((min(pair), max(pair)) for pair in pairs))
    order = recover_order(matrix, threshold, forbidden, slots)
    return Reading(
        matrix,
        units,
        order,
        order_accuracy(order.path, units),
        reversal_accuracy(order.path, units),
        threshold,
        slots,
    )


def direction_threshold(by: Model | Pixels, clip: Clip, affinity: Affinity | None = None) -> float:
    """The direction threshold of a matrix made so; pixels never know the direction."""
    if isinstance(by, Pixels):
        return UNCALIBRATED
    affinity = affinity or Affinity.of(by.card)
    card = by.card.changed(sharpness=affinity.sharpness)
    return card.threshold(len(clip), affinity.layer, affinity.head, affinity.passes)


def repeated_units(by: Model | Pixels, clip: Clip) -> tuple[Edge, ...]:
    """Pairs of the clip's units that show the same picture: whose order nothing can tell.

    They are compared as they are seen, a model's at the size of its input: it may well tell apart
    what is alike only on smaller pictures.
    """
    if isinstance(by, Pixels):
        crop, size = by.crop, by.size
    else:
        crop, size = by.card.crop, by.card.size
    count = len(clip) // by.unit * by.unit
    return repeated_slots(cropped(clip.frames[:count], crop, size), by.unit)
