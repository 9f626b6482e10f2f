"""Cards that lead to places of the app, by which the session stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pages.parts.component import component


@dataclass(frozen=True)
class Card:
    """One place of the app, and what is seen there."""

    title: str
    address: str
    """Below that of the app."""
    text: str = ""
    note: str = ""
    """Small, below the text."""
    picture: str = ""
    """A data address."""


def gallery(key: str, cards: Sequence[Card], small: bool = False) -> None:
    """Draw cards, in one row where they are `small`."""
    data = {"cards": [asdict(card) for card in cards], "small": small}
    component("gallery", "guide/gallery")(key=key, data=data)
