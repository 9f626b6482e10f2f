"""What a shipped model's training looked like, as numbers to hold a clip against.

A network that knows ten strokes names one of them for any clip, and with confidence. So what it
makes of a clip on the way is weighed: rendered gestures against rendered clips of anything else
(`core.world.elsewhere`), fitted by `python -m training calibrate`. The numbers lie in
`assets/domains`, apart from the weights, and count for the very weights that they were fitted to.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import safe_open
from safetensors.numpy import save_file

from assets import ASSETS
from core.weights.card import Card

DOMAINS = ASSETS / "domains"


@dataclass(frozen=True, eq=False)
class DomainCheck:
    """A logistic regression on a clip's features, and where gestures end."""

    weights: Float[np.ndarray, " features"]
    bias: float
    threshold: float
    """The least score of a clip that looks like training."""
    directions: Float[np.ndarray, " C"]
    """For each class that the model may call, the direction margin above which directions are
    right; UNCALIBRATED where none told, 0 where none was measured."""
    hash: str
    """Of the weights, as on their card."""

    def score(self, features: Float[np.ndarray, " features"]) -> float:
        """How much a clip with these features looks like the rendered gestures, 0..1.

        The logistic function of `weights . features + bias`.
        """
        evidence = float(self.weights.astype(np.float64) @ features + self.bias)
        return 1 / (1 + math.exp(-min(max(evidence, -50.0), 50.0)))


def save_domain(path: Path, check: DomainCheck) -> None:
    """Write a check as safetensors."""
    tensors = {
        "weights": check.weights.astype(np.float32),
        "directions": check.directions.astype(np.float32),
    }
    numbers = {"bias": check.bias, "threshold": check.threshold, "hash": check.hash}
    save_file(tensors, path, metadata={"check": json.dumps(numbers)})


def domain_check(card: Card) -> DomainCheck | None:
    """The check of a model's weights; None if nobody has calibrated one for these very weights."""
    return next((check for check in _shipped(card.model) if check.hash == card.hash), None)


@lru_cache
def _shipped(model: str) -> list[DomainCheck]:
    """Those of a model's checkpoint and of its variants, whose names begin with the model's."""
    return [_read(path) for path in sorted(DOMAINS.glob(f"{model}*.safetensors"))]


def _read(path: Path) -> DomainCheck:
    with safe_open(path, "np") as file:
        numbers = json.loads((file.metadata() or {})["check"])
        return DomainCheck(
            file.get_tensor("weights"), directions=file.get_tensor("directions"), **numbers
        )
