"""Edges between slots, paths along them, and the matrix that weighs them.

`matrix[t, u]` is how strongly slot t comes before slot u: the directed edge t -> u. The diagonal is
never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Real

from core.errors import BadInput

Edge = tuple[int, int]
"""From a slot to the slot that comes next."""
Path = tuple[int, ...]
"""Slots in order of time."""


def path_weight(matrix: Real[np.ndarray, "T T"], path: Sequence[int]) -> float:
    """Sum of the edges along a path."""
    slots = list(path)
    return float(matrix[slots[:-1], slots[1:]].sum())


def running_weights(
    matrix: Real[np.ndarray, "T T"], path: Sequence[int]
) -> Float[np.ndarray, " T"]:
    """The weight of a path up to each of its slots, float64 (T,), beginning with 0."""
    slots = list(path)
    edges = np.asarray(matrix, np.float64)[slots[:-1], slots[1:]]
    return np.concatenate([[0.0], np.cumsum(edges)])


def checked(matrix: Real[np.ndarray, "*shape"]) -> Float[np.ndarray, "T T"]:
    """The matrix in float64 with zeros on its diagonal, a copy.

    Raises: BadInput for a matrix that is not square, or not finite off its diagonal.
    """
    matrix = np.array(matrix, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise BadInput(
            f"the order needs a square matrix, one row and column a frame; got shape {matrix.shape}"
        )
    np.fill_diagonal(matrix, 0.0)
    if not np.isfinite(matrix).all():
        raise BadInput(
            "the order needs finite affinities; the matrix holds NaN or infinity: check the "
            "model's weights"
        )
    return matrix


def without(
    matrix: Float[np.ndarray, "T T"], forbidden: Iterable[Edge]
) -> Float[np.ndarray, "T T"]:
    """The matrix with -inf on every forbidden edge, a copy.

    Raises: BadInput for an edge that there is not.
    """
    T, allowed = len(matrix), matrix.copy()
    for t, u in forbidden:
        if not (0 <= t < T and 0 <= u < T and t != u):
            raise BadInput(
                f"the edge {t} -> {u} cannot be forbidden: name two different slots from 0 to "
                f"{T - 1}"
            )
        allowed[t, u] = -np.inf
    return allowed
