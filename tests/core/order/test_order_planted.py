"""Orders that were planted in a matrix are recovered whole, whatever order the slots start in."""

from __future__ import annotations

import numpy as np
import pytest

from core.order import order_accuracy, recover_order


def planted(frames: int, kind: str, rng: np.random.Generator) -> np.ndarray:
    """An affinity of frames in true order whose only heaviest path is 0, 1, ... T - 1."""
    # T - 1 heavy edges in noise that even all together do not outweigh one of them.
    if kind == "edges":
        matrix = rng.random((frames, frames)) / frames
        matrix[np.arange(frames - 1), np.arange(1, frames)] += 1
        return matrix
    # DirecFormer's target (Eq. 13).
    signs = np.sign(np.subtract.outer(np.arange(frames), np.arange(frames))) * -1.0
    return signs + 0.4 * rng.random((frames, frames)) / frames


@pytest.mark.parametrize("kind", ["edges", "signs"])
@pytest.mark.parametrize("frames", range(4, 17))
def test_a_planted_order_is_recovered_whole_from_any_start(frames: int, kind: str) -> None:
    rng = np.random.default_rng([frames, len(kind)])
    matrix = planted(frames, kind, rng)
    for start in (np.arange(frames), np.arange(frames)[::-1], rng.permutation(frames)):
        found = recover_order(matrix[np.ix_(start, start)])
        assert order_accuracy(found.path, start.tolist()) == 100 and found.exact
        assert found.path == tuple(np.argsort(start)) and found.verdict == "known"
