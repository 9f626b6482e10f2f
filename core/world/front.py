"""The same strokes seen from the front: a person who faces a webcam and draws them in the air.

The hand is beside or before the face, open (palm or back) or pointing; behind is a room. The
picture is taken as it is shown: a stroke to the right runs to the right in it, as in a mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.world import layers, sprites
from core.world.person import CHIN, HEAD, OPEN_HANDS, PEOPLE, open_hand, person, tone
from core.world.render import (
    Camera,
    Film,
    Light,
    Odds,
    Pose,
    Size,
    moments_of,
)
from core.world.sensor import Sensor
from core.world.stroke import at_moments, wave


def filmed_from_front(
    path: np.ndarray,
    rng: np.random.Generator,
    recolouring: np.random.Generator,
    *,
    frames: int,
    size: Size,
    odds: Odds,
    only: np.ndarray,
) -> Film:
    """As `render.filmed`, of a person whose fingertip is at `path` (SAMPLES, 2) of 0..1."""
    h, w = size
    moments = moments_of(frames)
    camera = Camera.draw(rng, moments, size, odds)
    light = Light.draw(rng, recolouring, frames, odds)
    number = int(rng.integers(PEOPLE))
    somebody = Somebody.draw(rng, moments, size, number)
    hand, arm = limbs(rng, number)
    pose = front_pose(rng, path, moments, size, camera.shutter, somebody)
    sensor = Sensor.draw(rng)
    grains = [sensor.place(size, rng) for _ in range(frames)]
    pictures = np.empty((len(only), h, w, 3), np.uint8)
    mask = np.empty((len(only), h, w), bool)
    for i, t in enumerate(only):
        figure = pose.figure(t, hand, arm, size)
        picture = layers.over(somebody.view(t, size), camera.view(t, light.scene, size))
        picture = sensor.focus(layers.over(figure, picture))
        pictures[i] = sensor.read(light.expose(t, picture), grains[t])
        mask[i] = layers.alpha(figure) > 127
    fingertip = (at_moments(path, moments) * (w, h)).astype(np.float32)
    return Film(pictures, mask, fingertip, camera)


@dataclass(frozen=True)
class Somebody:
    """A person in the picture, who sways a little."""

    picture: np.ndarray  # uint8 RGBA, premultiplied
    place: np.ndarray  # (T, 2, 3) float32: affine from it to frame pixels
    chin: np.ndarray  # (2,): x, y of 0..1, on average

    @classmethod
    def draw(
        cls, rng: np.random.Generator, moments: np.ndarray, size: Size, number: int
    ) -> Somebody:
        """At moments (T,) of the stroke; the head is a third to three quarters of the picture."""
        h, w = size
        scale = rng.uniform(0.3, 0.62) / HEAD
        chin = np.array([rng.normal(0.5, 0.1), rng.uniform(0.55, 0.8)])
        sway = 0.012 * np.stack([at_moments(wave(rng), moments) for _ in range(2)], 1)
        lean = rng.normal(0, 0.06) + 0.02 * at_moments(wave(rng), moments)
        turn = np.stack([np.cos(lean), -np.sin(lean), np.sin(lean), np.cos(lean)], 1)
        linear = turn.reshape(-1, 2, 2) * scale * np.array([[w * 3 / 4], [h]])
        shift = (chin + sway) * (w, h) - linear @ np.array(CHIN, float)
        place = np.concatenate([linear, shift[..., None]], 2).astype(np.float32)
        return cls(person(number), place, chin)

    def view(self, t: int, size: Size) -> np.ndarray:
        """The person in frame t, premultiplied uint8 RGBA (h, w, 4)."""
        return cv2.warpAffine(self.picture, self.place[t], size[::-1], flags=cv2.INTER_AREA)


def limbs(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Hand and arm of person `number`, premultiplied uint8 RGBA; two hands in three are open."""
    colour = tone(number) * np.exp(rng.normal(0, 0.12))
    flat = rng.uniform(0.2, 0.8)
    if rng.random() < 0.66:
        shading = open_hand(int(rng.integers(OPEN_HANDS)))
    else:
        shading = sprites.hand(int(rng.integers(sprites.HANDS)))
    bones, cloth = sprites.arm(int(rng.integers(sprites.ARMS)))
    return layers.tinted(shading, colour, flat), layers.tinted(bones, colour, flat, cloth)


def front_pose(
    rng: np.random.Generator,
    path: np.ndarray,
    moments: np.ndarray,
    size: Size,
    shutter: float,
    somebody: Somebody,
) -> Pose:
    """Hand and forearm for the fingertip's path: either arm, its elbow low beside the body."""
    h, w = size
    tip = at_moments(path, moments)
    smear = (at_moments(path, moments + 1) - tip) * (w, h) * shutter
    side = 1.0 if rng.random() < 0.5 else -1.0
    length = rng.uniform(0.1, 0.2)
    scale = np.array((length * w, length * h * 4 / 3 * rng.normal(1, 0.05)))
    scale = scale * (1 + at_moments(0.04 * wave(rng), moments)[:, None]) / sprites.UNIT
    elbow = somebody.chin + np.array([side * rng.uniform(0.18, 0.42), rng.uniform(0.4, 0.75)])
    elbow[1] = max(elbow[1], 1.1)  # below the picture, so that no arm ends in it
    return Pose.reaching(tip, smear, scale, elbow, side, rng.normal(0, 0.15), 0.35, size)
