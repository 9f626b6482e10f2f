"""From a matrix of frame-to-frame affinities to the order of the frames (DirecFormer 3.4, spec
3.5).

`matrix[t, u]` is how strongly slot t comes before slot u: the directed edge t -> u. The recovered
order is the Hamiltonian path of largest weight; the diagonal is never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from core.errors import BadInput

if TYPE_CHECKING:
    pass


EXACT_FRAMES = 16
"""Up to here the path is the exact optimum (Held-Karp); beyond, a local search."""

Edge = tuple[int, int]
"""From a slot to the slot that comes next."""

_STARTS = 8  # greedy paths that the local search improves


def _checked(matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise BadInput(
            f"the order needs a square matrix, one row and column a frame; got shape {matrix.shape}"
        )
    off = ~np.eye(len(matrix), dtype=bool)
    if not np.isfinite(matrix[off]).all():
        raise BadInput(
            "the order needs finite affinities; the matrix holds NaN or infinity: check the "
            "model's weights"
        )
    matrix = matrix.copy()
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _without(matrix: np.ndarray, forbidden: Iterable[Edge]) -> np.ndarray:
    """The matrix with -inf on every forbidden edge."""
    T, left = len(matrix), matrix.copy()
    for t, u in forbidden:
        if not (0 <= t < T and 0 <= u < T and t != u):
            raise BadInput(
                f"the edge {t} -> {u} cannot be forbidden: name two different slots from 0 to "
                f"{T - 1}"
            )
        left[t, u] = -np.inf
    return left


def _no_path(forbidden: Sequence[Edge], exact: bool = True) -> BadInput:
    edges = ", ".join(f"{t} -> {u}" for t, u in forbidden)
    found = (
        "no path through all slots is left"
        if exact
        else "the search found no path through all slots"
    )
    return BadInput(f"{found} without the forbidden edges {edges}; allow one of them again")


@lru_cache(maxsize=EXACT_FRAMES + 1)
def _layers(T: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each subset size from 2 to T: the subsets, each without node i (m, T), and where i is not
    in it.
    """
    subsets = np.arange(1 << T)
    members = (subsets[:, None] >> np.arange(T)) & 1
    sizes = members.sum(1)
    layers = []
    for size in range(2, T + 1):
        chosen = subsets[sizes == size]
        absent = members[chosen] == 0
        layers.append((chosen, np.where(absent, 0, chosen[:, None] ^ (1 << np.arange(T))), absent))
    return layers


def _held_karp(matrix: np.ndarray) -> np.ndarray:
    """best[S, i]: weight of the heaviest path that starts at i and visits the set of nodes S; -inf
    if i is not in S.
    """
    T = len(matrix)
    best = np.full((1 << T, T), -np.inf)
    best[1 << np.arange(T), np.arange(T)] = 0.0
    for chosen, without, absent in _layers(T):
        value = np.full(without.shape, -np.inf)
        for j in range(T):  # the node after i
            np.maximum(value, best[without, j] + matrix[:, j], out=value)
        value[absent] = -np.inf
        best[chosen] = value
    return best


def _complete(
    matrix: np.ndarray,
    best: np.ndarray,
    prefix: tuple[int, ...],
    banned: frozenset[int],
    slack: float,
) -> tuple[int, ...] | None:
    """The heaviest path that begins with `prefix` and does not go on to a `banned` slot.

    Ties go to the lexicographically smallest; None if every next slot is banned or only forbidden
    edges lead on.
    """
    path = list(prefix)
    left = (1 << len(matrix)) - 1
    for node in path:
        left ^= 1 << node
    while left:
        value = best[left] + (matrix[path[-1]] if path else 0.0)
        if banned and len(path) == len(prefix):
            value[list(banned)] = -np.inf
        top = value.max()
        if top == -np.inf:
            return None
        node = int(np.argmax(value >= top - slack))
        path.append(node)
        left ^= 1 << node
    return tuple(path)


def _slack(matrix: np.ndarray) -> float:
    """Weights closer than this differ by rounding only: the same edges added in another order."""
    return (
        1e-12
        * max(1e-30, float(np.abs(matrix[np.isfinite(matrix)]).max(initial=0.0)))
        * len(matrix)
    )


def _ranked(matrix: np.ndarray) -> Iterator[tuple[int, ...]]:
    """All paths, heaviest first (Lawler's partition over the Held-Karp table)."""
    T, slack, best = len(matrix), _slack(matrix), _held_karp(matrix)
    heap: list[tuple[int, tuple[int, ...], int, frozenset[int]]] = []

    def push(prefix: tuple[int, ...], banned: frozenset[int]) -> None:
        path = _complete(matrix, best, prefix, banned, slack)
        if path is not None:
            heappush(
                heap, (-round(path_weight(matrix, path) / slack / 100), path, len(prefix), banned)
            )

    push((), frozenset())
    while heap:
        _, path, fixed, banned = heappop(heap)
        yield path
        for k in range(fixed, T - 1):  # every other path leaves this one at some k
            push(path[:k], frozenset({path[k]}) | (banned if k == fixed else frozenset()))


@lru_cache(maxsize=4)
def _moves(T: int) -> np.ndarray:
    """Rearrangements that the local search tries, as indices into a path, (moves, T).

    Every run of one to three slots moved elsewhere, both ways round, and every run turned about.
    """
    here = list(range(T))
    moves = {
        tuple(here[:i] + here[i : j + 1][::-1] + here[j + 1 :])
        for i in range(T)
        for j in range(i + 1, T)
    }
    for length in (1, 2, 3):
        for i in range(T - length + 1):
            piece, rest = here[i : i + length], here[:i] + here[i + length :]
            for k in range(len(rest) + 1):
                moves |= {
                    tuple(rest[:k] + piece + rest[k:]),
                    tuple(rest[:k] + piece[::-1] + rest[k:]),
                }
    return np.array(sorted(moves))


def _searched(matrix: np.ndarray) -> list[tuple[int, ...]]:
    """Paths moved uphill until no move helps, heaviest first. Not always the optimum.

    They start from the slots ranked by how much they come before others, and from the best greedy
    paths. A forbidden edge (-inf) costs more than all others together on the way, and none is left
    in a path that is returned.
    """
    T, forbidden = len(matrix), ~np.isfinite(matrix)
    if forbidden.any():
        allowed = matrix[~forbidden]
        matrix = np.where(
            forbidden, allowed.min() - 1 - T * (allowed.max() - allowed.min()), matrix
        )
    moves = _moves(T)
    starts = sorted(
        (greedy_path(matrix, start) for start in range(T)), key=lambda found: -found[1]
    )[:_STARTS]
    ahead = tuple(np.argsort(matrix.sum(0) - matrix.sum(1), kind="stable").tolist())
    found: set[tuple[int, ...]] = set()
    for path, weight in [(ahead, path_weight(matrix, ahead)), *starts]:
        while True:
            trials = np.array(path)[moves]
            weights = matrix[trials[:, :-1], trials[:, 1:]].sum(1)
            best = int(weights.argmax())
            if weights[best] <= weight + 1e-12:
                break
            path, weight = tuple(trials[best].tolist()), float(weights[best])
        ranked = trials[
            np.argsort(-weights, kind="stable")[:4]
        ]  # neighbours, one of which is the runner-up
        found |= {path, *(tuple(trial.tolist()) for trial in ranked)}
    usable = (p for p in found if not forbidden[list(p[:-1]), list(p[1:])].any())
    return sorted(usable, key=lambda p: (-path_weight(matrix, p), p))


def path_weight(matrix: np.ndarray, path: tuple[int, ...] | list[int]) -> float:
    """Sum of the edges along a path."""
    path = list(path)
    return float(matrix[path[:-1], path[1:]].sum())


def running_weights(matrix: np.ndarray, path: tuple[int, ...] | list[int]) -> np.ndarray:
    """The weight of a path up to each of its slots, float64 (T,), beginning with 0."""
    path = list(path)
    return np.concatenate([[0.0], np.cumsum(np.asarray(matrix, np.float64)[path[:-1], path[1:]])])


def hamiltonian_path(
    matrix: np.ndarray, forbidden: Sequence[Edge] = ()
) -> tuple[tuple[int, ...], float]:
    """The heaviest path through all slots that uses no forbidden edge, and its weight.

    Exact up to EXACT_FRAMES slots, ties going to the lexicographically smallest path; a local
    search beyond. `matrix` is (T, T); its diagonal is ignored. `forbidden` holds edges (from, to).

    Raises: BadInput for a matrix that is not square or not finite, and if no path is left.
    """
    matrix = _checked(matrix)
    left, exact = _without(matrix, forbidden), len(matrix) <= EXACT_FRAMES
    if exact:
        path = _complete(left, _held_karp(left), (), frozenset(), _slack(left))
    else:
        path = next(iter(_searched(left)), None)
    if path is None:
        raise _no_path(forbidden, exact)
    return path, path_weight(matrix, path)


def greedy_path(
    matrix: np.ndarray, start: int | None = None, forbidden: Sequence[Edge] = ()
) -> tuple[tuple[int, ...], float]:
    """Always take the heaviest edge to an unused slot: what the exact path is compared with.
    Returns the path and its weight.

    It begins at `start`; None tries every start and keeps the heaviest path. Ties go to the smaller
    slot.

    Raises: BadInput for a matrix that is not square or not finite, and if forbidden edges leave it
    in a dead end.
    """
    matrix = _checked(matrix)
    left = _without(matrix, forbidden)
    paths = [
        path
        for first in (range(len(matrix)) if start is None else [start])
        if (path := _greedy(left, first)) is not None
    ]
    if not paths:
        raise BadInput(
            "always taking the heaviest edge ends where only forbidden edges lead on; allow one "
            "of them again"
        )
    best = max(paths, key=lambda path: path_weight(matrix, path))
    return best, path_weight(matrix, best)


def _greedy(matrix: np.ndarray, start: int) -> tuple[int, ...] | None:
    path = [start]
    while len(path) < len(matrix):
        value = matrix[path[-1]].copy()
        value[path] = -np.inf
        if value.max() == -np.inf:
            return None
        path.append(int(value.argmax()))
    return tuple(path)
