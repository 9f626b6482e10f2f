"""The heaviest paths through all slots, exactly: Held and Karp's table, and Lawler's ranking.

Held and Karp, "A dynamic programming approach to sequencing problems", 1962; Lawler, "A procedure
for computing the K best solutions to discrete optimization problems", 1972. Time and memory double
with each slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from heapq import heappop, heappush

import numpy as np
from jaxtyping import Float

from core.order.edges import Path, path_weight

EXACT_FRAMES = 16
"""The most slots whose order is found exactly."""


def ranked_paths(matrix: Float[np.ndarray, "T T"]) -> Iterator[Path]:
    """All paths that use no forbidden edge (-inf), heaviest first.

    Ties go to the lexicographically smallest path. The next path is only looked for when it is
    asked for: every other path leaves the best at some slot, so the best of each way to leave it
    waits in a heap (Lawler's partition).
    """
    T, slack, best = len(matrix), _slack(matrix), _table(matrix)
    heap: list[tuple[int, Path, int, frozenset[int]]] = []

    def push(prefix: Path, banned: frozenset[int]) -> None:
        path = _completed(matrix, best, prefix, banned, slack)
        if path is not None:
            # Weights are counted in steps of rounding, so that ties are ties.
            rank = -round(path_weight(matrix, path) / slack / 100)
            heappush(heap, (rank, path, len(prefix), banned))

    push((), frozenset())
    while heap:
        _, path, fixed, banned = heappop(heap)
        yield path
        for k in range(fixed, T - 1):
            taken = banned if k == fixed else frozenset()
            push(path[:k], taken | {path[k]})


def _table(matrix: np.ndarray) -> np.ndarray:
    """best[S, i]: weight of the heaviest path that starts at i and visits the set of slots S.

    S is a bit mask; -inf if i is not in S.
    """
    T = len(matrix)
    best = np.full((1 << T, T), -np.inf)
    best[1 << np.arange(T), np.arange(T)] = 0.0
    for subsets, without_first, absent in _subsets_by_size(T):
        weights = np.full(without_first.shape, -np.inf)
        for j in range(T):  # the slot after i
            np.maximum(weights, best[without_first, j] + matrix[:, j], out=weights)
        weights[absent] = -np.inf
        best[subsets] = weights
    return best


@lru_cache(maxsize=EXACT_FRAMES + 1)
def _subsets_by_size(T: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each size from 2 to T: the m subsets, each without slot i, and where i is not in it.

    Shapes (m,), (m, T) and (m, T).
    """
    every = np.arange(1 << T)
    members = (every[:, None] >> np.arange(T)) & 1
    sizes = members.sum(1)
    layers = []
    for size in range(2, T + 1):
        subsets = every[sizes == size]
        absent = members[subsets] == 0
        without_first = np.where(absent, 0, subsets[:, None] ^ (1 << np.arange(T)))
        layers.append((subsets, without_first, absent))
    return layers


def _completed(
    matrix: np.ndarray, best: np.ndarray, prefix: Path, banned: frozenset[int], slack: float
) -> Path | None:
    """The heaviest path that begins with `prefix` and does not go on to a `banned` slot.

    None if every next slot is banned, or if only forbidden edges lead on.
    """
    path = list(prefix)
    unused = (1 << len(matrix)) - 1
    for slot in path:
        unused ^= 1 << slot
    while unused:
        weights = best[unused] + (matrix[path[-1]] if path else 0.0)
        if banned and len(path) == len(prefix):
            weights[list(banned)] = -np.inf
        heaviest = weights.max()
        if heaviest == -np.inf:
            return None
        slot = int(np.argmax(weights >= heaviest - slack))
        path.append(slot)
        unused ^= 1 << slot
    return tuple(path)


def _slack(matrix: np.ndarray) -> float:
    """Weights closer than this differ by rounding only: the same edges added in another order."""
    largest = float(np.abs(matrix[np.isfinite(matrix)]).max(initial=0.0))
    return 1e-12 * max(1e-30, largest) * len(matrix)
