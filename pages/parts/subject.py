"""What a page is about: a clip before a model."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

from core.models import spec
from core.video import Clip, Crop, Sampling
from core.weights import Card, Model, shipped_title
from pages.parts.loaded import loaded
from pages.parts.sources import ClipSource, ModelSource

Part = tuple[float | None, float | None]
"""Start and end in seconds, None for the clip's own."""

_MARKS = re.compile(r"[][<>`*$&|~\\]")
"""What a file's name may hold and a title not, which stands in Markdown, in HTML and in menus."""


@dataclass(frozen=True)
class Choice:
    """A clip, and the model that looks at it."""

    source: ClipSource
    clip: Clip
    model: ModelSource
    crop: Crop
    sampling: Sampling = "uniform"
    """How the frames were chosen."""
    part: Part = (None, None)
    """From where to where they were."""

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
        if self.model.kind == "shipped":
            return shipped_title(self.model.name)
        network = spec(self.card.model).title
        if self.card.taught:
            return f"{network}, taught {', '.join(self.card.labels)}"
        lesson = self.card.recipe.get("taught")
        if not lesson:
            return network
        clips = _MARKS.sub(" ", ", ".join(lesson["clips"]))
        return f"{network}, taught {clips}"

    @property
    def place(self) -> Hashable:
        """What tells apart that which is computed of it: the clip, and the weights that see it."""
        return self.model, self.card.hash, self.crop, self.clip.id

    @property
    def is_upload(self) -> bool:
        """Whether the clip is the visitor's own."""
        return self.source.is_upload
