"""Attributions that take many passes through the model: computed when asked, with progress and a
stop button.
"""

from __future__ import annotations

import streamlit as st

from core.draw.overlay import enlarged, overlay
from core.draw.panels import panels
from core.explain.attribute import METHODS
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import Choice
from pages.parts.export import exhibit


def draw(choice: Choice, target: int, opacity: float, colours: str) -> None:
    """The section of one class: which attribution, the buttons, and the result if it is here."""
    label = choice.card.labels[target]
    st.subheader(
        "Other attributions", help="  \n".join(f"**{m.title}**: {m.help}" for m in METHODS.values())
    )
    left, right = st.columns([3, 7], gap="large")
    with left:
        method = st.selectbox(
            "Attribution",
            list(METHODS),
            format_func=lambda name: METHODS[name].title,
            key="method",
            bind="query-params",
        )
        row = st.columns(2)
        asked = row[0].button(
            "Compute", icon=":material/play_arrow:", key="attribute", width="stretch"
        )
        stop, waiting = row[1].empty(), st.empty()
        ask = (choice.key, choice.model, choice.crop, method, target, choice.clip)
        if asked and cached.attributed(*ask, None) is None:
            stop.button(
                "Stop", icon=":material/stop:", key="stop", width="stretch"
            )  # any click ends this run at the next piece
            waiting.progress(0.0, text=METHODS[method].title)
            cached.attributed(
                *ask,
                lambda done: waiting.progress(
                    done, text=f"{METHODS[method].title}: {100 * done:.0f} %"
                ),
            )
            stop.empty()
            waiting.empty()
    heat = cached.attributed(*ask, None)
    with right:
        if heat is None:
            st.info(
                f"{METHODS[method].title} of *{label}* for {choice.title} is computed when asked: "
                "many passes through the model."
            )
            return
        large = enlarged(choice.clip.frames, 360)
        frames = overlay(
            large,
            heat,
            opacity=opacity,
            signed=METHODS[method].signed,
            colour_map=colours,
            box=crop_box(*large.shape[1:3], choice.crop),
        )
        exhibit(
            panels([frames], choice.clip.times, [f"<b>{METHODS[method].title}</b>  {label}"]),
            "attribution",
            f"The clip with {METHODS[method].title} of {label}",
            [
                (
                    choice,
                    f"{METHODS[method].title} of *{label}* · {heat.min():.3g} to "
                    f"{heat.max():.3g}, sum {heat.sum():.3g}",
                )
            ],
            clips=[frames],
            times=choice.clip.times,
            numbers={"attribution": (heat, "(T', h, w) part of the score of each cell")},
        )
