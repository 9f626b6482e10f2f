"""The order of a shuffled clip's frames: read from a matrix, recovered, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from core import explain
from core.draw.bars import class_bars
from core.draw.lettering import number
from core.errors import BadInput
from core.order import Affinity, Edge, Pixels, Reading, read
from core.video import shuffled
from core.weights import Model
from pages.parts import cached
from pages.parts.domain import is_outside, known_classes, say_no_classes
from pages.parts.exhibit import Exhibit
from pages.parts.show import provenance_line
from pages.parts.subject import Choice
from pages.parts.words import as_text


def span_of_edges(matrix: np.ndarray) -> str:
    """From where to where the weights of a matrix (T, T) go that are drawn.

    A slot's weight to itself is no edge, unless it is the only one.
    """
    edges = matrix if len(matrix) == 1 else matrix[~np.eye(len(matrix), dtype=bool)]
    return f"{number(edges.min(), '.3f')} to {number(edges.max(), '.3f')}"


@dataclass(frozen=True)
class By:
    """What an order is read from."""

    affinity: Affinity
    """The model's matrix."""
    pixels: bool
    """Whether it is read from the likeness of the pixels instead."""

    @property
    def once(self) -> Affinity:
        """The model's matrix of one pass, which figures over many shuffles take."""
        return replace(self.affinity, passes=1)

    @property
    def words(self) -> str:
        """What the matrix is."""
        return "pixel likeness" if self.pixels else self.affinity.words


@dataclass(frozen=True)
class Shuffled:
    """A shuffled clip before a model, and the order that was read of it."""

    choice: Choice
    """The model before the shuffled clip."""
    by: By
    reading: Reading
    forbidden: Sequence[Edge]
    """What was asked for, even if no path is left so that the order uses these edges."""

    @property
    def unit(self) -> int:
        """Frames in a slot."""
        return len(self.choice.clip) // len(self.reading.permutation)

    @property
    def line(self) -> str:
        """What is shown and of what, as Markdown."""
        if self.by.pixels:
            return provenance_line(self.choice, by="Pixel likeness, no weights")
        span = span_of_edges(self.reading.matrix)
        return provenance_line(self.choice, f"{self.by.words} · {span}")

    @property
    def is_signed(self) -> bool:
        """Whether the matrix tells before from after by its sign."""
        if self.by.pixels:
            return False
        return self.by.affinity.sharpness > 0 or explain.time_is_signed(cached.trace(self.choice))


def read_order(
    choice: Choice, permutation: tuple[int, ...], by: By, forbidden: Sequence[Edge]
) -> Shuffled:
    """Shuffle the clip, and read the order of its slots.

    Where the forbidden edges leave no path an error says so, and the order is read as if every edge
    were allowed.
    """
    unit = choice.loaded.unit
    mixed = replace(choice, clip=shuffled(choice.clip, permutation, unit))
    reader: Model | Pixels = Pixels(choice.crop, unit) if by.pixels else choice.seeing
    matrix = None if by.pixels else cached.order_matrix(mixed, by.affinity)

    def reading(forbidden: Sequence[Edge]) -> Reading:
        shown = read(
            reader,
            choice.clip,
            permutation,
            by.affinity,
            forbidden,
            matrix=matrix,
            trace=None if by.pixels else cached.trace(choice),
        )
        return shown.unflattered()

    try:
        return Shuffled(mixed, by, reading(forbidden), forbidden)
    except BadInput as error:
        st.error(
            f"{error}. Until then the order is shown as if every edge were allowed.",
            icon=":material/error:",
        )
        return Shuffled(mixed, by, reading(()), forbidden)


def does_the_order_matter(choice: Choice, shuffled: Shuffled) -> Exhibit | None:
    """Class probabilities of the frames in order and shuffled; None for a model without classes."""
    st.subheader(
        "Does the order matter for the class?",
        help="The same model on the frames in order and on the shuffled frames.",
    )
    if say_no_classes(choice):
        return None
    st.caption(known_classes(choice.card))
    labels, reading = list(choice.card.labels), shuffled.reading
    closest = "closest of its strokes " if is_outside(choice) else ""
    before = cached.trace(choice).probabilities
    after = cached.trace(shuffled.choice).probabilities
    return Exhibit(
        class_bars(labels, before, after, height=360),
        "before-after",
        "Class probabilities before and after shuffling",
        [
            (
                choice,
                f"{closest}in order: *{as_text(labels[int(before.argmax())])}*, shuffled: "
                f"*{as_text(labels[int(after.argmax())])}*",
            )
        ],
        numbers={
            "matrix": (reading.matrix, f"(T, T) of slots: {shuffled.by.words}"),
            "permutation": (np.array(reading.permutation), "(T,) the frame in each slot"),
            "path": (np.array(reading.order.path), "(T,) slots in recovered order"),
            "before": (before, "(C,) softmax of the scores, frames in order"),
            "after": (after, "(C,) the same, frames shuffled"),
            "labels": (np.array(labels), "(C,) class names"),
        },
    )
