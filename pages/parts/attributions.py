"""Attributions that take many passes through the model, computed when asked.

There is progress and a stop button.
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw.lettering import number
from core.draw.overlay import overlay
from core.draw.panels import panels
from core.draw.timeline import Timeline
from core.explain.attribute import METHODS, Method
from pages.parts import cached, links
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen
from pages.parts.run_card import lasting
from pages.parts.show import pictures
from pages.parts.subject import Choice
from pages.parts.words import as_figure_text, as_text


def other_attributions(choice: Choice, target: int, opacity: float, colours: str) -> None:
    """The section of one class: which attribution, the buttons, and the result once it is here."""
    st.subheader(
        "Other attributions", help="  \n".join(f"**{m.title}**: {m.help}" for m in METHODS.values())
    )
    left, right = st.columns([3, 7], gap="large")
    with left:
        links.meant("method", {name: method.title for name, method in METHODS.items()})
        name = st.selectbox(
            "Attribution",
            list(METHODS),
            format_func=lambda name: METHODS[name].title,
            key="method",
            bind="query-params",
        )
        _compute_when_asked(choice, name, target)
    method, label = METHODS[name], choice.card.labels[target]
    heat = cached.attributed.here(choice, name, target)
    with right:
        if heat is None:
            with st.spinner("Measuring how long it takes on this computer"):
                seconds = cached.attribution_seconds(choice, name)
            longer = ""
            if method.at_most > 1:
                most = lasting(method.at_most * seconds)
                longer = f", up to {most} where the score jumps"
            st.info(
                f"{method.title} of *{as_text(label)}* for {choice.title} is computed when asked: "
                f"about {lasting(seconds)} on this computer{longer}."
            )
        else:
            change = cached.score_change(choice, target) if method.adds_up else None
            _attribution(choice, method, label, heat, change, opacity, colours).draw()


def _compute_when_asked(choice: Choice, name: str, target: int) -> None:
    """Draw the buttons, and compute if the first was clicked.

    Any other click ends this run at the next piece of the work.
    """
    row = st.container(horizontal=True)
    is_asked = row.button("Compute", icon=":material/play_arrow:", key="attribute")
    stop, bar = row.empty(), st.empty()
    if not is_asked or cached.attributed.here(choice, name, target) is not None:
        return
    title = METHODS[name].title
    stop.button("Stop", icon=":material/stop:", key="stop")
    bar.progress(0.0, text=title)
    cached.attributed(
        choice,
        name,
        target,
        progress=lambda share: bar.progress(share, text=f"{title}: {100 * share:.0f} %"),
    )
    stop.empty()
    bar.empty()


def added_up(heat: np.ndarray, change: float | None) -> str:
    """What all cells give together, and how much that is of what they must give, if anything."""
    total = f"sum {number(float(heat.sum()), '.3g')}"
    if change is None:
        return total
    share = f" ({100 * float(heat.sum()) / change:.1f} %)" if change else ""
    return f"{total} of a score change of {number(change, '.3g')} from grey to the clip{share}"


def _attribution(
    choice: Choice,
    method: Method,
    label: str,
    heat: np.ndarray,
    change: float | None,
    opacity: float,
    colours: str,
) -> Exhibit:
    """The clip with an attribution, (T', h, w); `change` is what its cells must add up to."""
    large, box = pictures(choice, 360)
    frames = overlay(
        large, heat, opacity=opacity, signed=method.signed, colour_map=colours, box=box
    )
    title = f"{method.title} of *{as_text(label)}*"
    low, high = (number(float(value), ".3g") for value in (heat.min(), heat.max()))
    opens_on = Timeline.of([choice.clip.times]).strongest([heat])

    def figure(page: Seen) -> go.Figure:
        return panels(
            [frames],
            choice.clip.times,
            [f"<b>{method.title}</b>  {as_figure_text(label)}"],
            opens_on=opens_on,
            width=page.across(1),
        )

    return Exhibit(
        figure,
        "attribution",
        f"The clip with {method.title} of {label}",
        [
            (
                choice,
                f"{title} · {low} to {high}, {added_up(heat, change)}",
            )
        ],
        numbers={"attribution": (heat, "(T', h, w) part of the score of each cell")},
        film=Film([frames], choice.clip.times),
    )
