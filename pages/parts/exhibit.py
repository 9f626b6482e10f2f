"""A figure with everything that belongs to it: what it shows and of what, and files to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.bars import class_bars
from core.draw.export import Numbers
from pages.parts.export import Clips, downloads
from pages.parts.follower import Seen, seen
from pages.parts.show import chart, provenance, provenance_line
from pages.parts.subject import Choice
from pages.parts.words import as_text


@dataclass(frozen=True)
class Film:
    """The overlays that a figure plays, which are offered as a video."""

    clips: Clips
    """(T, H, W, 3) uint8 each, or what makes them when they are asked for."""
    times: np.ndarray
    """(T,) seconds."""
    titles: Sequence[str] = ()
    columns: int | None = None
    """Clips side by side; None puts all into one row."""


@dataclass(frozen=True)
class Exhibit:
    """What a section of a page shows."""

    figure: go.Figure | Callable[[Seen], go.Figure]
    """Or what draws it for the page as it is seen, where the height follows from the width."""
    key: str
    """Names the chart and its files."""
    alt: str
    """The figure in words."""
    shown: Sequence[tuple[Choice, str]]
    """A line for each model: what of it is shown."""
    numbers: Numbers
    film: Film | None = None
    below: Callable[[], None] | None = None
    """What belongs right under the figure."""

    def draw(self) -> None:
        """The figure, a line for each model below it, and a button with files of it."""
        if isinstance(self.figure, go.Figure):
            chart(self.figure, self.key, self.alt)
        else:
            _as_wide_as_the_page(self.figure, self.key, self.alt)
        if self.below:
            self.below()
        film = self.film or Film((), np.empty(0))
        with st.container(horizontal=True, vertical_alignment="top"):
            with st.container(gap="xsmall"):
                for choice, detail in self.shown:
                    provenance(choice, detail)
            downloads(
                self.key,
                [provenance_line(choice, detail) for choice, detail in self.shown],
                numbers=self.numbers,
                clips=film.clips,
                times=film.times,
                titles=film.titles,
                columns=film.columns,
            )


@st.fragment
def _as_wide_as_the_page(drawn: Callable[[Seen], go.Figure], key: str, alt: str) -> None:
    """The figure for the width that the page has: only it is drawn again where that changes."""
    chart(drawn(seen(key)), key, alt)


def class_exhibit(choice: Choice, probabilities: np.ndarray, key: str) -> Exhibit:
    """The five most probable classes of a model."""
    labels = list(choice.card.labels)
    best = labels[int(np.argmax(probabilities))]
    return Exhibit(
        class_bars(labels, probabilities, height=230),
        key,
        f"Class probabilities of {choice.title}, most probable: {best}",
        [(choice, f"class probabilities, most probable *{as_text(best)}*")],
        numbers={
            "probabilities": (probabilities, "(C,) softmax of the scores"),
            "labels": (np.array(labels), "(C,) class names"),
        },
    )
