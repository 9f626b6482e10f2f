"""What a page is about: a clip before a model."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from core.models import spec
from core.trace import Head
from core.video import Clip, Crop
from core.weights import Card, Model
from pages.parts.loaded import loaded
from pages.parts.sources import ClipSource, ModelSource


@dataclass(frozen=True)
class Choice:
    """A clip, and the model that looks at it."""

    source: ClipSource
    clip: Clip
    model: ModelSource
    crop: Crop

    @property
    def loaded(self) -> Model:
        """The model, as its card says; it may see another part of the frame than `crop`."""
        return loaded(self.model)

    @property
    def seeing(self) -> Model:
        """The model that sees the chosen part of the frame."""
        return self.loaded.changed(crop=self.crop)

    @property
    def card(self) -> Card:
        """The model's card, as it is."""
        return self.loaded.card

    @property
    def title(self) -> str:
        """The model's name on the screen."""
        if self.model.kind == "public":
            return self.model.name
        network = spec(self.card.model).title
        lesson = self.card.recipe.get("taught")
        return f"{network}, taught {', '.join(lesson['clips'])}" if lesson else network

    @property
    def place(self) -> Hashable:
        """What tells apart that which is computed of it: the clip, and the weights that see it."""
        return self.model, self.card.hash, self.crop, self.clip.id

    @property
    def is_upload(self) -> bool:
        """Whether the clip is the visitor's own."""
        return self.source.is_upload


@dataclass(frozen=True)
class Affinity:
    """Which of a model's matrices from frame to frame an order is read from."""

    layer: int | None
    """From 0; None is the last."""
    head: Head
    sharpness: float
    """As in `core.order.sharpened`; 0 is the attention itself."""

    @property
    def words(self) -> str:
        """For a line below a figure, counting from 1."""
        layer = "last layer" if self.layer is None else f"layer {self.layer + 1}"
        names = {"mean": "mean over heads", "max": "strongest head"}
        head = names[self.head] if isinstance(self.head, str) else f"head {self.head + 1}"
        sharpened = ", sharpened" if self.sharpness > 0 else ""
        return f"{layer}, {head}{sharpened}"
