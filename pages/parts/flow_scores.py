"""AM flow in figures and words: how much changes when, and how well it finds the hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.draw.bars import score_bars
from core.draw.curves import over_pairs
from core.draw.export import Numbers
from core.explain.scores import by_chance, correlation, hand_scores
from core.weights import Card
from pages.parts.exhibit import Exhibit
from pages.parts.export import slug
from pages.parts.history import measured
from pages.parts.pairs import Pairs
from pages.parts.show import HELP
from pages.parts.subject import Choice

CLOSE, ROUGH = 0.85, 0.6
"""The least correlation that is called close, and that is called rough; below, it is loose."""


def how_much_changes_when(pairs: Pairs) -> Exhibit:
    """The mean of each map that was made of both frames of a pair, over the pairs."""
    st.subheader(
        "How much changes when",
        help="The mean of each map over the picture, as a part of its own largest value. How well "
        r"a curve follows another: their correlation $r$, 1 in step, 0 unrelated, −1 opposite; "
        "curves of so few steps can look alike by chance, which the sentence says.",
    )
    maps = [each for each in [*pairs.maps, *pairs.true_motion] if each.of == "both"]
    means = {each.title: np.asarray(each.heat.mean((1, 2))) for each in maps}
    reference = list(means)[-1]
    agreed = {
        title: correlation(values, means[reference])
        for title, values in means.items()
        if title != reference
    }
    st.markdown(in_words(agreed, reference, len(pairs.steps)))
    correlations = ", ".join(f"{title} {_signed(r)}" for title, r in agreed.items())
    numbers: Numbers = {
        **{slug(title): (values, "(T - 1,) mean over places") for title, values in means.items()},
        **{
            f"r_{slug(title)}": (np.array(r), f"correlation with {reference.lower()}")
            for title, r in agreed.items()
        },
    }
    return Exhibit(
        over_pairs(means, pairs.steps, height=290),
        "when",
        "How much each map changes from pair to pair",
        [
            (
                pairs.choice,
                f"block {pairs.block + 1}, mean over places of the maps below · correlation with "
                f"{reference.lower()}: {correlations}",
            )
        ],
        numbers=numbers,
    )


def in_words(agreed: dict[str, float], reference: str, steps: int) -> str:
    """How well curves follow that of `reference`, by their correlations: the closest ones first.

    The reference is the true motion of the hand, or else optical flow; curves have `steps` steps.
    """
    chance = by_chance(steps)
    if chance >= 1:
        return f"{steps} step{'s' if steps > 1 else ''} of change: too few to compare curves."
    is_true = reference == "True motion"
    what = "the hand's true motion" if is_true else "the optical flow"
    by_verdict: dict[str, list[str]] = {}
    for title, r in sorted(agreed.items(), key=lambda curve: -np.nan_to_num(curve[1], nan=-2)):
        curve = title.replace(",", "") + ("" if np.isnan(r) else f" (r = {_signed(r)})")
        by_verdict.setdefault(_verdict(r, chance).format(what), []).append(curve)
    sentences = [f"{verdict}: {', '.join(curves)}." for verdict, curves in by_verdict.items()]
    sentences[0] = f"**{sentences[0]}**"
    sentences.append(
        f"With {steps} steps, one in twenty unrelated curves reaches r = ±{chance:.2f}."
    )
    if not is_true:
        sentences.append(
            "The true motion of this clip is not known: optical flow is what moves in the pixels, "
            "that of the camera included."
        )
    return " ".join(sentences)


def _verdict(r: float, chance: float) -> str:
    """Words for a correlation, with `{}` for what is followed."""
    if np.isnan(r):
        return "Does not change over the clip"
    if r <= -chance:
        return "Runs against {}"
    if r < chance:
        return "No closer to {} than chance"
    how = "closely" if r >= CLOSE else "roughly" if r >= ROUGH else "loosely"
    return f"Follows {{}} {how}"


def _signed(r: float) -> str:
    """A correlation with two digits and a true minus."""
    return "none" if np.isnan(r) else f"{r:.2f}".replace("-", "−")


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
    say_if_taught(pairs.choice)
    words = with_the_encoder(measured("am_flow_camera"), pairs.choice.card)
    if words and "aligned" in pairs.flows:
        st.caption(words)


def say_if_taught(choice: Choice) -> None:
    """Say where the weights were taught what a map is scored by."""
    stages = choice.card.recipe.get("stages", [])
    if any(stage.get("fingertip") for stage in stages):
        st.caption(
            "No wonder if it does: besides the class, these weights were taught where the "
            "fingertip is and which patches the hand covers. The attention of a small AM Flow that "
            "was never told finds it as well: *Results*, *What if nobody says where the hand is?*"
        )


def with_the_encoder(results: dict[str, Any] | None, card: Card) -> str:
    """What the aligning encoder is meant to do, how it was taught, and what was measured of it.

    Empty where the weights of this card were not measured.
    """
    runs = results["runs"] if results else []
    run = next((run for run in runs if run["weights"] == card.hash), None)
    if run is None:
        return ""
    moving, steady = run["moving_camera"], run["steady_camera"]
    scores = {
        camera: {mode: figures[f"auc_{mode}"] / 100 for mode in ("post", "aligned")}
        for camera, figures in (("moves", moving), ("rests", steady))
    }
    post, aligned = scores["moves"]["post"], scores["moves"]["aligned"]
    verdict = "does" if aligned > post else "does not"
    stages = card.recipe.get("stages", [])
    taught = "It was taught nothing of its own"
    if any(stage.get("hand_flow") for stage in stages):
        taught = "It was asked to lay its flow on the hand that moves, which is ours,"
    return (
        "The encoder behind *aligned* is meant to undo the camera's motion, so that what is left "
        f"is the hand's. In these weights it {verdict}: over {moving['clips']} rendered clips "
        f"whose camera moves, ROC AUC in the last block is {post:.3f} for *post* and {aligned:.3f} "
        f"for *aligned*; where it rests, {scores['rests']['post']:.3f} and "
        f"{scores['rests']['aligned']:.3f}. {taught} and was never told where the camera is."
    )


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
