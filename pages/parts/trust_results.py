"""On the Results page: what the maps of a shipped model are worth, over rendered clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.draw.trust_set import (
    OF_ANSWER,
    OF_TRUTH,
    alike_map,
    in_words,
    kept_map,
    score_panels,
)
from core.draw.words import NOT_AN_EXPLANATION
from core.models import spec
from core.weights import DEFAULT, embedded, file_hash
from pages.parts.history import measured
from pages.parts.show import chart
from pages.parts.subject import Choice

HELP = (
    "Every map of the model of the sidebar on rendered clips, whose truth is known: the hand's "
    "mask and the fingertip. **Full** dots beat every baseline, **pale** ones do not, **grey** "
    "ones are baselines, which know nothing of the model: an even map, a bell in the middle, "
    "optical flow and the difference of frames. The dotted line is the best of these. A bar is the "
    "middle 95 % of means of clips drawn again; a map beats a baseline where its bar is clear of "
    "the baseline's mean."
)
ANSWER_HELP = (
    "**Deletion**: the class's probability while cells are taken away, hottest first, as the area "
    "under its curve: low is good. **Insertion**: the same while they are put in: high is good. "
    "**Sensitivity-n**: the correlation of what the map says of random tenths of the cells with "
    "how far the score falls without them. **Infidelity**: what the best factor leaves of the "
    "difference. *random order* is what an order that knows nothing gets."
)
ALIKE_HELP = (
    "Spearman's rank correlation over all cells of a clip, the mean over clips: 1 where two maps "
    "rank all cells alike. *the hand* is the share of each cell that the hand covers."
)
KEPT_HELP = (
    "How alike a map stays to itself. Its weights become random from the head down, each column "
    "with those before it (Adebayo et al., 2018); then the map for the class of another clip, and "
    "the map of that clip itself. From 0.7 on it is called nearly the same map."
)


def what_maps_are_worth(choice: Choice) -> None:
    """Every map of a shipped model against the truth, the answer, each other and random weights."""
    results = measured("trust")
    if results is None:
        return
    row = row_of_model(results, choice.card.model)
    title = spec(row["model"]).title
    st.subheader("Do the maps find the hand?", help=HELP)
    truth, *others = in_words(row)
    st.markdown(f"**{title}. {truth}** {' '.join(others)}")
    chart(score_panels(row, OF_TRUTH), "trust-truth", f"{title}: {truth}")
    st.caption(_about(row))
    if any(score in own for own in row["maps"].values() for score in OF_ANSWER):
        st.markdown("**Do they name what the answer hangs on?**", help=ANSWER_HELP)
        chart(score_panels(row, OF_ANSWER), "trust-answer", f"{title}: {' '.join(others)}")
        st.caption(
            f"The first {row['faithful']} of these clips; attributions on {row['attributed']}."
        )
    st.markdown("**How alike are they?**", help=ALIKE_HELP)
    chart(alike_map(row), "trust-alike", f"Rank correlations of the maps of {title}")
    if row["sanity"]:
        st.markdown("**What do random weights leave of them?**", help=KEPT_HELP)
        chart(kept_map(row), "trust-kept", f"What random weights leave of the maps of {title}")
        st.caption(f"The mean over {row['randomised']} clips.")


def row_of_model(results: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The figures of a model, and of DEFAULT for one that was not scored."""
    rows = {row["model"]: row for row in results["models"]}
    return rows.get(model) or rows[DEFAULT]


def _about(row: Mapping[str, Any]) -> str:
    """Which weights on which clips, how the figures were made, and what they do not say."""
    included = file_hash(embedded()[row["model"]])
    other = "" if included == row["weights"] else f" (the included ones are {included} by now)"
    return (
        f"Weights {row['weights']}{other}; {row['clips']} rendered clips, made by `python -m "
        "training trust`. The hand was part of what these weights were taught, so that their maps "
        f"find it is no wonder. {NOT_AN_EXPLANATION}"
    )
