"""From a recovered order to what the step-through of the shuffle lab draws.

Pure: results in, plain data out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Real

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


def candidates(
    matrix: Real[np.ndarray, "T T"], order: Order, permutation: Sequence[int]
) -> list[Candidate]:
    """The best path, the runner-up, the greedy path, and the best path backwards.

    The greedy path is core.order.greedy_path from its best start. The first three avoid the
    forbidden edges of `order`; the path backwards, with which the direction is judged, may use any.
    There is no runner-up if one path alone is left.
    """
    frames = tuple(permutation)

    def candidate(name: str, path: tuple[int, ...]) -> Candidate:
        return Candidate(name, path, path_weight(matrix, path), order_accuracy(path, frames))

    try:
        greedy_order = greedy_path(matrix, forbidden=order.forbidden)[0]
        greedy = candidate("Greedy path", greedy_order)
    except BadInput:
        greedy = Candidate("Greedy path", None, float("nan"), float("nan"))
    best = candidate("Exact optimum" if order.exact else "Best path found", order.path)
    backwards = candidate("Best path backwards", order.path[::-1])
    if order.runner_up_path == order.path:
        return [best, greedy, backwards]
    return [best, candidate("Runner-up", order.runner_up_path), greedy, backwards]


def colour_range(matrix: Real[np.ndarray, "T T"]) -> tuple[float, float]:
    """(middle, reach) of the diverging scale; reach is never 0.

    The middle is 0 where weights have both signs, else their mean.
    """
    edges = np.asarray(matrix, np.float64)[~np.eye(len(matrix), dtype=bool)]
    both_signs = edges.size > 0 and edges.min() < 0 < edges.max()
    middle = 0.0 if edges.size == 0 or both_signs else float(edges.mean())
    return middle, float(np.abs(edges - middle).max(initial=0.0)) or 1.0


def step_through(
    matrix: Real[np.ndarray, "T T"],
    order: Order,
    permutation: Sequence[int],
    pictures: Sequence[str],
) -> dict[str, Any]:
    """All that is drawn, as data for JSON; the browser computes no order and no weight of its own.

    `matrix` (T, T); `permutation[t]` is the frame in slot t, whose picture (a data address) is
    `pictures[t]`.

    Returns:
        pictures, permutation;
        edges: [from, to, weight] of the complete graph;
        forbidden: [from, to];
        paths: [{name, path or None, running (weight up to each slot), weight, accuracy, places
            (whether the frame at each place of the path is the true one)}];
        exact;
        colours: 256 x 3 numbers 0..255 from -reach to reach about `middle`.
    """
    middle, reach = colour_range(matrix)
    graph = frame_graph(matrix, order.path)
    return {
        "pictures": list(pictures),
        "permutation": [int(frame) for frame in permutation],
        "edges": [[t, u, data["weight"]] for t, u, data in graph.edges(data=True)],
        "exact": order.exact,
        "forbidden": [list(edge) for edge in order.forbidden],
        "paths": [
            _path_data(candidate, matrix, permutation)
            for candidate in candidates(matrix, order, permutation)
        ],
        "middle": middle,
        "reach": reach,
        "colours": diverging_lut().ravel().tolist(),
    }


def _path_data(
    candidate: Candidate, matrix: np.ndarray, permutation: Sequence[int]
) -> dict[str, Any]:
    """A path as it is drawn and listed; where there is none, its name alone says so."""
    if candidate.path is None:
        return {"name": candidate.name, "path": None}
    return {
        "name": candidate.name,
        "path": list(candidate.path),
        "running": running_weights(matrix, candidate.path).tolist(),
        "weight": candidate.weight,
        "accuracy": candidate.accuracy,
        "places": [permutation[slot] == place for place, slot in enumerate(candidate.path)],
    }
