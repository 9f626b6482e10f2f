"""What guessing gets: the exact distribution of OrderAcc where the order is drawn at random.

OrderAcc of a random path is the length of the longest increasing subsequence of a random
permutation. By the Robinson-Schensted correspondence a permutation of T items is a pair of standard
Young tableaux of one shape, whose first row is as long as the longest increasing subsequence and
which has as many rows as the longest decreasing one is long (Schensted, 1961). The tableaux of a
shape are counted by the hook length formula (Frame, Robinson and Thrall, 1954). So nothing is drawn
and nothing is rounded before the last division.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import factorial, prod

import numpy as np
from jaxtyping import Float

from core.errors import BadInput

MOST_FRAMES = 40
"""37,338 shapes; 64 frames would have 1.7 million."""


def _shapes(cells: int, widest: int) -> Iterator[tuple[int, ...]]:
    """Every partition of `cells` into rows of at most `widest`, longest row first."""
    if not cells:
        yield ()
    for row in range(min(cells, widest), 0, -1):
        for rest in _shapes(cells - row, row):
            yield (row, *rest)


def _tableaux(shape: tuple[int, ...]) -> int:
    """How many standard Young tableaux have this shape: T! over the product of all hook lengths."""
    columns = [sum(row > c for row in shape) for c in range(shape[0])]
    return factorial(sum(shape)) // prod(
        row - c + columns[c] - r - 1 for r, row in enumerate(shape) for c in range(row)
    )


@lru_cache(maxsize=32)
def longest_counts(frames: int, either_way: bool = False) -> tuple[int, ...]:
    """How many of the T! orders have 1, 2, ... T frames in the right order at most.

    For 8 frames these are 1, 1429, 14337 ... (spec 8.5). With `either_way` an order may be read
    backwards too: the longest increasing or decreasing subsequence.

    Raises: BadInput for fewer than 1 or more than MOST_FRAMES frames.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise BadInput(
            f"the distribution of chance is exact for 1 to {MOST_FRAMES} frames, got {frames}; "
            "choose fewer frames"
        )
    counts = [0] * frames
    for shape in _shapes(frames, frames):
        longest = max(shape[0], len(shape)) if either_way else shape[0]
        counts[longest - 1] += _tableaux(shape) ** 2
    return tuple(counts)


def chance_distribution(frames: int, either_way: bool = False) -> Float[np.ndarray, " T"]:
    """P(OrderAcc = 100 k / T) of a random order for k = 1 ... T: (T,) float64, summing to 1.

    Raises: BadInput as `longest_counts`.
    """
    every = factorial(frames) if frames > 0 else 1
    return np.array([count / every for count in longest_counts(frames, either_way)])


def chance_accuracy(frames: int, either_way: bool = False) -> float:
    """The mean OrderAcc of a random order in percent: 47.13 for 8 frames, 54.37 either way.

    Raises: BadInput as `longest_counts`.
    """
    return float(100 * chance_distribution(frames, either_way) @ np.arange(1, frames + 1) / frames)
