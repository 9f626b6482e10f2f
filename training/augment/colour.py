"""Levels of a clip. Statistics are those of the whole clip, which is seen as one tall picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Generator, Tensor

from training.augment.chance import uniform


def tall(video: Tensor) -> Tensor:
    """The frames below one another as one picture, (1, 3, T H, W)."""
    return rearrange(video, "t c h w -> 1 c (t h) w")


def frames_of(picture: Tensor, frames: int) -> Tensor:
    """The reverse of `tall`."""
    return rearrange(picture, "1 c (t h) w -> t c h w", t=frames)


def jitter_colour(video: Tensor, strength: Sequence[float], generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and hue, changed in random order.

    Args:
        strength: the first three are multiplied by 1 +- their strength; to the hue up to +- its
            strength of a full turn is added.
    """
    from kornia import enhance

    brightness, contrast, saturation = (
        uniform(max(0.0, 1 - s), 1 + s, generator) for s in strength[:3]
    )
    turn = 2 * math.pi * uniform(-strength[3], strength[3], generator)
    steps: list[Callable[[Tensor], Tensor]] = [
        lambda x: enhance.adjust_brightness_accumulative(x, brightness),
        lambda x: enhance.adjust_contrast_with_mean_subtraction(x, contrast),
        lambda x: enhance.adjust_saturation_with_gray_subtraction(x, saturation),
        lambda x: enhance.adjust_hue(x, turn),
    ]
    picture = tall(video)
    for i in torch.randperm(4, generator=generator).tolist():
        picture = steps[i](picture)
    return frames_of(picture, len(video))


def blur(video: Tensor, kernel: tuple[int, int], sigma: float) -> Tensor:
    """Gaussian blur with a kernel of (width, height) pixels."""
    from kornia.filters import gaussian_blur2d

    return gaussian_blur2d(video, kernel[::-1], (sigma, sigma))
