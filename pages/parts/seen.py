"""What a model sees of a clip: how many frames, and where that is not what it was trained on."""

from __future__ import annotations

from core.order import EXACT_FRAMES
from core.video import Crop
from core.weights import Model
from pages.parts.subject import Choice

# frames, or as many as make EXACT_FRAMES units: beyond these the order is found by a search, which
# the page says
MOST_SHOWN = 24
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


def otherwise(choice: Choice) -> list[str]:
    """What of the clip is not as in the model's training; nothing for random weights."""
    card, frames = choice.card, len(choice.clip)
    if not card.trained_on:
        return []
    differs = []
    if frames != card.frames:
        differs.append(f"{frames} frames; trained on {card.frames}")
    if choice.sampling != card.sampling:
        differs.append(f"{choice.sampling} sampling; trained on {card.sampling}")
    if choice.crop != card.crop:
        differs.append(f"{CROP_TITLES[choice.crop]}; trained on the {CROP_TITLES[card.crop]}")
    return differs
