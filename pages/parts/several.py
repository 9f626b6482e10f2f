"""Several models on one clip: which there are, and which can take the clip that the sidebar
chose.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import BadInput
from core.models import available, spec
from core.observe import check_fits
from core.weights import embedded
from pages.parts import cached
from pages.parts.choose import Choice, model_options, taught


def options() -> dict[str, str]:
    """Every model that the sidebar offers, key to title."""
    return model_options(st.session_state.get("own_checkpoint"), taught())


def partner(choice: Choice) -> str:
    """The model to set beside this one: the paper's own baseline, which is the same network with
    other settings, if there is one.
    """
    others = [
        name
        for name in options()
        if name.removeprefix("random:") in available() and name != choice.model
    ]
    same = [
        name
        for name in others
        if spec(name.removeprefix("random:")).make is spec(choice.card.model).make
    ]
    candidates = [*same, *others]
    return next(name for name in candidates if name.removeprefix("random:") != choice.card.model)


def with_am_flow(choice: Choice) -> Choice:
    """The chosen model if it computes AM flow, else the shipped one that does, or one with random
    weights.
    """
    if spec(choice.card.model).am_flow:
        return choice
    name = next(name for name, found in available().items() if found.am_flow)
    return replace(choice, model=name if name in embedded() else f"random:{name}")


def fitting(choice: Choice, names: list[str]) -> list[Choice]:
    """The same clip for each of these models; what cannot be loaded or cannot take the clip is left
    out, with a warning.

    The sidebar's own model, which takes it, if all are.
    """
    found = []
    for name in names:
        other = replace(choice, model=name)
        try:
            check_fits(cached.model(name), len(choice.clip))
        except BadInput as error:
            st.warning(f"{options().get(name, name)} is left out: {error}")
        else:
            found.append(other)
    found = found or [choice]
    say_untrained(found)
    return found


def say_untrained(shown: list[Choice]) -> None:
    """A badge that names the models of these that have learned nothing."""
    untrained = [choice.title for choice in shown if not choice.card.trained_on]
    if untrained:
        st.markdown(
            f":red-badge[:material/casino: **Random weights**: {', '.join(untrained)}. How their "
            "attention is built, not what they see.]"
        )
