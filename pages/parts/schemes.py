"""FAR's three attention schemes on the clip, side by side with the viewer's query."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.overlay import overlay
from core.draw.panels import SEVERAL, panels
from core.explain.schemes import SCHEMES, has_schemes, schemes
from core.models import spec
from core.models.far import FAR
from core.video import digest
from pages.parts import cached
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen, seen
from pages.parts.look import from_text, read
from pages.parts.show import pictures, raw_range
from pages.parts.subject import Choice

ABOUT = (
    "The paper's Figure 2 on this clip. Query and keys are those of the heads that see the whole "
    "clip; each scheme leaves keys out and divides the rest anew, softmax over what is left. "
    "**Temporal**: its own place in every frame. **Sparse-dense**: its colour of the checkerboard "
    "in every frame. No weights here were trained with the temporal scheme: it shows what would "
    "be seen, not what such a model would learn."
)


@st.fragment
def three_schemes(choice: Choice) -> None:
    """What the viewer's patch sees under each scheme; nothing for a model without such heads."""
    trace = cached.trace(choice)
    if spec(choice.card.model).make is not FAR or not has_schemes(trace):
        return
    st.subheader("Three schemes, one query", help=ABOUT)
    page = seen("schemes", digest(choice.place))
    if page.waits:
        return
    look = read(from_text(page.look), trace)
    query = look.patch or _middle(trace.grid)
    layer = look.layer if look.tap == "global" else None
    maps = schemes(trace, query, layer)
    t, row, col = query
    follows = "follows the viewer" if look.patch else "click a patch above to ask another"
    st.caption(f"Patch at frame {t + 1}, row {row + 1}, column {col + 1} asks; {follows}.")
    frames, box = pictures(choice, 240, SEVERAL)
    overlays = [overlay(frames, heat, box=box, smooth=False) for heat in maps.values()]
    counts = {title: int(np.isfinite(heat).sum()) for title, heat in maps.items()}
    titles = [
        f"<b>{title}</b>  {counts[title]} keys, {raw_range(heat)}" for title, heat in maps.items()
    ]
    unit = len(frames) // trace.grid[0]

    def figure(page: Seen) -> go.Figure:
        return panels(
            overlays,
            choice.clip.times,
            titles,
            columns=len(SCHEMES),
            height=page.room(380),
            opens_on=t * unit,
            width=page.across(len(SCHEMES)),
        )

    keys = ", ".join(f"{title} {count}" for title, count in counts.items())
    Exhibit(
        figure(page),
        "schemes",
        "What one patch sees under FAR's three attention schemes",
        [(choice, f"global heads, mean over heads, each on its own scale; keys: {keys}")],
        numbers={
            f"scheme_{i}": (heat, f"(T', h, w) weights, {title}; NaN where it cannot see")
            for i, (title, heat) in enumerate(maps.items())
        },
        film=Film(overlays, choice.clip.times, titles, len(SCHEMES)),
    ).draw()


def _middle(grid: tuple[int, int, int]) -> tuple[int, int, int]:
    """The patch in the middle of the clip."""
    return grid[0] // 2, grid[1] // 2, grid[2] // 2
