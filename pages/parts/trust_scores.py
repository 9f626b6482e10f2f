"""How well each map of a model finds the hand of a rendered clip, beside maps that know nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.draw.export import Numbers
from core.draw.lesson import lessons
from core.draw.lettering import number
from core.draw.trust_figures import TITLES, truth_panels
from core.explain.attribute import METHODS
from core.explain.trust.every_map import BASELINES, NamedMap
from core.explain.trust.one_clip import Held, held_against_truth
from core.explain.trust.truth_scores import MEANINGS, NAMES
from pages.parts import cached, links
from pages.parts.domain import closest
from pages.parts.exhibit import Exhibit
from pages.parts.flow_scores import say_if_taught
from pages.parts.opening import listed, say
from pages.parts.subject import Choice
from pages.parts.words import as_text

ABOUT = (
    "Pointing game: in how many frames the hottest place lies on the hand, or within a patch of "
    "the fingertip. Energy: the part of the heat that lies on the hand. ROC AUC and average "
    "precision: how far pixels of the hand are hotter than the others. Maps that know nothing of "
    "the model stand below, in grey: uniform, a bell in the centre, optical flow, and the "
    "difference to the next frame. A map that does not beat them shows no more than they do."
)


def maps_here(choice: Choice) -> list[NamedMap]:
    """Every map that is here: those of a pass, attributions that were made, and the baselines."""
    maps = cached.maps(choice)
    target = predicted(choice)
    made = [
        NamedMap(method.title, heat, method.signed)
        for key, method in METHODS.items()
        if (heat := cached.attributed.here(choice, key, target)) is not None
    ]
    ours = [each for each in maps if each.name not in BASELINES]
    return [*ours, *made, *maps[len(ours) :]]


def predicted(choice: Choice) -> int:
    """The class that is asked for: the most probable one."""
    return int(cached.trace(choice).probabilities.argmax())


def named(choice: Choice) -> str:
    """The class that is asked for, with a word before it where it is but the closest."""
    return closest(choice) + choice.card.labels[predicted(choice)]


def does_it_tell_the_truth(choice: Choice) -> None:
    """The section: a panel for each score, and a table that says which baselines are not beaten."""
    hand = cached.hand(choice)
    if hand is None:
        st.info(
            "Whether a map finds the hand is known of rendered clips alone, which have the true "
            "place of the hand: choose **Rendered** in the sidebar. Without a truth baselines "
            "cannot be compared either. What follows works on any clip.",
            icon=":material/help:",
        )
        return
    opening = st.empty()
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        _attribute_when_asked(choice)
    held = held_against_truth(maps_here(choice), *hand)
    with opening:
        say(in_a_sentence(choice.title, held), ABOUT)
    with place:
        _exhibit(choice, held).draw()
    say_if_taught(choice)
    _table(held)


def in_a_sentence(title: str, held: Sequence[Held]) -> str:
    """How many maps beat every baseline by ROC AUC, and what the last layer reaches."""
    ours = [each for each in held if not each.is_baseline and each.name != "attention"]
    best = max((each for each in held if each.is_baseline), key=lambda each: each.scores.auc)
    if np.isnan(best.scores.auc):
        return "The hand is never seen in this clip, so there is nothing to point at."
    better = sum(not each.not_beaten["auc"] for each in ours)
    last = next(each for each in held if each.name == "attention")
    return (
        f"{better} of {len(ours)} maps of {title} find the hand better than every map that knows "
        f"nothing of it (ROC AUC): its last layer {number(last.scores.auc, '.2f')}, "
        f"{best.name} alone {number(best.scores.auc, '.2f')}."
    )


def _attribute_when_asked(choice: Choice) -> None:
    """The button that adds the attributions, with progress; any other click ends it."""
    target = predicted(choice)
    missing = [key for key in METHODS if cached.attributed.here(choice, key, target) is None]
    if not missing:
        return
    place, stop = st.empty(), st.empty()
    names = listed([METHODS[key].title.lower() for key in missing])
    if not place.button(f"Add {names}", icon=":material/add:", key="attributed"):
        return
    stop.button("Stop", icon=":material/stop:", key="stop-attributed")
    for done, key in enumerate(missing):
        title = METHODS[key].title

        def told(share: float, done: int = done, title: str = title) -> None:
            place.progress((done + share) / len(missing), text=title)

        cached.attributed(choice, key, target, progress=told)
    place.empty()
    stop.empty()


def _exhibit(choice: Choice, held: Sequence[Held]) -> Exhibit:
    numbers: Numbers = {
        "maps": (np.array([each.name for each in held]), "(n,) names"),
        **{
            score: (
                np.array([each.scores.numbers[score] for each in held]),
                f"(n,) {MEANINGS[score]}",
            )
            for score in NAMES
        },
    }
    label = as_text(named(choice))
    return Exhibit(
        truth_panels(held),
        "truth",
        "How well each map finds the hand, beside maps that know nothing of the model",
        [
            (
                choice,
                f"{len(held)} maps against the true hand; GradCAM and attributions of *{label}*",
            )
        ],
        numbers=numbers,
    )


def _table(held: Sequence[Held]) -> None:
    """The scores in figures, and in words which baselines each map fails to beat."""
    with st.expander("In figures and in words", expanded=False):
        st.markdown("  \n".join(f"**{TITLES[score]}**: {MEANINGS[score]}" for score in NAMES))
        head = ["map", *(TITLES[score] for score in NAMES), "which baselines it does not beat"]
        rows = ["|".join(head), "|".join(["---", *["---:"] * len(NAMES), "---"])]
        for each in held:
            cells = [_cell(each, score) for score in NAMES]
            rows.append("|".join([each.name, *cells, lost_in_words(each)]))
        st.markdown("\n".join(f"|{row}|" for row in rows))
        st.caption(
            "**Bold**: better than every baseline on this clip. One clip proves little: "
            "`python -m core trust` measures hundreds, with intervals."
        )


def _cell(each: Held, score: str) -> str:
    value = each.scores.numbers[score]
    if np.isnan(value):
        return "–"
    text = number(value, ".2f")
    return text if each.is_baseline or each.not_beaten[score] else f"**{text}**"


def lost_in_words(each: Held) -> str:
    """Which baselines a map does not beat, by score; `none` for one that beats all."""
    if each.is_baseline:
        return "a baseline itself"
    lost: dict[tuple[str, ...], list[str]] = {}
    for score, baselines in each.not_beaten.items():
        if baselines:
            lost.setdefault(baselines, []).append(TITLES[score])
    if not lost:
        return "none: it beats all four"
    return "; ".join(
        f"{'all four' if len(baselines) == len(BASELINES) else listed(baselines)} "
        f"({', '.join(scores)})"
        for baselines, scores in lost.items()
    )


def where_to_go_on() -> None:
    """The ways to Intervene and to the lesson about this."""
    lesson = next(each for each in lessons().values() if "explain" in each.title.lower())
    st.subheader("Attention is not an explanation")
    st.markdown(
        "A map that finds the hand shows that the model looks there, not that it answers because "
        "of it. Deletion asks the answer itself, but with pictures that the model has never seen. "
        "To know what a part does, switch it off: "
        f"[Lesson {lesson.number}: {lesson.title}]({lesson.address(1)})."
    )
    if st.button("Intervene: switch parts off", icon=":material/tune:", key="to-intervene"):
        links.go_to("intervene")
