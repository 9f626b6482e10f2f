"""How right a recovered order is: OrderAcc as DirecFormer defines it, and either way round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from core.errors import BadInput


def lcs_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common subsequence of two permutations of the same items."""
    position = {item: i for i, item in enumerate(second)}
    ends: list[int] = []  # ends[n]: smallest end of an increasing run of length n + 1
    for item in first:
        place = int(np.searchsorted(ends, position[item]))
        ends[place : place + 1] = [position[item]]
    return len(ends)


def order_accuracy(
    path: Sequence[int], permutation: Sequence[int] | Int[np.ndarray, " T"]
) -> float:
    """OrderAcc in percent: LCS(path, argsort(o)) / T * 100 (spec 3.5).

    `permutation[t]` is the original frame shown in slot t; a perfect path lists the slots in the
    order of those frames. Raises: BadInput if the two are not permutations of the same slots.
    """
    T = len(path)
    if sorted(path) != list(range(T)) or sorted(permutation) != list(range(T)):
        raise BadInput(
            f"path {list(path)} and permutation {list(permutation)} must each hold 0 to {T - 1} "
            "once"
        )
    return 100.0 * lcs_length(path, np.argsort(permutation).tolist()) / T


def reversal_accuracy(
    path: Sequence[int], permutation: Sequence[int] | Int[np.ndarray, " T"]
) -> float:
    """OrderAcc of the path or of the path reversed, whichever is better, in percent."""
    return max(order_accuracy(path, permutation), order_accuracy(path[::-1], permutation))
