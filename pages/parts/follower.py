"""What the viewer on the page shows, for the figures below it, which follow."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.draw.style import WIDTH
from pages.parts import session
from pages.parts.component import component

LEAST = 860
"""Pixels of four pictures side by side, which scroll in their box where the page is narrower."""


@dataclass(frozen=True)
class Seen:
    """What the browser says of the page."""

    look: str
    """The viewer's text, as the address holds it under `v`."""
    width: int
    """Pixels of a figure."""

    @property
    def figure(self) -> int:
        """Pixels of a figure of four pictures side by side."""
        return max(LEAST, self.width)


def seen() -> Seen:
    """What the figures are to be drawn of; mounts what tells it, in the fragment that follows.

    Before the browser has said anything it is what the link says.
    """
    state = (st.session_state.get(session.FOLLOWER) or {}).get("seen") or {}
    look, width = state.get("look"), state.get("width")
    shown = Seen(
        look if isinstance(look, str) else st.query_params.get("v", ""),
        int(width) if isinstance(width, int | float) and 0 < width < 10_000 else WIDTH,
    )
    component("attention_follower", "follower/follower")(
        key=session.FOLLOWER,
        data={"look": shown.look, "width": shown.width},
        on_seen_change=lambda: None,
    )
    return shown
