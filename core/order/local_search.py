"""Heavy paths through many slots: a local search where the exact answer would take too long."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from core.order.edges import Path, path_weight

STARTS = 8  # greedy paths that the search improves
NEIGHBOURS = 4  # of each path that no move improves: one of them is the runner-up
LONGEST_RUN = 3  # slots that a move takes elsewhere together


def searched_paths(matrix: Float[np.ndarray, "T T"]) -> list[Path]:
    """Paths moved uphill until no move helps, and their neighbours, heaviest first.

    Not always the optimum. They start from the slots ranked by how much they come before others,
    and from the best greedy paths. None uses a forbidden edge (-inf).
    """
    forbidden = ~np.isfinite(matrix)
    weights = _penalised(matrix, forbidden)
    ahead = tuple(np.argsort(weights.sum(0) - weights.sum(1), kind="stable").tolist())
    paths: set[Path] = set()
    for start in [ahead, *_best_greedy(weights)]:
        paths |= _uphill(weights, start)
    usable = (path for path in paths if not forbidden[list(path[:-1]), list(path[1:])].any())
    return sorted(usable, key=lambda path: (-path_weight(weights, path), path))


def greedy_from(matrix: Float[np.ndarray, "T T"], start: int) -> Path | None:
    """The path that always takes the heaviest edge to an unused slot; None at a dead end (-inf)."""
    path = [start]
    while len(path) < len(matrix):
        weights = matrix[path[-1]].copy()
        weights[path] = -np.inf
        if weights.max() == -np.inf:
            return None
        path.append(int(weights.argmax()))
    return tuple(path)


def _penalised(matrix: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """The matrix where a forbidden edge costs more than all others together, not infinity."""
    if not forbidden.any():
        return matrix
    allowed = matrix[~forbidden]
    worst = allowed.min() - 1 - len(matrix) * (allowed.max() - allowed.min())
    return np.where(forbidden, worst, matrix)


def _best_greedy(matrix: np.ndarray) -> list[Path]:
    """The heaviest STARTS of the greedy paths from each slot; every weight is finite."""
    paths = [greedy_from(matrix, start) for start in range(len(matrix))]
    complete = [path for path in paths if path is not None]
    return sorted(complete, key=lambda path: -path_weight(matrix, path))[:STARTS]


def _uphill(matrix: np.ndarray, path: Path) -> set[Path]:
    """The path that the best moves lead to, and the heaviest of those one more move away."""
    moves, weight = _moves(len(matrix)), path_weight(matrix, path)
    while True:
        trials = np.array(path)[moves]
        weights = matrix[trials[:, :-1], trials[:, 1:]].sum(1)
        best = int(weights.argmax())
        if weights[best] <= weight + 1e-12:
            break
        path, weight = tuple(trials[best].tolist()), float(weights[best])
    neighbours = trials[np.argsort(-weights, kind="stable")[:NEIGHBOURS]]
    return {path, *(tuple(neighbour.tolist()) for neighbour in neighbours)}


@lru_cache(maxsize=4)
def _moves(T: int) -> np.ndarray:
    """Rearrangements that the search tries, as indices into a path, (moves, T).

    Every run of one to three slots moved elsewhere, both ways round, and every run turned about.
    """
    here = list(range(T))
    moves = set()
    for i in range(T):
        for j in range(i + 1, T):
            moves.add((*here[:i], *reversed(here[i : j + 1]), *here[j + 1 :]))
    for length in range(1, LONGEST_RUN + 1):
        for i in range(T - length + 1):
            run, rest = here[i : i + length], here[:i] + here[i + length :]
            for k in range(len(rest) + 1):
                moves.add((*rest[:k], *run, *rest[k:]))
                moves.add((*rest[:k], *reversed(run), *rest[k:]))
    return np.array(sorted(moves))
