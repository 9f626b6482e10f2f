"""The fixed set of frame orders that DirecFormer's order head tells apart (spec 3.4)."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from math import factorial
from typing import Literal, get_args

import numpy as np

from core.errors import BadInput

Strategy = Literal["greedy_min", "greedy_max", "random"]


@lru_cache(maxsize=8)
def permutation_set(
    frames: int = 8, count: int = 1000, strategy: Strategy | str = "greedy_min", seed: int = 0
) -> np.ndarray:
    """`count` distinct orders of `frames` frames without the identity, int64 (count, frames).

    greedy_min adds, one at a time, the order with the smallest mean Hamming distance to those
    chosen (the paper's text); greedy_max the largest (as the released set was made; the two have 25
    of 1,000 orders in common). Ties go to the lexicographically first. Class k of the order head is
    row k - 1; class 0 is the identity.

    Raises: BadInput for another strategy, if there are not `count` such orders, or too many orders
    to list (frames > 9).
    """
    if strategy not in get_args(Strategy):
        raise BadInput(
            f"permutations {strategy!r} are not known; choose one of "
            f"{', '.join(get_args(Strategy))}"
        )
    if not 2 <= frames <= 9 or not 1 <= count < factorial(frames):
        raise BadInput(
            f"cannot choose {count} orders of {frames} frames; frames must be 2 to 9 and count "
            "less than frames!"
        )
    everything = np.array(list(permutations(range(frames))))
    rng = np.random.default_rng(seed)
    if strategy == "random":
        numbers = 1 + rng.choice(len(everything) - 1, count, replace=False)
        return everything[np.sort(numbers)]
    sign = 1 if strategy == "greedy_min" else -1
    # Sum of matches with the chosen set: distance = frames * chosen - matches.
    matches = np.zeros(len(everything), np.int64)
    free = np.ones(len(everything), bool)
    free[0] = False
    pick = int(rng.integers(1, len(everything)))
    picks = [pick]
    lowest = np.iinfo(np.int64).min
    for _ in range(count - 1):
        free[pick] = False
        matches += (everything == everything[pick]).sum(1)
        pick = int(np.argmax(np.where(free, sign * matches, lowest)))
        picks.append(pick)
    return everything[picks]
