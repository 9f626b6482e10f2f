"""Which tokens see which, as assets/designs reads it."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.explain.designs import GRID, Design, Sight, attentions, families, schemes
from core.models import spec

ASKS = 37
"""The token that asks at first: the middle of the second frame."""


def designs_data() -> dict[str, Any]:
    """Every design with the tokens that each token sees."""
    groups = (
        ("Families of backbones", families()),
        ("Designs of attention", attentions()),
        ("FAR’s three schemes (its Figure 2)", schemes()),
    )
    return {
        "grid": list(GRID),
        "asks": ASKS,
        "groups": [
            {"title": title, "designs": [_packed(design) for design in designs]}
            for title, designs in groups
        ],
    }


def _packed(design: Design) -> dict[str, Any]:
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
