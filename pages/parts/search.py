"""The search for the frames of a long clip in which most changes: how far it is, and a stop."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import session
from pages.parts.session import leave_if_asked

SOON = 1.0
"""Seconds after which a search that is not over yet is worth a line."""
_STEP = 0.2
"""Seconds from one look at the clock, and at whether to leave, to the next."""


class Search:
    """Draws how far a search is; call it with the part that is done, 0..1.

    It says nothing of a short one. *Stop* takes evenly spaced frames instead; that, and any other
    click, ends this run at the next call.
    """

    def __init__(self) -> None:
        self._place = st.empty()
        self._bar: DeltaGenerator | None = None
        self._next = time.monotonic() + SOON

    def __call__(self, share: float) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _STEP
        leave_if_asked()
        if self._bar is None:
            with self._place.container():
                self._bar = st.progress(0.0)
                st.button(
                    "Stop", icon=":material/stop:", key="stop-search", on_click=_take_evenly_spaced
                )
        self._bar.progress(share, text=f"Looking for motion: {100 * share:.0f} %")

    def close(self) -> None:
        """Take it from the page."""
        if self._bar is not None:
            self._place.empty()


def _take_evenly_spaced() -> None:
    st.session_state[session.SAMPLING] = "uniform"
