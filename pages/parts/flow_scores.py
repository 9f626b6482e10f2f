"""AM flow in figures: how much each map changes when, and how well it finds the hand."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.draw.bars import score_bars
from core.draw.curves import over_pairs
from core.explain.scores import hand_scores
from pages.parts.exhibit import Exhibit
from pages.parts.export import slug
from pages.parts.pairs import Pairs
from pages.parts.show import HELP


def flow_scores(pairs: Pairs) -> None:
    """Two figures side by side."""
    left, right = st.columns(2, gap="large")
    with left:
        how_much_changes_when(pairs).draw()
    with right:
        does_it_find_the_hand(pairs)


def how_much_changes_when(pairs: Pairs) -> Exhibit:
    """The mean of each map that was made of both frames of a pair, over the pairs."""
    st.subheader(
        "How much changes when",
        help="The mean of each map over the picture, as a part of its own largest value.",
    )
    maps = [each for each in [*pairs.maps, *pairs.true_motion] if each.of == "both"]
    means = {each.title: np.asarray(each.heat.mean((1, 2))) for each in maps}
    return Exhibit(
        over_pairs(means, pairs.steps, height=420),
        "when",
        "How much each map changes from pair to pair",
        [(pairs.choice, f"block {pairs.block + 1}, mean over places of the maps above")],
        numbers={
            slug(title): (values, "(T - 1,) mean over places") for title, values in means.items()
        },
    )


def does_it_find_the_hand(pairs: Pairs) -> None:
    """Energy inside the true mask of the hand and ROC AUC, for a rendered clip."""
    st.subheader(
        "Does it find the hand?",
        help=f"{HELP['energy']}  \n{HELP['auc']}  \nOf the maps as drawn above, over all "
        "pairs; the hand is its true mask (hand, arm and sleeve) in either frame of the pair, "
        "of frame t for A.",
    )
    if pairs.truth is None:
        st.info(
            "Scores need the true place of the hand, which only rendered clips have: choose "
            "**Rendered** in the sidebar."
        )
        return
    _scores(pairs, pairs.truth.mask).draw()


def _scores(pairs: Pairs, mask: np.ndarray) -> Exhibit:
    """The scores against the true mask of the hand, (T, H, W) bool.

    Attention is scored once: as that of the second frame of a pair it is that of the first frame of
    the next.
    """
    maps = [each for each in pairs.maps if each.of != "second"]
    titles = [each.title for each in maps]
    scores, covered = hand_scores(maps, mask)
    numbers = {"maps": (np.array([slug(title) for title in titles]), "(n,) names")}
    for kind, values in scores.items():
        numbers[slug(kind)] = (np.array(values), "(n,) 0..1")
    return Exhibit(
        score_bars(titles, scores, {"energy inside": covered, "ROC AUC": 0.5}, height=420),
        "scores",
        "Scores of each map against the true mask of the hand",
        [
            (
                pairs.choice,
                f"block {pairs.block + 1}, {len(pairs.steps)} pairs, the hand covers "
                f"{100 * covered:.1f} % of the picture",
            )
        ],
        numbers=numbers,
    )
