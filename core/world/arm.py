"""How an arm reaches a moving fingertip: it swings about an elbow, and the hand turns with it.

Lengths are in picture heights, x to the right and y down; an angle of 0 points up, a positive one
to the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.world.limbs import LIMB, LIMB_ORIGIN, HandPose
from core.world.sprites import UNIT
from core.world.stroke import SAMPLES, at_moments, wave

_REACH = 4.9
"""Fingers from the elbow to the tip of the hand."""


@dataclass(frozen=True)
class Swing:
    """Where the parts of an arm are at every moment of a clip, (SAMPLES, ...)."""

    tip: np.ndarray  # (SAMPLES, 2)
    elbow: np.ndarray  # (SAMPLES, 2): where the forearm would like to end
    angle: np.ndarray  # (SAMPLES,): of the hand
    stretch: np.ndarray  # (SAMPLES,): of its length, below 1 where it points at the camera
    roll: np.ndarray  # (SAMPLES,): 0 shows the palm, pi the back
    finger: float  # length of a finger
    side: float  # 1 for an arm at the right of the picture, -1 at the left

    @classmethod
    def draw(
        cls, rng: np.random.Generator, tip: np.ndarray, finger: float, stroke: np.ndarray
    ) -> Swing:
        """For a fingertip at `tip` (SAMPLES, 2); the elbow lies well for its `stroke` (n, 2)."""
        middle = (stroke.min(0) + stroke.max(0)) / 2
        side = 1.0 if rng.random() < np.clip(0.5 + 1.2 * (middle[0] - 0.75), 0.1, 0.9) else -1.0
        away = side * np.clip(rng.normal(0.3, 0.5), -0.6, 1.6)  # from straight below it
        if rng.random() < 0.25:
            away = side * -rng.uniform(1.2, 1.9)  # beside it: the hand turns from up to down
        far = finger * rng.uniform(1.3, _REACH)
        place = middle + far * np.array([np.sin(away), np.cos(away)])
        follow = rng.uniform(0, 0.45) + 0.2 * (rng.random() < 0.3)
        elbow = place + follow * (tip - middle)
        reach = tip - elbow
        angle = np.unwrap(np.arctan2(reach[:, 0], -reach[:, 1]))
        angle = angle - 2 * np.pi * np.round(angle[SAMPLES // 2] / (2 * np.pi))
        stretch = np.clip(np.hypot(*reach.T) / (2.6 * finger), 0.4, 1)
        stretch = stretch * (1 + 0.05 * wave(rng))
        follows = 1.0 if rng.random() < 0.5 else rng.uniform(0.3, 1.15)
        bend = np.clip((follows - 1) * angle, -1, 1) + rng.normal(0, 0.12)
        roll = np.full(SAMPLES, rng.normal(0, 0.25) + np.pi * (rng.random() < 0.4))
        turn = np.ptp(angle)
        if turn > 0.9 and rng.random() < 0.6:  # the palm turns away as the hand swings
            share = (angle - angle.min()) / turn
            roll = roll + np.pi * rng.uniform(0.5, 1.05) * (share if rng.random() < 0.5 else -share)
        return cls(tip, elbow, angle + bend, stretch, roll, finger, side)

    def at(self, moments: np.ndarray) -> Swing:
        """At moments (T,) alone."""
        values = (self.tip, self.elbow, self.angle, self.stretch, self.roll)
        tip, elbow, angle, stretch, roll = (at_moments(value, moments) for value in values)
        return Swing(tip, elbow, angle, stretch, roll, self.finger, self.side)


@dataclass(frozen=True)
class Joints:
    """The affine maps of an arm's sprites to picture heights, each (T, 2, 3), and its elbow."""

    hand: np.ndarray
    forearm: np.ndarray
    upper: np.ndarray
    is_palm: np.ndarray  # (T,) bool

    @classmethod
    def of(cls, swing: Swing, pose: HandPose, shoulder: np.ndarray, thick: float) -> Joints:
        """Of T moments of a swing, with the shoulder at (T, 2); an upper arm is `thick` fingers."""
        facing = np.cos(swing.roll)
        breadth = np.sign(facing + 1e-9) * np.clip(np.abs(facing), 0.35, 1) * swing.side
        finger = swing.finger / UNIT
        scale = np.stack([finger * breadth, finger * swing.stretch], 1)
        hand = _turned(swing.angle, scale, pose.tip, swing.tip)
        wrist = hand @ np.array([*pose.wrist, 1.0])
        elbow, forearm = _bone(wrist, swing.elbow, finger, (0.45, 1.15))
        _, upper = _bone(elbow, shoulder, thick / UNIT, (0.3, 3.0))
        return cls(hand, forearm, upper, facing >= 0)


def _bone(
    start: np.ndarray, end: np.ndarray, scale: float, limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """A limb's map from joint to joint (T, 2), no shorter or longer than it can look.

    Returns where it ends, (T, 2), and the map (T, 2, 3).
    """
    way = end - start
    length = np.maximum(np.hypot(*way.T), 1e-6)
    stretch = np.clip(length / (scale * LIMB * UNIT), *limits)
    angle = np.arctan2(-way[:, 0], way[:, 1])  # 0 hangs down
    scales = np.stack([np.full(len(way), scale), scale * stretch], 1)
    reached = start + way * (scale * stretch * LIMB * UNIT / length)[:, None]
    return reached, _turned(angle, scales, LIMB_ORIGIN, start)


def _turned(
    angle: np.ndarray, scale: np.ndarray, origin: tuple[float, float], place: np.ndarray
) -> np.ndarray:
    """Maps (T, 2, 3) that scale a sprite by (T, 2), turn it by (T,), bring origin to (T, 2)."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.stack([c, -s, s, c], 1).reshape(-1, 2, 2) * scale[:, None, :]
    shift = place - turn @ np.array(origin)
    return np.concatenate([turn, shift[..., None]], 2)
