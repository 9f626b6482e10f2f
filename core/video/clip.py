"""A `Clip`: sampled frames of one source, cropped and shuffled.

Frames are uint8 RGB, times are seconds from the first frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from core.errors import BadInput

Crop = Literal["centre", "fit"]
CROPS: tuple[Crop, ...] = ("centre", "fit")
View = tuple[Crop, int]
"""What a model takes of a frame: which part of it, scaled to so many pixels, height = width."""


@dataclass(frozen=True)
class Clip:
    """Sampled frames of one source."""

    frames: np.ndarray  # (T, H, W, 3) uint8 RGB, to be looked at
    times: np.ndarray  # (T,) float64 seconds from the first frame of the file
    source: str  # file name, or "render:label:seed"
    id: str  # 16 hex digits: content and sampling
    views: Mapping[View, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    """Where `frames` are smaller than those of the file: what models see of the latter, each
    (T, size, size, 3) uint8."""

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != np.uint8:
            raise BadInput(
                f"clip frames must be uint8 (T, H, W, 3), got {self.frames.dtype} "
                f"{self.frames.shape}"
            )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.frames.shape[1], self.frames.shape[2]

    def seen(self, crop: Crop, size: int) -> np.ndarray:
        """What a model sees, (T, size, size, 3) uint8: that of the file's own frames if it is kept.

        Raises: BadInput for another crop.
        """
        view = self.views.get((crop, size))
        return cropped(self.frames, crop, size) if view is None else view

    def picked(self, frames: Sequence[int] | np.ndarray, identity: str) -> Clip:
        """These frames in this order, at the times of the clip's first ones, under another id."""
        views = {view: pictures[frames] for view, pictures in self.views.items()}
        times = self.times[: len(frames)]
        return Clip(self.frames[frames], times, self.source, identity, views)


def digest(*parts: object) -> str:
    """16 hex digits that name these bytes and settings, in this order."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part if isinstance(part, bytes) else repr(part).encode())
    return total.hexdigest()[:16]


def crop_box(height: int, width: int, crop: Crop) -> tuple[int, int, int, int]:
    """(top, left, height, width) of what the model sees, in pixels.

    centre is the central square, fit the whole frame. Raises: BadInput for another crop.
    """
    if crop not in CROPS:
        raise BadInput(f"crop {crop!r} is not known; choose one of {', '.join(CROPS)}")
    if crop == "fit":
        return 0, 0, height, width
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def cropped(frames: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """Frames (T, H, W, 3) cropped and scaled to (T, size, size, 3) uint8; `fit` stretches them."""
    import cv2

    top, left, height, width = crop_box(frames.shape[1], frames.shape[2], crop)
    inside = frames[:, top : top + height, left : left + width]
    shrinks = height * width > size * size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (size, size), interpolation=method) for frame in inside])


def shrunk(picture: np.ndarray, largest: int) -> np.ndarray:
    """The picture (H, W, 3) with a longer side of at most `largest` pixels."""
    import cv2

    height, width = picture.shape[:2]
    factor = largest / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def random_order(units: int, seed: int | Sequence[int]) -> np.ndarray:
    """The permutation that a seed stands for, (units,): the same one everywhere."""
    return np.random.default_rng(seed).permutation(units)


def shuffled(clip: Clip, permutation: np.ndarray | Sequence[int], unit: int = 1) -> Clip:
    """The clip with unit permutation[t] in slot t, a unit being `unit` consecutive frames.

    The slots keep their times. Raises: BadInput for what is no permutation of the clip's units.
    """
    order = [int(i) for i in permutation]
    units = len(clip) // unit
    if len(clip) % unit or sorted(order) != list(range(units)):
        groups = f" in groups of {unit}" if unit > 1 else ""
        raise BadInput(
            f"permutation {order} must hold 0 to {units - 1} once, for {len(clip)} frames{groups}"
        )
    frames = (np.array(order, int)[:, None] * unit + np.arange(unit)).ravel()
    return clip.picked(frames, digest(clip.id, order, unit))
