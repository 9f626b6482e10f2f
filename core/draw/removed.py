"""A clip from which more and more is taken away, for assets/removed, which draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Real, UInt8

from core.draw.style import picture
from core.draw.trust_figures import FILL_COLOURS, FILL_TITLES
from core.explain.trust.faithfulness import FILLS, WAYS, Curves, Fill, Way, removal_order

SIDE = 200
"""Pixels of a frame."""


def removed_data(
    frames: UInt8[np.ndarray, "T H W 3"],
    blurred: UInt8[np.ndarray, "T S S 3"],
    mean: Sequence[float],
    heat: Real[np.ndarray, "steps h w"],
    own: Curves,
    others: Sequence[Curves],
) -> dict[str, Any]:
    """The frames that a model sees, their fills, the order of the cells and both curves.

    `mean` is the mean colour, 0..1; `own` are the curves of the map, `others` those of random
    orders, of which the mean is sent.
    """
    order = removal_order(heat)
    shares = own["deletion", "mean"].shares
    colour = ", ".join(str(round(255 * channel)) for channel in mean)

    def percent(way: Way, fill: Fill) -> dict[str, list[float]]:
        random = np.mean([each[way, fill].probabilities for each in others], axis=0)
        return {
            "own": (100 * own[way, fill].probabilities).round(1).tolist(),
            "random": (100 * random).round(1).tolist(),
        }

    return {
        "grid": list(heat.shape),
        "order": order.tolist(),
        "counts": np.round(shares * len(order)).astype(int).tolist(),
        "frames": [picture(frame, SIDE) for frame in frames],
        "fills": [
            {
                "title": FILL_TITLES[fill],
                "colour": FILL_COLOURS[fill],
                "plain": f"rgb({colour})" if fill == "mean" else "",
                "frames": [picture(frame, SIDE) for frame in blurred] if fill == "blur" else [],
                **{way: percent(way, fill) for way in WAYS},
            }
            for fill in FILLS
        ],
    }
