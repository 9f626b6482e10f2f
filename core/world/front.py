"""The same strokes seen from the front: a person who faces a webcam and draws them in the air.

The hand is beside or before the body, open or pointing, its arm swings about the elbow; behind is
a room. The picture is taken as it is shown: a stroke to the right runs to the right in it, as in a
mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.world import backgrounds, layers, rooms
from core.world.arm import Joints, Swing
from core.world.limbs import LIMBS, POSES, HandPose, dressed, hand_pose, limb
from core.world.person import CHIN, HEAD, PEOPLE, Looks, looks, person
from core.world.phases import Phases
from core.world.render import Film, Odds, Size, moments_of
from core.world.stroke import SAMPLES, at_moments, wave
from core.world.webcam import Webcam, standing

_FINGER = 0.34
"""Length of a finger, in heads."""


def filmed_from_front(
    path: np.ndarray,
    rng: np.random.Generator,
    recolouring: np.random.Generator,
    *,
    label: str,
    frames: int,
    size: Size,
    odds: Odds,
    only: np.ndarray,
) -> Film:
    """As `render.filmed`, of a person whose fingertip draws `path` (SAMPLES, 2) of 0..1.

    When in the clip it does so is drawn here, and where in the picture.
    """
    h, w = size
    moments = moments_of(frames)
    shape = rng.uniform(1.15, 1.85)  # of the picture that the camera took, width to height
    placed = moved(path, rng)
    tip = Phases.draw(rng, label).run(placed, rng)
    who = int(rng.integers(PEOPLE))
    head = float(np.exp(rng.uniform(np.log(0.17), np.log(0.5))))
    finger = min(head * _FINGER * np.exp(rng.uniform(0, 0.6)), 0.2)
    swing = Swing.draw(rng, tip * (shape, 1), finger, placed * (shape, 1))
    body = Body.draw(rng, swing, head, shape, looks(who))
    pose = hand_pose(int(rng.integers(POSES)))
    joints = Joints.of(swing.at(moments), pose, body.shoulder(moments), head * 0.37)
    camera = standing(rng, moments, size, odds)
    webcam = Webcam.draw(rng, recolouring, moments, odds)
    grains = [webcam.sensor.place(size, rng) for _ in range(frames)]
    shutter = rng.uniform(0.3, 3.0) * (rng.random() < 0.85)
    smear = (at_moments(tip, moments + 1) - at_moments(tip, moments)) * (w, h) * shutter
    scene, light = surroundings(rng, looks(who), odds)
    arm = Arm.draw(rng, looks(who), pose, joints, light, size, shape, smear)
    still = Still(body, person(who), light, scene, size, shape, moments)
    pictures = np.empty((len(only), h, w, 3), np.uint8)
    mask = np.empty((len(only), h, w), bool)
    for i, t in enumerate(only):
        figure, upper = arm.figure(t, size)
        picture = layers.over(upper, still.view(t, camera.matrices[t]))
        pictures[i] = webcam.take(t, layers.over(figure, picture), grains[t])
        mask[i] = layers.alpha(figure) > 127
    fingertip = (at_moments(tip, moments) * (w, h)).astype(np.float32)
    return Film(pictures, mask, fingertip, camera)


def moved(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The path (SAMPLES, 2) of 0..1 elsewhere and larger, as an arm reaches farther than a wrist.

    It stays in the picture where it was in it.
    """
    low, high = path.min(0), path.max(0)
    middle = (low + high) / 2
    scale = np.minimum(rng.uniform(0.85, 1.45), 0.9 / np.maximum(high - low, 1e-6))
    path = middle + (path - middle) * scale
    low, high = path.min(0), path.max(0)
    inside = (0.04 - low, 0.95 - high)
    return path + np.clip(rng.normal(0, (0.12, 0.07)), *inside)


def surroundings(rng: np.random.Generator, who: Looks, odds: Odds) -> tuple[np.ndarray, float]:
    """A scene, uint8 RGB of size backgrounds.SCENE, and how brightly the person before it is lit.

    Two scenes in three are rooms.
    """
    if rng.random() < 0.67:
        scene = rooms.room(int(rng.integers(rooms.ROOMS)))
    else:
        scene = backgrounds.background(int(rng.integers(backgrounds.BACKGROUNDS)))
    if rng.random() < odds.same_colour * 0.5:
        colour = who.skin * rng.normal(1, 0.1, 3)
        scene = layers.dyed(scene, colour, rng.uniform(0.4, 0.9))
    light = float(np.exp(rng.normal(0, 0.15)))
    if rng.random() < odds.backlit:
        light *= rng.uniform(0.3, 0.65)
    return cv2.convertScaleAbs(scene, alpha=float(np.exp(rng.normal(0, 0.15)))), light


@dataclass(frozen=True)
class Body:
    """Where a person is, whose arm is at the right of the picture or, mirrored, at its left.

    Lengths are in picture heights; each is (SAMPLES, ...).
    """

    chin: np.ndarray  # (SAMPLES, 2)
    lean: np.ndarray  # (SAMPLES,) radians
    head: float  # height of the head
    side: float
    wide: float  # from the middle to the shoulder's joint, in heads

    @classmethod
    def draw(
        cls, rng: np.random.Generator, swing: Swing, head: float, shape: float, who: Looks
    ) -> Body:
        """A body whose shoulder is where the arm hangs on it, and whose face is in the picture."""
        out = rng.uniform(-0.1, 1.7)  # how far the upper arm is raised
        long = head * rng.uniform(0.8, 1.35)
        shoulder = swing.elbow.mean(0) - long * np.array([swing.side * np.sin(out), np.cos(out)])
        wide = who.shoulder - 0.12
        chin = shoulder - head * np.array([swing.side * wide, 0.62])
        lowest = np.array([0.2 * shape, max(0.12, 0.8 * head)])
        chin = np.clip(chin, lowest, [0.8 * shape, 0.85])
        hangs_at = chin + head * np.array([swing.side * wide, 0.62])
        way = swing.elbow.mean(0) - hangs_at
        chin = chin + way * max(0.0, 1 - 1.7 * head / float(np.hypot(*way)))  # arms are no longer
        lean = np.full(SAMPLES, rng.normal(0, 0.06))
        chin = np.repeat(chin[None], SAMPLES, 0)
        if rng.random() < 0.5:  # somebody who sways, and goes with their hand a little
            sway = rng.uniform(0, 0.012)
            chin = chin + sway * np.stack([wave(rng) for _ in range(2)], 1)
            chin = chin + rng.normal(0, 0.025) * (swing.tip - swing.tip.mean(0))
            lean = lean + 1.5 * sway * wave(rng)
        return cls(chin, lean, head, swing.side, wide)

    def shoulder(self, moments: np.ndarray) -> np.ndarray:
        """The joint that the drawing arm hangs on at moments (T,), (T, 2)."""
        x, y = self.side * self.wide * self.head, 0.62 * self.head
        lean, chin = at_moments(self.lean, moments), at_moments(self.chin, moments)
        c, s = np.cos(lean), np.sin(lean)
        return chin + np.stack([c * x - s * y, s * x + c * y], 1)

    def maps(self, moments: np.ndarray, zoom: float) -> np.ndarray:
        """From a person's picture, made smaller `zoom` times, to picture heights, (T, 2, 3)."""
        lean, chin = at_moments(self.lean, moments), at_moments(self.chin, moments)
        c, s = np.cos(lean), np.sin(lean)
        turn = np.stack([c * self.side, -s, s * self.side, c], 1).reshape(-1, 2, 2)
        turn = turn * (self.head / HEAD * zoom)
        shift = chin - turn @ (np.array(CHIN, float) / zoom)
        return np.concatenate([turn, shift[..., None]], 2)


class Still:
    """What does not draw: the room and the person before it. It is kept while nothing moves."""

    def __init__(
        self,
        body: Body,
        picture: np.ndarray,
        light: float,
        scene: np.ndarray,
        size: Size,
        shape: float,
        moments: np.ndarray,
    ) -> None:
        h = size[0]
        self.size, self.scene = size, scene
        zoom = 1
        while body.head * h * zoom < 0.6 * HEAD and zoom < 8:
            picture, zoom = cv2.pyrDown(picture), 2 * zoom
        levels = np.clip(np.arange(256)[:, None] * (light, light, light, 1.0), 0, 255)
        self.picture = cv2.LUT(picture, levels.astype(np.uint8)[:, None])
        self.places = in_pixels(body.maps(moments, zoom), size, shape)
        self._room: tuple[bytes, np.ndarray] = (b"", np.empty(0))
        self._somebody: tuple[bytes, np.ndarray] = (b"", np.empty(0))

    def view(self, t: int, camera: np.ndarray) -> np.ndarray:
        """Frame t, uint8 RGB (h, w, 3), of a scene that the camera maps by (2, 3)."""
        wide, place = self.size[::-1], self.places[t]
        if camera.tobytes() != self._room[0]:
            room = cv2.warpAffine(
                self.scene, camera, wide, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            self._room, self._somebody = (camera.tobytes(), room), (b"", room)
        if place.tobytes() != self._somebody[0]:
            somebody = cv2.warpAffine(self.picture, place, wide, flags=cv2.INTER_LINEAR)
            self._somebody = (place.tobytes(), layers.over(somebody, self._room[1]))
        return self._somebody[1]


@dataclass(frozen=True)
class Arm:
    """An arm in colour, and where its parts are in each of T frames."""

    palm: np.ndarray  # uint8 RGBA sprites, premultiplied
    back: np.ndarray
    forearm: np.ndarray
    upper: np.ndarray
    places: tuple[np.ndarray, np.ndarray, np.ndarray]  # of hand, forearm, upper arm: (T, 2, 3)
    is_palm: np.ndarray  # (T,) bool
    smear: np.ndarray  # (T, 2): pixels that the hand moves in an exposure

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        who: Looks,
        pose: HandPose,
        joints: Joints,
        light: float,
        size: Size,
        shape: float,
        smear: np.ndarray,
    ) -> Arm:
        flat = rng.uniform(0.1, 0.7)
        skin = who.skin * light * np.exp(rng.normal(0, 0.08))
        cloth = (who.shirt if who.jacket is None else who.jacket) * light
        bones = limb(int(rng.integers(LIMBS))), limb(int(rng.integers(LIMBS)))
        forearm = dressed(bones[0], skin, cloth, flat, (2 - who.sleeve, 1))
        upper = dressed(bones[1], skin, cloth, flat, (1 - who.sleeve, 1))
        palm, back = (layers.tinted(side, skin, flat) for side in (pose.palm, pose.back))
        places = [
            in_pixels(part, size, shape) for part in (joints.hand, joints.forearm, joints.upper)
        ]
        return cls(
            palm, back, forearm, upper, (places[0], places[1], places[2]), joints.is_palm, smear
        )

    def figure(self, t: int, size: Size) -> tuple[np.ndarray, np.ndarray]:
        """Hand and forearm in frame t, blurred by their motion, and the upper arm behind them.

        Both are premultiplied uint8 RGBA (h, w, 4).
        """
        sprites = (self.palm if self.is_palm[t] else self.back, self.forearm, self.upper)
        hand, forearm, upper = (
            cv2.warpAffine(sprite, place[t], size[::-1], flags=cv2.INTER_LINEAR)
            for sprite, place in zip(sprites, self.places, strict=True)
        )
        forearm = smeared(forearm, self.smear[t] / 2, size)  # it moves half as far
        return layers.over(smeared(hand, self.smear[t], size), forearm), upper


def smeared(layer: np.ndarray, way: np.ndarray, size: Size) -> np.ndarray:
    """A layer that moves by `way` (2,) pixels while the shutter is open."""
    distance = float(np.hypot(*way))
    if distance <= 1.5:
        return layer
    n = int(min(distance, 0.25 * size[1])) | 1
    kernel = np.zeros((n, n), np.float32)
    step = way / distance * (n // 2)
    start = np.round(n // 2 - step).astype(int).tolist()
    end = np.round(n // 2 + step).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(layer, -1, kernel / kernel.sum())


def in_pixels(places: np.ndarray, size: Size, shape: float) -> np.ndarray:
    """Maps (T, 2, 3) to picture heights as maps to the pixels of a picture stretched to `size`."""
    h, w = size
    return (places * np.array([[w / shape], [h]])).astype(np.float32)
