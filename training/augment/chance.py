"""Draws from a generator: all chance of an augmentation comes from here, so it can be repeated."""

from __future__ import annotations

import torch
from torch import Generator


def uniform(low: float, high: float, generator: Generator) -> float:
    """From `low` to `high`, in double precision."""
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def integer(most: int, generator: Generator) -> int:
    """0 to `most`, both included."""
    return int(torch.randint(most + 1, (), generator=generator))
