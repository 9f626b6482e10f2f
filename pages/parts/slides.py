"""The figures of the page as one ZIP, for slides."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.draw.export import Numbers, npz
from pages.parts import session
from pages.parts.component import component
from pages.parts.show import NOT_AN_EXPLANATION


@dataclass(frozen=True)
class Figure:
    """A chart of the page that can be kept."""

    name: str
    """Of its files, without the ending."""
    lines: Sequence[str]
    """Below it: of what it is."""
    numbers: Numbers


def forget() -> None:
    """A page begins: none of its figures is drawn yet."""
    st.session_state[session.FIGURES] = {}


def remember(chart: str, figure: Figure) -> None:
    """Keep in mind what the page has just drawn under the key of a chart."""
    st.session_state.setdefault(session.FIGURES, {})[chart] = figure


def slides(name: str) -> None:
    """The button that saves what the page shows as `name`.zip."""
    figures: dict[str, Figure] = st.session_state.get(session.FIGURES, {})
    data = [
        {
            "chart": chart,
            "name": figure.name,
            "lines": list(figure.lines),
            "numbers": base64.b64encode(npz(figure.numbers, "\n".join(figure.lines))).decode(),
        }
        for chart, figure in figures.items()
    ]
    component("slides", "slides/slides")(
        key="slides",
        data={"figures": data, "name": f"{name}.zip", "remark": NOT_AN_EXPLANATION},
    )
