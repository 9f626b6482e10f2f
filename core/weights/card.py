"""Model cards: what must be known to use a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import BadInput
from core.video import Crop, Sampling

Colour = tuple[float, float, float]
UNCALIBRATED = 1e9
"""The threshold of a model whose direction nobody has measured: it is never called known."""
NO_CLASSES = (
    "this checkpoint has no classes, and so no GradCAM: it is a frozen image model, which shows "
    "where it looks and knows no actions"
)
"""Said wherever a class or the evidence for one would stand."""
_CALIBRATED_FOR = ("crop", "sampling", "stride", "rate", "sharpness")
"""The fields of a card that its direction threshold depends on."""
_MANY = 20
"""With more labels than these, a message names only the first."""
_FIRST = 10


@dataclass(frozen=True)
class Card:
    """What must be known to use a checkpoint, and what was measured of it."""

    model: str
    preset: str
    labels: tuple[str, ...]
    mean: Colour
    std: Colour
    size: int  # pixels, height = width of the model's input
    frames: int
    sampling: Sampling
    crop: Crop
    trained_on: str
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    direction_threshold: float = UNCALIBRATED  # the direction is known above this margin
    sharpness: float = 0.0  # of the order matrix (core.order.sharpened); 0 is the paper's own
    license: str = ""
    hash: str = ""  # first eight hex digits of the file's sha256; filled in on loading
    stride: int = 4  # frames from one sampled frame to the next, with dense sampling
    rate: float = 0.0  # frames a second that the stride counts; 0 = the frames of each clip
    norm_eps: float = 1e-6  # of the layer norms, for a model that has this setting

    def changed(self, **fields: Any) -> Card:
        """This card with other values of these fields.

        The direction was not calibrated for clips cut or matrices sharpened otherwise: then its
        threshold is UNCALIBRATED.
        """
        other = replace(self, **fields)
        if any(getattr(other, name) != getattr(self, name) for name in _CALIBRATED_FOR):
            return replace(other, direction_threshold=UNCALIBRATED)
        return other

    def threshold(
        self, frames: int, layer: int | None = None, head: str | int = "mean", passes: int = 1
    ) -> float:
        """The direction threshold of an order matrix made so, UNCALIBRATED for all but one way.

        It was calibrated for a single pass over clips of the card's length, the mean over heads of
        the last layer (None).
        """
        if (frames, layer, head, passes) == (self.frames, None, "mean", 1):
            return self.direction_threshold
        return UNCALIBRATED

    @property
    def names_classes(self) -> bool:
        """Whether it names actions: a frozen image model knows none."""
        return bool(self.labels)

    def check_names_classes(self) -> None:
        """Raises: BadInput, one line, for a model without classes."""
        if not self.names_classes:
            raise BadInput(f"{self.model}: {NO_CLASSES}; use explain, order or a trained model")

    @property
    def taught(self) -> bool:
        """Whether its classes were learned from a few clips: then it is a core.models.taught."""
        return "few" in self.recipe

    @property
    def listed(self) -> str:
        """The labels for a message, cut short where there are many."""
        if len(self.labels) <= _MANY:
            return ", ".join(self.labels)
        return f"{', '.join(self.labels[:_FIRST])} and {len(self.labels) - _FIRST} more"
