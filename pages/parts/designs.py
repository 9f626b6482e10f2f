"""Which tokens see which: families of backbones and designs of attention, asked together."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.explain.designs import GRID, Design, Sight, attentions, families
from core.models import spec
from pages.parts.opened import opening

ASKS = 37
"""The token that asks at first: the middle of the second frame."""


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
    groups = (
        ("Families of backbones", families()),
        ("Designs of attention", attentions()),
    )
    data = {
        "grid": list(GRID),
        "asks": ASKS,
        "groups": [
            {"title": title, "designs": [_packed(design) for design in designs]}
            for title, designs in groups
        ],
    }
    opening("designs", "designs/designs", "designs", data)


def _packed(design: Design) -> dict[str, Any]:
    """A design as assets/designs reads it."""
    model = None
    if design.model:
        model = {"name": design.model, "title": spec(design.model).title}
    return {
        "title": design.title,
        "words": design.words,
        "model": model,
        "sights": [_bits(sight) for sight in design.sights],
    }


def _bits(sight: Sight) -> dict[str, Any]:
    """Who sees whom as hex figures, each row in whole bytes."""
    rows = np.packbits(sight.sees, axis=1)
    return {"title": sight.title, "signed": sight.signed, "sees": rows.tobytes().hex()}
