"""What is done to each clip that is read: mirrored with its label, then varied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Generator

from core.errors import BadInput
from core.world.gestures import DIRECTED
from training.augment.chance import uniform
from training.augment.check import check_augment
from training.augment.lists import LISTS, Augment

_SIDES = {
    "left": "right",
    "right": "left",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
}
_SIDE = re.compile(rf"(?<![a-z])({'|'.join(_SIDES)})(?=(wards?|most)?(?![a-z]))")


def mirror_map(labels: Sequence[str]) -> dict[str, str]:
    """What a mirrored clip of each label shows, by its words for sides and ways to turn.

    The words are left, right, clockwise and counterclockwise. Labels whose counterpart is not among
    `labels` have no entry and must not be mirrored, nor have the strokes that run in one direction
    only. Other labels without such a word map to themselves: names of data sets tell sides (Jester,
    Something-Something, Kinetics), also joined as in SwipeLeft.
    """
    known = {_spelt(label): label for label in labels}
    mirrored = {label: _SIDE.sub(lambda side: _SIDES[side[0]], _spelt(label)) for label in labels}
    return {
        label: known[other]
        for label, other in mirrored.items()
        if other in known and label.lower() not in DIRECTED
    }


def _spelt(label: str) -> str:
    """In small letters, joined words apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return apart.lower().replace("anticlockwise", "counterclockwise")


@dataclass(frozen=True)
class ClipTransform:
    """The transform of a data set: mirror a clip with its label, then augment it.

    From uint8 (T, H, W, 3) to the same.
    """

    labels: tuple[str, ...]
    augment: Augment | None = None
    # label -> label of the mirrored clip; no entry: never mirrored
    mirror: dict[str, str] = field(default_factory=dict)
    chance: float = 0.5

    def __post_init__(self) -> None:
        names = [name for pair in self.mirror.items() for name in pair]
        for name in names:
            if name not in self.labels:
                raise BadInput(
                    f"the mirror names the label {name!r}, which is not among "
                    f"{', '.join(self.labels)}"
                )

    def __call__(
        self, frames: np.ndarray, label: int, generator: Generator
    ) -> tuple[np.ndarray, int]:
        flip = uniform(0, 1, generator) < self.chance
        other = self.mirror.get(self.labels[label])
        if flip and other is not None:
            frames, label = frames[:, :, ::-1], self.labels.index(other)
        if self.augment is not None:
            pixels = torch.from_numpy(np.ascontiguousarray(frames))
            video = pixels.permute(0, 3, 1, 2).float().div(255)
            video = self.augment(video, generator)
            pixels = video.clamp(0, 1).mul(255).round().to(torch.uint8)
            frames = pixels.permute(0, 2, 3, 1).numpy()
        return np.ascontiguousarray(frames), label


def clip_transform(named: Mapping[str, Any], labels: Sequence[str]) -> ClipTransform:
    """The transform of each clip that a recipe names.

    Args:
        named: {"rvit" | "far" | "jittered_crop": its numbers, "mirror": probability}. "erase" and
            "mix" are for whole batches (`random_erasing`, `mix`) and passed over here. The mirror
            is `mirror_map`.

    Raises: BadInput for other names or numbers.
    """
    check_augment(named)
    augment: Augment | None = None
    for name, numbers in named.items():
        if name in LISTS:
            augment = LISTS[name](**numbers)
    chance = named.get("mirror", 0.0)
    mirror = mirror_map(labels) if chance else {}
    return ClipTransform(tuple(labels), augment, mirror, chance)
