"""The integral along the way from nothing to a clip, by as many gradients as it needs.

A network may change its mind within a hundredth of the way: fixed steps then miss most of it, and
the parts of integrated gradients add up to a fraction of what they explain. What they must add up
to is known, so it is seen where they do not: in the pieces of the way where the score jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

NODES = (0.0, 0.5 - (3 / 28) ** 0.5, 0.5, 0.5 + (3 / 28) ** 0.5, 1.0)
WEIGHTS = (1 / 20, 49 / 180, 16 / 45, 49 / 180, 1 / 20)
"""Gauss and Lobatto's rule for a piece of 0..1, exact for polynomials of degree 7.

Its ends are nodes, which neighbours share.
"""
EDGES = (0.0, 0.1, 0.35, 1.0)
"""Of the pieces at first: networks that norm their tokens tell most of a clip from little of it."""
MOST = 120
"""Points at which gradients are taken at most."""
NEW = 9
"""Points that a piece which is cut needs, at most, on top of those that it has."""
TOLERANCE = 0.002
"""By how much the parts may miss the change of the score, in parts of all that it goes up and down
between the ends of the pieces."""


@dataclass(frozen=True)
class Point:
    """What is known at one point of the way."""

    score: float
    parts: Float[np.ndarray, "T h w"]
    """The gradient times the way, summed over each cell, (T', h, w)."""


Piece = tuple[float, float]
"""From where to where, 0..1."""
FIRST = (len(NODES) - 1) * (len(EDGES) - 1) + 1
"""Points at which gradients are taken in any case: neighbouring pieces share their ends."""
Measure = Callable[[list[float]], dict[float, Point]]
"""What is known at these points, ascending."""


def integrated(measure: Measure, edges: Sequence[float] = EDGES) -> Float[np.ndarray, "T h w"]:
    """The mean of the parts over the way, (T', h, w).

    Pieces are cut until the parts of all add up within TOLERANCE, or MOST is reached.
    """
    cut = list(pairwise(edges))
    points = measure(_of_pieces(cut))
    while True:
        failing = _failing(cut, points)[: (MOST - len(points)) // NEW]
        if not failing:
            return np.stack([_integral(piece, points) for piece in cut]).sum(0)
        smaller = [part for piece in failing for part in _cut(piece, points)]
        points |= measure([share for share in _of_pieces(smaller) if share not in points])
        cut = [piece for piece in cut if piece not in failing] + smaller


def _failing(cut: list[Piece], points: dict[float, Point]) -> list[Piece]:
    """The pieces whose parts miss more than their share of what is allowed, the worst first.

    None, where all together miss no more than that.
    """
    changes = [points[end].score - points[start].score for start, end in cut]
    sums = [float(_integral(piece, points).sum()) for piece in cut]
    missed = {piece: abs(a - b) for piece, a, b in zip(cut, changes, sums, strict=True)}
    allowed = TOLERANCE * sum(map(abs, changes))
    if sum(missed.values()) <= allowed:
        return []
    worst = sorted(cut, key=lambda piece: -missed[piece])
    return [piece for piece in worst if missed[piece] > allowed / len(cut)]


def _nodes(piece: Piece) -> list[float]:
    start, end = piece
    inner = [start + (end - start) * node for node in NODES[1:-1]]
    return [start, *inner, end]


def _of_pieces(pieces: list[Piece]) -> list[float]:
    """All nodes of the pieces, ascending, each once."""
    return sorted({share for piece in pieces for share in _nodes(piece)})


def _cut(piece: Piece, points: dict[float, Point]) -> list[Piece]:
    """The piece cut where its score jumps between two nodes, in halves where it does not."""
    nodes = _nodes(piece)
    steps = np.abs(np.diff([points[share].score for share in nodes]))
    most = int(steps.argmax())
    edges = [nodes[0], nodes[2], nodes[4]]
    if steps[most] > sum(steps) / 2:
        edges = sorted({nodes[0], nodes[most], nodes[most + 1], nodes[4]})
    return list(pairwise(edges))


def _integral(piece: Piece, points: dict[float, Point]) -> np.ndarray:
    """The piece's share of the mean, (T', h, w)."""
    start, end = piece
    parts = np.stack([points[share].parts for share in _nodes(piece)])
    weights = (end - start) * np.array(WEIGHTS, np.float32)
    return np.einsum("n,n...->...", weights, parts)
