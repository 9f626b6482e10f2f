"""The heaviest path through all slots (DirecFormer 4.3, spec 3.5).

The recovered order of the frames is the Hamiltonian path of largest weight. It is exact up to
EXACT_FRAMES slots; beyond, the best that a local search finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from jaxtyping import Real

from core.errors import BadInput
from core.order.edges import Edge, Path, checked, path_weight, without
from core.order.held_karp import EXACT_FRAMES, ranked_paths
from core.order.local_search import greedy_from, searched_paths


def heaviest_paths(
    matrix: Real[np.ndarray, "*shape"], count: int, forbidden: Sequence[Edge] = ()
) -> tuple[Path, ...]:
    """Up to `count` of the heaviest paths that use no forbidden edge, heaviest first.

    `matrix` is (T, T), `forbidden` holds edges (from, to). Ties go to the lexicographically
    smallest path.

    Raises: BadInput for a matrix that is not square or not finite, for an edge that there is not,
    and if no path is left.
    """
    allowed = without(checked(matrix), forbidden)
    exact = len(allowed) <= EXACT_FRAMES
    paths = tuple(islice(ranked_paths(allowed) if exact else searched_paths(allowed), count))
    if paths:
        return paths
    edges = ", ".join(f"{t} -> {u}" for t, u in forbidden)
    what = "no path through all slots is left"
    if not exact:
        what = "the search found no path through all slots"
    raise BadInput(f"{what} without the forbidden edges {edges}; allow one of them again")


def hamiltonian_path(
    matrix: Real[np.ndarray, "*shape"], forbidden: Sequence[Edge] = ()
) -> tuple[Path, float]:
    """The heaviest path through all slots that uses no forbidden edge, and its weight.

    Raises: BadInput as `heaviest_paths`.
    """
    (path,) = heaviest_paths(matrix, 1, forbidden)
    return path, path_weight(matrix, path)


def greedy_path(
    matrix: Real[np.ndarray, "*shape"], start: int | None = None, forbidden: Sequence[Edge] = ()
) -> tuple[Path, float]:
    """Always take the heaviest edge to an unused slot: what the exact path is compared with.

    It begins at `start`; None tries every start and keeps the heaviest path. Ties go to the smaller
    slot. Returns the path and its weight.

    Raises: BadInput for a matrix that is not square or not finite, and if forbidden edges leave it
    in a dead end.
    """
    matrix = checked(matrix)
    allowed = without(matrix, forbidden)
    starts = range(len(matrix)) if start is None else [start]
    paths = [path for path in (greedy_from(allowed, first) for first in starts) if path is not None]
    if not paths:
        raise BadInput(
            "always taking the heaviest edge ends where only forbidden edges lead on; allow one "
            "of them again"
        )
    best = max(paths, key=lambda path: path_weight(matrix, path))
    return best, path_weight(matrix, best)
