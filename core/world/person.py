"""Somebody who faces the camera: head, clothes, and one arm that hangs, each from an index.

As in `core.world.sprites` the same index gives the same bytes; pictures are uint8 RGBA,
premultiplied. The other arm is the one that draws; it is laid over the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from core.world import paint

PEOPLE = 256
PERSON = (384, 264)
"""Height and width of a person's picture."""
CHIN = (132, 104)
"""(x, y) of the chin in it; a head is HEAD pixels high."""
HEAD = 72

_HAIR = np.array([[28, 22, 20], [60, 42, 30], [105, 72, 45], [190, 150, 95], [150, 145, 142]])
_Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Looks:
    """What is drawn of a person, and their arm with it. Lengths are in heads."""

    skin: np.ndarray  # (3,) RGB
    hair: np.ndarray
    shirt: np.ndarray
    shoulder: float  # half of the way from one shoulder to the other
    sleeve: float  # how much of an arm it covers: 0..1 the upper arm, 1..2 the forearm too
    jacket: np.ndarray | None  # over the shirt


@lru_cache(maxsize=PEOPLE)
def looks(index: int) -> Looks:
    """The looks of person number `index`."""
    rng = np.random.default_rng([606, index])
    skin = paint.skin(rng)
    hair = _HAIR[int(rng.integers(len(_HAIR)))] * rng.uniform(0.6, 1.2)
    if rng.random() < 0.08:
        hair = paint.colour(rng, 0.8)
    shirt = paint.colour(rng, 0.4 if rng.random() < 0.6 else 0.8)
    jacket = paint.colour(rng, 0.4) if rng.random() < 0.2 else None
    sleeve = rng.uniform(0.3, 0.9) if rng.random() < 0.55 else rng.uniform(1.5, 1.95)
    if jacket is not None:
        sleeve = 1.9
    return Looks(skin, hair, shirt, rng.uniform(0.72, 0.95), sleeve, jacket)


def tone(index: int) -> np.ndarray:
    """The skin of person number `index`, float32 (3,)."""
    return looks(index).skin


@lru_cache(maxsize=PEOPLE)
def person(index: int) -> np.ndarray:
    """Person number `index` down to the hips, uint8 RGBA of size PERSON, premultiplied.

    The left arm of the picture hangs; the right one is not there.
    """
    rng = np.random.default_rng([607, index])
    who = looks(index)
    picture = np.zeros((*PERSON, 4), np.float32)
    width = HEAD * rng.uniform(0.66, 0.78)
    x, chin = CHIN
    if rng.random() < 0.35:  # long hair, behind everything
        long = (1.25 * width, rng.uniform(1.3, 2.1) * HEAD)
        _oval(picture, (x, chin - 0.35 * HEAD), long, who.hair * 0.8)
    _hanging_arm(picture, rng, who)
    _body(picture, rng, who)
    _neck(picture, rng, who)
    _oval(picture, (x, chin - HEAD / 2), (width, HEAD), who.skin)
    jaw = (0.8 * width, 0.5 * HEAD)
    _oval(picture, (x, chin - 0.27 * HEAD), jaw, who.skin)
    _face(picture, rng, who, width)
    _top_of_hair(picture, rng, who, width)
    light = 1 + rng.uniform(-0.3, 0.3) * (np.arange(PERSON[1]) / PERSON[1] - 0.5)
    picture[..., :3] *= light[None, :, None]
    picture[..., :3] *= 1 + 0.04 * paint.noise(rng, PERSON, 24, 2)[..., None]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7)
    opaque = soft[..., 3:] / 255
    colours = np.clip(soft[..., :3], 0, 255) * np.minimum(opaque, 1)
    return np.dstack([colours, soft[..., 3:]]).astype(np.uint8)


def _at(points: _Points) -> np.ndarray:
    """Points in heads from the chin, as whole pixels."""
    return np.round(np.array(points) * HEAD + np.array(CHIN)).astype(np.int32)


def _hanging_arm(picture: np.ndarray, rng: np.random.Generator, who: Looks) -> None:
    """The arm on the left of the picture, in place: it hangs, or its hand is on the hip."""
    shoulder = (-who.shoulder + 0.16, 0.6)
    elbow = (-who.shoulder - rng.uniform(0.05, 0.3), 1.75)
    hand = (-who.shoulder - rng.uniform(-0.1, 0.25), 2.8)
    if rng.random() < 0.25:
        hand = (rng.uniform(-0.7, 0.2), rng.uniform(1.9, 2.5))
    joints = _at([shoulder, elbow, hand])
    thick = int(0.36 * HEAD)
    cloth = who.shirt if who.jacket is None else who.jacket
    cv2.polylines(picture, [joints], False, _opaque(who.skin * 0.92), thick - 4, cv2.LINE_AA)
    covered = [shoulder]
    for share, start, end in ((who.sleeve, shoulder, elbow), (who.sleeve - 1, elbow, hand)):
        if share > 0:
            part = min(share, 0.95)
            covered.append(tuple((1 - part) * np.array(start) + part * np.array(end)))
    cv2.polylines(picture, [_at(covered)], False, _opaque(cloth * 0.92), thick + 2, cv2.LINE_AA)


def _body(picture: np.ndarray, rng: np.random.Generator, who: Looks) -> None:
    """The clothes from the shoulders down, with folds and perhaps a pattern, in place."""
    s, waist = who.shoulder, who.shoulder * rng.uniform(0.78, 0.98)
    drop = rng.uniform(0.36, 0.5)
    right: _Points = [(0.24, 0.14), (0.45, 0.25), (0.8 * s, drop), (s, drop + 0.2)]
    right += [(0.97 * s, 1.0), (0.95 * waist, 2.2), (1.05 * waist, 4.0)]
    outline = right + [(-x, y) for x, y in reversed(right)]
    mask = np.zeros(PERSON, np.float32)
    cv2.fillPoly(mask, [_at(outline)], 1, cv2.LINE_AA)
    round_off = cv2.GaussianBlur(mask, (0, 0), 0.07 * HEAD)
    mask = np.clip((round_off - 0.4) * 6, 0, 1)
    y, x = np.mgrid[: PERSON[0], : PERSON[1]].astype(np.float32)
    cloth = np.broadcast_to(who.shirt, (*PERSON, 3)) * _pattern(rng, x, y)
    if who.jacket is not None:
        opening = (y - CHIN[1]) / HEAD * rng.uniform(0.0, 0.12) + rng.uniform(0.12, 0.4)
        is_open = np.abs(x - CHIN[0]) / HEAD < opening
        cloth = np.where(is_open[..., None], cloth, who.jacket)
    folds = paint.noise(rng, (PERSON[0] // 2, PERSON[1]), 14, 2)
    folds = cv2.resize(folds, PERSON[::-1])
    solid = cv2.GaussianBlur(mask, (0, 0), 0.22 * HEAD)
    shade = (0.72 + 0.33 * solid + rng.uniform(0.02, 0.08) * folds)[..., None]
    _laid(picture, cloth * shade, mask)


def _pattern(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a cloth's colour is multiplied by, (h, w, 1) or (h, w, 3): plain, stripes, a print."""
    kind = rng.random()
    period = rng.uniform(5, 22)
    other = rng.uniform(0.4, 1.5, 3)
    ink: np.ndarray
    stripes = (y / period % 1 < 0.5).astype(np.float32)
    if kind < 0.62:
        return np.ones((*PERSON, 1), np.float32)
    if kind < 0.74:
        ink = stripes
    elif kind < 0.84:
        ink = (stripes + (x / period % 1 < 0.5)) / 2
    else:
        place = rng.uniform((-0.2, 0.9), (0.2, 1.4)) * HEAD + CHIN
        half = rng.uniform(0.15, 0.45, 2) * HEAD
        ink = ((np.abs(x - place[0]) < half[0]) & (np.abs(y - place[1]) < half[1])).astype(
            np.float32
        )
    return 1 + ink[..., None] * (other - 1)


def _neck(picture: np.ndarray, rng: np.random.Generator, who: Looks) -> None:
    half, depth = rng.uniform(0.2, 0.26), rng.uniform(0.28, 0.5)
    points: _Points = [(-half, -0.25), (half, -0.25), (half, 0.17), (0.6 * half, depth)]
    points += [(-0.6 * half, depth), (-half, 0.17)]
    cv2.fillPoly(picture, [_at(points)], _opaque(who.skin * 0.84), cv2.LINE_AA)


def _face(picture: np.ndarray, rng: np.random.Generator, who: Looks, width: float) -> None:
    """Eyes, brows, ears, nose, mouth, perhaps a beard and glasses, in place."""
    x, chin = CHIN
    skin, hair = who.skin, who.hair
    eyes = chin - HEAD * rng.uniform(0.5, 0.56)
    apart = 0.2 * width
    if rng.random() < 0.2:
        _oval(
            picture, (x, chin - 0.14 * HEAD), (0.72 * width, 0.34 * HEAD), hair * 0.5 + skin * 0.4
        )
    for side in (-1, 1):
        at = x + side * apart
        _oval(picture, (x + side * 0.5 * width, eyes + 4), (0.09 * width, 0.2 * HEAD), skin * 0.85)
        _oval(picture, (at, eyes), (0.24 * width, 0.1 * HEAD), skin * 0.82)
        _oval(picture, (at, eyes), (0.16 * width, 0.05 * HEAD), skin * 0.4 + 90)
        _oval(picture, (at, eyes), (0.08 * width, 0.05 * HEAD), hair * 0.4 + 12)
        brow = (at, eyes - 0.1 * HEAD)
        _oval(picture, brow, (0.22 * width, 0.03 * HEAD), hair * 0.8 + skin * 0.15)
    _oval(picture, (x, eyes + 0.17 * HEAD), (0.15 * width, 0.2 * HEAD), skin * 0.93)
    _oval(picture, (x, eyes + 0.26 * HEAD), (0.14 * width, 0.03 * HEAD), skin * 0.72)
    mouth = np.array([150, 80, 80]) * 0.35 + skin * 0.5
    _oval(picture, (x, chin - 0.19 * HEAD), (0.32 * width, 0.045 * HEAD), mouth)
    if rng.random() < 0.25:
        for side in (-1, 1):
            centre = (int(x + side * apart), int(eyes))
            cv2.circle(picture, centre, int(0.16 * width), (25, 25, 30, 255), 1, cv2.LINE_AA)


def _top_of_hair(picture: np.ndarray, rng: np.random.Generator, who: Looks, width: float) -> None:
    """The hair on the head, with a parting or a fringe, in place."""
    x, chin = CHIN
    if rng.random() < 0.06:
        return
    high = HEAD * rng.uniform(0.3, 0.48)
    _oval(picture, (x, chin - 0.92 * HEAD), (rng.uniform(1.0, 1.15) * width, high), who.hair)
    for side in (-1, 1):
        place = (x + side * rng.uniform(0.15, 0.4) * width, chin - 0.8 * HEAD)
        tuft = (rng.uniform(0.3, 0.55) * width, HEAD * rng.uniform(0.16, 0.36))
        _oval(picture, place, tuft, who.hair * rng.uniform(0.85, 1.2))


def _laid(picture: np.ndarray, colours: np.ndarray, mask: np.ndarray) -> None:
    """Colours (h, w, 3) over the picture where the mask (h, w) of 0..1 is, in place."""
    picture[..., :3] += mask[..., None] * (colours - picture[..., :3])
    np.maximum(picture[..., 3], 255 * mask, out=picture[..., 3])


def _opaque(colour: np.ndarray) -> tuple[float, ...]:
    return (*map(float, colour), 255.0)


def _oval(
    picture: np.ndarray, centre: tuple[float, float], size: tuple[float, float], colour: np.ndarray
) -> None:
    """Fill an ellipse `size` pixels wide and high, in place."""
    box = (tuple(map(float, centre)), tuple(map(float, size)), 0.0)
    cv2.ellipse(picture, box, _opaque(colour), -1, cv2.LINE_AA)
