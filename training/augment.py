"""Augmentation, always the same for all frames of a clip, and the crops of multi-view evaluation.

A clip is float (T, 3, H, W), 0..1, on any device; a batch (B, 3, T, H, W). All chance comes from
the generator passed in (a CPU one), so a sample can be made again. Operations over levels see the
clip as one tall picture: their statistics are those of the clip, not of each frame.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from core.errors import BadInput
from core.world.gestures import DIRECTED

Augment = Callable[[Tensor, Generator], Tensor]
"""From a clip (T, 3, H, W) to a clip (T, 3, h, w)."""

_SIDES = {
    "left": "right",
    "right": "left",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
}
_SIDE = re.compile(rf"(?<![a-z])({'|'.join(_SIDES)})(?=(wards?|most)?(?![a-z]))")


def mirror_map(labels: Sequence[str]) -> dict[str, str]:
    """What a mirrored clip of each label shows, by the words left, right, clockwise and
    counterclockwise.

    Labels whose counterpart is not among `labels` have no entry and must not be mirrored, nor have
    the strokes that run in one direction only. Other labels without such a word map to themselves:
    names of data sets tell sides (Jester, Something-Something, Kinetics), also joined as in
    SwipeLeft.
    """

    def spelt(label: str) -> str:
        return (
            re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
            .lower()
            .replace("anticlockwise", "counterclockwise")
        )

    known = {spelt(label): label for label in labels}
    turned = {label: _SIDE.sub(lambda side: _SIDES[side[0]], spelt(label)) for label in labels}
    return {
        label: known[other]
        for label, other in turned.items()
        if other in known and label.lower() not in DIRECTED
    }


@dataclass(frozen=True)
class ClipTransform:
    """A transform for `open_dataset`: mirror with its label, then augment. From uint8 (T, H, W, 3)
    to the same.
    """

    labels: tuple[str, ...]
    augment: Augment | None = None
    mirror: dict[str, str] = field(
        default_factory=dict
    )  # label -> label of the mirrored clip; no entry: never mirrored
    chance: float = 0.5

    def __post_init__(self) -> None:
        if wrong := [
            name for pair in self.mirror.items() for name in pair if name not in self.labels
        ]:
            raise BadInput(
                f"the mirror names the label {wrong[0]!r}, which is not among "
                f"{', '.join(self.labels)}"
            )

    def __call__(
        self, frames: np.ndarray, label: int, generator: Generator
    ) -> tuple[np.ndarray, int]:
        flip = _uniform(0, 1, generator) < self.chance
        other = self.mirror.get(self.labels[label])
        if flip and other is not None:
            frames, label = frames[:, :, ::-1], self.labels.index(other)
        if self.augment is not None:
            video = (
                torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float().div(255)
            )
            out = self.augment(video, generator)
            frames = out.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return np.ascontiguousarray(frames), label


@dataclass(frozen=True)
class RViTAugment:
    """The RViT list (spec 1.5), in its order; the horizontal flip is the mirror of
    ClipTransform.
    """

    size: int = 224
    scale: tuple[float, float] = (
        0.8,
        1.0,
    )  # share of the area; the draft says 0.8 to 1.2, and there is no more than all
    degrees: float = 30.0
    colour: tuple[float, float, float, float] = (
        0.4,
        0.4,
        0.4,
        0.2,
    )  # brightness, contrast, saturation, hue
    kernel: tuple[int, int] = (5, 9)  # width, height in pixels
    sigma: tuple[float, float] = (0.1, 2.0)
    distortion: float = 0.5
    perspective: float = 0.5  # probability

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        video = resized_crop(video, self.size, generator, self.scale)
        video = rotate(video, _uniform(-self.degrees, self.degrees, generator))
        video = jitter_colour(video, self.colour, generator)
        video = blur(video, self.kernel, _uniform(*self.sigma, generator))
        if _uniform(0, 1, generator) < self.perspective:
            video = distort(video, self.distortion, generator)
        return video


@dataclass(frozen=True)
class FARAugment:
    """The FAR list for one clip (spec 4.6): RandAugment, then a random resized crop. Erasing and
    mixing are for batches.

    Magnitude 9 and deviation 0.5 are the paper's; four layers, each operation in half of the cases,
    the code base's.
    """

    size: int = 224
    magnitude: float = 9.0
    deviation: float = 0.5
    layers: int = 4
    scale: tuple[float, float] = (0.08, 1.0)

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        from training.randaugment import randaugment

        video = randaugment(video, generator, self.magnitude, self.deviation, self.layers)
        return resized_crop(video, self.size, generator, self.scale)


@dataclass(frozen=True)
class JitteredCrop:
    """Short side drawn between two sizes, its inverse uniformly, then a random square:
    DirecFormer's training (spec 3.6).
    """

    size: int = 224
    least: int = 256
    most: int = 320

    def __call__(self, video: Tensor, generator: Generator) -> Tensor:
        short = round(1 / _uniform(1 / self.most, 1 / self.least, generator))
        height, width = video.shape[-2:]
        scale = short / min(height, width)
        video = _resize(video, max(short, round(height * scale)), max(short, round(width * scale)))
        top = _integer(video.shape[-2] - self.size, generator)
        left = _integer(video.shape[-1] - self.size, generator)
        return video[..., top : top + self.size, left : left + self.size]


_NAMED: dict[str, type] = {"rvit": RViTAugment, "far": FARAugment, "jittered_crop": JitteredCrop}
CROPPING = frozenset(_NAMED)
"""Augmentations that cut every clip to the same size."""
_CHANCES = ("mirror", "erase")
_MIXING = ("mixup", "cutmix", "switch")
_RANGES = {"scale": 1.0, "sigma": math.inf}  # pairs of numbers, low and high, and the highest


def check_augment(named: Mapping[str, Any]) -> None:
    """Raises: BadInput for an augmentation that is not known, a second way to crop, or numbers of
    another form than it takes.
    """
    unknown = [name for name in named if name not in (*_NAMED, *_CHANCES, "mix")]
    crops = [name for name in named if name in _NAMED]
    if unknown or len(crops) > 1:
        raise BadInput(
            f"augmentation {(unknown or crops[1:])[0]!r} cannot be used; choose one of "
            f"{', '.join(_NAMED)}, and any of {', '.join((*_CHANCES, 'mix'))}"
        )
    for name, given in named.items():
        if name in _CHANCES:
            if not _is_number(given) or given > 1:
                raise BadInput(f"{name} must be a probability from 0 to 1, got {given!r}")
            continue
        usual = dict.fromkeys(_MIXING, 0.0) if name == "mix" else usual_numbers(name)
        if not isinstance(given, Mapping) or set(given) - set(usual):
            raise BadInput(
                f"augmentation {name} takes the numbers {', '.join(usual)}, got {given!r}"
            )
        for key, value in given.items():
            of = len(usual[key]) if isinstance(usual[key], tuple) else 0
            parts = value if of and isinstance(value, list | tuple) else [value]
            if len(parts) != max(of, 1) or not all(map(_is_number, parts)):
                raise BadInput(
                    f"{key} of {name} must be {f'{of} numbers' if of else 'a number'} of 0 or "
                    f"more, got {value!r}"
                )
            if _is_whole(usual[key]) and not all(_is_whole(part) and part > 0 for part in parts):
                raise BadInput(
                    f"{key} of {name} must be {f'{of} whole numbers' if of else 'a whole number'} "
                    f"above 0, got {value!r}"
                )
            if (most := _RANGES.get(key)) and not 0 < parts[0] <= parts[1] <= most:
                raise BadInput(
                    f"{key} of {name} must rise from above "
                    f"0{f' to {most:g} at most' if most < math.inf else ''}, got {value!r}"
                )
            if key == "kernel" and not all(part % 2 for part in parts):
                raise BadInput(f"kernel of {name} must be two odd numbers of pixels, got {value!r}")
        if (
            name == "jittered_crop"
            and not (n := usual | dict(given))["size"] <= n["least"] <= n["most"]
        ):
            raise BadInput(
                f"size, least and most of {name} must rise in this order, got {n['size']}, "
                f"{n['least']} and {n['most']}"
            )


def usual_numbers(name: str) -> dict[str, Any]:
    """The numbers of an augmentation that crops, as it has them by default."""
    return {f.name: f.default for f in fields(_NAMED[name])}


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, tuple) and all(map(_is_whole, value)))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf


def clip_transform(named: Mapping[str, Any], labels: Sequence[str]) -> ClipTransform:
    """The transform of each clip that a recipe names: {"rvit" | "far" | "jittered_crop": its
    numbers, "mirror": probability}.

    "erase" and "mix" are for whole batches (`random_erasing`, `mix`) and passed over here. The
    mirror is `mirror_map`.
    Raises: BadInput for other names or numbers.
    """
    check_augment(named)
    augment = next(
        (_NAMED[name](**numbers) for name, numbers in named.items() if name in _NAMED), None
    )
    chance = named.get("mirror", 0.0)
    return ClipTransform(tuple(labels), augment, mirror_map(labels) if chance else {}, chance)


def resized_crop(
    video: Tensor,
    size: int,
    generator: Generator,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """A random part, `scale` of the area and with `ratio` of width to height (log-uniform), scaled
    to size x size.

    If ten draws do not fit into the frame, the central part of the nearest ratio.
    """
    height, width = video.shape[-2:]
    for _ in range(10):
        area = height * width * _uniform(*scale, generator)
        aspect = math.exp(_uniform(math.log(ratio[0]), math.log(ratio[1]), generator))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top, left = _integer(height - h, generator), _integer(width - w, generator)
            break
    else:
        w, h = min(width, round(height * ratio[1])), min(height, round(width / ratio[0]))
        top, left = (height - h) // 2, (width - w) // 2
    return _resize(video[..., top : top + h, left : left + w], size, size)


def rotate(video: Tensor, degrees: float, fill: Sequence[float] = (0.0, 0.0, 0.0)) -> Tensor:
    """Turned counter-clockwise about the centre; what comes in from outside has the colour
    `fill`.
    """
    height, width = video.shape[-2:]
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    return warp(video, [[c, s, x - c * x - s * y], [-s, c, y + s * x - c * y]], fill)


def warp(
    video: Tensor, matrix: Sequence[Sequence[float]], fill: Sequence[float] = (0.0, 0.0, 0.0)
) -> Tensor:
    """The affine map (2, 3), or the projective one (3, 3), from input to output pixels (x, y),
    applied to every frame.
    """
    from kornia.geometry.transform import warp_perspective

    rows = [*matrix, [0.0, 0.0, 1.0]] if len(matrix) == 2 else matrix
    full = torch.tensor(rows, dtype=torch.float32, device=video.device)
    colour = torch.tensor(fill, dtype=video.dtype, device=video.device)
    return warp_perspective(
        video,
        full.expand(len(video), 3, 3),
        video.shape[-2:],
        padding_mode="fill",
        fill_value=colour,
    )


def distort(video: Tensor, distortion: float, generator: Generator) -> Tensor:
    """A random perspective: each corner moves inwards by up to `distortion` times half the side."""
    from kornia.geometry.transform import get_perspective_transform

    height, width = video.shape[-2:]
    x, y = int(distortion * (width // 2)), int(distortion * (height // 2))
    corners = [(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)]
    moved = [
        (
            cx + _integer(x, generator) * (1 if cx == 0 else -1),
            cy + _integer(y, generator) * (1 if cy == 0 else -1),
        )
        for cx, cy in corners
    ]
    matrix = get_perspective_transform(
        *(torch.tensor([points], dtype=torch.float32) for points in (corners, moved))
    )[0]
    return warp(video, matrix.tolist())


def jitter_colour(video: Tensor, strength: Sequence[float], generator: Generator) -> Tensor:
    """Brightness, contrast and saturation times 1 +- strength, and hue plus +- strength of a full
    turn, in random order.
    """
    from kornia import enhance

    brightness, contrast, saturation = (
        _uniform(max(0.0, 1 - s), 1 + s, generator) for s in strength[:3]
    )
    turn = 2 * math.pi * _uniform(-strength[3], strength[3], generator)
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


def tall(video: Tensor) -> Tensor:
    """The frames below one another as one picture, (1, 3, T H, W)."""
    return rearrange(video, "t c h w -> 1 c (t h) w")


def frames_of(picture: Tensor, frames: int) -> Tensor:
    """The reverse of `tall`."""
    return rearrange(picture, "1 c (t h) w -> t c h w", t=frames)


def soft_targets(label: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """One-hot targets (B, C) of labels (B,), with `smoothing` spread over all classes; rows sum to
    1.
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
        video: (B, 3, T, H, W). label: (B,). mixup, cutmix: the parameter of Beta(a, a) of each; 0
            turns it off.
        switch: probability of cutmix where both are on.

    Returns: the batch and soft targets (B, C) whose rows sum to 1.
    """
    targets = soft_targets(label, classes, smoothing)
    if mixup <= 0 and cutmix <= 0:
        return video, targets
    cuts = cutmix > 0 and (mixup <= 0 or _uniform(0, 1, generator) < switch)
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    keep = float(rng.beta(*(cutmix if cuts else mixup,) * 2))
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
    """A box of `side` times each side of the frame about a random point, cut off at the edges: top,
    bottom, left, right.
    """
    y, x = _integer(height - 1, generator), _integer(width - 1, generator)
    h, w = int(height * side), int(width * side)
    return (
        max(0, y - h // 2),
        min(height, y - h // 2 + h),
        max(0, x - w // 2),
        min(width, x - w // 2 + w),
    )


def random_erasing(
    video: Tensor,
    generator: Generator,
    probability: float = 0.25,
    area: tuple[float, float] = (0.02, 1 / 3),
    least_ratio: float = 0.3,
) -> Tensor:
    """In some clips of a normalised batch (B, 3, T, H, W), replace a box by noise N(0, 1), in all
    frames alike.
    """
    B, _, _, height, width = video.shape
    out = video.clone()
    for i in range(B):
        if _uniform(0, 1, generator) >= probability:
            continue
        for _ in range(10):
            size = height * width * _uniform(*area, generator)
            ratio = math.exp(_uniform(math.log(least_ratio), -math.log(least_ratio), generator))
            h, w = round(math.sqrt(size * ratio)), round(math.sqrt(size / ratio))
            if h < height and w < width:
                top, left = _integer(height - h, generator), _integer(width - w, generator)
                noise = torch.randn(3, 1, h, w, generator=generator)
                out[i, :, :, top : top + h, left : left + w] = noise.to(video)
                break
    return out


def crops(frames: np.ndarray, count: int, size: int) -> np.ndarray:
    """Square crops along the longer side, (count, T, size, size, 3) uint8, the short side scaled to
    `size`.

    Three are left (top), centre and right (bottom); one is the centre.
    """
    from training.data.reading import short_side

    scaled = np.stack([short_side(frame, size) for frame in frames])
    height, width = scaled.shape[1:3]
    room = max(height, width) - size
    places = [room // 2] if count == 1 else np.linspace(0, room, count).round().astype(int).tolist()
    return np.stack(
        [scaled[:, :, p : p + size] if width >= height else scaled[:, p : p + size] for p in places]
    )


def multi_view(clips: np.ndarray, count: int, size: int) -> np.ndarray:
    """`crops` of each temporal view (V, T, H, W, 3): (V x count, T, size, size, 3), the crops of a
    view together (spec 4.6).
    """
    return np.concatenate([crops(clip, count, size) for clip in clips])


def _resize(video: Tensor, height: int, width: int) -> Tensor:
    return interpolate(video, (height, width), mode="bilinear", antialias=True)


def _uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _integer(most: int, generator: Generator) -> int:
    """0 to `most`, both included."""
    return int(torch.randint(most + 1, (), generator=generator))
