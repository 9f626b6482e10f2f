"""Procedural scenery for the rendered gestures: backgrounds, hands and forearms, each from an
index.

Everything here is a pure function of an integer, so that the same index always gives the same
bytes; the caches only save time. Colours are RGB. Sizes are pixels.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

BACKGROUNDS = 2048
HANDS = 384
ARMS = 256
SCENE = (144, 192)  # height, width of a background: 4:3, larger than a training frame
GRAIN = 1024  # pixels of the noise tile, the largest side of a rendered frame
UNIT = 48  # pixels of a sprite that equal one index-finger length
HAND_ORIGIN = (48, 68)  # (x, y) of the fingertip in the hand sprite
WRIST = (0.36, 2.02)  # (x, y) of the wrist from the fingertip, in finger lengths
_SS = 3  # supersampling of the sprite drawings


def _colour(rng: np.random.Generator, saturation: float = 0.6) -> np.ndarray:
    """A random RGB colour, float32 (3,), 0..255; `saturation` bounds how vivid it may be."""
    hsv = np.array(
        [[[rng.integers(180), 255 * saturation * rng.random() ** 1.3, 255 * rng.uniform(0.1, 1.0)]]]
    )
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 3
) -> np.ndarray:
    """Fractal value noise, float32 (h, w), zero mean, roughly -1..1; `cells` across the longer
    side.
    """
    total = np.zeros(shape, np.float32)
    amplitude = 1.0
    for octave in range(octaves):
        n = cells * 2**octave
        grid = rng.standard_normal(
            (max(2, n * shape[0] // max(shape) + 2), max(2, n * shape[1] // max(shape) + 2))
        )
        total += amplitude * cv2.resize(
            grid.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        amplitude *= 0.55
    return total * 0.6


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
    image = _colour(rng, 0.35) + (slope[0] * (x - 0.5) + slope[1] * (y - 0.5))[..., None]
    return image + rng.uniform(0, 10) * noise(rng, shape, 4)[..., None]


def _stripes(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    u, v = _mesh(rng, shape, rng.choice([0, 2, 8]))
    period = rng.uniform(6, 34)
    chevrons = rng.random() < 0.3
    v = np.abs((v % (period * 3)) - period * 1.5) if chevrons else v * 0
    palette = np.stack([_colour(rng, 0.9) for _ in range(rng.integers(2, 6))])
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
    image = np.where(ink[..., None], _colour(rng, 0.8), _colour(rng, 0.5))
    return image + rng.uniform(0, 25) * noise(rng, shape, 30, 2)[..., None]


def _folds(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Curtains and wood: a pattern stretched along one direction."""
    u, _v = _mesh(rng, shape, 0)
    grain = noise(rng, shape, int(rng.integers(12, 40)), 3)
    stretched = cv2.resize(grain[: shape[0] // 8], shape[::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        stretched = cv2.resize(
            grain[:, : shape[1] // 10], shape[::-1], interpolation=cv2.INTER_LINEAR
        )
    stretched = stretched + 0.5 * np.sin(u / rng.uniform(2, 9) + 2 * noise(rng, shape, 2))
    base = (
        _lattice(rng, shape)
        if rng.random() < 0.35
        else np.broadcast_to(_colour(rng, 0.7), (*shape, 3))
    )
    return base * (1 + rng.uniform(0.1, 0.4) * stretched[..., None])


def _texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Foliage, carpet, rubble: coloured fractal noise, sometimes thresholded."""
    field = noise(rng, shape, int(rng.integers(4, 40)), 4)
    if rng.random() < 0.3:
        field = np.sign(field) * np.abs(field) ** 0.3
    mix = np.clip(0.5 + 0.5 * field, 0, 1)[..., None]
    image = _colour(rng, 0.8) * mix + _colour(rng, 0.8) * (1 - mix)
    return image + rng.uniform(5, 40) * noise(rng, shape, 60, 1)[..., None]


_SURFACES = (_plain, _plain, _plain, _stripes, _lattice, _folds, _texture)


def _building(rng: np.random.Generator, image: np.ndarray) -> None:
    """A facade or shelf: a perspective grid of darker cells, drawn in place."""
    h, w = image.shape[:2]
    x0, y0 = rng.uniform(-0.2, 0.7) * w, rng.uniform(-0.1, 0.5) * h
    width, height = rng.uniform(0.25, 1.0) * w, rng.uniform(0.2, 0.8) * h
    skew = rng.uniform(-0.3, 0.3)
    cols, rows = rng.integers(2, 12), rng.integers(1, 9)
    gap = rng.uniform(0.1, 0.45)
    wall, cell = _colour(rng, 0.4), _colour(rng, 0.5) * 0.6

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
            ink = _colour(rng, 0.9) if books else cell * rng.uniform(0.7, 1.3)
            box = [
                corner(c + gap / 2, r + gap / 2),
                corner(c + 1 - gap / 2, r + gap / 2),
                corner(c + 1 - gap / 2, r + 1 - gap / 3),
                corner(c + gap / 2, r + 1 - gap / 3),
            ]
            cv2.fillPoly(image, [np.array(box).astype(np.int32)], ink.tolist(), cv2.LINE_AA)


def _clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    """Furniture, screens, and upright thin or skin-coloured things that must not pass for a
    finger.
    """
    h, w = image.shape[:2]
    for _ in range(rng.integers(0, 9)):
        centre = rng.uniform(0, 1, 2) * (w, h)
        size = rng.uniform(0.03, 0.5, 2) * (w, h)
        ink = (_colour(rng, 0.7) if rng.random() < 0.7 else skin(rng)).tolist()
        kind = rng.integers(5)
        if kind <= 1:
            box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.normal(0, 6))))
            cv2.fillPoly(image, [box.astype(np.int32)], ink, cv2.LINE_AA)
        elif kind == 2:
            cv2.ellipse(
                image,
                (centre.tolist(), (size * 0.6).tolist(), float(rng.uniform(0, 180))),
                ink,
                -1,
                cv2.LINE_AA,
            )
        else:  # an upright, finger-like or pole-like distractor
            length = rng.uniform(0.1, 0.8) * h
            tilt = rng.normal(0, 0.25)
            end = centre + length * np.array([np.sin(tilt), np.cos(tilt)])
            thick = int(rng.integers(1, 12))
            cv2.line(
                image,
                tuple(centre.astype(int).tolist()),
                tuple(end.astype(int).tolist()),
                ink,
                thick,
                cv2.LINE_AA,
            )


@lru_cache(maxsize=BACKGROUNDS)
def background(index: int) -> np.ndarray:
    """Background number `index`, uint8 RGB of size SCENE."""
    rng = np.random.default_rng([101, index])
    h, w = SCENE
    image = _SURFACES[rng.integers(len(_SURFACES))](rng, SCENE)
    for _ in range(
        rng.choice([0, 0, 1, 1, 2])
    ):  # a table, a wall beside a door, a bed against a floor
        other = _SURFACES[rng.integers(len(_SURFACES))](rng, SCENE)
        side = np.zeros(SCENE, np.uint8)
        cut = rng.uniform(0.15, 0.85)
        if rng.random() < 0.5:
            quad = [(0, cut * h), (w, cut * h + rng.normal(0, 12)), (w, h), (0, h)]
        else:
            quad = [(cut * w, 0), (w, 0), (w, h), (cut * w + rng.normal(0, 15), h)]
        cv2.fillPoly(side, [np.array(quad).astype(np.int32)], 255, cv2.LINE_AA)
        weight = side[..., None].astype(np.float32) / 255
        image = image * (1 - weight) + other * weight
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


def skin(rng: np.random.Generator) -> np.ndarray:
    """A skin tone from pale to dark, float32 RGB (3,), 0..255."""
    tones = np.array(
        [
            [245, 205, 180],
            [225, 170, 135],
            [200, 140, 100],
            [160, 105, 70],
            [115, 72, 48],
            [75, 48, 35],
        ]
    )
    position = rng.uniform(0, len(tones) - 1)
    low = int(position)
    tone = tones[low] + (position - low) * (tones[min(low + 1, len(tones) - 1)] - tones[low])
    return (tone * rng.normal(1, 0.06, 3)).astype(np.float32)


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


@lru_cache(maxsize=HANDS)
def hand(index: int) -> np.ndarray:
    """A pointing right hand, uint8 (h, w, 4): shading in three channels (128 = albedo), then alpha.

    The index finger points up with its tip at HAND_ORIGIN; the wrist is at tip + WRIST * UNIT.
    """
    rng = np.random.default_rng([202, index])
    scale = UNIT * _SS
    shape = (int(3.4 * scale), int(2.6 * scale) // 4 * 4)
    origin = np.array(HAND_ORIGIN, float) * _SS

    def place(points: list[tuple[float, float]]) -> np.ndarray:
        return np.array(points) * scale + origin

    def fill(target: np.ndarray, points: np.ndarray, value: float) -> None:
        cv2.fillPoly(target, [np.round(points * 16).astype(np.int32)], value, cv2.LINE_AA, shift=4)

    half = rng.uniform(0.115, 0.165)  # half width of the finger
    lean = rng.normal(0, 0.05)
    bulge = rng.normal(0, 0.05, (12, 2))
    fist_points = [
        (-half, 0.95),
        (half + 0.02, 0.82),
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
    fist = _smooth_polygon(place((np.array(fist_points) + bulge * [[1, 0.6]]).tolist()))
    finger = _smooth_polygon(
        place(
            [
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
        )
    )
    alpha = np.zeros(shape, np.float32)
    fill(alpha, fist, 1)
    fist_only = alpha.copy()
    finger_only = np.zeros(shape, np.float32)
    fill(finger_only, finger, 1)
    light = rng.uniform(0, 2 * np.pi)
    shade = _shade(fist_only, light, scale * rng.uniform(0.12, 0.25))
    for knuckle in range(3):  # the curled fingers: soft dark creases beside the finger
        x = 0.22 + 0.17 * knuckle + rng.normal(0, 0.03)
        crease = place([(x, 0.9 + 0.06 * knuckle), (x + 0.03, 1.25 + 0.08 * knuckle)])
        layer = np.zeros(shape, np.float32)
        cv2.line(
            layer,
            tuple(crease[0].astype(int).tolist()),
            tuple(crease[1].astype(int).tolist()),
            1,
            int(0.05 * scale),
        )
        shade -= rng.uniform(0, 0.22) * cv2.GaussianBlur(layer, (0, 0), 0.03 * scale)
    if rng.random() < 0.6:  # a thumb that lies along the near side
        thumb = _smooth_polygon(
            place([(-0.1, 1.0), (-0.3, 1.1), (-0.32, 1.35), (-0.05, 1.7), (0.12, 1.6)])
            + rng.normal(0, 3, (5, 2))
        )
        layer = np.zeros(shape, np.float32)
        fill(layer, thumb, 1)
        shade = np.where(layer > 0.5, _shade(layer, light, scale * 0.1), shade)
        alpha = np.maximum(alpha, layer)
    shade = shade * (1 - finger_only) + finger_only * _shade(finger_only, light, scale * 0.08)
    alpha = np.maximum(alpha, finger_only)
    tint = np.ones((*shape, 3), np.float32)
    if rng.random() < 0.5:  # a lighter nail
        nail = place([(lean, 0.13)])[0]
        layer = np.zeros(shape, np.float32)
        cv2.ellipse(
            layer, (nail.tolist(), (half * scale * 1.1, 0.2 * scale), 0), 1, -1, cv2.LINE_AA
        )
        tint += layer[..., None] * np.array([0.12, 0.1, 0.12], np.float32)
    red = cv2.GaussianBlur(finger_only, (0, 0), 0.1 * scale)[..., None] * rng.uniform(0, 0.12)
    rgb = shade[..., None] * tint * (1 + red * np.array([1, -0.6, -0.6], np.float32))
    rgb *= 1 + 0.04 * noise(rng, shape, 24, 2)[..., None]
    sprite = np.dstack([np.clip(rgb * 160, 0, 255), alpha * 255])
    return cv2.resize(
        sprite, (shape[1] // _SS, shape[0] // _SS), interpolation=cv2.INTER_AREA
    ).astype(np.uint8)


ARM_ORIGIN = (48, 24)  # (x, y) of the wrist centre in the arm sprite


@lru_cache(maxsize=ARMS)
def arm(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A forearm that runs straight down from the wrist.

    Returns (shading uint8 (h, w, 4) as in `hand`, cloth uint8 (h, w, 4): RGB of a sleeve or a
    bracelet, and where it covers the skin).
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
        pattern = rng.integers(4)
        first, second = _colour(rng, 0.7), _colour(rng, 0.7)
        period = rng.uniform(0.15, 0.5)
        bands = (along / period % 1 < 0.5).astype(np.float32)
        columns = (side * 2 % 1 < 0.5).astype(np.float32)
        mix = (np.zeros_like(bands), bands, (bands + columns) / 2, noise(rng, shape, 12) * 0.3)[
            pattern
        ][..., None]
        cloth[..., :3] = first * (1 - mix) + second * mix
        cloth[..., 3] = 255 * sleeve
    if rng.random() < 0.35:
        at = rng.uniform(0.0, 0.35)
        band = (np.abs(along - at + 0.06 * side**2) < rng.uniform(0.03, 0.12)) & (
            cloth[..., 3] == 0
        )
        cloth[band] = [*_colour(rng, 0.5), 255]
    edge = np.clip((1 - np.abs(side)) * half, 0, 1) * (along > -0.45)
    direction = rng.uniform(-0.45, 0.45)
    shade = 0.72 + direction * side - 0.25 * side**2
    shade = shade * (1 + 0.04 * noise(rng, shape, 20, 2))
    shading = np.dstack([np.clip(shade * 160, 0, 255)] * 3 + [255 * edge])
    return shading.astype(np.uint8), np.clip(cloth, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def grain() -> np.ndarray:
    """One tile of sensor noise, int16 (GRAIN, GRAIN, 3), standard deviation 64: scale it down and
    crop.
    """
    return (np.random.default_rng(404).standard_normal((GRAIN, GRAIN, 3)) * 64).astype(np.int16)
