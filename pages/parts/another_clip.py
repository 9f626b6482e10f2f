"""Another clip to hold the one of the sidebar against: a rendered stroke of another kind."""

from __future__ import annotations

from dataclasses import replace

from core.world.gestures import LABELS
from pages.parts import cached
from pages.parts.sources import Rendered
from pages.parts.subject import Choice


def another_clip(choice: Choice) -> Choice:
    """A rendered clip of the next stroke, with as many frames, before the same model."""
    own = choice.source
    label, seed = (own.label, own.seed) if isinstance(own, Rendered) else ("", 0)
    place = LABELS.index(label) + 1 if label in LABELS else 0
    source = Rendered(LABELS[place % len(LABELS)], seed)
    card, frames = choice.card, len(choice.clip)
    clip = cached.clip(source, frames, "uniform", card.stride, None, None, card.rate, card.size)
    return replace(choice, source=source, clip=clip)
