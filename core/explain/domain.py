"""Whether a clip looks like what a model was trained on, from what one pass showed anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from core.observe import Trace
from core.weights.domain import domain_check

OUTSIDE = "this clip does not look like what this model was trained on"


SURENESS = 4
"""Features that are of the logits, the last ones."""


@dataclass(frozen=True)
class Domain:
    """How much a clip looks like what a model was trained on."""

    score: float
    """0..1: near 1 for a rendered gesture, near 0 for a rendered clip of anything else."""
    threshold: float
    """The least score of a clip that looks like training."""
    label: str
    """The class that the model gives the clip."""
    direction_threshold: float
    """Direction margin above which the directions of clips of this class are right."""

    @property
    def inside(self) -> bool:
        """Whether the clip looks like training."""
        return self.score >= self.threshold

    @property
    def numbers(self) -> dict[str, float | bool]:
        """For a report."""
        return {
            "score": round(self.score, 4),
            "threshold": round(self.threshold, 4),
            "inside": self.inside,
        }


def domain(trace: Trace) -> Domain | None:
    """The domain of a clip before a model; None for weights that nobody has calibrated."""
    check = domain_check(trace.card)
    if check is None:
        return None
    label = int(trace.logits.argmax())
    return Domain(
        check.score(domain_features(trace)),
        check.threshold,
        trace.card.labels[label],
        float(check.directions[label]),
    )


def domain_words(numbers: dict[str, Any] | None) -> str:
    """What `Domain.numbers` say, None where there is no domain."""
    if numbers is None:
        return "domain not calibrated"
    score = f"domain score {numbers['score']:.2f}, {numbers['threshold']:.2f} or more is inside"
    return score if numbers["inside"] else f"{score}: {OUTSIDE}"


def domain_features(trace: Trace) -> Float[np.ndarray, " features"]:
    """What the network makes of a clip on the way to a class, and how sure it is of that, (F,).

    First the mean query and the mean key of each recorded attention, 2 D numbers for tokens of D
    numbers; then SURENESS numbers of the logits: the highest probability, the highest logit, what
    it is above the second, and the logarithm of the sum of all their exponentials.
    """
    means = [x.float().mean((0, 2)).flatten() for a in trace.attentions for x in (a.q, a.k)]
    logits = torch.from_numpy(trace.logits)
    best, second = logits.topk(2).values
    energy = logits.logsumexp(0)
    sureness = torch.stack([(best - energy).exp(), best, best - second, energy])
    return torch.cat([*means, sureness]).numpy()
