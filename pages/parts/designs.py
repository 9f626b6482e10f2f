"""Which tokens see which: families of backbones and designs of attention, asked together."""

from __future__ import annotations

import streamlit as st

from core.draw.designs import designs_data
from pages.parts.opened import opening


def which_tokens_see_which() -> None:
    """Every design with the tokens that one token sees, which follows the pointer."""
    st.subheader(
        "Which tokens see which",
        help="A clip of four frames of 5 × 5 tokens. Each drawing is asked of a network, not drawn "
        "by hand: attention by the layout that its rows and columns have; the hidden state, the "
        "difference of maps and convolutions by changing each token in turn and looking at what "
        "changes with it. One layer of each: after several layers a token has heard of more.",
    )
    st.markdown(
        "**Point at a token**, and every drawing shows what it may see: not what it looks at, "
        "which the other pages show."
    )
    opening("designs", "designs/designs", "designs", designs_data())
