"""RandAugment for clips: random operations of one strength, each the same for all frames.

Cubuk et al., 2020. The operations and their ranges are those of the "increasing" set that VideoMAE
and MVD train with: magnitude 10 is the strongest. Clips are float (T, 3, H, W), 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from training.augment.chance import integer
from training.augment.colour import frames_of, tall
from training.augment.warps import rotate, warp

FILL = (124 / 255, 116 / 255, 104 / 255)
"""The mean colour of ImageNet: what comes in from outside the frame."""


def randaugment(
    video: Tensor,
    generator: Generator,
    magnitude: float = 9.0,
    deviation: float = 0.5,
    layers: int = 4,
    probability: float = 0.5,
) -> Tensor:
    """`layers` operations drawn with replacement, each applied with `probability`.

    Their strength is N(magnitude, deviation), 0 to 10.
    """
    names = list(OPERATIONS)
    for _ in range(layers):
        name = names[integer(len(names) - 1, generator)]
        applied, side = torch.rand(2, generator=generator).tolist()
        strength = magnitude + deviation * float(torch.randn((), generator=generator))
        if applied < probability:
            level = min(max(strength, 0.0), 10.0) / 10
            sign = 1.0 if side < 0.5 else -1.0
            video = OPERATIONS[name](video, level, sign)
    return video


def _factor(level: float, sign: float) -> float:
    return max(0.1, 1 + sign * 0.9 * level)


def autocontrast(video: Tensor, level: float = 0.0, sign: float = 1.0) -> Tensor:
    """Each channel stretched to 0..1 over the clip; a channel of one value stays as it is."""
    low, high = video.amin((0, 2, 3), keepdim=True), video.amax((0, 2, 3), keepdim=True)
    return torch.where(high > low, (video - low) / (high - low).clamp_min(1e-6), video)


def equalise(video: Tensor, level: float = 0.0, sign: float = 1.0) -> Tensor:
    """Each channel's levels spread evenly over the clip."""
    from kornia.enhance import equalize

    return frames_of(equalize(tall(video)), len(video))


def posterise(video: Tensor, level: float, sign: float = 1.0) -> Tensor:
    """Only the highest 4 - int(4 level) bits of the eight."""
    step = 2 ** (8 - (4 - int(4 * level)))
    return (video * 255).round().div(step, rounding_mode="floor") * step / 255


def solarise(video: Tensor, level: float, sign: float = 1.0) -> Tensor:
    """Inverted from 256 - int(256 level) up, of 255."""
    return torch.where(video * 255 < 256 - int(256 * level), video, 1 - video)


def solarise_add(video: Tensor, level: float, sign: float = 1.0) -> Tensor:
    """int(110 level) of 255 added to the darker half."""
    return torch.where(
        video < 128 / 255, (video + min(128, int(110 * level)) / 255).clamp_max(1), video
    )


def colour(video: Tensor, level: float, sign: float) -> Tensor:
    """Saturation."""
    from kornia.enhance import adjust_saturation_with_gray_subtraction

    return adjust_saturation_with_gray_subtraction(video, _factor(level, sign))


def contrast(video: Tensor, level: float, sign: float) -> Tensor:
    """Distance to the clip's mean grey."""
    from kornia.enhance import adjust_contrast_with_mean_subtraction

    return frames_of(
        adjust_contrast_with_mean_subtraction(tall(video), _factor(level, sign)), len(video)
    )


def brightness(video: Tensor, level: float, sign: float) -> Tensor:
    """Distance to black."""
    from kornia.enhance import adjust_brightness_accumulative

    return adjust_brightness_accumulative(video, _factor(level, sign))


def sharpness(video: Tensor, level: float, sign: float) -> Tensor:
    """Distance to a smoothed frame."""
    from kornia.enhance import sharpness as sharpen

    return sharpen(video, _factor(level, sign))


def invert(video: Tensor, level: float = 0.0, sign: float = 1.0) -> Tensor:
    """1 - value."""
    return 1 - video


def turn(video: Tensor, level: float, sign: float) -> Tensor:
    """Up to 30 degrees."""
    return rotate(video, 30 * level * sign, FILL)


def shear_x(video: Tensor, level: float, sign: float) -> Tensor:
    """Up to 0.3 pixels a row, from the top."""
    return warp(video, [[1, -0.3 * level * sign, 0], [0, 1, 0]], FILL)


def shear_y(video: Tensor, level: float, sign: float) -> Tensor:
    """Up to 0.3 pixels a column, from the left."""
    return warp(video, [[1, 0, 0], [-0.3 * level * sign, 1, 0]], FILL)


def translate_x(video: Tensor, level: float, sign: float) -> Tensor:
    """Up to 0.45 of the width."""
    return warp(video, [[1, 0, 0.45 * level * sign * video.shape[-1]], [0, 1, 0]], FILL)


def translate_y(video: Tensor, level: float, sign: float) -> Tensor:
    """Up to 0.45 of the height."""
    return warp(video, [[1, 0, 0], [0, 1, 0.45 * level * sign * video.shape[-2]]], FILL)


OPERATIONS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "autocontrast": autocontrast,
    "equalise": equalise,
    "invert": invert,
    "turn": turn,
    "posterise": posterise,
    "solarise": solarise,
    "solarise_add": solarise_add,
    "colour": colour,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
}
"""From a clip, a level 0..1 and a sign +-1 to a clip."""
