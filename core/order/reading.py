"""One reading of an order: shuffle, read the matrix, find the path, judge it (spec 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, Real

from core.explain import Domain, domain
from core.observe import Trace, observe
from core.order.accuracy import order_accuracy, reversal_accuracy
from core.order.edges import Edge
from core.order.matrix import Affinity, Pixels, order_matrix
from core.order.recover import Order, recover_order, repeated_slots
from core.video import Clip, shuffled
from core.weights import Model
from core.weights.card import UNCALIBRATED
from core.weights.domain import domain_check


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
    domain: Domain | None = None  # of the clip in its true order, where the model has a check

    @property
    def calibrated(self) -> bool:
        """Whether there is a margin above which the direction of such a matrix is right."""
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

    @property
    def is_reversible(self) -> bool:
        """Whether the model sees a class of which no margin tells the direction.

        Such strokes are others backwards.
        """
        where = self.domain
        return where is not None and where.inside and where.direction_threshold >= UNCALIBRATED


def read(
    by: Model | Pixels,
    clip: Clip,
    permutation: Sequence[int] | Int[np.ndarray, " T"],
    affinity: Affinity | None = None,
    forbidden: Sequence[Edge] = (),
    *,
    matrix: Real[np.ndarray, "*shape"] | None = None,
    trace: Trace | None = None,
) -> Reading:
    """Shuffle a clip by a permutation of its units, and read their order.

    `affinity` None is `Affinity.of` the model's card. `matrix` is that of the shuffled clip and
    `trace` that of the clip in its true order, where they are at hand; else they are made, the
    trace for a model with a domain check.

    Raises: BadInput as `shuffled`, `order_matrix` and `recover_order`.
    """
    mixed = shuffled(clip, tuple(permutation), by.unit)
    if matrix is None:
        matrix = order_matrix(by, mixed, affinity)
    where = domain_of(by, clip, trace)
    threshold = direction_threshold(by, clip, affinity, where)
    repeated = repeated_units(by, clip)
    return reading_of(matrix, permutation, threshold, repeated, forbidden, where)


def reading_of(
    matrix: Real[np.ndarray, "*shape"],
    permutation: Sequence[int] | Int[np.ndarray, " T"],
    threshold: float = UNCALIBRATED,
    repeated: Sequence[Edge] = (),
    forbidden: Sequence[Edge] = (),
    domain: Domain | None = None,
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
        domain,
    )


def domain_of(by: Model | Pixels, clip: Clip, trace: Trace | None = None) -> Domain | None:
    """The domain of a clip in its true order; None for pixels, and for a model without a check.

    `trace` is that of the clip where it is at hand.
    """
    if isinstance(by, Pixels) or domain_check(by.card) is None:
        return None
    return domain(trace or observe(by, clip))


def direction_threshold(
    by: Model | Pixels,
    clip: Clip,
    affinity: Affinity | None = None,
    domain: Domain | None = None,
) -> float:
    """The direction threshold of a matrix made so.

    It is UNCALIBRATED, so that the direction is never known, for pixels, and for a clip that does
    not look like what the model was trained on. Some strokes are others backwards: no margin is
    enough where the model sees one of them (`Domain.direction_threshold`).
    """
    if isinstance(by, Pixels) or (domain and not domain.inside):
        return UNCALIBRATED
    affinity = affinity or Affinity.of(by.card)
    card = by.card.changed(sharpness=affinity.sharpness)
    threshold = card.threshold(len(clip), affinity.layer, affinity.head, affinity.passes)
    return max(threshold, domain.direction_threshold) if domain else threshold


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
    return repeated_slots(clip.seen(crop, size)[:count], by.unit)
