"""Who looks, and how: the query that the lower half of Explore follows, from its own controls or as
the viewer has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import explain
from core.draw import packing
from core.explain import SpatialQuery, View
from core.observe import Trace
from core.trace import Head
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
        return f"{self._who}{f' ({self.view})' if self.asks else ''}, {self._heads}"

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
    def asks(self) -> tuple[int, int, int] | None:
        """The patch that asks, if one does."""
        return None if isinstance(self.query, str) else self.query


def read(state: dict[str, Any], trace: Trace) -> Look:
    """What the viewer says that it shows; whatever does not exist becomes what it would open on."""
    taps = packing.space_taps(trace)
    tap = state.get("tap") if state.get("tap") in taps else taps[0]
    offered, query, head = explain.views(trace, tap), state.get("query"), state.get("head")
    attention = explain.over_space(trace, tap)[-1]
    patch = isinstance(query, list) and len(query) == 3
    if patch and all(
        isinstance(i, int) and 0 <= i < n for i, n in zip(query, trace.grid, strict=True)
    ):
        asked: SpatialQuery = (query[0], query[1], query[2])
    else:
        asked = "cls" if query != "mean" and explain.has_class_token(attention) else "mean"
    known = head in ("mean", "max") or (isinstance(head, int) and 0 <= head < attention.heads)
    return Look(
        tap,
        asked,
        state.get("view") if state.get("view") in offered else offered[0],
        head if known else "mean",
    )


def follow(look: Look) -> None:
    """Let the controls show this query from the next run on."""
    st.session_state["follow"] = look


def _follow() -> None:
    look: Look | None = st.session_state.pop("follow", None)
    if look is None:
        return
    head = str(look.head + 1) if isinstance(look.head, int) else look.head
    values = {
        "who": look.query if isinstance(look.query, str) else "patch",
        "by_head": head,
        "by_tap": look.tap,
    }
    if look.asks is not None:
        values |= {"by_view": look.view}
        values |= dict(
            zip(("by_frame", "by_row", "by_column"), (i + 1 for i in look.asks), strict=True)
        )
    st.session_state.update(values)


def _linked(grid: tuple[int, int, int]) -> tuple[int, int, int]:
    """The patch to open on: that which the viewer's part of a link keeps, else the middle one."""
    found = st.session_state.setdefault(
        "linked_patch", re.search(r"query:(\d+)-(\d+)-(\d+)", st.query_params.get("v", ""))
    )
    if found and all(int(i) < n for i, n in zip(found.groups(), grid, strict=True)):
        return int(found[1]), int(found[2]), int(found[3])
    return grid[0] // 2, grid[1] // 2, grid[2] // 2


def chosen_look(trace: Trace) -> Look:
    """Draw the controls."""
    _follow()
    taps = packing.space_taps(trace)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    tap = (
        row.selectbox(
            "Attention", taps, key="by_tap", bind="query-params", width=150, help=TAP_HELP
        )
        if len(taps) > 1
        else taps[0]
    )
    attention = explain.over_space(trace, tap)[-1]
    who = {k: v for k, v in WHO.items() if k != "cls" or explain.has_class_token(attention)}
    asked = row.segmented_control(
        "Who looks",
        list(who),
        format_func=who.get,
        default=next(iter(who)),
        required=True,
        key="who",
        bind="query-params",
        help=WHO_HELP,
    )
    view, offered = explain.views(trace, tap)[0], explain.views(trace, tap)
    query: SpatialQuery = "mean" if asked not in who else asked if asked != "patch" else (0, 0, 0)
    if asked == "patch":
        unit = len(trace.clip) // trace.grid[0]
        names = {
            t + 1: "–".join(dict.fromkeys((str(t * unit + 1), str(t * unit + unit))))
            for t in range(max(trace.grid))
        }
        at = [
            row.selectbox(
                name,
                range(1, n + 1),
                index=i,
                key=f"by_{name.lower()}",
                bind="query-params",
                width=110,
                format_func=names.get if name == "Frame" else str,
                help=PLACE_HELP[name],
            )
            - 1
            for name, n, i in zip(PLACE_HELP, trace.grid, _linked(trace.grid), strict=True)
        ]
        query = (at[0], at[1], at[2])
        if len(offered) > 1:
            view = row.selectbox(
                "View", offered, key="by_view", bind="query-params", help=VIEW_HELP, width=170
            )
    heads = ["mean", "max", *(str(h + 1) for h in range(attention.heads))]
    head = row.selectbox(
        "Head", heads, key="by_head", bind="query-params", help=HELP["head"], width=110
    )
    return Look(tap, query, view, int(head) - 1 if head.isdigit() else head)
