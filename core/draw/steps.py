"""From a recovered order to what the step-through of the shuffle lab draws.

Pure: results in, plain data out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Real

from core.draw.overlay import diverging_lut, one_sided_lut
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
    It stands second where it ties with the best, and the runner-up is then the next other path.
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
    if not order.ties_backwards:
        return [best, candidate("Runner-up", order.runner_up_path), greedy, backwards]
    if order.rival_path == order.runner_up_path:  # two slots have no third path
        return [best, backwards, greedy]
    return [best, backwards, candidate("Runner-up", order.rival_path), greedy]


@dataclass(frozen=True)
class Scale:
    """Which colour a weight has: 256 colours from `low` to `high`, pale at `neutral`."""

    low: float
    high: float
    neutral: float
    is_centred: bool = False
    """Whether `neutral` is the mean of the weights, which stands for nothing by itself."""

    @property
    def is_one_sided(self) -> bool:
        """Whether the colours only ever grow stronger, as weights of one sign must."""
        return self.neutral == self.low

    def data(self) -> dict[str, Any]:
        """The same for JSON, `colours` as 256 x 3 numbers 0..255."""
        colours = one_sided_lut()
        if not self.is_one_sided:
            reach = max(self.high - self.neutral, self.neutral - self.low)
            weights = np.linspace(self.low, self.high, 256)
            levels = 0.5 + 0.5 * (weights - self.neutral) / reach
            colours = diverging_lut()[np.rint(255 * levels).astype(int)]
        return {**asdict(self), "colours": colours.ravel().tolist()}


def weight_scale(matrix: Real[np.ndarray, "T T"], is_signed: bool) -> Scale:
    """The scale of the weights off the diagonal: 0 is an end of it, or its middle if `is_signed`.

    So a kernel that is never negative (softmax, linear) never looks as if it were, and one that is
    never positive (minus a distance) ends at 0. `high` is greater than `low`.
    """
    low, high = _extent(matrix)
    if is_signed:
        reach = max(-low, high) or 1.0
        return Scale(-reach, reach, 0.0)
    if low < 0:
        return Scale(low, max(0.0, high), low)
    return Scale(0.0, high or 1.0, 0.0)


def centred_scale(matrix: Real[np.ndarray, "T T"]) -> Scale:
    """The same weights in colours about their mean, which show small differences and no zero.

    It ends where the weights do: a scale that went as far to both sides would name weights that
    the kernel cannot give.
    """
    low, high = _extent(matrix)
    edges = np.asarray(matrix, np.float64)[~np.eye(len(matrix), dtype=bool)]
    middle = float(edges.mean()) if edges.size else 0.0
    if high == low:
        low, high = middle - 1, middle + 1
    return Scale(low, high, middle, is_centred=True)


def _extent(matrix: np.ndarray) -> tuple[float, float]:
    """The least and the greatest weight off the diagonal; 0 and 0 where there is none."""
    edges = np.asarray(matrix, np.float64)[~np.eye(len(matrix), dtype=bool)]
    return (float(edges.min()), float(edges.max())) if edges.size else (0.0, 0.0)


def step_through(
    matrix: Real[np.ndarray, "T T"],
    order: Order,
    permutation: Sequence[int],
    pictures: Sequence[str],
    is_signed: bool,
) -> dict[str, Any]:
    """All that is drawn, as data for JSON; the browser computes no order and no weight of its own.

    `matrix` (T, T), whose kernel may give either sign if `is_signed`; `permutation[t]` is the frame
    in slot t, whose picture (a data address) is `pictures[t]`.

    Returns:
        pictures, permutation;
        edges: [from, to, weight] of the complete graph;
        forbidden: [from, to];
        paths: [{name, path or None, running (weight up to each slot), weight, accuracy, places
            (whether the frame at each place of the path is the true one)}];
        exact;
        scales: {plain, centred} of Scale.data; a signed matrix has no centred one, 0 is its middle.
    """
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
        "scales": {
            "plain": weight_scale(matrix, is_signed).data(),
            "centred": None if is_signed else centred_scale(matrix).data(),
        },
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
