"""Whether a clip looks like what a model was trained on, wherever a page names a class."""

from __future__ import annotations

import streamlit as st

from core.explain import OUTSIDE
from core.weights import Card, hub
from core.weights.card import NO_CLASSES
from pages.parts import cached, links, session
from pages.parts.session import switch_to
from pages.parts.show import training_in_words
from pages.parts.sources import ModelSource
from pages.parts.subject import Choice
from pages.parts.words import as_text

CLOSEST = "Closest of its ten strokes"
HELP = (
    "What the network makes of the clip on its way to a class is held against rendered gestures, "
    "and against rendered clips of other things: score {score:.2f}, where 1 is a typical gesture, "
    "0 a typical other clip, and {threshold:.2f} the least of what looks like its training."
)
"""How the domain check judges, with its two numbers."""
UNMEASURED = (
    "It names one of them for any clip: what looks like its training and what does not was "
    "measured for the included weights alone."
)


def is_outside(choice: Choice) -> bool:
    """Whether the clip does not look like training; False where nobody can tell."""
    where = cached.domain(choice)
    return where is not None and not where.inside


def closest(choice: Choice) -> str:
    """What stands before the name of a model's own class in a title: nothing inside its world."""
    return "closest: " if is_outside(choice) else ""


def classes_heading(choice: Choice, title: str, help: str) -> None:
    """The heading of what a model calls the clip, with all that it can say below it.

    `title` is taken for a clip that looks like training.
    """
    where, known = cached.domain(choice), known_classes(choice.card)
    if where is None:
        closest_of_all = f"Closest of its {len(choice.card.labels)} classes"
        st.subheader(closest_of_all, help=help)
        st.caption(f"{known} {UNMEASURED}")
        return
    judged = f"{help}  \n{HELP.format(**where.numbers)}"
    st.subheader(title if where.inside else CLOSEST, help=judged)
    st.caption(known)


def say_no_classes(choice: Choice) -> bool:
    """Say in one line that a frozen image model has no classes; whether it is one."""
    if choice.card.names_classes:
        return False
    st.info(f"{choice.title}: {NO_CLASSES}.", icon=":material/visibility:")
    return True


def known_classes(card: Card) -> str:
    """All that a model can say, as Markdown."""
    return f"It knows {len(card.labels)} classes: {as_text(card.listed)}."


def outside_notice(choice: Choice) -> None:
    """For a clip outside the model's training: that it is, and what to do instead."""
    if not is_outside(choice):
        return
    st.warning(
        f"**{OUTSIDE[0].upper()}{OUTSIDE[1:]}**: {training_in_words(choice.card)}. It names one of "
        "its classes for any clip; here the name says little.",
        icon=":material/travel_explore:",
    )
    ready, offered = hub.ready(), hub.offered()
    with st.container(horizontal=True):
        if ready:
            st.button(
                f"Ask {ready[0].name}",
                icon=":material/public:",
                key="ask-public",
                help=_what_it_says(ready[0]),
                on_click=switch_to,
                args=(ModelSource("public", ready[0].name),),
            )
        elif offered:
            st.button(
                f"Get {offered[0].name}",
                icon=":material/public:",
                key="get-public",
                help=f"{_what_it_says(offered[0])} Opens *Public checkpoints* in the sidebar.",
                on_click=_open_public,
            )
        st.button(
            "Show a rendered gesture",
            icon=":material/gesture:",
            key="show-rendered",
            help="A clip of the kind that this model was trained on.",
            on_click=_show_rendered,
        )
        if st.button(
            "Teach it this clip",
            icon=":material/school:",
            key="go-teach",
            help="A minute teaches DirecFormer the order of this clip's frames: at the end of "
            "Frame order.",
        ):
            links.go_to("frame_order")
        if st.button(
            "Teach it your gestures",
            icon=":material/waving_hand:",
            key="go-gestures",
            help="A few clips of each of two to six gestures teach this model names of your own.",
        ):
            links.go_to("gestures")


def _what_it_says(named: hub.Named) -> str:
    """What a public checkpoint has to say of a clip that is no gesture."""
    if named.is_image:
        return (
            f"A frozen image model, licence {named.license}: it shows where it looks on any clip "
            "and how that changes, and names nothing."
        )
    return "A public checkpoint, trained on real videos."


def _open_public() -> None:
    """Let the list of public checkpoints be open from the next run on."""
    st.session_state[session.OPEN_PUBLIC] = True


def _show_rendered() -> None:
    """Let the sidebar choose a rendered gesture, as most of those of the training were seen."""
    st.session_state[session.CLIP] = "gesture"
    st.session_state[session.SEEN] = "own"
