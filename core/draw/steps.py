"""From a recovered order to what the step-through of the shuffle lab draws. Pure: results in, plain
data out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.draw.overlay import diverging_lut
from core.errors import BadInput
from core.order import Order, frame_graph, greedy_path, order_accuracy, path_weight, running_weights


@dataclass(frozen=True)
class Candidate:
    """A path that the audit sets beside the others. `path` is None where the method finds none."""

    name: str
    path: tuple[int, ...] | None
    weight: float
    accuracy: float  # OrderAcc in percent


def candidates(matrix: np.ndarray, found: Order, permutation: Sequence[int]) -> list[Candidate]:
    """The best path, the runner-up, the greedy path (core.order.greedy_path from its best start),
    the best path backwards.

    The first three avoid the forbidden edges of `found`; the path backwards, with which the
    direction is judged, may use any. There is no runner-up if one path alone is left.
    """

    def candidate(name: str, path: tuple[int, ...]) -> Candidate:
        return Candidate(
            name, path, path_weight(matrix, path), order_accuracy(path, tuple(permutation))
        )

    try:
        greedy = candidate("Greedy path", greedy_path(matrix, forbidden=found.forbidden)[0])
    except BadInput:
        greedy = Candidate("Greedy path", None, float("nan"), float("nan"))
    rivals = (
        [] if found.runner_up_path == found.path else [candidate("Runner-up", found.runner_up_path)]
    )
    return [
        candidate("Exact optimum" if found.exact else "Best path found", found.path),
        *rivals,
        greedy,
        candidate("Best path backwards", found.path[::-1]),
    ]


def colour_range(matrix: np.ndarray) -> tuple[float, float]:
    """(middle, reach) of the diverging scale: 0 where weights have both signs, else their mean;
    reach is never 0.
    """
    off = np.asarray(matrix, np.float64)[~np.eye(len(matrix), dtype=bool)]
    middle = 0.0 if off.size == 0 or off.min() < 0 < off.max() else float(off.mean())
    return middle, float(np.abs(off - middle).max(initial=0.0)) or 1.0


def step_through(
    matrix: np.ndarray, found: Order, permutation: Sequence[int], pictures: Sequence[str]
) -> dict[str, Any]:
    """All that is drawn, as data for JSON; the browser computes no order and no weight of its own.

    `matrix` (T, T); `permutation[t]` is the frame in slot t, whose picture (a data address) is
    `pictures[t]`.

    Returns:
        pictures, permutation; edges: [from, to, weight] of the complete graph; forbidden: [from,
        to];
        paths: [{name, path or None, running (weight up to each slot), weight, accuracy, places
            (whether the frame
        at each place of the path is the true one)}]; exact; colours: 256 x 3 numbers 0..255 from
        -reach to reach about `middle`.
    """
    middle, reach = colour_range(matrix)
    paths = [
        {"name": c.name, "path": None}
        if c.path is None
        else {
            "name": c.name,
            "path": list(c.path),
            "running": running_weights(matrix, c.path).tolist(),
            "weight": c.weight,
            "accuracy": c.accuracy,
            "places": [permutation[slot] == place for place, slot in enumerate(c.path)],
        }
        for c in candidates(matrix, found, permutation)
    ]
    edges = [
        [t, u, data["weight"]] for t, u, data in frame_graph(matrix, found.path).edges(data=True)
    ]
    return {
        "pictures": list(pictures),
        "permutation": [int(frame) for frame in permutation],
        "edges": edges,
        "exact": found.exact,
        "forbidden": [list(edge) for edge in found.forbidden],
        "paths": paths,
        "middle": middle,
        "reach": reach,
        "colours": diverging_lut().ravel().tolist(),
    }
