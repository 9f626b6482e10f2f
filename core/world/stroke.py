"""The strokes of the gestures: where the fingertip is at every moment.

Ten of them the shipped models have learned; six more, UNSEEN, no shipped model has seen.

Where strokes begin, how large they are and where the hand rests follow the fingertips that a
network found in the real clips over even backgrounds, the half on which choices are made; the
spread here is wider than theirs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# The strokes as they run, x to the right and y down, each within -1..1.
_POINTS: dict[str, list[tuple[float, float]]] = {
    "left": [(1, 0), (-1, 0)],
    "right": [(-1, 0), (1, 0)],
    "up": [(0, 1), (0, -1)],
    "down": [(0, -1), (0, 1)],
    "circle": [],  # drawn by _circle
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)],
    "star": [(-0.85, 1), (0, -1), (0.75, 0.9), (-1, -0.5), (1, -0.45), (-0.7, 1)],
    "tick": [(-1, -0.8), (-0.35, 1), (1, -0.95)],
    "delete": [(-1, -1), (1, 1), (-1, 1), (1, -1)],
    "carret": [(-1, 1), (0, -1), (1, 1)],
}
LABELS: tuple[str, ...] = tuple(_POINTS)
_TURN = np.linspace(0, 2 * np.pi, 40)
_S = np.array(
    [
        (0.95, -0.7),
        (0.5, -0.95),
        (-0.2, -1),
        (-0.8, -0.75),
        (-0.85, -0.35),
        (-0.3, -0.05),
        (0.3, 0.1),
        (0.85, 0.38),
        (0.8, 0.78),
        (0.2, 1),
        (-0.5, 0.95),
        (-0.95, 0.7),
    ]
)
_UNSEEN: dict[str, np.ndarray] = {
    "Z": np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], float),
    "S": _S,
    "M": np.array([(-1, 1), (-0.7, -1), (0, 0.5), (0.7, -1), (1, 1)], float),
    "spiral": np.linspace(0.1, 1, 40)[:, None]
    * np.stack([np.sin(2 * _TURN), np.cos(2 * _TURN)], 1),
    "eight": np.stack([0.75 * np.sin(2 * _TURN), -np.cos(_TURN)], 1),
    "cross": np.array([(0, -1), (0, 1), (-1, 0), (1, 0)], float),
}
_CURVES = ("S", "spiral", "eight")
UNSEEN: tuple[str, ...] = tuple(_UNSEEN)
"""Strokes that no shipped model has learned: what it can still be taught."""
STROKES: tuple[str, ...] = (*LABELS, *UNSEEN)
"""Every stroke that can be rendered."""
DIRECTED: tuple[str, ...] = ("circle", "square", "star", "tick", "delete", "carret")
"""Labels whose direction in time can be known from the frames alone.

The others come in reversal pairs.
"""
_HORIZONTAL = ("left", "right")
STRAIGHT = ("left", "right", "up", "down")

SAMPLES = 128
"""Moments of a stroke that are drawn; frames lie between them."""


def at_moments(values: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """A drawn quantity (SAMPLES,) or (SAMPLES, 2) at moments (T,) of 0..SAMPLES - 1, linearly."""
    if values.ndim == 1:
        return np.interp(moments, np.arange(SAMPLES), values)
    return np.stack([np.interp(moments, np.arange(SAMPLES), column) for column in values.T], 1)


def wave(rng: np.random.Generator, samples: int = SAMPLES, terms: int = 3) -> np.ndarray:
    """A smooth random function, (samples,), about unit variance."""
    k, sines, cosines = _waves(samples, terms)
    weights = rng.standard_normal((2, terms, 1)) / k
    return (weights[0] * sines + weights[1] * cosines).sum(0)


@lru_cache(maxsize=16)
def _waves(samples: int, terms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers 1..terms as a column, and so many sines and cosines of half a turn each, by rows."""
    t = np.linspace(0, 1, samples)
    k = np.arange(1, terms + 1)[:, None]
    return k, np.sin(np.pi * k * t), np.cos(np.pi * k * t)


def stroke(label: str, rng: np.random.Generator) -> np.ndarray:
    """The fingertip over time, (SAMPLES, 2), in a frame of width 1 and height 1.

    `label` is one of STROKES. The path may leave the frame for a moment.
    """
    points, corners = _outline(label, rng)
    ends = [end for end in (0, -1) if rng.random() < 0.85]  # where the hand comes to rest
    path, rest_distance = _evenly(points, corners + ends)
    if len(points) > 2 and label not in _CURVES and rng.random() < 0.7:
        path = _rounded(path, rng.uniform(0.05, 0.4) / (len(corners) + 1))
    wobble = rng.uniform(0, 0.05)
    path = path + wobble * np.stack([wave(rng, terms=5), wave(rng, terms=5)], 1)
    path = _framed(_tilted(label, path, rng), rng)
    return _timed(path, rest_distance, rng)


def _outline(label: str, rng: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    """The points (n, 2) that a stroke runs through, and which of them are corners."""
    if label == "circle":
        return _circle(rng) + rng.normal(0, 0.04, (40, 2)).cumsum(0) * 0.3, []
    if label in _CURVES:
        points = _UNSEEN[label]
        slow = np.stack([wave(rng, len(points)), wave(rng, len(points))], 1)
        return points + rng.uniform(0.02, 0.09) * slow, []
    points = _UNSEEN[label] if label in UNSEEN else np.array(_POINTS[label], float)
    return points + rng.normal(0, 0.1, points.shape), list(range(1, len(points) - 1))


def _circle(rng: np.random.Generator) -> np.ndarray:
    """Points (40, 2) counter-clockwise on the screen from somewhere in the upper right.

    Often it goes past its beginning.
    """
    start = np.deg2rad(90 - np.clip(rng.normal(62, 30), -25, 140))
    sweep = np.deg2rad(np.clip(rng.normal(370, 28), 300, 450))
    angle = start + np.linspace(0, sweep, 40)
    return np.stack([np.cos(angle), -np.sin(angle)], 1)


def _evenly(points: np.ndarray, rests: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A polyline (n, 2) as SAMPLES evenly spaced points, (SAMPLES, 2).

    With it goes how far each is from the nearest of the points numbered `rests`, (SAMPLES,), 0..1
    of the whole length.
    """
    length = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    distance = np.linspace(0, length[-1], SAMPLES)
    path = np.stack([np.interp(distance, length, points[:, i]) for i in (0, 1)], 1)
    from_rests = np.abs(distance[:, None] - length[rests])
    return path, from_rests.min(1, initial=length[-1]) / length[-1]


def _rounded(path: np.ndarray, share: float) -> np.ndarray:
    """The path (SAMPLES, 2) with its corners rounded over a share 0..1 of its length."""
    width = int(share * SAMPLES) | 1
    padded = np.pad(path, ((width // 2,) * 2, (0, 0)), mode="edge")
    box = np.ones(width) / width
    return np.stack([np.convolve(padded[:, i], box, "valid") for i in (0, 1)], 1)


def _tilted(label: str, path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The path turned by some degrees, and a straight one bent."""
    tilt = np.deg2rad(rng.normal(0, 8))
    if label in _HORIZONTAL and rng.random() < 0.3:
        tilt *= 2  # an arm that swings about its elbow draws an arc
    path = path @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    if label in STRAIGHT and rng.random() < 0.5:
        axis = 0 if label in _HORIZONTAL else 1
        path[:, 1 - axis] += rng.normal(0, 0.18) * (path[:, axis] ** 2 - 0.5)
    return path


def _framed(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The path of -1..1 at its size and place in the frame, moved inside where it stands out."""
    half = rng.uniform((0.14, 0.13), (0.36, 0.35))
    centre = np.array([rng.normal(0.51, 0.07), rng.normal(0.42, 0.08)])
    path = centre + path * half
    low, high = path.min(0), path.max(0)
    return path + np.clip(0.04 - low, 0, None) - np.clip(high - np.array([0.97, 0.93]), 0, None)


def _timed(path: np.ndarray, rest_distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The path as it is run through: slower towards rests, idle at its ends, cut by the recording.

    Evenly spaced points (SAMPLES, 2) become evenly timed ones.
    """
    slowest = rng.uniform(0.12, 0.5)
    haste = np.exp(rng.uniform(0.05, 0.5) * wave(rng))
    speed = haste * np.clip(slowest + rest_distance * rng.uniform(3, 20), 0, 1)
    clock = np.r_[0, np.cumsum(1 / speed)[:-1]]
    clock /= clock[-1]
    idle = rng.uniform(0, 0.12, 2) * (rng.random(2) < 0.7)
    if rng.random() < 0.08:
        idle[rng.integers(2)] += rng.uniform(0.1, 0.35)
    # The recording starts late or stops early.
    cut = rng.uniform(0, 0.05, 2) * (rng.random(2) < 0.4)
    moment = np.clip((np.linspace(0, 1, SAMPLES) - idle[0]) / (1 - idle.sum()), 0, 1)
    moment = cut[0] + moment * (1 - cut.sum())
    return np.stack([np.interp(moment, clock, path[:, i]) for i in (0, 1)], 1)
