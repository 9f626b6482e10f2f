"""What a model sees of a clip: how many frames, and where that is not what it was trained on."""

from __future__ import annotations

import streamlit as st

from core.order import EXACT_FRAMES
from core.video import Crop
from core.weights import Model
from pages.parts.subject import Choice

# frames, or as many as make EXACT_FRAMES units: beyond these the order is found by a search, which
# the page says
MOST_SHOWN = 24
OTHER_LENGTH = (
    "A model knows only clips of the length that it was trained on. Of another number of frames "
    "its classes, its maps and its order are less sure, and may be wrong."
)
CROP_TITLES: dict[Crop, str] = {"centre": "central square", "fit": "whole frame"}


def most_frames(model: Model, in_clip: int) -> int:
    """The most frames that a page shows a model, of those in the clip."""
    unit = model.unit
    return min(max(MOST_SHOWN, EXACT_FRAMES * unit), in_clip) // unit * unit


def own_frames(model: Model, in_clip: int) -> int:
    """The frames that a model sees unless told otherwise, which are those of its training.

    Of a shorter clip they are as many as it has.
    """
    return min(model.card.frames, most_frames(model, in_clip))


def is_other_length(choice: Choice) -> bool:
    """Whether the model was trained, and on another number of frames than it sees."""
    return bool(choice.card.trained_on) and len(choice.clip) != choice.card.frames


def shown_frames(choice: Choice) -> str:
    """`8 frames`, or `24 frames; trained on 8` where the model was trained on another number."""
    frames = f"{len(choice.clip)} frames"
    return f"{frames}; trained on {choice.card.frames}" if is_other_length(choice) else frames


def otherwise(choice: Choice) -> list[str]:
    """What of the clip is not as in the model's training; nothing for random weights."""
    card = choice.card
    if not card.trained_on:
        return []
    differs = []
    if is_other_length(choice):
        differs.append(shown_frames(choice))
    if choice.sampling != card.sampling:
        differs.append(f"{choice.sampling} sampling; trained on {card.sampling}")
    if choice.crop != card.crop:
        differs.append(f"{CROP_TITLES[choice.crop]}; trained on the {CROP_TITLES[card.crop]}")
    return differs


def mark_other_length(choice: Choice) -> None:
    """A badge where the model sees another number of frames than it was trained on."""
    if is_other_length(choice):
        badge = f":orange-badge[:material/straighten: {shown_frames(choice)}]"
        st.markdown(badge, help=OTHER_LENGTH)
