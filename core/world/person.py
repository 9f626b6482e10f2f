"""Somebody who faces the camera: head and shoulders, and an open hand, each from an index.

As in `core.world.sprites` the same index gives the same bytes; pictures are uint8 RGBA. The hand
holds shading, not colour; the person is coloured, as face, hair and clothes go together.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from core.world import paint
from core.world.sprites import HAND_ORIGIN, UNIT

OPEN_HANDS, PEOPLE = 192, 256
PERSON = (400, 240)
"""Height and width of a person's picture."""
CHIN = (120, 128)
"""(x, y) of the chin in it; a head is HEAD pixels high."""
HEAD = 96

_SS = 3  # supersampling of the drawings
_SCALE = UNIT * _SS
_HAND = (int(3.4 * _SCALE), int(2.6 * _SCALE) // 4 * 4)
_KNUCKLES = np.array([(-0.13, 0.98), (0.08, 0.93), (0.29, 0.97), (0.5, 1.12)])
_TIPS = np.array([(-0.3, 0.12), (0.0, 0.0), (0.32, 0.07), (0.66, 0.36)])
"""Of index, middle, ring and little finger, in finger lengths from the middle one's tip."""
_PALM = [(-0.24, 1.0), (0.08, 0.86), (0.58, 1.02), (0.68, 1.4), (0.6, 1.95), (0.12, 1.95)]
_THUMB = [(-0.02, 1.75), (-0.34, 1.45), (-0.62, 1.02)]


@lru_cache(maxsize=OPEN_HANDS)
def open_hand(index: int) -> np.ndarray:
    """An open right hand, uint8 (h, w, 4), laid out as `sprites.hand`.

    Its middle finger's tip is at HAND_ORIGIN, its wrist where a pointing hand has it; every other
    one shows its palm.
    """
    rng = np.random.default_rng([505, index])
    thick = int(rng.uniform(0.2, 0.26) * _SCALE)
    spread = rng.uniform(0.5, 1.15)
    light = rng.uniform(0, 2 * np.pi)
    tips = _TIPS + (spread - 1) * (_TIPS - _TIPS[1]) * (0.6, 0)
    parts = [_line([root, tip], thick) for root, tip in zip(_KNUCKLES, tips, strict=True)]
    parts.append(_line(_THUMB + rng.normal(0, 0.03, (3, 2)), int(1.1 * thick)))
    palm = np.zeros(_HAND, np.float32)
    cv2.fillPoly(palm, [_placed(_PALM)], 1, cv2.LINE_AA)
    palm = (cv2.GaussianBlur(palm, (0, 0), 0.06 * _SCALE) > 0.45).astype(np.float32)
    alpha, shade = palm, _shaded(palm, light, 0.2)
    for part in parts:  # a finger stands out a little from the palm
        shade = shade * (1 - part) + part * _shaded(part, light, 0.09)
        alpha = np.maximum(alpha, part)
    shows_palm = index % 2 == 0
    for _ in range(3 if shows_palm else 2):
        start, end = rng.uniform((-0.15, 1.1), (0.1, 1.6)), rng.uniform((0.35, 1.15), (0.6, 1.6))
        crease = _line([start, end], max(1, int(0.025 * _SCALE)))
        shade = shade - rng.uniform(0.03, 0.14) * cv2.GaussianBlur(crease, (0, 0), 0.02 * _SCALE)
    tint = np.array([1.06, 0.98, 0.96] if shows_palm else [1, 1, 1], np.float32)
    rgb = shade[..., None] * tint * (1 + 0.04 * paint.noise(rng, _HAND, 24, 2)[..., None])
    sprite = np.dstack([np.clip(rgb * 160, 0, 255), alpha * 255])
    small = (_HAND[1] // _SS, _HAND[0] // _SS)
    return cv2.resize(sprite, small, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _placed(points: np.ndarray | list[tuple[float, float]]) -> np.ndarray:
    """Points in finger lengths from the fingertip, as whole pixels of the drawing."""
    return np.round(np.array(points) * _SCALE + np.array(HAND_ORIGIN) * _SS).astype(np.int32)


def _line(points: np.ndarray | list[np.ndarray], thick: int) -> np.ndarray:
    """A thick line with round ends through points, float32 (h, w), 0..1."""
    line = np.zeros(_HAND, np.float32)
    cv2.polylines(line, [_placed(np.array(points))], False, 1, thick, cv2.LINE_AA)
    return line


def _shaded(mask: np.ndarray, light: float, soft: float) -> np.ndarray:
    """Shading of a rounded solid from its outline: brighter where it faces the light."""
    height = cv2.GaussianBlur(mask, (0, 0), soft * _SCALE)
    dx, dy = (cv2.Sobel(height, cv2.CV_32F, *axis, ksize=3) for axis in ((1, 0), (0, 1)))
    slope = (dx * np.cos(light) + dy * np.sin(light)) * soft * _SCALE * 0.24
    return np.clip(0.62 + slope + 0.25 * (height - 0.5), 0.1, 1.25)


@lru_cache(maxsize=PEOPLE)
def tone(index: int) -> np.ndarray:
    """The skin of person number `index`, float32 (3,)."""
    return paint.skin(np.random.default_rng([606, index]))


@lru_cache(maxsize=PEOPLE)
def person(index: int) -> np.ndarray:
    """Head and shoulders, uint8 RGBA of size PERSON, premultiplied; the body ends at the edge."""
    rng = np.random.default_rng([607, index])
    skin, hair = tone(index), paint.colour(rng, 0.4) * rng.uniform(0.15, 0.7)
    shirt = paint.colour(rng, 0.8)
    picture = np.zeros((*PERSON, 4), np.float32)
    x, chin = CHIN
    width = HEAD * rng.uniform(0.64, 0.76)
    middle = (x, chin - HEAD / 2)
    if rng.random() < 0.5:  # long hair, behind everything
        _oval(picture, (x, chin - 0.35 * HEAD), (1.3 * width, rng.uniform(1.3, 2.0) * HEAD), hair)
    shoulder, slope = HEAD * rng.uniform(0.85, 1.15), HEAD * rng.uniform(0.15, 0.3)
    neck = HEAD * rng.uniform(0.19, 0.26)
    body = [(x - neck, chin + 6), (x + neck, chin + 6), (x + shoulder, chin + 26 + slope)]
    body += [(x + 1.1 * shoulder, PERSON[0]), (x - 1.1 * shoulder, PERSON[0])]
    body += [(x - shoulder, chin + 26 + slope)]
    _filled(picture, body, shirt * _weave(rng))
    _filled(picture, [(x - neck, chin - 20), (x + neck, chin - 20), (x, chin + 34)], skin * 0.82)
    _filled(
        picture,
        [
            (x - neck, chin - 20),
            (x + neck, chin - 20),
            (x + neck, chin + 12),
            (x - neck, chin + 12),
        ],
        skin * 0.85,
    )
    _oval(picture, middle, (width, HEAD), skin)
    _face(picture, rng, skin, hair, width)
    _oval(picture, (x, chin - 0.88 * HEAD), (1.06 * width, HEAD * rng.uniform(0.3, 0.55)), hair)
    light = 1 + rng.uniform(-0.35, 0.35) * (np.arange(PERSON[1]) / PERSON[1] - 0.5)
    picture[..., :3] *= light[None, :, None]
    picture[..., :3] *= 1 + 0.05 * paint.noise(rng, PERSON, 24, 2)[..., None]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.8)
    opaque = soft[..., 3:] / 255
    colours = np.clip(soft[..., :3], 0, 255) * np.minimum(opaque, 1)
    return np.dstack([colours, soft[..., 3:]]).astype(np.uint8)


def _face(
    picture: np.ndarray, rng: np.random.Generator, skin: np.ndarray, hair: np.ndarray, width: float
) -> None:
    """Eyes, brows, nose, mouth and perhaps glasses, in place."""
    x, chin = CHIN
    eyes = chin - HEAD * rng.uniform(0.5, 0.56)
    apart = 0.21 * width
    for side in (-1, 1):
        _oval(picture, (x + side * apart, eyes), (0.17 * width, 0.06 * HEAD), skin * 0.3 + 150)
        _oval(picture, (x + side * apart, eyes), (0.07 * width, 0.055 * HEAD), hair * 0.3 + 15)
        brow = eyes - 0.09 * HEAD
        _oval(picture, (x + side * apart, brow), (0.22 * width, 0.03 * HEAD), hair * 0.8)
        _oval(picture, (x + side * 0.5 * width, eyes + 4), (0.1 * width, 0.2 * HEAD), skin * 0.85)
    _oval(picture, (x, eyes + 0.17 * HEAD), (0.14 * width, 0.2 * HEAD), skin * 0.93)
    mouth = np.array([150, 80, 80]) * 0.5 + skin * 0.4
    _oval(picture, (x, chin - 0.19 * HEAD), (0.36 * width, 0.05 * HEAD), mouth)
    if rng.random() < 0.3:
        for side in (-1, 1):
            centre = (int(x + side * apart), int(eyes))
            cv2.circle(picture, centre, int(0.16 * width), (25, 25, 30, 255), 2, cv2.LINE_AA)


def _weave(rng: np.random.Generator) -> float:
    """How light a cloth is, against its colour."""
    return float(rng.uniform(0.6, 1.05))


def _filled(picture: np.ndarray, points: list[tuple[float, float]], colour: np.ndarray) -> None:
    """Fill a polygon of pixels, in place."""
    cv2.fillPoly(picture, [np.array(points).astype(np.int32)], (*colour.tolist(), 255), cv2.LINE_AA)


def _oval(
    picture: np.ndarray, centre: tuple[float, float], size: tuple[float, float], colour: np.ndarray
) -> None:
    """Fill an ellipse `size` pixels wide and high, in place."""
    box = (tuple(map(float, centre)), tuple(map(float, size)), 0.0)
    cv2.ellipse(picture, box, (*colour.tolist(), 255), -1, cv2.LINE_AA)
