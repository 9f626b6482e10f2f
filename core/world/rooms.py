"""Rooms behind a person who faces a camera: light walls, and what stands and hangs before them.

As in `core.world.backgrounds` an index decides every byte; colours are RGB, 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from core.world.backgrounds import SCENE
from core.world.paint import colour, noise

ROOMS = 512
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of the scene."""


@lru_cache(maxsize=ROOMS)
def room(index: int) -> np.ndarray:
    """Room number `index` of ROOMS, uint8 RGB of size SCENE."""
    rng = np.random.default_rng([808, index])
    image = _walls(rng)
    for _ in range(int(rng.integers(1, 7))):
        things = list(_THINGS)
        _THINGS[things[int(rng.integers(len(things)))]](rng, image)
    image *= np.exp(rng.uniform(0.05, 0.35) * noise(rng, SCENE, 1, 1))[..., None]
    if rng.random() < 0.3:
        _lamp(rng, image)
    middle = (SCENE[1] / 2, SCENE[0] / 2)
    tilt = cv2.getRotationMatrix2D(middle, float(rng.normal(0, 5)), float(rng.uniform(1.05, 1.3)))
    tilt[0, 1] += rng.normal(0, 0.08)
    image = cv2.warpAffine(image, tilt, SCENE[::-1], borderMode=cv2.BORDER_REFLECT)
    softness = rng.uniform(2, 6) if rng.random() < 0.12 else rng.uniform(0.1, 0.6)
    image = cv2.GaussianBlur(image, (0, 0), float(softness))
    return np.clip(image, 0, 255).astype(np.uint8)


def _pale(rng: np.random.Generator) -> np.ndarray:
    """The colour of a wall: light and hardly vivid, now and then of any kind."""
    if rng.random() < 0.15:
        return colour(rng, 0.6)
    warm = np.array([1.0, rng.uniform(0.9, 1.0), rng.uniform(0.6, 1.02)])
    return rng.uniform(120, 235) * warm * rng.normal(1, 0.02, 3)


def _wood(rng: np.random.Generator) -> np.ndarray:
    """The colour of furniture: brown, white, black or grey."""
    kinds = np.array([[150, 95, 55], [95, 55, 35], [200, 165, 120], [225, 222, 215], [45, 42, 42]])
    return kinds[int(rng.integers(len(kinds)))] * rng.uniform(0.75, 1.1)


def _walls(rng: np.random.Generator) -> np.ndarray:
    """A wall, perhaps with another beside it, a ceiling and a floor, float32 (h, w, 3)."""
    wall = _pale(rng)
    image = np.ones((*SCENE, 3), np.float32) * wall.astype(np.float32)
    if rng.random() < 0.5:
        corner, slant = rng.uniform(0.1, 0.9), rng.normal(0, 0.05)
        other = [(corner, 0.0), (1.0, 0.0), (1.0, 1.0), (corner + slant, 1.0)]
        _fill(image, other, wall * rng.uniform(0.7, 1.15))
    if rng.random() < 0.4:
        left, right = rng.uniform(0.05, 0.4, 2)
        ceiling = np.clip(wall * 0.5 + 125, 0, 245) * rng.uniform(0.8, 1.05)
        _fill(image, [(0, 0), (1, 0), (1, right), (0, left)], ceiling)
        ends = [(0, left * SCENE[0]), (SCENE[1], right * SCENE[0])]
        points = np.array(ends).astype(np.int32)
        cv2.polylines(image, [points], False, (ceiling * 0.8).tolist(), 2, cv2.LINE_AA)
    if rng.random() < 0.2:
        level = rng.uniform(0.75, 0.95)
        _fill(image, [(0, level), (1, level), (1, 1), (0, 1)], _wood(rng))
    return image


def _fill(image: np.ndarray, corners: list[tuple[float, float]], ink: np.ndarray) -> None:
    """Fill a polygon with corners in shares of the scene, in place."""
    points = np.array(corners) * SCENE[::-1]
    cv2.fillPoly(image, [points.astype(np.int32)], np.asarray(ink, float).tolist(), cv2.LINE_AA)


def _rectangle(image: np.ndarray, box: Box, ink: np.ndarray) -> None:
    left, top, right, bottom = box
    _fill(image, [(left, top), (right, top), (right, bottom), (left, bottom)], ink)


def _inside(box: Box, part: Box) -> Box:
    """A box within another one, in shares of it."""
    left, top, right, bottom = box
    w, h = right - left, bottom - top
    return left + part[0] * w, top + part[1] * h, left + part[2] * w, top + part[3] * h


def _placed(rng: np.random.Generator, width: Box, foot: tuple[float, float]) -> Box:
    """A box of a width and height drawn from (least, most, least, most), its foot between two."""
    w, h = rng.uniform(width[0], width[1]), rng.uniform(width[2], width[3])
    x, bottom = rng.uniform(-0.3 * w, 1 - 0.7 * w), rng.uniform(*foot)
    return x, bottom - h, x + w, bottom


def _window(rng: np.random.Generator, image: np.ndarray) -> None:
    """A window, bright by day and dark at night, often with curtains."""
    box = _placed(rng, (0.2, 0.55, 0.35, 0.8), (0.5, 0.95))
    frame = np.clip(_pale(rng) + 20, 0, 250)
    _rectangle(image, box, frame * 0.9)
    sky = np.array([235, 242, 250]) * rng.uniform(0.85, 1.08)
    if rng.random() < 0.2:
        sky = np.array([30, 35, 55]) * rng.uniform(0.5, 1.5)
    columns = int(rng.integers(1, 4))
    for i in range(columns):
        pane = _inside(box, (i / columns + 0.03, 0.04, (i + 1) / columns - 0.03, 0.96))
        _rectangle(image, pane, sky)
        if rng.random() < 0.5:  # trees, or the house across the road
            _rectangle(image, _inside(pane, (0, rng.uniform(0.4, 0.8), 1, 1)), colour(rng, 0.4))
    if rng.random() < 0.5:
        _curtain(rng, image, (box[0] - 0.06, box[1] - 0.05, box[0] + 0.06, box[3] + 0.1))


def _curtain(rng: np.random.Generator, image: np.ndarray, box: Box | None = None) -> None:
    """A curtain in folds."""
    box = box or _placed(rng, (0.1, 0.4, 0.6, 1.2), (0.8, 1.1))
    cloth, folds = colour(rng, 0.5) * 0.6 + 80, int(rng.integers(4, 12))
    for i in range(folds):
        fold = _inside(box, (i / folds, 0, (i + 1) / folds, 1))
        _rectangle(image, fold, cloth * (0.75 + 0.3 * (i % 2)) * rng.uniform(0.9, 1.1))


def _door(rng: np.random.Generator, image: np.ndarray) -> None:
    """A door or a tall dark opening, with panels."""
    box = _placed(rng, (0.12, 0.3, 0.6, 1.0), (0.85, 1.1))
    wood = _wood(rng)
    _rectangle(image, box, wood * 1.15)
    _rectangle(image, _inside(box, (0.08, 0.03, 0.92, 1)), wood * rng.uniform(0.4, 0.95))
    for low in (0.1, 0.55):
        _rectangle(image, _inside(box, (0.22, low, 0.78, low + 0.36)), wood * rng.uniform(0.4, 1.1))


def _cabinet(rng: np.random.Generator, image: np.ndarray) -> None:
    """A cabinet with doors of wood or glass."""
    box = _placed(rng, (0.2, 0.6, 0.3, 0.9), (0.7, 1.1))
    wood, doors = _wood(rng), int(rng.integers(1, 5))
    _rectangle(image, box, wood)
    glass = rng.random() < 0.4
    for i in range(doors):
        panel = _inside(box, (i / doors + 0.03, 0.06, (i + 1) / doors - 0.03, 0.94))
        _rectangle(image, panel, wood * rng.uniform(0.5, 0.85))
        if glass:
            for level in range(3):
                part = _inside(panel, (0.1, 0.33 * level + 0.05, 0.9, 0.33 * level + 0.28))
                _rectangle(image, part, colour(rng, 0.3) * 0.7)


def _shelf(rng: np.random.Generator, image: np.ndarray) -> None:
    """Shelves of books and boxes."""
    box = _placed(rng, (0.2, 0.6, 0.25, 0.9), (0.5, 1.05))
    wood, rows = _wood(rng), int(rng.integers(1, 5))
    _rectangle(image, box, wood * 0.7)
    for row in range(rows):
        left = 0.02
        while left < 0.95:
            thick, tall = rng.uniform(0.02, 0.09), rng.uniform(0.5, 0.9)
            low, top = (row + 0.95) / rows, (row + 0.95 - tall) / rows
            if rng.random() < 0.85:
                ink = colour(rng, 0.7)
                _rectangle(image, _inside(box, (left, top, min(left + thick, 0.98), low)), ink)
            left += thick
        _rectangle(image, _inside(box, (0, (row + 0.95) / rows, 1, (row + 1) / rows)), wood)


def _picture(rng: np.random.Generator, image: np.ndarray) -> None:
    """A framed picture, a poster, a clock."""
    box = _placed(rng, (0.08, 0.3, 0.1, 0.35), (0.2, 0.7))
    _rectangle(image, box, _wood(rng))
    _rectangle(image, _inside(box, (0.08, 0.08, 0.92, 0.92)), _pale(rng))
    part = _inside(box, tuple(np.r_[rng.uniform(0.1, 0.4, 2), rng.uniform(0.6, 0.9, 2)]))
    _rectangle(image, part, colour(rng, 0.7))


def _plant(rng: np.random.Generator, image: np.ndarray) -> None:
    """Leaves, from a place at the foot or the side of the scene."""
    foot = np.array([rng.uniform(0, 1), rng.uniform(0.6, 1.05)]) * SCENE[::-1]
    green = np.array([rng.uniform(30, 90), rng.uniform(70, 130), rng.uniform(25, 60)])
    for _ in range(int(rng.integers(8, 26))):
        angle, length = rng.normal(0, 0.8), rng.uniform(0.1, 0.45) * SCENE[0]
        end = foot + length * np.array([np.sin(angle), -np.cos(angle)])
        box = ((foot + end) / 2, (length, rng.uniform(3, 9)), 90 - np.degrees(-angle))
        leaf = (box[0].tolist(), box[1], float(box[2]))
        cv2.ellipse(image, leaf, (green * rng.uniform(0.5, 1.4)).tolist(), -1, cv2.LINE_AA)


def _screen(rng: np.random.Generator, image: np.ndarray) -> None:
    """A screen, dark or showing something."""
    box = _placed(rng, (0.15, 0.45, 0.15, 0.4), (0.4, 0.9))
    _rectangle(image, box, np.array([25, 25, 28]))
    shown = np.array([30, 32, 36]) if rng.random() < 0.5 else colour(rng, 0.6) * 0.5 + 110
    _rectangle(image, _inside(box, (0.03, 0.04, 0.97, 0.94)), shown)


def _sofa(rng: np.random.Generator, image: np.ndarray) -> None:
    """A sofa, a bed, the back of a chair."""
    box = _placed(rng, (0.25, 0.9, 0.2, 0.5), (0.9, 1.2))
    cloth = colour(rng, 0.5)
    left, top, right, bottom = box
    middle = ((left + right) / 2 * SCENE[1], (top + 0.1) * SCENE[0])
    size = ((right - left) * SCENE[1], 0.28 * SCENE[0])
    cv2.ellipse(image, (middle, size, 0.0), (cloth * 1.1).tolist(), -1, cv2.LINE_AA)
    _rectangle(image, (left, top + 0.1, right, bottom), cloth)


def _lamp(rng: np.random.Generator, image: np.ndarray) -> None:
    """Light that burns out around a place, in place."""
    y, x = np.mgrid[: SCENE[0], : SCENE[1]].astype(np.float32)
    place, wide = rng.uniform(0, 1, 2) * SCENE[::-1], rng.uniform(8, 40)
    spot = np.exp(-(((x - place[0]) / wide) ** 2) - ((y - place[1]) / wide) ** 2)
    image += rng.uniform(60, 200) * spot[..., None] * np.array([1, 0.95, 0.82], np.float32)


_THINGS: dict[str, Callable[[np.random.Generator, np.ndarray], None]] = {
    "window": _window,
    "curtain": _curtain,
    "door": _door,
    "cabinet": _cabinet,
    "shelf": _shelf,
    "picture": _picture,
    "plant": _plant,
    "screen": _screen,
    "sofa": _sofa,
}
