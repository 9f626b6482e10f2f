"""What DirecFormer's order head answers to the shuffle of the lab, and how often it is right."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.draw.overlay import enlarged
from core.order.accuracy import order_accuracy
from core.order.named import HeadTrial, NamedOrder, has_order_head, head_trial, named_order
from pages.parts.lab import answers
from pages.parts.once import made_once
from pages.parts.order_reading import Shuffled
from pages.parts.show import HELP, provenance, strip
from pages.parts.subject import Choice

TRIALS = 32
"""Of its own orders that it is asked of one clip."""
ABOUT = (
    "A classifier on the class token, beside the one that names the action: which of 1,001 known "
    "orders do the frames have (Eq. 12)? It has never been told the other 39,319 orders of eight "
    "frames, so it cannot name them; it can only come close. The path above is read from attention "
    "and may be any order."
)


def what_the_order_head_names(choice: Choice, shuffled: Shuffled) -> None:
    """The order that the head names, in pictures, and how right that is once it is revealed."""
    if not has_order_head(choice.seeing, shuffled.choice.clip):
        return
    st.subheader("What does the order head say?", help=ABOUT)
    named, truth = named_by_head(shuffled.choice), shuffled.reading.permutation
    words = "the frames are as they were filmed"
    if named.number:
        words = f"the slots hold frames {' '.join(str(frame + 1) for frame in named.permutation)}"
    st.markdown(
        f"It says: **{words}**, with {100 * named.probability:.1f} %, one of the "
        f"{named.known:,} orders that it can tell apart."
    )
    pictures = enlarged(shuffled.choice.clip.frames, 96)[list(named.path)]
    strip(pictures, [f"slot {slot + 1}" for slot in named.path], "order-head", least=40)
    with answers("order-head", "Whether it is right stands here once the answers are shown."):
        st.markdown(_verdict(named, truth), help=HELP["order_accuracy"])
    provenance(choice, "the order head’s most probable permutation")
    _over_its_own(choice)


def _verdict(named: NamedOrder, truth: tuple[int, ...]) -> str:
    """How right the named order is, in a sentence."""
    if named.permutation == truth:
        return "**Right**, frame by frame."
    accuracy = order_accuracy(named.path, truth)
    return f"**Not that order**: OrderAcc of what it names is {accuracy:.1f} %."


def _over_its_own(choice: Choice) -> None:
    """How often it is right on orders that it does know, when that is asked for."""
    asked = st.button(
        f"Ask it {TRIALS} of its own orders",
        key="ask-order-head",
        icon=":material/quiz:",
        help="This clip, shuffled by orders that the head was trained to name.",
    )
    trials = trials_of_head(choice) if asked else trials_of_head.here(choice)
    if trials is None:
        return
    right = sum(trial.right for trial in trials)
    accuracy = np.mean([trial.accuracy for trial in trials])
    st.markdown(
        f"Of {len(trials)} of its own orders of this clip it names **{right} exactly**; OrderAcc "
        f"of what it names is {accuracy:.1f} % on average."
    )


@made_once(size=lambda named: 200)
def named_by_head(choice: Choice) -> NamedOrder:
    """What the head says of the clip of a choice."""
    return named_order(choice.seeing, choice.clip)


@made_once(size=lambda trials: 50 * len(trials))
def trials_of_head(choice: Choice) -> list[HeadTrial]:
    """What it answers to its own orders of the clip, by the seeds 0 to TRIALS - 1."""
    return [head_trial(choice.seeing, choice.clip, seed) for seed in range(TRIALS)]
