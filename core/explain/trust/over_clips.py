"""The scores of every map over many rendered clips, whose truth is known, with intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Real

from core.explain.trust.alike import Alike, alike
from core.explain.trust.cascades import (
    OTHER_CLASS,
    OTHER_CLIP,
    Correlations,
    Heats,
    cascades,
    compared,
)
from core.explain.trust.every_map import BASELINES, PART, NamedMap, every_map
from core.explain.trust.faithfulness import (
    deletions,
    infidelity,
    insertions,
    random_heats,
    sensitivity_n,
    subsets,
)
from core.explain.trust.truth_scores import truth_scores
from core.video import Clip, crop_box
from core.weights import Card, Model
from core.world.gestures import LABELS, Gesture, render, rendered_clip

FIRST_SEED = 900_000_000_000_000
"""Of clips that no training run draws, as in `training.evaluate`."""
SET = 1_000_000_000
"""Numbers of the clips of a set, which begin at its seed times this: sets share no clip."""
RANDOMISED = ("saliency",)
"""The attributions that are made of networks with random weights too; others take too long."""
RANDOM = "random order"
"""What maps must beat in deletion and insertion: the mean of several."""
STEPS = 8
RESAMPLES = 1000
HIGHER_IS_BETTER = {
    **dict.fromkeys(("hand", "fingertip", "energy", "auc", "precision"), True),
    **{"deletion": False, "insertion": True, "sensitivity": True, "infidelity": False},
}
"""Every score, and whether a high value is good."""

Scores = dict[str, dict[str, float]]
"""The scores of each map by its name; a score that was not made is not there."""


@dataclass(frozen=True)
class Row:
    """What was measured of one clip."""

    scores: Scores
    alike: Alike
    kept: Correlations
    """What each map keeps with random weights, for another class and of another clip; empty where
    that was not asked."""

    @property
    def line(self) -> dict[str, Any]:
        """For JSON: the maps' scores, and beside them the rest."""
        matrix = np.round(self.alike.matrix, 4).tolist()
        names = list(self.alike.names)
        return {**self.scores, ALIKE: {"maps": names, "matrix": matrix}, KEPT: self.kept}


ALIKE, KEPT = "rank correlations", "what is kept"
"""Keys of a row beside the names of maps."""


def row_of(line: dict[str, Any]) -> Row:
    """The row that a line was made of."""
    scores = dict(line)
    correlations, kept = scores.pop(ALIKE), scores.pop(KEPT)
    return Row(scores, Alike(tuple(correlations["maps"]), np.array(correlations["matrix"])), kept)


@dataclass(frozen=True)
class Depth:
    """How much is measured of a clip: what takes many passes is measured on a part of the clips."""

    faithful: bool
    """Deletion, insertion, sensitivity and infidelity."""
    attributions: Sequence[str]
    """Of METHODS."""
    randomised: bool = False
    """Whether maps are compared with those of random weights, another class and another clip."""


def rendered(model: Model, number: int) -> tuple[Gesture, Clip]:
    """The gesture of this number, labels in turn, of as many frames as the model takes."""
    label = LABELS[number % len(LABELS)]
    gesture = render(label, FIRST_SEED + number, frames=model.card.frames)
    return gesture, rendered_clip(gesture)


def clip_row(model: Model, number: int, depth: Depth) -> Row:
    """What every map is worth on one rendered clip, whose own class is asked for."""
    gesture, clip = rendered(model, number)
    target = model.card.labels.index(gesture.label)
    _, maps = every_map(model, clip, depth.attributions, target)
    mask, tips = truth_seen(gesture.mask, gesture.fingertip, model.card)
    scores = {each.name: truth_scores(each.heat, mask, tips).numbers for each in maps}
    if depth.faithful:
        _add_faithfulness(scores, model, clip, target, maps, number)
    kept = _kept(model, clip, target, number) if depth.randomised else {}
    return Row(scores, alike(maps, mask), kept)


def _kept(model: Model, clip: Clip, target: int, number: int) -> Correlations:
    """How alike each map stays with random weights, for the next clip's class, and of that clip."""
    gesture, other = rendered(model, number + 1)
    others_target = model.card.labels.index(gesture.label)

    def heats(changed: Model, shown: Clip, asked: int) -> Heats:
        _, maps = every_map(changed, shown, RANDOMISED, asked)
        return {each.name: each.heat for each in maps if each.name not in BASELINES}

    originals = heats(model, clip, target)
    results = cascades(model, originals, lambda changed: heats(changed, clip, target), number)
    for what, shown in ((OTHER_CLASS, clip), (OTHER_CLIP, other)):
        for name, value in compared(originals, heats(model, shown, others_target)).items():
            results[name][what] = value
    return results


def truth_seen(
    mask: Bool[np.ndarray, "T H W"], fingertip: Real[np.ndarray, "T 2"], card: Card
) -> tuple[Bool[np.ndarray, "T S S"], Float[np.ndarray, "T 2"]]:
    """The hand's mask and the fingertip, x and y, in the pixels that a model sees.

    They are cropped and scaled as the card says; of the mask the nearest pixel is taken.
    """
    top, left, height, width = crop_box(mask.shape[1], mask.shape[2], card.crop)
    places = (np.arange(card.size) + 0.5) / card.size
    rows, columns = (top + places * height).astype(int), (left + places * width).astype(int)
    tips = (np.asarray(fingertip, float) - (left, top)) * card.size / (width, height)
    return mask[:, rows][:, :, columns], tips


def tenth(grid: tuple[int, int, int]) -> int:
    """The cells of a set that is taken away: a tenth of all."""
    return max(1, math.prod(grid) // 10)


def _add_faithfulness(
    scores: Scores, model: Model, clip: Clip, target: int, maps: list[NamedMap], number: int
) -> None:
    """Deletion and insertion of each map and of random orders, sensitivity and infidelity."""
    grid = maps[0].heat.shape
    assert len(grid) == 3
    sets = subsets(model, clip, target, grid, "mean", size=tenth(grid), seed=number)
    # many passes a map: of the attentions the last layer alone, as "attention"
    asked = [each for each in maps if not each.name.startswith(PART)]
    heats = [*(each.heat for each in asked), *random_heats(grid, seed=number)]
    deleted = [each.area for each in deletions(model, clip, target, heats, "mean", STEPS)]
    inserted = [each.area for each in insertions(model, clip, target, heats, "blur", STEPS)]
    for i, each in enumerate(asked):
        scores[each.name] |= {
            "deletion": deleted[i],
            "insertion": inserted[i],
            "sensitivity": sensitivity_n(each.heat, sets),
            "infidelity": infidelity(each.heat, sets),
        }
    orders = slice(len(asked), None)
    scores[RANDOM] = {
        "deletion": float(np.mean(deleted[orders])),
        "insertion": float(np.mean(inserted[orders])),
    }


@dataclass(frozen=True)
class Mean:
    """A score over clips, with its 95 % interval by bootstrap."""

    mean: float
    low: float
    high: float
    clips: int
    """That have the score."""

    @property
    def numbers(self) -> dict[str, float]:
        """For JSON, rounded."""
        return {
            "mean": round(self.mean, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "clips": self.clips,
        }


def means(rows: Sequence[Scores], seed: int = 0) -> dict[str, dict[str, Mean]]:
    """Of each map, each score over all clips that have it."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for name, scores in row.items():
            for score, value in scores.items():
                if not math.isnan(value):
                    values[name][score].append(value)
    return {
        name: {score: mean_of(own, seed) for score, own in scores.items()}
        for name, scores in values.items()
    }


def mean_of(values: Sequence[float], seed: int = 0) -> Mean:
    """The mean of values and the middle 95 % of the means of clips drawn again with replacement."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(np.asarray(values)[drawn].mean(1), [2.5, 97.5])
    return Mean(float(np.mean(values)), float(low), float(high), len(values))


def not_beaten(results: dict[str, dict[str, Mean]], name: str, score: str) -> Iterator[str]:
    """The baselines that a map's score does not beat: its interval is not clear of their mean."""
    own = results[name].get(score)
    if own is None or name in (*BASELINES, RANDOM):
        return
    for baseline in (*BASELINES, RANDOM):
        other = results.get(baseline, {}).get(score)
        if other is None:
            continue
        beats = own.low > other.mean if HIGHER_IS_BETTER[score] else own.high < other.mean
        if not beats:
            yield baseline


def numbers(results: dict[str, dict[str, Mean]]) -> dict[str, dict[str, dict[str, Any]]]:
    """For JSON: of each map its scores, and which baselines each does not beat."""
    return {
        name: {
            score: {**mean.numbers, "not beaten": list(not_beaten(results, name, score))}
            for score, mean in scores.items()
        }
        for name, scores in results.items()
    }
