"""Rendered clips that show none of the ten strokes: what a model's domain is told apart from.

Some have the hand of the gestures, which does something else; the others have none. Room, camera,
light and sensor are drawn as for a gesture, so that only what happens tells the two apart.
Everything follows from (kind, seed).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from core.errors import BadInput
from core.video import Clip, digest
from core.world import backgrounds, layers, paint, sprites
from core.world.front import filmed_from_front
from core.world.render import USUAL, VIEWS, Camera, Light, Size, View, filmed, moments_of
from core.world.sensor import Sensor
from core.world.stroke import DIRECTED, SAMPLES, at_moments, wave

Drawn = list[np.ndarray]
"""The pictures of a clip before light and sensor, each uint8 RGB (h, w, 3)."""


def elsewhere(
    kind: str,
    seed: int,
    *,
    frames: int = 16,
    size: Size = (240, 320),
    seconds: float = 3.0,
    view: View = "own",
) -> Clip:
    """A clip of one of KINDS, with the arguments of `core.world.render.render`.

    Only what a hand does (HAND_KINDS) can be seen from the front. Raises: BadInput for an unknown
    kind, or a view that it has not.
    """
    if kind not in KINDS:
        raise BadInput(f"{kind!r} is no kind of clip; choose one of {', '.join(KINDS)}")
    if view not in VIEWS or (view == "front" and kind not in HAND_KINDS):
        raise BadInput(
            f"{kind!r} is not seen from {view!r}; from the front are {', '.join(HAND_KINDS)}"
        )
    key = [seed, KINDS.index(kind), 7]
    rng, recolouring = np.random.default_rng(key), np.random.default_rng([*key, 1])
    if kind in _PATHS:
        path, film_of = _PATHS[kind](rng), filmed
        if view == "front":  # rested, moved and raised as a stroke that takes most of the clip
            film_of = partial(filmed_from_front, label=DIRECTED[0])
        film = film_of(
            path, rng, recolouring, frames=frames, size=size, odds=USUAL, only=np.arange(frames)
        )
        pictures = film.frames
    else:
        moments = moments_of(frames)
        camera = Camera.draw(rng, moments, size, USUAL)
        light = Light.draw(rng, recolouring, frames, USUAL)
        sensor = Sensor.draw(rng)
        drawn = _SCENES[kind](rng, moments, size, camera, light)
        lit = [light.expose(t, sensor.focus(picture)) for t, picture in enumerate(drawn)]
        pictures = np.stack([sensor.read(picture, sensor.place(size, rng)) for picture in lit])
    times = (np.arange(frames) + 0.5) * seconds / frames
    name = f"elsewhere:{kind}:{seed}" + (":front" if view == "front" else "")
    return Clip(pictures, times, name, digest(name, pictures.shape))


def _resting(rng: np.random.Generator) -> np.ndarray:
    """A hand that stays where it is, and perhaps trembles."""
    tremble = rng.choice([0.0, 0.004, 0.012])
    place = rng.uniform((0.2, 0.15), (0.8, 0.75))
    return place + tremble * rng.standard_normal((SAMPLES, 2))


def _wandering(rng: np.random.Generator) -> np.ndarray:
    """A hand that goes about without aim."""
    terms = int(rng.integers(6, 14))
    reach = rng.uniform(0.05, 0.22)
    way = np.stack([wave(rng, terms=terms) for _ in range(2)], 1)
    return rng.uniform((0.35, 0.3), (0.65, 0.6)) + reach * way * (1, 0.9)


def _wiping(rng: np.random.Generator) -> np.ndarray:
    """A hand that waves or wipes to and fro, two times or more."""
    t = np.linspace(0, 1, SAMPLES)
    turns = rng.uniform(2, 5)
    across = np.sin(2 * np.pi * (turns * t + rng.random())) * rng.uniform(0.08, 0.3)
    angle = rng.uniform(0, np.pi)
    drift = rng.normal(0, 0.1, 2) * t[:, None]
    place = rng.uniform((0.35, 0.3), (0.65, 0.6))
    return place + across[:, None] * (np.cos(angle), np.sin(angle)) + drift


def _passing(rng: np.random.Generator) -> np.ndarray:
    """A hand that comes in, waits somewhere and leaves again."""
    t = np.linspace(0, 1, SAMPLES)
    arrival, departure = rng.uniform(0.15, 0.4), rng.uniform(0.6, 0.95)
    steep = rng.uniform(12, 40)
    inside = 1 / (1 + np.exp((arrival - t) * steep)) - 1 / (1 + np.exp((departure - t) * steep))
    outside = np.array([rng.uniform(0.2, 1.2), rng.uniform(1.2, 1.5)])
    place = rng.uniform((0.25, 0.2), (0.75, 0.7))
    return outside + inside[:, None] * (place - outside)


def _room(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """A room in which nothing moves but the camera's own shake."""
    return [camera.view(t, light.scene, size) for t in range(len(moments))]


def _panning(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """A camera that pans, turns or zooms over a still scene, near or far."""
    h, w = size
    rows, columns = backgrounds.SCENE
    pan = rng.uniform(0, 0.35) * np.stack([at_moments(wave(rng), moments) for _ in range(2)], 1)
    turn = rng.choice([0.0, 0.3]) * at_moments(wave(rng), moments)
    zoom = rng.uniform(0.4, 1.2) * np.exp(rng.uniform(0, 0.5) * at_moments(wave(rng), moments))
    pictures = []
    for t in range(len(moments)):
        c, s = np.cos(turn[t]) / zoom[t], np.sin(turn[t]) / zoom[t]
        linear = np.array([[c, -s], [s, c]]) * np.array([[w / columns], [h / rows]])
        shift = np.array([w / 2, h / 2]) * (1 + pan[t]) - linear @ (columns / 2, rows / 2)
        matrix = np.column_stack([linear, shift])
        pictures.append(_warped(light.scene, matrix, size, cv2.BORDER_REFLECT))
    return pictures


def _cutting(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """Scenes that follow one another, by cuts or fades, or under a light that flickers."""
    count = int(rng.integers(1, 5))
    scenes = [
        backgrounds.background(int(i)) for i in rng.integers(backgrounds.BACKGROUNDS, size=count)
    ]
    place = np.sort(rng.uniform(0, count, len(moments)))
    fades = rng.random() < 0.5
    flicker = rng.choice([0.0, 0.1, 0.4]) if count > 1 else 0.4
    pictures = []
    for t, at in enumerate(place):
        scene, after = scenes[int(at)], scenes[min(int(at) + 1, count - 1)]
        if fades:
            scene = cv2.addWeighted(after, at % 1, scene, 1 - at % 1, 0)
        scene = cv2.convertScaleAbs(scene, alpha=float(np.exp(flicker * rng.standard_normal())))
        pictures.append(camera.view(t, scene, size))
    return pictures


def _flowing(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """Water, leaves or smoke: a scene whose every part moves its own way."""
    h, w = size
    y, x = np.mgrid[:h, :w].astype(np.float32)
    cells = int(rng.integers(2, 12))
    fields = [paint.noise(rng, size, cells, 2) for _ in range(4)]
    strength, speed = rng.uniform(0.02, 0.12) * w, rng.uniform(0.5, 6)
    pictures = []
    for t, moment in enumerate(moments / SAMPLES):
        c, s = np.cos(speed * moment), np.sin(speed * moment)
        dx, dy = c * fields[0] + s * fields[1], c * fields[2] + s * fields[3]
        picture = camera.view(t, light.scene, size)
        pictures.append(
            cv2.remap(
                picture,
                (x + strength * dx).astype(np.float32),
                (y + strength * dy).astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
        )
    return pictures


def _things(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """Balls, boxes, animals and hands of other kinds that fly, fall, turn, come and go."""
    count = int(rng.choice([1, 1, 2, 3, 6]))
    ways = []
    for _ in range(count):
        t = moments[:, None] / SAMPLES
        along = rng.uniform(0, 1.4) * rng.standard_normal(2) * (t - 0.5)
        about = rng.uniform(0, 0.25) * np.stack(
            [at_moments(wave(rng, terms=int(rng.integers(1, 8))), moments) for _ in range(2)], 1
        )
        ways.append(
            (
                _thing(rng),
                rng.uniform(0.1, 0.9, 2) + along + about,
                rng.uniform(0.05, 0.6)
                * np.exp(rng.uniform(0, 0.4) * at_moments(wave(rng), moments)),
                rng.uniform(0, 2 * np.pi) + rng.uniform(0, 2) * at_moments(wave(rng), moments),
            )
        )
    return _pasted(ways, size, camera, light)


def _growing(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """A flower that opens, ink that spreads, a thing that comes nearer: or all of it backwards."""
    t = moments / SAMPLES
    t = 1 - t if rng.random() < 0.3 else t
    growth = 0.1 + 0.9 / (1 + np.exp((rng.uniform(0.2, 0.7) - t) * rng.uniform(3, 12)))
    petals = int(rng.choice([1, 1, 4, 6, 9]))
    centre = rng.uniform(0.3, 0.7, 2)
    final, spread = rng.uniform(0.25, 1.1), rng.uniform(0.1, 0.35)
    thing = _thing(rng)
    ways = []
    for petal in range(petals):
        angle = 2 * np.pi * petal / petals + rng.normal(0, 0.1) + rng.normal(0, 0.5) * t
        away = spread * (petals > 1) * growth[:, None]
        place = centre + away * np.stack([np.cos(angle), np.sin(angle)], 1)
        ways.append((thing, place, final * growth, angle))
    return _pasted(ways, size, camera, light)


def _person(
    rng: np.random.Generator, moments: np.ndarray, size: Size, camera: Camera, light: Light
) -> Drawn:
    """Somebody who faces the camera: a head, a body, and arms that talk or work."""
    h, w = size
    skin, shirt, hair = paint.skin(rng), paint.colour(rng, 0.8), paint.colour(rng, 0.4) * 0.5
    height = rng.uniform(0.12, 0.32) * h  # of the head
    sway = rng.uniform(0, 0.05) * w * at_moments(wave(rng), moments)
    middle = rng.uniform(0.3, 0.7) * w + sway
    top = rng.uniform(0.02, 0.35) * h + rng.uniform(0, 0.03) * h * at_moments(wave(rng), moments)
    shoulder = height * rng.uniform(0.9, 1.3)
    busy = rng.uniform(0, 1.2, 2) * (rng.random(2) < 0.8)
    hands = [
        np.stack([at_moments(wave(rng, terms=6), moments) for _ in range(2)], 1) * height * busy[i]
        + np.array([side * shoulder * rng.uniform(0.2, 1.2), height * rng.uniform(1.2, 3.2)])
        for i, side in enumerate((-1, 1))
    ]
    pictures = []
    for t in range(len(moments)):
        picture = camera.view(t, light.scene, size).copy()
        neck = np.array([middle[t], top[t] + height])
        torso = np.array([[-1, 0.35], [1, 0.35], [0.9, 6], [-0.9, 6]]) * (shoulder, height) + neck
        _polygon(picture, torso, shirt)
        _stroke(picture, neck, neck + np.array([0, 0.4 * height]), skin * 0.9, height * 0.35)
        head = ((middle[t], top[t] + height / 2), (0.75 * height, height), 0.0)
        cv2.ellipse(picture, head, skin.tolist(), -1, cv2.LINE_AA)
        cap = ((middle[t], top[t] + height * 0.2), (0.8 * height, 0.5 * height), 0.0)
        cv2.ellipse(picture, cap, hair.tolist(), -1, cv2.LINE_AA)
        for side, hand in zip((-1, 1), hands, strict=True):
            joint = neck + np.array([side * shoulder, 0.5 * height])
            palm = neck + hand[t]
            elbow = (joint + palm) / 2 + height * np.array([side * 0.6, 0.7])
            _stroke(picture, joint, elbow, shirt * 0.9, height * 0.38)
            _stroke(picture, elbow, palm, skin * 0.95, height * 0.25)
            ball = (palm.tolist(), (0.5 * height, 0.42 * height), 0.0)
            cv2.ellipse(picture, ball, skin.tolist(), -1, cv2.LINE_AA)
        pictures.append(picture)
    return pictures


Way = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""A sprite, and for each frame its place (T, 2) of 0..1, its size of the width, its angle."""
_SPRITE = 96
"""Pixels along each side of the sprite of a thing."""


def _pasted(ways: list[Way], size: Size, camera: Camera, light: Light) -> Drawn:
    """Things that go their ways before the scene of the camera."""
    h, w = size
    pictures = []
    for t in range(len(ways[0][1])):
        picture = camera.view(t, light.scene, size)
        for sprite, place, scale, angle in ways:
            c, s = np.cos(angle[t]), np.sin(angle[t])
            linear = np.array([[c, -s], [s, c]]) * scale[t] * w / _SPRITE
            shift = place[t] * (w, h) - linear @ (_SPRITE / 2, _SPRITE / 2)
            matrix = np.column_stack([linear, shift])
            picture = layers.over(_warped(sprite, matrix, size, cv2.BORDER_CONSTANT), picture)
        pictures.append(picture)
    return pictures


def _thing(rng: np.random.Generator) -> np.ndarray:
    """A thing as premultiplied uint8 RGBA (_SPRITE, _SPRITE, 4): a shape, or a hand."""
    if rng.random() < 0.15:
        hand = layers.tinted(
            sprites.hand(int(rng.integers(sprites.HANDS))), paint.skin(rng), rng.uniform(0, 0.8)
        )
        return cv2.resize(hand, (_SPRITE, _SPRITE), interpolation=cv2.INTER_AREA)
    shape = np.zeros((_SPRITE, _SPRITE), np.uint8)
    middle = _SPRITE / 2
    kind = rng.integers(3)
    if kind == 0:
        axes = (_SPRITE * rng.uniform(0.3, 0.95), _SPRITE * 0.95)
        cv2.ellipse(shape, ((middle, middle), axes, 0.0), 255, -1, cv2.LINE_AA)
    else:  # a blob, or a body with a few corners
        corners = int(rng.integers(3, 7)) if kind == 1 else 24
        angle = np.arange(corners) * 2 * np.pi / corners
        bumps = np.exp(rng.uniform(0, 0.5) * np.resize(wave(rng, corners, 5), corners))
        radius = 0.45 * _SPRITE * bumps / bumps.max()
        points = middle + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
        cv2.fillPoly(shape, [points.astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.5:
        surface = np.full((_SPRITE, _SPRITE, 3), paint.colour(rng, 0.9), np.float32)
    else:
        scene = backgrounds.background(int(rng.integers(backgrounds.BACKGROUNDS)))
        surface = cv2.resize(scene, (_SPRITE, _SPRITE)).astype(np.float32)
    shade = 1 + rng.uniform(0, 0.4) * paint.noise(rng, (_SPRITE, _SPRITE), 1, 1)[..., None]
    opaque = shape[..., None].astype(np.float32) / 255
    coloured = np.clip(surface * shade, 0, 255) * opaque
    return np.dstack([coloured.astype(np.uint8), shape])


def _warped(picture: np.ndarray, matrix: np.ndarray, size: Size, border: int) -> np.ndarray:
    """The picture under an affine map (2, 3), as large as a frame."""
    return cv2.warpAffine(
        picture,
        matrix.astype(np.float32),
        size[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=border,
    )


def _polygon(picture: np.ndarray, points: np.ndarray, ink: np.ndarray) -> None:
    """Fill a polygon (n, 2) of pixels, in place."""
    cv2.fillPoly(picture, [points.astype(np.int32)], ink.tolist(), cv2.LINE_AA)


def _stroke(
    picture: np.ndarray, start: np.ndarray, end: np.ndarray, ink: np.ndarray, thick: float
) -> None:
    """Draw a thick line, in place."""
    first, last = start.astype(int).tolist(), end.astype(int).tolist()
    cv2.line(picture, first, last, ink.tolist(), max(1, int(thick)), cv2.LINE_AA)


_PATHS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "resting": _resting,
    "wandering": _wandering,
    "wiping": _wiping,
    "passing": _passing,
}
"""What else the hand does: the fingertip's way, (SAMPLES, 2) of 0..1."""
_SCENES: dict[str, Callable[[np.random.Generator, np.ndarray, Size, Camera, Light], Drawn]] = {
    "room": _room,
    "panning": _panning,
    "cutting": _cutting,
    "flowing": _flowing,
    "things": _things,
    "growing": _growing,
    "person": _person,
}
"""What happens without it."""
HAND_KINDS: tuple[str, ...] = tuple(_PATHS)
KINDS: tuple[str, ...] = (*HAND_KINDS, *_SCENES)
