"""Where the names of points stand, so that none covers another: beside its point, or at a line.

Pure: no figure is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

GAP = 3.0
"""Pixels that stay free around a name and a point."""
REACHES = (0.0, 9.0, 21.0, 36.0, 56.0, 82.0, 115.0)
"""Pixels between a point and the name beside it, nearest first."""
ANGLES = np.linspace(0, 2 * np.pi, 20, endpoint=False)
ROUNDS = 6
OVER, POINT, LINE, THROUGH, CROSS, OUT = 40.0, 12.0, 6.0, 5.0, 4.0, 1000.0
"""What it costs to cover a name, a point or a line, to lead a line through a point or over another
line, or to leave the figure.

A pixel that it stands away costs 0.05.
"""
AWAY = 0.05


def places(
    points: Float[np.ndarray, "layouts n 2"],
    sizes: Float[np.ndarray, "n 2"],
    rooms: Sequence[tuple[float, float]],
    radius: float = 6.0,
) -> Float[np.ndarray, "n 2"]:
    """Where the middle of each name stands, in pixels from its point.

    The same place must do for several layouts, such as a narrow and a wide screen: `points` holds
    the pixels of each, `rooms` the width and height of each, `sizes` those of the names, and
    `radius` that of a point. Names are placed one by one, the most crowded first, and then moved
    while that helps.
    """
    count = points.shape[1]
    offsets = _candidates(sizes, radius)
    current = offsets[:, 0].copy()
    near = np.linalg.norm(points[0][:, None] - points[0][None], axis=-1)
    order = np.argsort(-(near < 90).sum(1), kind="stable").tolist()
    placed = np.zeros(count, bool)
    for turn in range(ROUNDS):
        before = current.copy()
        for i in order:
            others = placed.copy()
            others[i] = False
            costs = _costs(i, offsets[i], points, sizes, rooms, current, others, radius)
            current[i] = offsets[i][int(np.argmin(costs))]
            placed[i] = True
        if turn and np.array_equal(before, current):
            break
    return current


def overlaps(
    points: Float[np.ndarray, "n 2"],
    sizes: Float[np.ndarray, "n 2"],
    offsets: Float[np.ndarray, "n 2"],
    slack: float = 0.0,
) -> list[tuple[int, int]]:
    """Pairs of names of which one covers a part of the other."""
    middles = points + offsets
    apart = np.abs(middles[:, None] - middles[None]) - (sizes[:, None] + sizes[None]) / 2
    covers = (apart < -slack).all(-1)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(covers, 1))]


def _candidates(sizes: Float[np.ndarray, "n 2"], radius: float) -> Float[np.ndarray, "n k 2"]:
    """Middles to try for each name: on every side of its point, and ever further away."""
    directions = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
    candidates = []
    for size in sizes:
        half = size / 2 + radius + GAP
        # the middle of a name whose edge is `reach` away: on a rounded box around the point
        edge = np.stack([np.clip(directions[:, i] * 1.6, -1, 1) * half[i] for i in (0, 1)], 1)
        candidates.append(np.concatenate([edge + reach * directions for reach in REACHES]))
    return np.stack(candidates)


def _costs(
    i: int,
    offsets: Float[np.ndarray, "k 2"],
    points: Float[np.ndarray, "layouts n 2"],
    sizes: Float[np.ndarray, "n 2"],
    rooms: Sequence[tuple[float, float]],
    current: Float[np.ndarray, "n 2"],
    others: Bool[np.ndarray, " n"],
    radius: float,
) -> Float[np.ndarray, " k"]:
    """What each place of name i costs beside the `others` as they stand, over all layouts."""
    far = np.maximum(np.linalg.norm(offsets, axis=1) - np.linalg.norm(sizes[i]) / 2, 0)
    costs = AWAY * far
    for at, room in zip(points, rooms, strict=True):
        middles = at[i] + offsets  # (k, 2)
        half = sizes[i] / 2
        out = (middles - half < 0) | (middles + half > np.array(room))
        costs = costs + OUT * out.any(1)
        if others.any():
            there = at[others] + current[others]  # (m, 2)
            need = half + sizes[others] / 2 + GAP
            covers = (np.abs(middles[:, None] - there[None]) < need[None]).all(-1)
            costs = costs + OVER * covers.sum(1)
            costs = costs + LINE * _crossed(middles, half, at[others], there).sum(1)
            crossing = _crossed(
                there, sizes[others] / 2, np.broadcast_to(at[i], middles.shape), middles
            )
            costs = costs + LINE * crossing.sum(0)
            costs = costs + CROSS * _cross(at[i], middles, at[others], there).sum(1)
        dots = (np.abs(middles[:, None] - at[None]) < half + radius + 1).all(-1)
        costs = costs + POINT * dots.sum(1)
        others_at = np.delete(at, i, 0)
        if len(others_at):
            costs = costs + THROUGH * _through(at[i], middles, others_at, radius + 1).sum(1)
    return costs


def _cross(
    start: Float[np.ndarray, " 2"],
    ends: Float[np.ndarray, "k 2"],
    starts: Float[np.ndarray, "m 2"],
    others: Float[np.ndarray, "m 2"],
) -> Bool[np.ndarray, "k m"]:
    """Whether the line from a point to its name crosses that of another point: [line, other]."""

    def side(one: np.ndarray, other: np.ndarray, dot: np.ndarray) -> np.ndarray:
        """On which side of the line from `one` to `other` a dot lies, by its sign."""
        along, to = other - one, dot - one
        return along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]

    end = ends[:, None]
    apart = side(start, end, starts) * side(start, end, others) < 0
    return apart & (side(starts, others, start) * side(starts, others, end) < 0)


def _through(
    start: Float[np.ndarray, " 2"],
    ends: Float[np.ndarray, "k 2"],
    dots: Float[np.ndarray, "m 2"],
    radius: float,
) -> Bool[np.ndarray, "k m"]:
    """Whether the line from a point to its name runs through another point: [line, point]."""
    along = ends - start  # (k, 2)
    length = (along**2).sum(1)[:, None]
    share = np.clip((dots - start) @ along.T / np.maximum(length.T, 1e-9), 0, 1).T  # (k, m)
    nearest = start + share[..., None] * along[:, None]
    return np.linalg.norm(nearest - dots[None], axis=-1) < radius


def _crossed(
    middles: Float[np.ndarray, "k 2"],
    half: Float[np.ndarray, "*any 2"],
    starts: Float[np.ndarray, "m 2"],
    ends: Float[np.ndarray, "m 2"],
) -> Bool[np.ndarray, "k m"]:
    """Whether the line from a point to its name runs through a box: [box, line]."""
    steps = np.linspace(0.15, 0.7, 6)[:, None, None]
    dots = starts + steps * (ends - starts)  # (6, m, 2)
    room = np.broadcast_to(half, middles.shape)
    inside = np.abs(dots[:, None] - middles[None, :, None]) < room[None, :, None]
    return inside.all(-1).any(0)
