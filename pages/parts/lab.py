"""The shuffle lab: the strip and the step-through as a component, and the verdict below it."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.draw.lab import TIE_HELP, lab_data, verdict_figures, verdict_meaning
from core.models import spec
from core.order import Reading
from pages.parts import session
from pages.parts.component import component
from pages.parts.film import film
from pages.parts.order_reading import Shuffled
from pages.parts.show import HELP, NOT_AN_EXPLANATION, VERDICTS, on_screen, plain
from pages.parts.shuffle_controls import take_over


def _act() -> None:
    """Take over what was done in the component."""
    wanted = st.session_state[session.LAB].get("wanted") or {}
    take_over(wanted.get("order"), wanted.get("forbidden"))


def lab(shuffled: Shuffled) -> None:
    """The strip, the step-through, the paths compared, and files of it."""
    lines = [plain(shuffled.line), NOT_AN_EXPLANATION]
    state = st.session_state.get(session.LAB) or {}
    is_beside = not shuffled.by.pixels and spec(shuffled.choice.card.model).frames_beside
    data: dict[str, Any] = lab_data(
        shuffled.reading,
        shuffled.choice.clip,
        is_signed=shuffled.is_signed,
        beside=is_beside,
        forbidden=shuffled.forbidden,
        lines=lines,
    )
    data |= {
        "answers": (state.get("wanted") or {}).get("n", 0),
        "film": film(state["film"], lines) if state.get("film") else None,
    }
    component("shuffle_lab", "lab/lab")(
        key=session.LAB, data=data, on_wanted_change=_act, on_film_change=lambda: None
    )
    st.caption(on_screen(shuffled.line, shuffled.choice))


def answers(name: str, question: str = "") -> DeltaGenerator:
    """Where to put what tells how right the order is: on screen once the lab shows its answers.

    Until then it says `question` in its place. The style sheet of the app hides one or the other,
    so that *Reveal* waits for no server.
    """
    if question:
        with st.container(key=f"question-{name}"):
            st.caption(f"{question} Look at the matrix first, then press *Reveal*.")
    return st.container(key=f"answer-{name}")


def verdict(reading: Reading) -> None:
    """How sure the order is, as a sentence; how right; and the margins by which that is judged."""
    title = VERDICTS[reading.order.verdict][0]
    st.info(f"**{title}.** {verdict_meaning(reading)}", icon=":material/gavel:")
    other = TIE_HELP if reading.order.ties_backwards else HELP["reversal_accuracy"]
    helps = HELP["order_accuracy"], other, HELP["margin"], HELP["direction_margin"]
    columns = st.columns([1.35, 1.35, 1, 1.55])
    for column, (name, value), text in zip(columns, verdict_figures(reading), helps, strict=True):
        column.metric(name, value, help=text)
