"""Several models on one clip: which there are, and which can take the clip of the sidebar."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.draw.timeline import Timeline
from core.errors import BadInput
from core.models import available, spec
from core.observe import check_fits
from core.weights import VARIANTS, embedded, hub
from pages.parts import cached, session
from pages.parts.choose_model import model_options, taught
from pages.parts.loaded import loaded
from pages.parts.seen import CROP_TITLES, otherwise, own_frames
from pages.parts.sources import ModelSource
from pages.parts.subject import Choice
from pages.parts.words import message

OWN_TIMES = (
    "The slider runs in seconds: each model shows its frame that is nearest, with that frame's own "
    "time in its corner."
)
"""Of models whose frames are of different moments."""


def options() -> dict[str, str]:
    """Every model that the sidebar offers, the text of its source to its title."""
    return model_options(st.session_state.get(session.OWN_CHECKPOINT), taught())


def may_name_classes(text: str) -> bool:
    """Whether the model of this source names classes, as far as its name tells."""
    source = ModelSource.parse(text)
    return source.kind != "public" or not hub.NAMED[source.name].is_image


def partner(choice: Choice) -> str:
    """The model to set beside this one, as the text of its source.

    It is the paper's own baseline, which is the same network with other settings, if there is one;
    of a variant it is the model that it is a variant of.
    """
    own = choice.card.model
    if choice.model.kind == "shipped" and choice.model.name in VARIANTS:
        return str(ModelSource("shipped", own))
    others = {
        text: network
        for text in options()
        if (network := ModelSource.parse(text).network) in available() and text != str(choice.model)
    }
    baselines = [text for text in others if spec(others[text]).make is spec(own).make]
    return next(text for text in [*baselines, *others] if others[text] != own)


def as_alone(choice: Choice, model: ModelSource) -> Choice:
    """The clip before this model, as it sees it when nothing else is asked for.

    The part of the clip is the sidebar's; frames, sampling and crop are those of the model's card.
    The sidebar's own model sees what the sidebar says.

    Raises: BadInput where the part has too few frames for it.
    """
    if model == choice.model:
        return choice
    network = loaded(model)
    card, in_clip = network.card, cached.length(choice.source).frames
    frames = own_frames(network, in_clip)
    how = (card.sampling, card.stride, *choice.part, card.rate, card.size)
    clip = cached.clip(choice.source, frames, *how)
    check_fits(network, len(clip))
    return replace(choice, clip=clip, model=model, crop=card.crop, sampling=card.sampling)


def with_am_flow(choice: Choice) -> Choice:
    """The chosen model if it computes AM flow, else one that does.

    That is the shipped one, or one with random weights.
    """
    if spec(choice.card.model).am_flow:
        return choice
    name = next(name for name, about in available().items() if about.am_flow)
    return as_alone(choice, ModelSource("shipped" if name in embedded() else "random", name))


def fitting(choice: Choice, names: list[str]) -> list[Choice]:
    """The same clip for each of these models, which are named by the text of their source.

    A model that cannot be loaded, or cannot take the clip, is left out with a warning; where all
    are, the sidebar's own is shown, which takes it.
    """
    choices = []
    for name in names:
        try:
            choices.append(as_alone(choice, ModelSource.parse(name)))
        except BadInput as error:
            st.warning(message(f"{options().get(name, name)} is left out: {error}"))
    choices = choices or [choice]
    say_untrained(choices)
    return choices


def say_what_each_sees(choices: list[Choice]) -> None:
    """How many frames each model sees, and how they are drawn, where models differ in it.

    Also where one is not shown what it was trained on.
    """
    times = Timeline.of(choice.clip.times for choice in choices)
    crops = {(choice.sampling, choice.crop) for choice in choices}
    if times.is_shared and len(crops) == 1 and not any(otherwise(choice) for choice in choices):
        return
    differ = len(crops) > 1
    each = ", ".join(
        f"**{choice.title}** {len(choice.clip)} frames"
        + (f" ({choice.sampling}, {CROP_TITLES[choice.crop]})" if differ else "")
        for choice in choices
    )
    as_trained = all(choice.card.trained_on and not otherwise(choice) for choice in choices)
    line = f"{each}, each as it was trained." if as_trained else f"{each}."
    st.markdown(line, help=None if times.is_shared else OWN_TIMES)
    for choice in choices:
        for difference in otherwise(choice):
            st.markdown(
                f":orange-badge[:material/straighten: {choice.title}: {difference}] as the "
                "sidebar says; the other models keep their own."
            )


def say_untrained(choices: list[Choice]) -> None:
    """A badge that names the models of these that have learned nothing."""
    untrained = [choice.title for choice in choices if not choice.card.trained_on]
    if untrained:
        st.markdown(
            f":red-badge[:material/casino: **Random weights**: {', '.join(untrained)}. How their "
            "attention is built, not what they see.]"
        )
