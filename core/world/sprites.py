"""The pointing hands and forearms of the rendered gestures, each from an index.

A sprite is a pure function of its index, so that the same index always gives the same bytes; the
caches only save time. It holds shading, not colour: 128 is the skin's own tone. Sizes are pixels.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from core.world.paint import colour, noise

HANDS = 384
ARMS = 256
UNIT = 48
"""Pixels of a sprite that equal one index-finger length."""
HAND_ORIGIN = (48, 68)
"""(x, y) of the fingertip in the hand sprite."""
WRIST = (0.36, 2.02)
"""(x, y) of the wrist from the fingertip, in finger lengths."""
ARM_ORIGIN = (48, 24)
"""(x, y) of the wrist's centre in the arm sprite."""

_SS = 3  # supersampling of the hand's drawing
_SCALE = UNIT * _SS  # pixels of that drawing that equal one finger length
_SHAPE = (int(3.4 * _SCALE), int(2.6 * _SCALE) // 4 * 4)
_FIST = np.array(
    [
        (0.36, 0.83),
        (0.58, 0.95),
        (0.74, 1.2),
        (0.74, 1.5),
        (0.66, 1.8),
        (0.62, 2.25),
        (0.12, 2.25),
        (0.05, 1.85),
        (-0.16, 1.5),
        (-0.24, 1.2),
    ]
)
"""The fist's outline from behind the finger's root on, in finger lengths from the fingertip."""
_THUMB = [(-0.1, 1.0), (-0.3, 1.1), (-0.32, 1.35), (-0.05, 1.7), (0.12, 1.6)]


def _shade(mask: np.ndarray, light: float, softness: float) -> np.ndarray:
    """Shading of a rounded solid from its outline: brighter where its surface faces the light."""
    height = cv2.GaussianBlur(mask, (0, 0), softness)
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3)
    slope = (dx * np.cos(light) + dy * np.sin(light)) * softness * 0.24
    return np.clip(0.62 + slope + 0.25 * (height - 0.5), 0.1, 1.25)


def _smooth_polygon(points: np.ndarray, per_edge: int = 10) -> np.ndarray:
    """A closed Catmull-Rom curve through (n, 2) points."""
    before, after, later = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = np.linspace(0, 1, per_edge, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (a[:, None] for a in (before, points, after, later))
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.reshape(-1, 2)


def _placed(points: list[tuple[float, float]] | np.ndarray) -> np.ndarray:
    """Points in finger lengths from the fingertip, as pixels of the supersampled drawing."""
    return np.array(points) * _SCALE + np.array(HAND_ORIGIN, float) * _SS


def _filled(points: np.ndarray) -> np.ndarray:
    """The inside of an outline (n, 2) as float32 (h, w), 0..1, smooth at its edge."""
    inside = np.zeros(_SHAPE, np.float32)
    corners = np.round(points * 16).astype(np.int32)
    cv2.fillPoly(inside, [corners], 1, cv2.LINE_AA, shift=4)
    return inside


def _finger_outline(half: float, lean: float) -> np.ndarray:
    """The index finger, from its tip around; `half` is half its width, in finger lengths."""
    points = [
        (lean, -0.01),
        (lean + 0.6 * half, 0.06),
        (lean + half, 0.24),
        (half * 1.06, 0.6),
        (half * 1.15, 1.12),
        (-half * 1.15, 1.12),
        (-half * 1.06, 0.6),
        (lean - half, 0.24),
        (lean - 0.6 * half, 0.06),
    ]
    return _smooth_polygon(_placed(points))


def _creased(rng: np.random.Generator, shade: np.ndarray) -> np.ndarray:
    """The curled fingers: soft dark creases beside the finger."""
    for knuckle in range(3):
        x = 0.22 + 0.17 * knuckle + rng.normal(0, 0.03)
        crease = _placed([(x, 0.9 + 0.06 * knuckle), (x + 0.03, 1.25 + 0.08 * knuckle)])
        top, bottom = crease.astype(int).tolist()
        line = np.zeros(_SHAPE, np.float32)
        cv2.line(line, top, bottom, 1, int(0.05 * _SCALE))
        shade -= rng.uniform(0, 0.22) * cv2.GaussianBlur(line, (0, 0), 0.03 * _SCALE)
    return shade


def _nail(half: float, lean: float) -> np.ndarray:
    """Where the nail is, float32 (h, w), 0..1."""
    nail = np.zeros(_SHAPE, np.float32)
    centre = _placed([(lean, 0.13)])[0].tolist()
    oval = (centre, (half * _SCALE * 1.1, 0.2 * _SCALE), 0)
    cv2.ellipse(nail, oval, 1, -1, cv2.LINE_AA)
    return nail


@lru_cache(maxsize=HANDS)
def hand(index: int) -> np.ndarray:
    """A pointing right hand, uint8 (h, w, 4): shading in three channels (128 = albedo), then alpha.

    The index finger points up with its tip at HAND_ORIGIN; the wrist is at tip + WRIST * UNIT.
    """
    rng = np.random.default_rng([202, index])
    half = rng.uniform(0.115, 0.165)  # half width of the finger
    lean = rng.normal(0, 0.05)
    bulge = rng.normal(0, 0.05, (12, 2))
    roots = [(-half, 0.95), (half + 0.02, 0.82)]
    fist = _filled(_smooth_polygon(_placed(np.vstack([roots, _FIST]) + bulge * [[1, 0.6]])))
    finger = _filled(_finger_outline(half, lean))
    alpha = fist
    light = rng.uniform(0, 2 * np.pi)
    shade = _creased(rng, _shade(fist, light, _SCALE * rng.uniform(0.12, 0.25)))
    if rng.random() < 0.6:  # a thumb that lies along the near side
        thumb = _filled(_smooth_polygon(_placed(_THUMB) + rng.normal(0, 3, (5, 2))))
        shade = np.where(thumb > 0.5, _shade(thumb, light, _SCALE * 0.1), shade)
        alpha = np.maximum(alpha, thumb)
    shade = shade * (1 - finger) + finger * _shade(finger, light, _SCALE * 0.08)
    alpha = np.maximum(alpha, finger)
    tint = np.ones((*_SHAPE, 3), np.float32)
    if rng.random() < 0.5:  # a lighter nail
        tint += _nail(half, lean)[..., None] * np.array([0.12, 0.1, 0.12], np.float32)
    red = cv2.GaussianBlur(finger, (0, 0), 0.1 * _SCALE)[..., None] * rng.uniform(0, 0.12)
    rgb = shade[..., None] * tint * (1 + red * np.array([1, -0.6, -0.6], np.float32))
    rgb *= 1 + 0.04 * noise(rng, _SHAPE, 24, 2)[..., None]
    sprite = np.dstack([np.clip(rgb * 160, 0, 255), alpha * 255])
    small = (_SHAPE[1] // _SS, _SHAPE[0] // _SS)
    return cv2.resize(sprite, small, interpolation=cv2.INTER_AREA).astype(np.uint8)


@lru_cache(maxsize=ARMS)
def arm(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A forearm that runs straight down from the wrist.

    Returns the shading, uint8 (h, w, 4) as in `hand`, and the cloth, uint8 (h, w, 4): RGB of a
    sleeve or a bracelet, and where it covers the skin.
    """
    rng = np.random.default_rng([303, index])
    shape = (int(6.2 * UNIT), 96)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = (y - ARM_ORIGIN[1]) / UNIT
    half = (rng.uniform(0.24, 0.31) + np.clip(along, -0.3, 3) * rng.uniform(0.04, 0.12)) * UNIT
    side = (x - ARM_ORIGIN[0]) / half
    cloth = np.zeros((*shape, 4), np.float32)
    if rng.random() < 0.45:
        start = rng.uniform(0.15, 2.0)
        sleeve = along > start + 0.05 * side**2
        half = np.where(sleeve, half * rng.uniform(1.12, 1.4), half)
        side = (x - ARM_ORIGIN[0]) / half
        cloth[..., :3] = _fabric(rng, along, side)
        cloth[..., 3] = 255 * sleeve
    if rng.random() < 0.35:
        place = rng.uniform(0.0, 0.35)
        close = np.abs(along - place + 0.06 * side**2) < rng.uniform(0.03, 0.12)
        bracelet = close & (cloth[..., 3] == 0)
        cloth[bracelet] = [*colour(rng, 0.5), 255]
    edge = np.clip((1 - np.abs(side)) * half, 0, 1) * (along > -0.45)
    direction = rng.uniform(-0.45, 0.45)
    shade = 0.72 + direction * side - 0.25 * side**2
    shade = shade * (1 + 0.04 * noise(rng, shape, 20, 2))
    shading = np.dstack([np.clip(shade * 160, 0, 255)] * 3 + [255 * edge])
    return shading.astype(np.uint8), np.clip(cloth, 0, 255).astype(np.uint8)


def _fabric(rng: np.random.Generator, along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Two colours in a pattern, (h, w, 3): plain, banded, chequered or mottled.

    `along` (h, w) is the way from the wrist in finger lengths, `side` (h, w) goes from -1 to 1
    across the arm.
    """
    pattern = rng.integers(4)
    first, second = colour(rng, 0.7), colour(rng, 0.7)
    period = rng.uniform(0.15, 0.5)
    bands = (along / period % 1 < 0.5).astype(np.float32)
    columns = (side * 2 % 1 < 0.5).astype(np.float32)
    mottled = noise(rng, along.shape, 12) * 0.3  # always drawn: the generator goes on from here
    patterns = (np.zeros_like(bands), bands, (bands + columns) / 2, mottled)
    mix = patterns[pattern][..., None]
    return first * (1 - mix) + second * mix
