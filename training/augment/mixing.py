"""What is done to a whole batch (B, 3, T, H, W): clips mixed with each other, and boxes erased."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from training.augment.chance import integer, uniform


def soft_targets(label: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """One-hot targets (B, C) of labels (B,), with `smoothing` spread over all classes.

    Rows sum to 1.
    """
    targets = torch.full((len(label), classes), smoothing / classes, device=label.device)
    return targets.scatter(1, label[:, None], 1 - smoothing + smoothing / classes)


def mix(
    video: Tensor,
    label: Tensor,
    classes: int,
    generator: Generator,
    *,
    mixup: float = 0.8,
    cutmix: float = 1.0,
    switch: float = 0.5,
    smoothing: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Blend each clip of the batch with that of its mirror place, by mixup or by cutmix (spec 4.6).

    Args:
        video: (B, 3, T, H, W).
        label: (B,).
        mixup, cutmix: the parameter of Beta(a, a) of each; 0 turns it off.
        switch: probability of cutmix where both are on.

    Returns: the batch and soft targets (B, C) whose rows sum to 1.
    """
    targets = soft_targets(label, classes, smoothing)
    if mixup <= 0 and cutmix <= 0:
        return video, targets
    cuts = cutmix > 0 and (mixup <= 0 or uniform(0, 1, generator) < switch)
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    alpha = cutmix if cuts else mixup
    keep = float(rng.beta(alpha, alpha))
    other = video.flip(0)
    if cuts:
        height, width = video.shape[-2:]
        top, bottom, left, right = _box(height, width, math.sqrt(1 - keep), generator)
        video = video.clone()
        video[..., top:bottom, left:right] = other[..., top:bottom, left:right]
        keep = 1 - (bottom - top) * (right - left) / (height * width)
    else:
        video = keep * video + (1 - keep) * other
    return video, keep * targets + (1 - keep) * targets.flip(0)


def _box(height: int, width: int, side: float, generator: Generator) -> tuple[int, int, int, int]:
    """A box about a random point, `side` times each side of the frame, cut off at the edges.

    Returns: top, bottom, left, right.
    """
    y, x = integer(height - 1, generator), integer(width - 1, generator)
    h, w = int(height * side), int(width * side)
    top, left = y - h // 2, x - w // 2
    return max(0, top), min(height, top + h), max(0, left), min(width, left + w)


def random_erasing(
    video: Tensor,
    generator: Generator,
    probability: float = 0.25,
    area: tuple[float, float] = (0.02, 1 / 3),
    least_ratio: float = 0.3,
) -> Tensor:
    """In some clips of a normalised batch, a box of noise N(0, 1), in all frames alike.

    Args:
        video: (B, 3, T, H, W).
        area: of the box, least and most, as a share of the frame.
        least_ratio: of width to height; the most is its inverse.
    """
    B, _, _, height, width = video.shape
    out = video.clone()
    for i in range(B):
        if uniform(0, 1, generator) >= probability:
            continue
        for _ in range(10):
            size = height * width * uniform(*area, generator)
            ratio = math.exp(uniform(math.log(least_ratio), -math.log(least_ratio), generator))
            h, w = round(math.sqrt(size * ratio)), round(math.sqrt(size / ratio))
            if h < height and w < width:
                top, left = integer(height - h, generator), integer(width - w, generator)
                noise = torch.randn(3, 1, h, w, generator=generator)
                out[i, :, :, top : top + h, left : left + w] = noise.to(video)
                break
    return out
