"""The order of a shuffled clip's frames: read from a matrix, recovered, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import explain
from core.draw.bars import class_bars
from core.errors import BadInput
from core.order import Edge, Order, recover_order, repeated_slots
from core.order.trials import SEEN
from core.video import cropped, shuffled
from core.weights.card import UNCALIBRATED
from pages.parts import cached
from pages.parts.exhibit import Exhibit
from pages.parts.show import provenance_line
from pages.parts.subject import Affinity, Choice


@dataclass(frozen=True)
class By:
    """What an order is read from."""

    affinity: Affinity
    """The model's matrix."""
    passes: int
    pixels: bool
    """Whether it is read from the likeness of the pixels instead."""


@dataclass(frozen=True)
class Reading:
    """The order that was read of a shuffled clip. Slots count from 0."""

    choice: Choice
    """The model before the shuffled clip."""
    permutation: tuple[int, ...]
    """The unit of frames in each slot."""
    by: By
    matrix: np.ndarray
    """(T', T') weight of the edge from slot (row) to slot (column)."""
    order: Order
    threshold: float | None
    """What the direction margin is judged by; None where nobody calibrated it."""
    repeated: Sequence[Edge]
    """Slots that show the same picture."""
    forbidden: Sequence[Edge]
    """What was asked for, even if no path is left so that the order uses these edges."""

    @property
    def unit(self) -> int:
        """Frames in a slot."""
        return len(self.choice.clip) // len(self.permutation)

    @property
    def source(self) -> str:
        """What the matrix is, in words."""
        return "pixel likeness" if self.by.pixels else self.by.affinity.words

    @property
    def line(self) -> str:
        """What is shown and of what, as Markdown."""
        if self.by.pixels:
            return provenance_line(self.choice, by="Pixel likeness, no weights")
        passes = f", mean of {self.by.passes} passes" if self.by.passes > 1 else ""
        low, high = self.matrix.min(), self.matrix.max()
        return provenance_line(self.choice, f"{self.source}{passes} · {low:.3f} to {high:.3f}")

    @property
    def is_signed(self) -> bool:
        """Whether the matrix tells before from after by its sign."""
        if self.by.pixels:
            return False
        return self.by.affinity.sharpness > 0 or explain.time_is_signed(cached.trace(self.choice))


def mixed(choice: Choice, permutation: tuple[int, ...]) -> Choice:
    """The same model before the shuffled clip."""
    return replace(choice, clip=shuffled(choice.clip, permutation, choice.loaded.unit))


def read_order(
    choice: Choice, permutation: tuple[int, ...], by: By, forbidden: Sequence[Edge]
) -> Reading:
    """The order of the clip's slots. Where the forbidden edges leave no path an error says so, and
    the order is read as if every edge were allowed.
    """
    unit, clip = choice.loaded.unit, choice.clip
    if by.pixels:
        matrix, threshold = cached.pixel_matrix(clip, choice.crop, unit), UNCALIBRATED
    else:
        affinity = by.affinity
        matrix = cached.order_matrix(choice, affinity, by.passes)
        card = choice.seeing.changed(sharpness=affinity.sharpness).card
        threshold = card.threshold(len(clip), affinity.layer, affinity.head, by.passes)
    repeated = repeated_slots(cropped(clip.frames, choice.crop, SEEN), unit)
    try:
        order = recover_order(matrix, threshold, forbidden, repeated)
    except BadInput as error:
        st.error(
            f"{error}. Until then the order is shown as if every edge were allowed.",
            icon=":material/error:",
        )
        order = recover_order(matrix, threshold, (), repeated)
    calibrated = threshold if threshold < UNCALIBRATED else None
    return Reading(choice, permutation, by, matrix, order, calibrated, repeated, forbidden)


def does_the_order_matter(choice: Choice, reading: Reading) -> Exhibit:
    """Class probabilities of the frames in order and shuffled."""
    st.subheader(
        "Does the order matter for the class?",
        help="The same model on the frames in order and on the shuffled frames.",
    )
    labels = list(choice.card.labels)
    before = cached.trace(choice).probabilities
    after = cached.trace(reading.choice).probabilities
    return Exhibit(
        class_bars(labels, before, after, height=360),
        "before-after",
        "Class probabilities before and after shuffling",
        [
            (
                choice,
                f"in order: *{labels[int(before.argmax())]}*, shuffled: "
                f"*{labels[int(after.argmax())]}*",
            )
        ],
        numbers={
            "matrix": (reading.matrix, f"(T, T) of slots: {reading.source}"),
            "permutation": (np.array(reading.permutation), "(T,) the frame in each slot"),
            "path": (np.array(reading.order.path), "(T,) slots in recovered order"),
            "before": (before, "(C,) softmax of the scores, frames in order"),
            "after": (after, "(C,) the same, frames shuffled"),
            "labels": (np.array(labels), "(C,) class names"),
        },
    )
