"""What the viewer on the page shows, for the figures below it, which follow."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.draw.style import WIDTH
from pages.parts import session
from pages.parts.component import component
from pages.parts.visitors import is_server

LEAST = {2: 600, 3: 760, 4: 860}
"""Pixels of so many pictures side by side, which scroll in their box where the page is narrower."""
PROJECTED = 1200
"""Pixels of a page up to which a window is as low as a projector's."""


@dataclass(frozen=True)
class Seen:
    """What the browser says of the page."""

    look: str
    """The viewer's text, as the address holds it under `v`."""
    width: int
    """Pixels of a figure that does not scroll."""
    waits: bool = False
    """Whether the figures wait until they are in sight."""

    def across(self, columns: int) -> int:
        """Pixels of a figure of so many pictures side by side."""
        return max(LEAST.get(min(columns, max(LEAST)), 0), self.width)

    def room(self, height: int) -> int:
        """Pixels that a figure may be high which has `height` on a projector."""
        return round(height * max(1.0, self.width / PROJECTED))


def seen(of: str = "", clip: str = "") -> Seen:
    """What the figures are to be drawn of; mounts what tells it, in the fragment that follows.

    Before the browser has said anything it is what the link says. `of` names the fragment where a
    page has several. Where `clip` names a clip before a model, its figures wait until the browser
    says that they are in sight; those of the first do not, but on a server of many.
    """
    key = f"{session.FOLLOWER}-{of}" if of else session.FOLLOWER
    state = (st.session_state.get(key) or {}).get("seen") or {}
    look, width = state.get("look"), state.get("width")
    first = st.session_state.setdefault(session.FIRST_FOLLOWED, clip) if clip else ""
    drawn = {state.get("clip"), "" if is_server() else first}
    shown = Seen(
        look if isinstance(look, str) else st.query_params.get("v", ""),
        int(width) if isinstance(width, int | float) and 0 < width < 10_000 else WIDTH,
        waits=bool(clip) and clip not in drawn,
    )
    component("attention_follower", "follower/follower")(
        key=key,
        data={"look": shown.look, "width": shown.width, "clip": clip, "drawn": not shown.waits},
        on_seen_change=lambda: None,
    )
    return shown
