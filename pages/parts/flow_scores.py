"""AM flow in figures: how much each map changes from pair to pair, and how well it finds the
hand.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.draw.bars import score_bars
from core.draw.curves import over_pairs
from core.explain.scores import hand_scores
from pages.parts.choose import Choice
from pages.parts.export import exhibit, slug
from pages.parts.show import HELP


def draw(
    choice: Choice,
    made: str,
    maps: dict[str, np.ndarray],
    steps: list[str],
    mask: np.ndarray | None,
) -> None:
    """Two figures side by side. `maps` are (T - 1, h, w) by name, `mask` the true hand (T, H, W) of
    a rendered clip.
    """
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(
            "How much changes when",
            help="The mean of each map over the picture, as a part of its own largest value.",
        )
        means = {
            name: np.asarray(heat.mean((1, 2)))
            for name, heat in maps.items()
            if not name.startswith("Attention")
        }
        exhibit(
            over_pairs(means, steps, height=420),
            "when",
            "How much each map changes from pair to pair",
            [(choice, f"{made}, mean over places of the maps above")],
            numbers={
                slug(name): (values, "(T - 1,) mean over places") for name, values in means.items()
            },
        )
    with right:
        st.subheader(
            "Does it find the hand?",
            help=f"{HELP['energy']}  \n{HELP['auc']}  \nOf the maps as drawn above, over all "
            "pairs; the hand is its true mask (hand, arm and sleeve) in either frame of the pair, "
            "of frame t for A.",
        )
        if mask is None:
            st.info(
                "Scores need the true place of the hand, which only rendered clips have: choose "
                "**Rendered** in the sidebar."
            )
            return
        held = {name: heat for name, heat in maps.items() if name != "True motion"}
        scores, covered = hand_scores(held, mask)
        exhibit(
            score_bars(list(held), scores, {"energy inside": covered, "ROC AUC": 0.5}, height=420),
            "scores",
            "Scores of each map against the true mask of the hand",
            [
                (
                    choice,
                    f"{made}, {len(steps)} pairs, the hand covers {100 * covered:.1f} % of the "
                    "picture",
                )
            ],
            numbers={"maps": (np.array([slug(name) for name in held]), "(n,) names")}
            | {slug(kind): (np.array(values), "(n,) 0..1") for kind, values in scores.items()},
        )
