"""Controls that several pages have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.draw.overlay import COLOUR_MAPS
from pages.parts import links
from pages.parts.show import HELP


def by_title(titles: Mapping[Any, str]) -> Callable[[Any], str]:
    """How a widget writes its options: each by its title.

    An option that is no longer offered is written as nothing.
    """
    return lambda option: titles.get(option, "")


def opacity_slider(column: DeltaGenerator, key: str, opens_on: float) -> float:
    """How strongly the colours cover the picture, 0..1."""
    links.within(key, 0, 1)
    return column.slider(
        "Opacity", 0.0, 1.0, opens_on, key=key, bind="query-params", help=HELP["opacity"]
    )


def colours_box(column: DeltaGenerator, key: str) -> str:
    """The colours of weights that are never negative: a key of COLOUR_MAPS."""
    links.meant(key, {name: name for name in COLOUR_MAPS})
    return column.selectbox(
        "Colours", list(COLOUR_MAPS), key=key, bind="query-params", help=HELP["colours"]
    )


INVISIBLE = 0.4
"""Of one scale for several maps: a map whose largest value is a smaller part of it is too dark.

FAR's evidence for a clip was all but black beside VideoMAE's, of which it had a third.
"""


def offer_own_scales(key: str, highest: Mapping[str, float]) -> None:
    """Say which maps cannot be seen on one scale, with a button that gives each its own.

    `highest` is the largest value of each map by its title, `key` that of the toggle "One scale".
    """
    strongest = max(highest, key=lambda title: highest[title])
    top = highest[strongest]
    nothing = [title for title, most in highest.items() if most == 0]
    faint = {title: most / top for title, most in highest.items() if 0 < most < INVISIBLE * top}
    if nothing:
        st.markdown(f"{' and '.join(nothing)}: no evidence anywhere, so its map stays empty.")
    if not faint:
        return
    shares = " and ".join(f"{title} reaches {100 * share:.2g} %" for title, share in faint.items())
    row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown(
        f"{shares} of {strongest}'s strongest value, which on one scale can hardly be seen.",
        width="content",
    )
    row.button(
        "Each its own scale",
        key=f"{key}-own",
        on_click=lambda: st.session_state.update({key: False}),
        help="Then only places compare between the models, not strengths.",
    )
