"""From a matrix of affinities to an order, and how sure it is (DirecFormer 4.3, spec 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Real, UInt8

from core.order.edges import Edge, Path, checked, path_weight
from core.order.held_karp import EXACT_FRAMES
from core.order.paths import heaviest_paths

if TYPE_CHECKING:
    import networkx

Verdict = Literal["known", "up_to_direction", "unknown"]
UNKNOWN_MARGIN = 1e-3

REPEATED = 2
"""Grey levels that no pixel of two frames may differ by for them to be the same picture.

So much is what a codec rounds away.
"""


@dataclass(frozen=True)
class Order:
    """The recovered order of T slots and how sure it is.

    `margin` and `direction_margin` compare the path with the runner-up and with itself reversed,
    `order_margin` with its rival, in units of (T - 1) standard deviations of the matrix off its
    diagonal.
    """

    path: Path
    weight: float
    runner_up_path: Path
    runner_up: float
    margin: float
    direction_margin: float
    verdict: Verdict
    exact: bool  # False: found by local search, perhaps not the best
    rival_path: Path  # the heaviest that is neither the path nor its reverse, where there is one
    order_margin: float
    ties_backwards: bool  # the matrix is symmetric: the path and its reverse weigh the same
    forbidden: tuple[Edge, ...] = ()  # edges that no path here may use


def sharpened(matrix: Real[np.ndarray, "T T"], sharpness: float) -> Float[np.ndarray, "T T"]:
    """How surely t comes before u, and how near they are: a sharper matrix (T, T), -2..2.

    tanh(sharpness (W - W^T) / 2) + (W + W^T) / 2. Sharpness 0 leaves W as it is. A cosine is weak
    between neighbours and strong between frames far apart, so the heaviest path on W itself leaps
    ahead and comes back for the frames it passed (1 3 5 7 0 2 4 6). With signs near -1 and 1 a leap
    gains nothing and the way back costs. Where the model leaves the direction open the signs
    vanish, and the second term orders by likeness. The paper uses W (spec 3.5), whose weights are
    near the signs only after long training.
    """
    matrix = np.asarray(matrix, np.float64)
    if not sharpness:
        return matrix
    direction = np.tanh(sharpness * (matrix - matrix.T) / 2)
    likeness = (matrix + matrix.T) / 2
    return direction + likeness


def recover_order(
    matrix: Real[np.ndarray, "*shape"],
    direction_threshold: float = 0.0,
    forbidden: Sequence[Edge] = (),
    repeated: Sequence[Edge] = (),
) -> Order:
    """Recover the order without the forbidden edges and judge it.

    The verdict is `unknown` if the matrix is constant, the margin is below UNKNOWN_MARGIN, or slots
    show the same picture (`repeated`, of repeated_slots: a model that knows its slots apart would
    order them all the same); `up_to_direction` if the direction margin is below
    `direction_threshold`, else `known`. The margins are in units of the whole matrix, and the
    reversed path may use any edge. If one path alone is left it is its own runner-up and rival.

    Raises: BadInput for a matrix that is not square or not finite, and if no path is left.
    """
    paths = heaviest_paths(matrix, 3, forbidden)
    matrix = checked(matrix)
    path, runner_up_path = paths[0], paths[min(1, len(paths) - 1)]
    weight, runner_up = path_weight(matrix, path), path_weight(matrix, runner_up_path)
    backwards = path_weight(matrix, path[::-1])
    # A symmetric matrix ties a path with its own reverse: that leaves the direction open, not the
    # order, which is then judged against the next path.
    is_reverse = runner_up_path == path[::-1]
    rival_path = paths[2] if is_reverse and len(paths) > 2 else runner_up_path
    unit = _unit(matrix)
    margin = direction_margin = order_margin = 0.0
    verdict: Verdict = "unknown"
    if unit > 0:
        margin = (weight - runner_up) / unit
        direction_margin = (weight - backwards) / unit
        order_margin = (weight - path_weight(matrix, rival_path)) / unit
        if order_margin >= UNKNOWN_MARGIN and not repeated:
            least = max(direction_threshold, UNKNOWN_MARGIN)
            verdict = "known" if direction_margin >= least else "up_to_direction"
    return Order(
        path,
        weight,
        runner_up_path,
        runner_up,
        margin,
        direction_margin,
        verdict,
        exact=len(matrix) <= EXACT_FRAMES,
        rival_path=rival_path,
        order_margin=order_margin,
        ties_backwards=len(path) > 1 and is_reverse and _is_symmetric(matrix),
        forbidden=tuple(forbidden),
    )


def _is_symmetric(matrix: np.ndarray) -> bool:
    """Whether a matrix is its own transpose but for rounding, that of 32 bits included."""
    return bool(np.abs(matrix - matrix.T).max() <= 1e-6 * np.abs(matrix).max())


def _unit(matrix: np.ndarray) -> float:
    """(T - 1) standard deviations off the diagonal; 0 where nothing but rounding differs."""
    edges = matrix[~np.eye(len(matrix), dtype=bool)]
    if len(edges) == 0:
        return 0.0
    spread = float(edges.std())
    if spread <= 1e-9 * float(np.abs(edges).max()):
        return 0.0
    return (len(matrix) - 1) * spread


def pixel_affinity(frames: UInt8[np.ndarray, "T H W 3"]) -> Float[np.ndarray, "T T"]:
    """The baseline `pixels`: minus the mean absolute difference of two frames, 0..255, (T, T).

    Its best path runs through the frames that are most alike; it is blind to direction.
    """
    small = frames.astype(np.float32)
    return -np.stack([np.abs(small - frame).mean((1, 2, 3)) for frame in small]).astype(np.float64)


def repeated_slots(frames: UInt8[np.ndarray, "frames H W 3"], unit: int = 1) -> tuple[Edge, ...]:
    """Pairs of slots (t, u), t < u, that show the same picture: whose order nothing can tell.

    `frames` are (T * unit, H, W, 3) uint8, `unit` of them a slot. No pixel may differ by more than
    REPEATED.
    """
    slots = frames.reshape(len(frames) // unit, -1).astype(np.int16)
    return tuple(
        (t, u)
        for t in range(len(slots))
        for u in range(t + 1, len(slots))
        if np.abs(slots[t] - slots[u]).max() <= REPEATED
    )


def frame_graph(matrix: Real[np.ndarray, "T T"], path: Path) -> networkx.DiGraph:
    """The complete directed graph of the slots, for drawing.

    Its edges hold `weight` and `step`, their place along the path or None.
    """
    import networkx

    matrix = checked(matrix)
    steps = {edge: i for i, edge in enumerate(pairwise(path))}
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(matrix)))
    for t in range(len(matrix)):
        for u in range(len(matrix)):
            if t != u:
                graph.add_edge(t, u, weight=float(matrix[t, u]), step=steps.get((t, u)))
    return graph
