"""Two matrices on one shuffle: the one of the lab beside another, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import explain
from core.draw.lettering import number
from core.draw.order_pair import Panel, order_pair
from core.draw.overlay import enlarged
from core.draw.steps import weight_scale
from core.errors import BadInput
from core.order import Affinity, Reading, order_accuracy
from core.order.facts import Facts, facts, ranked_by_sums, row_sums
from core.weights import embedded
from pages.parts import cached, links
from pages.parts.controls import by_title
from pages.parts.exhibit import Exhibit
from pages.parts.lab import answers
from pages.parts.order_reading import By, Shuffled, read_order
from pages.parts.several import as_alone
from pages.parts.show import HELP, VERDICTS, strip
from pages.parts.sources import ModelSource
from pages.parts.subject import Choice
from pages.parts.words import message

SIGNED, SOFTMAX = "direcformer", "timesformer"
"""Two networks that differ in their kernel over time, in the order head and in their training."""
BESIDE_HELP = (
    "The same shuffle read from another matrix, side by side: one that can be negative beside one "
    "that cannot, the attention itself beside the sharpened one, or the sums of the rows beside "
    "the path. **Three readings**: the path through the attention itself, that through the "
    "sharpened matrix, and the row sums of the attention itself."
)


@dataclass(frozen=True)
class Side:
    """One of the two: the matrix, the order that was read of it, and what it is called."""

    name: str
    shuffled: Shuffled
    path: tuple[int, ...]
    sums: np.ndarray | None = None

    @property
    def reading(self) -> Reading:
        return self.shuffled.reading

    @property
    def accuracy(self) -> float:
        """OrderAcc in percent."""
        return order_accuracy(self.path, self.reading.permutation)

    @property
    def facts(self) -> Facts:
        return facts(self.reading.matrix, self.reading.permutation, self.path)

    @property
    def panel(self) -> Panel:
        scale = weight_scale(self.reading.matrix, self.shuffled.is_signed)
        return Panel(self.name, self.reading.matrix, scale, self.path, self.sums)


def two_matrices(choice: Choice, shuffled: Shuffled) -> None:
    """The choice of a second matrix, and the two beside each other."""
    other = _partner(choice)
    titles = {"nothing": "nothing"}
    if other is not None:
        titles["model"] = other.title
    if choice.card.sharpness and not shuffled.by.pixels:
        titles["sharpened"] = "raw | sharpened"
        titles["readings"] = "three readings"
    titles["sums"] = "path | row sums"
    links.meant("pair", titles)
    kind = st.segmented_control(
        "Two matrices on one shuffle",
        list(titles),
        format_func=by_title(titles),
        default="nothing",
        required=True,
        key="pair",
        bind="query-params",
        help=BESIDE_HELP,
    )
    if kind == "nothing" or kind not in titles:
        return
    try:
        sides = _sides(kind, choice, other, shuffled)
    except BadInput as error:
        st.warning(message(error), icon=":material/error:")
        return
    _exhibit(sides).draw()
    with answers("sides", "Which of these is right stands here once the answers are shown."):
        for column, side in zip(st.columns(len(sides), gap="large"), sides, strict=True):
            with column:
                _recovered(side)
        st.markdown(_reason(kind, sides))


def _partner(choice: Choice) -> Choice | None:
    """The network with the other kernel, where it is shipped and has as many slots to shuffle.

    It sees the same frames; beside a model that reads them in pairs it sees its own, one a slot.
    """
    name = SOFTMAX if explain.time_is_signed(cached.trace(choice)) else SIGNED
    if name not in embedded():
        return None
    source, unit = ModelSource("shipped", name), choice.loaded.unit
    if unit == 1:
        return replace(choice, model=source)
    try:
        other = as_alone(choice, source)
    except BadInput:
        return None
    slots = len(other.clip) // other.loaded.unit
    return other if slots == len(choice.clip) // unit else None


def _sides(kind: str, choice: Choice, other: Choice | None, shuffled: Shuffled) -> tuple[Side, ...]:
    """The matrix of the lab and the second one; or the three readings of one matrix."""
    permutation, forbidden = shuffled.reading.permutation, shuffled.forbidden
    path = shuffled.reading.order.path

    def read(choice: Choice, sharpness: float) -> Shuffled:
        affinity = replace(shuffled.by.affinity, sharpness=sharpness)
        return read_order(choice, permutation, By(affinity, pixels=False), forbidden)

    if kind == "model":
        assert other is not None
        plain = Affinity.of(other.card)
        second = read_order(other, permutation, By(plain, pixels=False), forbidden)
        return (
            Side("Pixel likeness" if shuffled.by.pixels else choice.title, shuffled, path),
            Side(other.title, second, second.reading.order.path),
        )
    if kind in ("sharpened", "readings"):
        raw, sharp = read(choice, 0.0), read(choice, choice.card.sharpness)
        paths = (
            Side("Raw path (the paper)", raw, raw.reading.order.path),
            Side("Sharpened path", sharp, sharp.reading.order.path),
        )
        if kind == "sharpened":
            return paths
        weights = raw.reading.matrix
        return (*paths, Side("Row sums", raw, ranked_by_sums(weights), row_sums(weights)))
    matrix = shuffled.reading.matrix
    return (
        Side("Path", shuffled, path),
        Side("Row sums", shuffled, ranked_by_sums(matrix), row_sums(matrix)),
    )


def _exhibit(sides: tuple[Side, ...]) -> Exhibit:
    """The matrices as one figure."""
    each_once = {id(side.shuffled): side.shuffled for side in sides}.values()
    names, count = [side.name for side in sides], len(sides)
    return Exhibit(
        order_pair([side.panel for side in sides]),
        "two-matrices",
        f"{' beside '.join(names)} on the same shuffle, each with its order of the slots",
        [(shuffled.choice, shuffled.by.words) for shuffled in each_once],
        numbers={
            "permutation": (np.array(sides[0].reading.permutation), "(T,) the frame in each slot"),
            "matrices": (
                np.stack([side.reading.matrix for side in sides]),
                f"({count}, T, T) of slots: {', '.join(names)}",
            ),
            "paths": (
                np.array([side.path for side in sides]),
                f"({count}, T) slots in recovered order",
            ),
        },
    )


def _recovered(side: Side) -> None:
    """The frames in the order that one side gives."""
    shuffled, permutation = side.shuffled, side.reading.permutation
    pictures = enlarged(shuffled.choice.clip.frames[:: shuffled.unit], 96)
    right = [permutation[slot] == place for place, slot in enumerate(side.path)]
    captions = [
        f"{'✓' if is_right else '✗'} {permutation[slot] + 1}"
        for slot, is_right in zip(side.path, right, strict=True)
    ]
    how_right = f"OrderAcc {side.accuracy:.1f} %"
    if side.sums is None and side.reading.order.verdict == "unknown":
        how_right = VERDICTS["unknown"][0].lower()
    st.markdown(
        f"**{side.name}**: {sum(right)} of {len(right)} in their true place, {how_right}",
        help=HELP["order_accuracy"],
    )
    strip(pictures[list(side.path)], captions, f"recovered-{side.name}", least=40)


def _reason(kind: str, sides: tuple[Side, ...]) -> str:
    """Why the orders differ, in sentences made of what was measured."""
    first, second = sides[:2]
    if kind == "sharpened":
        return _why_leaps(first, second)
    if kind == "readings":
        return f"{_why_leaps(first, second)} {_why_sums(first, sides[2])}"
    if kind == "model":
        return f"{_what_it_tells(first)} {_what_it_tells(second)}"
    return _why_sums(first, second)


def _why_leaps(raw: Side, sharp: Side) -> str:
    """How neighbours weigh against frames far ahead, before and after sharpening."""
    before, after = raw.facts, sharp.facts
    weak = "neighbours are weak, so the path leaps"
    if before.leaps <= after.leaps:
        weak = "yet the path leaps no more often than the sharpened one"
    elif before.neighbours >= before.ahead:
        weak = "the path leaps, though not because neighbours are weak"
    return (
        f"Raw, a frame weighs {_weight(before.neighbours)} to the next one and "
        f"{_weight(before.ahead)} to those {before.far} or more later: {weak} "
        f"({before.leaps} of {before.steps} steps). Sharpened, it is {_weight(after.neighbours)} "
        f"and {_weight(after.ahead)}, and {after.leaps} of {after.steps} steps leap."
    )


def _what_it_tells(side: Side) -> str:
    """In how many pairs of frames a matrix has the earlier one first."""
    told = side.facts
    if side.reading.order.ties_backwards:
        return f"**{side.name}** weighs every pair of frames the same both ways: it tells nothing."
    how, even = "is never negative", 100 / (told.steps + 1)
    why = f" One slot gets {100 * told.most:.0f} % of all weight ({even:.0f} % would be even)"
    if 100 * told.most > 2 * even:
        why += ", and a path enters each slot but once: little is left to choose the other edges by"
    why += f"; {told.leaps} of {told.steps} steps leap."
    if side.shuffled.is_signed:
        how = "says before and after by its sign"
        why = f" Its path leaps in {told.leaps} of {told.steps} steps."
    return (
        f"**{side.name}** {how}: in {told.told} of {told.pairs} pairs of frames the edge from the "
        f"earlier to the later one is the heavier ({told.pairs / 2:g} by chance).{why}"
    )


def _why_sums(path: Side, sums: Side) -> str:
    """What both orders are made of."""
    assert sums.sums is not None
    gaps = -np.diff(sums.sums[list(sums.path)])
    same = sum(one == other for one, other in zip(path.path, sums.path, strict=True))
    steps = path.facts.steps
    return (
        f"The path is decided by {steps} edges, a row sum by all {2 * steps} edges of a slot, so "
        f"one wrong edge moves it less; but it says nothing of neighbours. The sums part by "
        f"{_weight(float(gaps.min()))} at least and {_weight(float(gaps.max()))} at most, and the "
        f"two orders agree in {same} of {len(path.path)} places."
    )


def _weight(value: float) -> str:
    return number(value, ".3g")
