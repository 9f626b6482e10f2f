"""Whether a map depends on what was learned, on the class and on the clip."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.draw.lettering import number
from core.draw.trust_figures import cascade_figure
from core.explain.trust.sanity import ALIKE, Cascade, Swaps
from pages.parts import cached
from pages.parts.another_clip import another_clip
from pages.parts.exhibit import Exhibit
from pages.parts.opening import say
from pages.parts.show import clip_name
from pages.parts.subject import Choice
from pages.parts.trust_removal import Question
from pages.parts.words import as_text

ABOUT = (
    "Sanity checks (Adebayo et al., 2018). The weights become random from the head down, and after "
    "each layer the map is made again. If it stays nearly the same, its rank correlation with the "
    f"original above {ALIKE}, it shows the picture or the architecture and not what was learned. "
    "Then the class of another clip is asked for, and the map of that clip itself is made."
)


def does_it_need_the_weights(choice: Choice, question: Question) -> None:
    """The section: a button, and the cascade and the swaps once they are here."""
    st.subheader("Does it need what was learned?", help=ABOUT)
    name, target = question.map, question.target
    other = another_clip(choice)
    if not _randomise_when_asked(choice, question, other):
        st.info(
            f"The weights become random layer by layer, and *{as_text(name)}* is made anew each "
            "time: a few seconds, for attributions longer."
        )
        return
    cascade = cached.cascade(choice, name, target)
    swaps = cached.swaps(choice, name, target, other, others_class(other, target))
    say(in_a_sentence(name, cascade), ABOUT)
    _exhibit(choice, name, cascade).draw()
    _say_swaps(other, others_class(other, target), swaps)


def others_class(other: Choice, target: int) -> int:
    """The class of the other clip; if the model sees the same one in it, its second."""
    return next(int(best) for best in np.argsort(-cached.trace(other).logits) if best != target)


def _randomise_when_asked(choice: Choice, question: Question, other: Choice) -> bool:
    """Draw the button, and make the maps if it is clicked; any other click ends that."""
    name, target = question.map, question.target
    others_target = others_class(other, target)
    if (
        cached.cascade.here(choice, name, target) is not None
        and cached.swaps.here(choice, name, target, other, others_target) is not None
    ):
        return True
    place, bar = st.empty(), st.empty()
    if not place.button("Make the weights random", icon=":material/casino:", key="randomise"):
        return False
    place.button("Stop", icon=":material/stop:", key="stop-randomise")
    bar.progress(0.0, text=name)
    cached.swaps(choice, name, target, other, others_target)
    cached.cascade(choice, name, target, progress=lambda share: bar.progress(share, text=name))
    place.empty()
    bar.empty()
    return True


def in_a_sentence(name: str, cascade: Cascade) -> str:
    """The verdict in words, with the last correlation."""
    last = float(cascade.correlations[-1])
    value = "none, it is even" if np.isnan(last) else number(last, ".2f")
    return f"*{as_text(name)}* {cascade.words} (rank correlation: {value})."


def _exhibit(choice: Choice, name: str, cascade: Cascade) -> Exhibit:
    values = ", ".join(
        f"{step} {number(float(value), '.2f')}"
        for step, value in zip(cascade.steps, cascade.correlations, strict=True)
    )
    return Exhibit(
        cascade_figure(cascade),
        "cascade",
        "Rank correlation with the original map while weights become random",
        [(choice, f"{as_text(name)} · random from the head down to {values}")],
        numbers={
            "steps": (np.array(cascade.steps), "(n,) what became random last"),
            "correlations": (cascade.correlations, "(n,) rank correlation with the original"),
        },
    )


def _say_swaps(other: Choice, others_target: int, swaps: Swaps) -> None:
    labels = other.card.labels
    of_label, of_clip = swaps.words
    st.markdown(
        f"It {of_label} (*{as_text(labels[others_target])}*, rank correlation "
        f"{number(swaps.label, '.2f')}). It {of_clip} ({clip_name(other)}, "
        f"{number(swaps.clip, '.2f')})."
    )
