"""An arm in three parts for the view from the front: a hand in one of many poses, and two limbs.

As in `core.world.sprites` an index decides every byte, sprites hold shading (128 is the skin's own
tone), and sizes are pixels: a finger is UNIT long. A hand is drawn upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from core.world import paint
from core.world.layers import tinted
from core.world.sprites import UNIT

POSES, LIMBS = 256, 96
LIMB = 3.4
"""Fingers that a limb is long, from the joint it hangs on to its other end."""
LIMB_ORIGIN = (48, 24)
"""(x, y) of that joint in the limb's sprite: the wrist, or the elbow."""

_SS = 2  # supersampling of a hand
_SCALE = UNIT * _SS
_MARGIN = 0.35  # around a hand, in finger lengths
_SIZE = (2.85, 2.2)  # height and width of its drawing, in finger lengths
_ORIGIN = (0.95, 1.0 + _MARGIN)  # (x, y) of the middle knuckle in it
_KNUCKLES = np.array([(-0.24, 0.02), (0.0, -0.04), (0.22, 0.0), (0.42, 0.14)])
"""Roots of index, middle, ring and little finger, in finger lengths from the middle knuckle."""
_LENGTHS = np.array([0.9, 1.0, 0.92, 0.72])
_PALM = [(-0.36, 0.1), (0.0, -0.1), (0.3, -0.06), (0.54, 0.14), (0.5, 0.6), (0.36, 1.05)]
_PALM += [(-0.16, 1.05), (-0.36, 0.6)]
_WRIST = (0.1, 1.0)
_DOWN = np.array([0.0, 1.0])
# Which fingers are out, thumb first, and how often a hand is held so.
_SHAPES: tuple[tuple[tuple[int, ...], float], ...] = (
    ((1, 1, 1, 1, 1), 0.4),
    ((0, 1, 1, 1, 1), 0.08),
    ((0, 1, 0, 0, 0), 0.18),
    ((1, 1, 0, 0, 0), 0.08),
    ((0, 1, 1, 0, 0), 0.1),
    ((1, 0, 0, 0, 0), 0.03),
    ((0, 0, 0, 0, 0), 0.06),
    ((1, 1, 1, 1, 0), 0.07),
)


@dataclass(frozen=True)
class HandPose:
    """A right hand, its palm and its back, each uint8 (h, w, 4) of shading and alpha."""

    palm: np.ndarray
    back: np.ndarray
    tip: tuple[float, float]  # (x, y) in pixels: of the longest finger that is out, or the fist
    wrist: tuple[float, float]

    @property
    def length(self) -> float:
        """From the wrist to the tip, in pixels."""
        return float(np.hypot(self.tip[0] - self.wrist[0], self.tip[1] - self.wrist[1]))


@lru_cache(maxsize=POSES)
def hand_pose(index: int) -> HandPose:
    """Hand number `index` of POSES, in a pose that it keeps: open, pointing, two fingers, fist."""
    rng = np.random.default_rng([708, index])
    odds = np.array([share for _, share in _SHAPES])
    thumb, *out = _SHAPES[int(rng.choice(len(_SHAPES), p=odds / odds.sum()))][0]
    spread = rng.uniform(0.02, 0.2) if sum(out) > 1 else rng.uniform(-0.02, 0.06)
    angles = (np.arange(4) - 1.1) * spread + rng.normal(0, 0.03, 4)
    reach = np.where(out, _LENGTHS * rng.normal(1, 0.05, 4), 0.16)
    tips = _KNUCKLES + reach[:, None] * np.stack([np.sin(angles), -np.cos(angles)], 1)
    drawn = [_side(rng, thumb, out, tips, shows_palm) for shows_palm in (True, False)]
    highest = tips[out.index(1)] if 1 in out else np.array([0.05, -0.16])
    if out[1]:
        highest = tips[1]
    tip, wrist = (_pixels(np.array(point)) / _SS for point in (highest, _WRIST))
    return HandPose(drawn[0], drawn[1], (tip[0], tip[1]), (wrist[0], wrist[1]))


def _side(
    rng: np.random.Generator, thumb: int, out: list[int], tips: np.ndarray, shows_palm: bool
) -> np.ndarray:
    """A hand from its palm or its back, uint8 (h, w, 4), as it is in the picture of a right one."""
    shape = (int(_SIZE[0] * _SCALE), int(_SIZE[1] * _SCALE))
    thick = rng.uniform(0.2, 0.26)
    light = rng.uniform(0, 2 * np.pi)
    alpha = cv2.GaussianBlur(_polygon(_PALM, shape), (0, 0), 0.05 * _SCALE)
    alpha = np.clip((alpha - 0.4) * 8, 0, 1)
    shade = _rounded(alpha, light, 0.2)
    for is_out, knuckle, end in zip(out, _KNUCKLES, tips, strict=True):
        foot, tip = knuckle + _DOWN * 0.12, end
        if not is_out and shows_palm:  # curled over the palm
            foot, tip = knuckle + _DOWN * 0.4, knuckle
        shade, alpha = _added(shade, alpha, [foot, tip], thick, light)
    if thumb:
        end = np.array([(-0.78, 0.12), (-0.6, 0.35)][int(rng.integers(2))]) + rng.normal(0, 0.05, 2)
        points = [np.array([-0.1, 0.85]), np.array([-0.42, 0.55]), end]
    else:
        points = [np.array([-0.25, 0.75]), np.array([-0.3, 0.45]), np.array([-0.02, 0.3])]
    if thumb or shows_palm:
        shade, alpha = _added(shade, alpha, points, 1.1 * thick, light)
    if shows_palm and all(out):
        for _ in range(3):
            ends = rng.uniform((-0.3, 0.15), (-0.1, 0.6)), rng.uniform((0.2, 0.2), (0.45, 0.6))
            crease = cv2.GaussianBlur(_line(list(ends), 0.025, shape), (0, 0), 0.02 * _SCALE)
            shade = shade - rng.uniform(0.03, 0.14) * crease
    tint = np.array([1.06, 0.97, 0.95] if shows_palm else [1, 1, 1], np.float32)
    rgb = shade[..., None] * tint * (1 + 0.04 * paint.noise(rng, shape, 24, 2)[..., None])
    sprite = np.dstack([np.clip(rgb * 160, 0, 255), alpha * 255])
    small = (shape[1] // _SS, shape[0] // _SS)
    return cv2.resize(sprite, small, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _added(
    shade: np.ndarray, alpha: np.ndarray, points: list[np.ndarray], thick: float, light: float
) -> tuple[np.ndarray, np.ndarray]:
    """Shading and alpha with a finger on them, which stands out a little."""
    part = _line(points, thick, shade.shape)
    own = _rounded(part, light, 0.09)
    rim = np.clip(cv2.GaussianBlur(part, (0, 0), 0.04 * _SCALE) - part, 0, 1) * alpha
    shade = (shade - 0.2 * rim) * (1 - part) + part * own
    return shade, np.maximum(alpha, part)


def _pixels(points: np.ndarray) -> np.ndarray:
    """Points (..., 2) in finger lengths from the middle knuckle as pixels of the drawing."""
    return (points + np.array(_ORIGIN)) * _SCALE


def _polygon(points: list[tuple[float, float]], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [_pixels(np.array(points)).astype(np.int32)], 1, cv2.LINE_AA)
    return mask


def _line(points: list[np.ndarray], thick: float, shape: tuple[int, ...]) -> np.ndarray:
    """A line with round ends through points, float32 (h, w), 0..1; `thick` in finger lengths."""
    line = np.zeros(shape, np.float32)
    way = np.round(_pixels(np.array(points))).astype(np.int32)
    cv2.polylines(line, [way], False, 1, max(1, int(thick * _SCALE)), cv2.LINE_AA)
    return line


def _rounded(mask: np.ndarray, light: float, soft: float) -> np.ndarray:
    """Shading of a rounded solid from its outline: brighter where it faces the light."""
    height = cv2.GaussianBlur(mask, (0, 0), soft * _SCALE)
    dx, dy = (cv2.Sobel(height, cv2.CV_32F, *axis, ksize=3) for axis in ((1, 0), (0, 1)))
    slope = (dx * np.cos(light) + dy * np.sin(light)) * soft * _SCALE * 0.16
    return np.clip(0.72 + slope + 0.18 * (height - 0.5), 0.2, 1.2)


@lru_cache(maxsize=LIMBS)
def limb(index: int) -> np.ndarray:
    """Forearm or upper arm number `index`, uint8 (h, w, 4): it hangs down from LIMB_ORIGIN."""
    rng = np.random.default_rng([709, index])
    shape = (int((LIMB + 1) * UNIT), 96)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = (y - LIMB_ORIGIN[1]) / UNIT
    swelling = 0.09 * np.exp(-(((along / LIMB - 0.65) / 0.3) ** 2))
    wrist, elbow = rng.uniform(0.24, 0.3), rng.uniform(0.05, 0.14)
    half = wrist + elbow * along.clip(0, LIMB) / LIMB + swelling
    across = (x - LIMB_ORIGIN[0]) / (half * UNIT)
    before, behind = np.clip(-along, 0, None), np.clip(along - LIMB, 0, None)
    edge = np.clip((1 - np.hypot(across, (before + behind) / half)) * half * UNIT, 0, 1)
    shade = 0.74 + rng.uniform(-0.3, 0.3) * across - 0.25 * across**2
    shade = shade * (1 + 0.05 * paint.noise(rng, shape, 20, 2))
    return np.dstack([np.clip(shade * 160, 0, 255)] * 3 + [255 * edge]).astype(np.uint8)


def dressed(
    shading: np.ndarray,
    skin: np.ndarray,
    cloth: np.ndarray,
    flat: float,
    sleeve: tuple[float, float],
) -> np.ndarray:
    """A limb in colour, premultiplied uint8 RGBA, with cloth between two shares of its length."""
    bare, covered = tinted(shading, skin, flat), tinted(shading, cloth, flat)
    top, foot = (int(LIMB_ORIGIN[1] + share * LIMB * UNIT) for share in sleeve)
    top = 0 if sleeve[0] <= 0 else top
    foot = len(shading) if sleeve[1] >= 1 else foot
    bare[top:foot] = covered[top:foot]
    return bare
