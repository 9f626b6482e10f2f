"""The papers' lists of augmentations for one clip, by the names that recipes give them.

Each is a frozen dataclass of its numbers, which is called with a clip (T, 3, H, W) and a generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from torch import Generator, Tensor

from training.augment.chance import integer, uniform
from training.augment.colour import blur, jitter_colour
from training.augment.crops import resize, resized_crop
from training.augment.randaugment import randaugment
from training.augment.warps import distort, rotate

Augment = Callable[[Tensor, Generator], Tensor]
"""From a clip (T, 3, H, W) to a clip (T, 3, h, w)."""


@dataclass(frozen=True)
class RViTAugment:
    """The RViT list (spec 1.5), in its order; ClipTransform mirrors, which is its flip."""

    size: int = 224
    # share of the area; the draft says 0.8 to 1.2, and there is no more than all
    scale: tuple[float, float] = (0.8, 1.0)
    degrees: float = 30.0
    # brightness, contrast, saturation, hue
    colour: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.2)
    kernel: tuple[int, int] = (5, 9)  # width, height in pixels
    sigma: tuple[float, float] = (0.1, 2.0)
    distortion: float = 0.5
    perspective: float = 0.5  # probability

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        video = resized_crop(video, self.size, generator, self.scale)
        video = rotate(video, uniform(-self.degrees, self.degrees, generator))
        video = jitter_colour(video, self.colour, generator)
        video = blur(video, self.kernel, uniform(*self.sigma, generator))
        if uniform(0, 1, generator) < self.perspective:
            video = distort(video, self.distortion, generator)
        return video


@dataclass(frozen=True)
class FARAugment:
    """The FAR list for one clip (spec 4.6): RandAugment, then a random resized crop.

    Erasing and mixing are for batches. Magnitude 9 and deviation 0.5 are the paper's; four layers,
    each operation in half of the cases, the code base's.
    """

    size: int = 224
    magnitude: float = 9.0
    deviation: float = 0.5
    layers: int = 4
    scale: tuple[float, float] = (0.08, 1.0)

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        video = randaugment(video, generator, self.magnitude, self.deviation, self.layers)
        return resized_crop(video, self.size, generator, self.scale)


@dataclass(frozen=True)
class JitteredCrop:
    """DirecFormer's training (spec 3.6): a random square of a clip of random size.

    The short side is drawn between two sizes, its inverse uniformly.
    """

    size: int = 224
    least: int = 256
    most: int = 320

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        short = round(1 / uniform(1 / self.most, 1 / self.least, generator))
        height, width = video.shape[-2:]
        scale = short / min(height, width)
        video = resize(video, max(short, round(height * scale)), max(short, round(width * scale)))
        top = integer(video.shape[-2] - self.size, generator)
        left = integer(video.shape[-1] - self.size, generator)
        return video[..., top : top + self.size, left : left + self.size]


LISTS: dict[str, type[RViTAugment] | type[FARAugment] | type[JitteredCrop]] = {
    "rvit": RViTAugment,
    "far": FARAugment,
    "jittered_crop": JitteredCrop,
}
CROPPING = frozenset(LISTS)
"""Augmentations that cut every clip to the same size."""


def usual_numbers(name: str) -> dict[str, Any]:
    """The numbers of an augmentation that crops, as it has them by default."""
    return {f.name: f.default for f in fields(LISTS[name])}
