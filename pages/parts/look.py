"""Who looks, and how: the query of Explore's lower half, from its controls or from the viewer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import explain
from core.draw import packing
from core.explain import SpatialQuery, View
from core.observe import Trace
from core.trace import Attention, Head
from pages.parts import session
from pages.parts.controls import by_title
from pages.parts.show import HELP

WHO = {"cls": "Class token", "mean": "Mean", "patch": "Patch"}
WHO_HELP = (
    "**Class token**: the summary that the class is read from. **Mean**: what each patch gets "
    "from all that see it. "
    "**Patch**: one place of one frame. *Follow below* in the viewer brings its own query here."
)
TAP_HELP = (
    "Which part of each layer is followed. **global**: the heads that see the whole clip. "
    "**local**: the heads that see one colour of a checkerboard. **vit**: the frozen image model. "
    "**aligned**: an encoder on top of it that undoes the camera's motion."
)
PLACE_HELP = {
    "Frame": (
        "The frame of the patch that asks, counted from 1; two frames where one token covers both."
    ),
    "Row": "The row of the patch that asks, counted from 1 at the top.",
    "Column": "The column of the patch that asks, counted from 1 at the left.",
}
VIEW_HELP = (
    r"**joint**: the patch sees all patches of all frames, $a_{p\to p'}$. **space**: those of its "
    r"own frame. **time**: its own place in every frame. **space x time**: $a_{p\to p'}\,a_{t\to "
    r"t'}$, first the places, then from each place the frames. **each frame separately**: the same "
    r"place asks in every frame."
)


@dataclass(frozen=True)
class Look:
    """One query. Numbers count from 0."""

    tap: str
    query: SpatialQuery
    view: View
    head: Head

    @property
    def words(self) -> str:
        """For a line below a figure, counting from 1."""
        view = f" ({self.view})" if self.patch else ""
        return f"{self._who}{view}, {self._heads}"

    @property
    def rolled(self) -> str:
        """The same for rollout, which goes through space and time alike."""
        return f"{self._who}, {self._heads}"

    @property
    def _who(self) -> str:
        if isinstance(self.query, str):
            return WHO[self.query].lower()
        t, row, col = self.query
        return f"patch at frame {t + 1}, row {row + 1}, column {col + 1}"

    @property
    def _heads(self) -> str:
        return f"head {self.head + 1}" if isinstance(self.head, int) else f"{self.head} over heads"

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """The patch that looks, (t, row, column), if one does."""
        return None if isinstance(self.query, str) else self.query

    @property
    def patch_view(self) -> View | None:
        """The view, which matters only to a patch."""
        return self.view if self.patch else None


def read(state: dict[str, Any], trace: Trace) -> Look:
    """What the viewer says that it shows.

    Values that do not exist fall back to those that it opens on.
    """
    taps = packing.space_taps(trace)
    tap = state.get("tap")
    if tap not in taps:
        tap = taps[0]
    attention = explain.over_space(trace, tap)[-1]
    offered, view = explain.views(trace, tap), state.get("view")
    if view not in offered:
        view = offered[0]
    query = _query(state.get("query"), trace, attention)
    return Look(tap, query, view, _head(state.get("head"), attention))


def _query(query: object, trace: Trace, attention: Attention) -> SpatialQuery:
    """The query that the viewer names, or else the one that it opens on."""
    if isinstance(query, list) and len(query) == 3:
        inside = [
            isinstance(i, int) and 0 <= i < size for i, size in zip(query, trace.grid, strict=True)
        ]
        if all(inside):
            return query[0], query[1], query[2]
    if query == "mean" or not explain.has_class_token(attention):
        return "mean"
    return "cls"


def _head(head: object, attention: Attention) -> Head:
    """The head that the viewer names, or else the mean."""
    if isinstance(head, int) and 0 <= head < attention.heads:
        return head
    return "max" if head == "max" else "mean"


def follow(look: Look) -> None:
    """Let the controls show this query from the next run on."""
    st.session_state[session.FOLLOW] = look


def _follow() -> None:
    """Set the controls to the query that `follow` kept, if there is one."""
    look: Look | None = st.session_state.pop(session.FOLLOW, None)
    if look is None:
        return
    values: dict[str, Any] = {
        "who": look.query if isinstance(look.query, str) else "patch",
        "by_head": str(look.head + 1) if isinstance(look.head, int) else look.head,
        "by_tap": look.tap,
    }
    if look.patch is not None:
        frame, row, column = (i + 1 for i in look.patch)
        values |= {"by_view": look.view, "by_frame": frame, "by_row": row, "by_column": column}
    st.session_state.update(values)


def _opens_on(grid: tuple[int, int, int]) -> tuple[int, int, int]:
    """The patch to open on: that which the viewer's part of a link keeps, else the middle one."""
    linked = st.session_state.setdefault(
        session.LINKED_PATCH, re.search(r"query:(\d+)-(\d+)-(\d+)", st.query_params.get("v", ""))
    )
    if linked and all(int(i) < size for i, size in zip(linked.groups(), grid, strict=True)):
        return int(linked[1]), int(linked[2]), int(linked[3])
    return grid[0] // 2, grid[1] // 2, grid[2] // 2


def current_look(trace: Trace) -> Look:
    """Draw the controls of a query.

    They stand in one row, and those that a patch needs come and go.
    """
    _follow()
    row = st.container(horizontal=True, vertical_alignment="bottom")
    taps = packing.space_taps(trace)
    tap = taps[0]
    if len(taps) > 1:
        tap = row.selectbox(
            "Attention", taps, key="by_tap", bind="query-params", width=150, help=TAP_HELP
        )
    attention = explain.over_space(trace, tap)[-1]
    offered = explain.views(trace, tap)
    query: SpatialQuery
    query, view = _who_looks(row, attention) or _patch(row, trace), offered[0]
    if not isinstance(query, str) and len(offered) > 1:
        view = row.selectbox(
            "View", offered, key="by_view", bind="query-params", help=VIEW_HELP, width=170
        )
    heads: dict[str, Head] = {"mean": "mean", "max": "max"}
    heads |= {str(head + 1): head for head in range(attention.heads)}
    name = row.selectbox(
        "Head", list(heads), key="by_head", bind="query-params", help=HELP["head"], width=110
    )
    return Look(tap, query, view, heads[name])


def _who_looks(row: DeltaGenerator, attention: Attention) -> Literal["cls", "mean"] | None:
    """Draw the choice of who looks; None stands for a patch."""
    who = {
        key: title
        for key, title in WHO.items()
        if key != "cls" or explain.has_class_token(attention)
    }
    asks = row.segmented_control(
        "Who looks",
        list(who),
        format_func=by_title(who),
        default=next(iter(who)),
        required=True,
        key="who",
        bind="query-params",
        help=WHO_HELP,
    )
    if asks == "patch":
        return None
    return "cls" if asks == "cls" and "cls" in who else "mean"


def _patch(row: DeltaGenerator, trace: Trace) -> tuple[int, int, int]:
    """Draw the frame, row and column of the patch that looks."""
    unit = len(trace.clip) // trace.grid[0]
    frames = {t + 1: _frame_name(t, unit) for t in range(trace.grid[0])}
    place = []
    for name, size, opens_on in zip(PLACE_HELP, trace.grid, _opens_on(trace.grid), strict=True):
        number = row.selectbox(
            name,
            range(1, size + 1),
            index=opens_on,
            key=f"by_{name.lower()}",
            bind="query-params",
            width=110,
            format_func=by_title(frames) if name == "Frame" else str,
            help=PLACE_HELP[name],
        )
        place.append(number - 1)
    frame, line, column = place
    return frame, line, column


def _frame_name(t: int, unit: int) -> str:
    """The frames that a token covers, counted from 1: `3`, or `5–6` where it covers two."""
    first, last = t * unit + 1, t * unit + unit
    return str(first) if first == last else f"{first}–{last}"
