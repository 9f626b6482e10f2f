"""Why one matrix gives the order and another does not: what it says of neighbours and of time.

All of it is measured against the truth, which a permutation that was drawn is known to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Real

from core.order.edges import Path


@dataclass(frozen=True)
class Facts:
    """What a matrix of T slots says of the frames in them, and how a path runs through these."""

    neighbours: float
    """Mean weight from a frame to the one that was filmed next."""
    ahead: float
    """Mean weight from a frame to those filmed at least `far` later."""
    far: int
    """Half of the frames."""
    told: int
    """Pairs of frames whose edge from the earlier to the later one is the heavier of the two."""
    pairs: int
    most: float
    """The share of all weight that the most looked-at slot gets; 0 where weights are negative."""
    leaps: int
    """Steps of the path that do not go to a frame filmed just before or after."""
    steps: int


def facts(
    matrix: Real[np.ndarray, "T T"], permutation: Sequence[int], path: Sequence[int]
) -> Facts:
    """The facts of a matrix (T, T) of slots, T > 1, that show the frames of a permutation."""
    T = len(permutation)
    slots = np.argsort(permutation)
    inorder = np.asarray(matrix, np.float64)[np.ix_(slots, slots)]
    far = T // 2
    frames = [permutation[slot] for slot in path]
    told, _, pairs = rightly_first(matrix, permutation)
    received = np.where(np.eye(T, dtype=bool), 0.0, inorder)
    total = received.sum()
    has_one_sign = received.min() >= 0 < total
    return Facts(
        neighbours=float(np.diagonal(inorder, 1).mean()),
        ahead=float(inorder[np.triu_indices(T, far)].mean()),
        far=far,
        told=told,
        pairs=pairs,
        most=float(received.sum(0).max() / total) if has_one_sign else 0.0,
        leaps=int((np.abs(np.diff(frames)) != 1).sum()),
        steps=T - 1,
    )


def rightly_first(
    matrix: Real[np.ndarray, "T T"], permutation: Sequence[int]
) -> tuple[int, int, int]:
    """Of how many pairs of slots a matrix says rightly which comes first.

    Returns: the pairs that are right, those that tie, and all of them. An edge (row to column)
    leads from a slot to what comes after it; `permutation` are the true places of the slots. The
    pair is right where the edge that leads forwards is the heavier one.
    """
    slots = np.argsort(permutation)
    inorder = np.asarray(matrix, np.float64)[np.ix_(slots, slots)]
    earlier, later = np.triu_indices(len(permutation), 1)
    forwards, backwards = inorder[earlier, later], inorder[later, earlier]
    ties = np.isclose(forwards, backwards, rtol=1e-6, atol=1e-9)
    return int(((forwards > backwards) & ~ties).sum()), int(ties.sum()), len(earlier)


def row_sums(matrix: Real[np.ndarray, "T T"]) -> np.ndarray:
    """What each slot gives to all others less what it gets from them, (T,).

    How surely it comes before the others altogether.
    """
    weights = np.array(matrix, np.float64)
    np.fill_diagonal(weights, 0.0)
    return weights.sum(1) - weights.sum(0)


def ranked_by_sums(matrix: Real[np.ndarray, "T T"]) -> Path:
    """The slots by their row sums, greatest first: an order without any path."""
    return tuple(np.argsort(-row_sums(matrix), kind="stable").tolist())
