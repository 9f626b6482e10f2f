"""The shuffle lab's controls: how to shuffle, what to read the order from, which edges to forbid.

All of it is in the address.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadInput
from core.order import Affinity, Edge
from core.order.shuffle import HOW, How, order_text, parse_order, permutation
from pages.parts import links, session
from pages.parts.controls import by_title
from pages.parts.order_reading import By
from pages.parts.show import HELP
from pages.parts.statistics import layer_and_head
from pages.parts.subject import Choice

TITLES: dict[How, str] = {
    "seed": "Seed",
    "swaps": "Swaps",
    "reversed": "Reversed",
    "hand": "By hand",
}
MOST_SHUFFLE_SEED, MOST_SWAPS = 10**9, 99
PASSES = [1, 4, 16]
PASSES_HELP = (
    "**Passes**: where a frame stands among the slots says nothing, but a model that adds an "
    "embedding to each slot is not blind to it. Each further pass shuffles the same frames once "
    "more and puts its matrix back; the mean has less of that noise. The paper takes **one**, and "
    "so do the figures over many shuffles further down."
)


@dataclass(frozen=True)
class Controls:
    """The one row above the lab, and the rest of the controls behind its last button."""

    row: DeltaGenerator
    more: DeltaGenerator


def controls() -> Controls:
    """Draw the row, still empty."""
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    row = line.container(horizontal=True, vertical_alignment="bottom", key="lab-row")
    return Controls(row, line.popover("More", icon=":material/tune:"))


def mixing(frames: int, room: Controls) -> tuple[int, ...]:
    """Draw the controls that say how the frames are shuffled. Returns the frame in each slot.

    The one that goes with the way of shuffling stands in the row, the others behind More.
    """
    links.meant(session.HOW, TITLES)
    links.within("shuffle", 0, MOST_SHUFFLE_SEED)
    links.within("swaps", 0, MOST_SWAPS)
    how = room.row.selectbox(
        "Shuffle",
        HOW,
        format_func=by_title(TITLES),
        key=session.HOW,
        on_change=_begin_with_the_shown_order,
        bind="query-params",
        help=HELP["shuffle"],
        width=130,
    )
    places = {name: room.row if name == how else room.more for name in HOW}
    seed = places["seed"].number_input(
        "Shuffle seed",
        0,
        MOST_SHUFFLE_SEED,
        0,
        key="shuffle",
        bind="query-params",
        disabled=how not in ("seed", "swaps"),
        help="The same seed always gives the same order.",
        width=150,
    )
    swaps = places["swaps"].number_input(
        "Swaps",
        0,
        MOST_SWAPS,
        2,
        key="swaps",
        bind="query-params",
        disabled=how != "swaps",
        help="So many times two frames, drawn by the seed, change places.",
        width=150,
    )
    written = places["hand"].text_input(
        "Order by hand (from 0)",
        key=session.ORDER,
        bind="query-params",
        disabled=how != "hand",
        placeholder="3,1,0,2",
        help=(
            "The frame in each slot, counted from 0, as in a link and on the command line; the "
            "strip counts from 1. Dragging frames in the strip writes it here."
        ),
        width=190,
    )
    try:
        order = permutation(
            frames,
            how,
            seed=int(seed),
            swaps=int(swaps),
            order=parse_order(written) if how == "hand" else (),
        )
    except BadInput as error:
        st.warning(
            f"{error}. The order of seed {int(seed)} is shown instead.", icon=":material/shuffle:"
        )
        order = permutation(frames, seed=int(seed))
    st.session_state[session.SHOWN_ORDER] = order
    return order


def _begin_with_the_shown_order() -> None:
    """An order made by hand begins as the one that is shown."""
    if st.session_state[session.HOW] == "hand" and not st.session_state[session.ORDER]:
        st.session_state[session.ORDER] = order_text(st.session_state[session.SHOWN_ORDER])


def read_by(choice: Choice, room: Controls) -> By:
    """Draw the choice of the matrix that the order is read from."""
    card = choice.card
    titles = {"model": "Attention", "pixels": "Pixel likeness"}
    links.meant("by", titles)
    kind = room.row.segmented_control(
        "Order from",
        list(titles),
        format_func=by_title(titles),
        default="model",
        required=True,
        key="by",
        bind="query-params",
        help="**Pixel likeness** is the baseline: a path through the frames that look most "
        "alike. It can find the chain but never its direction.",
    )
    by_pixels = kind == "pixels"
    is_sharpened = room.row.toggle(
        "Sharpened",
        value=card.sharpness > 0,
        disabled=by_pixels or not card.sharpness,
        key="sharp",
        bind="query-params",
        help=HELP["sharpened"],
        width="content",
    )
    layer, head = layer_and_head(choice, room.more, room.more, disabled=by_pixels)
    links.meant("passes", {count: str(count) for count in PASSES})
    passes = room.more.selectbox(
        "Shuffles averaged",
        PASSES,
        key="passes",
        bind="query-params",
        disabled=by_pixels,
        help=PASSES_HELP,
    )
    sharpness = card.sharpness if is_sharpened else 0.0
    return By(Affinity(layer, head, sharpness, passes), by_pixels)


def edge_text(edge: Edge) -> str:
    """An edge as it is shown and linked to, slots counted from 1: `5→1`."""
    return f"{edge[0] + 1}→{edge[1] + 1}"


def forbidding(slots: int) -> tuple[Edge, ...]:
    """Draw the list of forbidden edges, to which any can be added. Returns them."""
    edges = {edge_text((t, u)): (t, u) for t in range(slots) for u in range(slots) if t != u}
    forbidden = st.session_state.get(session.WITHOUT, [])
    if any(edge not in edges for edge in forbidden):  # the clip had more frames before
        st.session_state[session.WITHOUT] = [edge for edge in forbidden if edge in edges]
    links.among(session.WITHOUT, dict(zip(edges, edges, strict=True)))
    names = st.multiselect(
        "Forbidden edges",
        list(edges),
        key=session.WITHOUT,
        bind="query-params",
        help=HELP["forbidden"],
        placeholder="none: choose one, or click it above",
    )
    return tuple(edges[name] for name in names)


def take_over(order: list[int] | None, forbidden: list[list[int]] | None) -> None:
    """Set the controls to what was done in the lab: an order by hand, or other forbidden edges.

    None leaves them as they are.
    """
    if order:
        st.session_state[session.HOW] = "hand"
        st.session_state[session.ORDER] = order_text([int(frame) for frame in order])
    if forbidden is not None:
        st.session_state[session.WITHOUT] = [edge_text((int(t), int(u))) for t, u in forbidden]
