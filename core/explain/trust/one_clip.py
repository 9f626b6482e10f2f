"""Every map of a model held against the truth of one clip, and against the baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Real

from core.explain.trust.every_map import BASELINES, NamedMap
from core.explain.trust.truth_scores import NAMES, TruthScores, truth_scores


@dataclass(frozen=True)
class Held:
    """One map held against the truth."""

    name: str
    scores: TruthScores
    not_beaten: dict[str, tuple[str, ...]]
    """By score: the baselines that have as much or more of it. Empty for a baseline itself, and
    where the score is not defined."""

    @property
    def is_baseline(self) -> bool:
        """Whether the map knows nothing of the model."""
        return self.name in BASELINES

    @property
    def beats_all(self) -> bool:
        """Whether it beats every baseline in every score that is defined."""
        return not self.is_baseline and not any(self.not_beaten.values())


def held_against_truth(
    maps: Sequence[NamedMap],
    mask: Bool[np.ndarray, "T H W"],
    fingertip: Real[np.ndarray, "T 2"],
) -> list[Held]:
    """Score every map as `truth_scores` does; the baselines are among the maps."""
    scores = {each.name: truth_scores(each.heat, mask, fingertip) for each in maps}
    return [Held(name, own, _not_beaten(name, scores)) for name, own in scores.items()]


def _not_beaten(name: str, scores: dict[str, TruthScores]) -> dict[str, tuple[str, ...]]:
    own = scores[name].numbers
    others = {each: scores[each].numbers for each in BASELINES if each in scores}
    return {
        score: tuple(
            baseline
            for baseline, numbers in others.items()
            if name not in BASELINES and not math.isnan(own[score]) and numbers[score] >= own[score]
        )
        for score in NAMES
    }
