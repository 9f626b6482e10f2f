"""Several models on one clip: which there are, and which can take the clip of the sidebar."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import BadInput
from core.models import available, spec
from core.observe import check_fits
from core.weights import embedded
from pages.parts import session
from pages.parts.choose_model import model_options, taught
from pages.parts.sources import ModelSource
from pages.parts.subject import Choice


def options() -> dict[str, str]:
    """Every model that the sidebar offers, the text of its source to its title."""
    return model_options(st.session_state.get(session.OWN_CHECKPOINT), taught())


def partner(choice: Choice) -> str:
    """The model to set beside this one, as the text of its source.

    It is the paper's own baseline, which is the same network with other settings, if there is one.
    """
    own = choice.card.model
    others = {
        text: network
        for text in options()
        if (network := ModelSource.parse(text).network) in available() and text != str(choice.model)
    }
    baselines = [text for text in others if spec(others[text]).make is spec(own).make]
    return next(text for text in [*baselines, *others] if others[text] != own)


def with_am_flow(choice: Choice) -> Choice:
    """The chosen model if it computes AM flow, else one that does.

    That is the shipped one, or one with random weights.
    """
    if spec(choice.card.model).am_flow:
        return choice
    name = next(name for name, about in available().items() if about.am_flow)
    return replace(choice, model=ModelSource("shipped" if name in embedded() else "random", name))


def fitting(choice: Choice, names: list[str]) -> list[Choice]:
    """The same clip for each of these models, which are named by the text of their source.

    A model that cannot be loaded, or cannot take the clip, is left out with a warning; where all
    are, the sidebar's own is shown, which takes it.
    """
    choices = []
    for name in names:
        other = replace(choice, model=ModelSource.parse(name))
        try:
            check_fits(other.loaded, len(choice.clip))
        except BadInput as error:
            st.warning(f"{options().get(name, name)} is left out: {error}")
        else:
            choices.append(other)
    choices = choices or [choice]
    say_untrained(choices)
    return choices


def say_untrained(choices: list[Choice]) -> None:
    """A badge that names the models of these that have learned nothing."""
    untrained = [choice.title for choice in choices if not choice.card.trained_on]
    if untrained:
        st.markdown(
            f":red-badge[:material/casino: **Random weights**: {', '.join(untrained)}. How their "
            "attention is built, not what they see.]"
        )
