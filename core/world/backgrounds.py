"""Procedural backgrounds for the rendered gestures: rooms, facades, cloth, clutter.

A background is a pure function of its index, so that the same index always gives the same bytes;
the cache only saves time. Colours are RGB, 0..255. Sizes are pixels.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from core.world.paint import colour, noise, skin

BACKGROUNDS = 2048
SCENE = (144, 192)
"""Height and width of a background: 4:3, larger than a training frame."""


def _mesh(
    rng: np.random.Generator, shape: tuple[int, int], warp: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rotated, slightly warped pixel coordinates on which periodic patterns are drawn."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    u = x * np.cos(angle) + y * np.sin(angle)
    v = -x * np.sin(angle) + y * np.cos(angle)
    return u + warp * noise(rng, shape, 3), v + warp * noise(rng, shape, 3)


def _plain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    slope = rng.normal(0, 40, 2)
    image = colour(rng, 0.35) + (slope[0] * (x - 0.5) + slope[1] * (y - 0.5))[..., None]
    return image + rng.uniform(0, 10) * noise(rng, shape, 4)[..., None]


def _stripes(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    u, v = _mesh(rng, shape, rng.choice([0, 2, 8]))
    period = rng.uniform(6, 34)
    chevrons = rng.random() < 0.3
    v = np.abs((v % (period * 3)) - period * 1.5) if chevrons else v * 0
    palette = np.stack([colour(rng, 0.9) for _ in range(rng.integers(2, 6))])
    band = ((u + v) / period * 2).astype(int) % len(palette)
    return palette[band]


def _lattice(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    u, v = _mesh(rng, shape, rng.choice([0, 3]))
    period = rng.uniform(12, 40)
    du, dv = (u % period) / period - 0.5, (v % period) / period - 0.5
    radius = np.hypot(du, dv)
    kind = rng.integers(4)
    if kind == 0:
        ink = radius < rng.uniform(0.15, 0.4)
    elif kind == 1:  # rings
        ink = np.abs(radius - rng.uniform(0.2, 0.38)) < rng.uniform(0.03, 0.08)
    elif kind == 2:  # tiles
        ink = np.maximum(np.abs(du), np.abs(dv)) > rng.uniform(0.4, 0.47)
    else:  # flowers
        ink = radius < 0.25 + 0.15 * np.cos(rng.integers(3, 7) * np.arctan2(dv, du))
    image = np.where(ink[..., None], colour(rng, 0.8), colour(rng, 0.5))
    return image + rng.uniform(0, 25) * noise(rng, shape, 30, 2)[..., None]


def _folds(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Curtains and wood: a pattern stretched along one direction."""
    u, _ = _mesh(rng, shape, 0)
    fibres = noise(rng, shape, int(rng.integers(12, 40)), 3)
    strip = fibres[: shape[0] // 8]
    if rng.random() < 0.25:
        strip = fibres[:, : shape[1] // 10]
    stretched = cv2.resize(strip, shape[::-1], interpolation=cv2.INTER_LINEAR)
    stretched = stretched + 0.5 * np.sin(u / rng.uniform(2, 9) + 2 * noise(rng, shape, 2))
    if rng.random() < 0.35:
        base = _lattice(rng, shape)
    else:
        base = np.broadcast_to(colour(rng, 0.7), (*shape, 3))
    return base * (1 + rng.uniform(0.1, 0.4) * stretched[..., None])


def _texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Foliage, carpet, rubble: coloured fractal noise, sometimes thresholded."""
    field = noise(rng, shape, int(rng.integers(4, 40)), 4)
    if rng.random() < 0.3:
        field = np.sign(field) * np.abs(field) ** 0.3
    mix = np.clip(0.5 + 0.5 * field, 0, 1)[..., None]
    image = colour(rng, 0.8) * mix + colour(rng, 0.8) * (1 - mix)
    return image + rng.uniform(5, 40) * noise(rng, shape, 60, 1)[..., None]


_SURFACES = (_plain, _plain, _plain, _stripes, _lattice, _folds, _texture)


def _surface(rng: np.random.Generator) -> np.ndarray:
    """A surface of a random kind, floating point (h, w, 3) of size SCENE."""
    return _SURFACES[rng.integers(len(_SURFACES))](rng, SCENE)


def _divided(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """The image with another surface over a part of it, beyond a nearly straight edge.

    It passes for a table, a wall beside a door, or a bed against a floor.
    """
    h, w = SCENE
    other = _surface(rng)
    side = np.zeros(SCENE, np.uint8)
    cut = rng.uniform(0.15, 0.85)
    corners: list[tuple[float, float]]
    if rng.random() < 0.5:
        corners = [(0, cut * h), (w, cut * h + rng.normal(0, 12)), (w, h), (0, h)]
    else:
        corners = [(cut * w, 0), (w, 0), (w, h), (cut * w + rng.normal(0, 15), h)]
    cv2.fillPoly(side, [np.array(corners).astype(np.int32)], 255, cv2.LINE_AA)
    weight = side[..., None].astype(np.float32) / 255
    return image * (1 - weight) + other * weight


def _building(rng: np.random.Generator, image: np.ndarray) -> None:
    """A facade or shelf: a perspective grid of darker cells, drawn in place."""
    h, w = image.shape[:2]
    x0, y0 = rng.uniform(-0.2, 0.7) * w, rng.uniform(-0.1, 0.5) * h
    width, height = rng.uniform(0.25, 1.0) * w, rng.uniform(0.2, 0.8) * h
    skew = rng.uniform(-0.3, 0.3)
    cols, rows = int(rng.integers(2, 12)), int(rng.integers(1, 9))
    gap = rng.uniform(0.1, 0.45)
    wall, cell = colour(rng, 0.4), colour(rng, 0.5) * 0.6

    def corner(c: float, r: float) -> list[float]:
        return [
            x0 + width * c / cols,
            y0 + height * r / rows + skew * width * c / cols * (1 - r / rows),
        ]

    outline = np.array([corner(0, 0), corner(cols, 0), corner(cols, rows), corner(0, rows)])
    cv2.fillPoly(image, [outline.astype(np.int32)], wall.tolist())
    books = rng.random() < 0.35
    for c in range(cols):
        for r in range(rows):
            ink = colour(rng, 0.9) if books else cell * rng.uniform(0.7, 1.3)
            box = [
                corner(c + gap / 2, r + gap / 2),
                corner(c + 1 - gap / 2, r + gap / 2),
                corner(c + 1 - gap / 2, r + 1 - gap / 3),
                corner(c + gap / 2, r + 1 - gap / 3),
            ]
            cv2.fillPoly(image, [np.array(box).astype(np.int32)], ink.tolist(), cv2.LINE_AA)


def _clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    """Furniture, screens, and upright thin or skin-coloured things that are no finger."""
    h, w = image.shape[:2]
    for _ in range(rng.integers(0, 9)):
        centre = rng.uniform(0, 1, 2) * (w, h)
        size = rng.uniform(0.03, 0.5, 2) * (w, h)
        ink = (colour(rng, 0.7) if rng.random() < 0.7 else skin(rng)).tolist()
        kind = rng.integers(5)
        if kind <= 1:
            box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.normal(0, 6))))
            cv2.fillPoly(image, [box.astype(np.int32)], ink, cv2.LINE_AA)
        elif kind == 2:
            oval = (centre.tolist(), (size * 0.6).tolist(), float(rng.uniform(0, 180)))
            cv2.ellipse(image, oval, ink, -1, cv2.LINE_AA)
        else:  # an upright, finger-like or pole-like distractor
            length = rng.uniform(0.1, 0.8) * h
            tilt = rng.normal(0, 0.25)
            end = centre + length * np.array([np.sin(tilt), np.cos(tilt)])
            thick = int(rng.integers(1, 12))
            foot, head = centre.astype(int).tolist(), end.astype(int).tolist()
            cv2.line(image, foot, head, ink, thick, cv2.LINE_AA)


@lru_cache(maxsize=BACKGROUNDS)
def background(index: int) -> np.ndarray:
    """Background number `index`, uint8 RGB of size SCENE."""
    rng = np.random.default_rng([101, index])
    h, w = SCENE
    image = _surface(rng)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        image = _divided(rng, image)
    image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.float32))
    if rng.random() < 0.35:
        for _ in range(rng.integers(1, 4)):
            _building(rng, image)
    if rng.random() < 0.5:
        _clutter(rng, image)
    if rng.random() < 0.5:  # light falls off across the room; a lamp or a window burns out
        image *= np.exp(rng.uniform(0.1, 0.7) * noise(rng, SCENE, 1, 1))[..., None]
    if rng.random() < 0.15:
        y, x = np.mgrid[:h, :w].astype(np.float32)
        spot = np.exp(-(((x - rng.uniform(0, w)) / 40) ** 2 + ((y - rng.uniform(0, h)) / 40) ** 2))
        image += 220 * spot[..., None]
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.5)))
    return np.clip(image, 0, 255).astype(np.uint8)
