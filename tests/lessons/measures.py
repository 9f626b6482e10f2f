"""What the claims of lessons are measured with, on the shipped weights: one function a measure.

A lesson's file names the measure and its arguments; `tests/lessons/test_claims.py` calls it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from assets import ASSETS
from core.draw.lesson import Claim
from core.explain.compare import probes
from core.observe import Trace, observe
from core.order import Affinity, Pixels, Reading, read
from core.order import path_weight as path_weight_of
from core.order.chance import chance_accuracy
from core.order.facts import Facts, facts, rightly_first
from core.order.shuffle import permutation
from core.video import Clip
from core.weights import Model, load, untrained
from core.world.gestures import RENDERED_FRAMES, Gesture, Uncut

MEASURES: dict[str, Callable[..., float | str]] = {}


def measure(function: Callable[..., float | str]) -> Callable[..., float | str]:
    """Offer a function to lessons, by its name."""
    MEASURES[function.__name__] = function
    return function


def measured(claim: Claim) -> float | str:
    """What a claim's measure gives."""
    import tests.lessons.maps  # noqa: F401  which offers its measures

    return MEASURES[claim.measure](**claim.of)


def holds(claim: Claim, value: float | str) -> bool:
    """Whether a measured value is what the claim says."""
    if isinstance(claim.value, str) or isinstance(value, str):
        return value == claim.value
    return abs(value - claim.value) <= claim.tolerance


# --- what is measured, made once -----------------------------------------------------------------


@cache
def model_of(name: str, random: bool = False) -> Model:
    """A shipped model, or its network with random weights."""
    return untrained(name) if random else load(name)


@cache
def seen(model: str, label: str, seed: int) -> tuple[Gesture, Clip]:
    """The frames of a rendered gesture that the app shows the model, and what is known of them."""
    card = model_of(model).card
    uncut = Uncut(label, seed, RENDERED_FRAMES)
    indices = uncut.indices(frames=card.frames, sampling=card.sampling).tolist()
    gesture = uncut.drawn(indices)
    return gesture, uncut.clip(gesture, indices)


@cache
def clip_of(model: str, label: str, seed: int, how: str = "as it is") -> Clip:
    """These frames as they are, or as another of the app's probes."""
    _, clip = seen(model, label, seed)
    return probes(clip, model_of(model).unit)[how]


@cache
def trace_of(
    model: str, label: str, seed: int, how: str = "as it is", random: bool = False
) -> Trace:
    return observe(model_of(model, random), clip_of(model, label, seed, how))


@cache
def reading_of(
    model: str, label: str, seed: int, shuffle: int, sharp: bool = True, how: str = "seed"
) -> Reading:
    """The order of the shuffled clip, as *Frame order* shows it; `model` may be `pixels`."""
    by_pixels = model == "pixels"
    loaded = model_of("direcformer" if by_pixels else model)
    clip = clip_of(loaded.card.model, label, seed)
    order = permutation(len(clip) // loaded.unit, how, seed=shuffle)
    if by_pixels:
        return read(Pixels(loaded.card.crop, loaded.unit), clip, order).unflattered()
    sharpness = loaded.card.sharpness if sharp else 0.0
    return read(loaded, clip, order, Affinity(sharpness=sharpness)).unflattered()


# --- order ---------------------------------------------------------------------------------------


@measure
def order_accuracy(**of: Any) -> float:
    """OrderAcc of the recovered order, in percent."""
    return reading_of(**of).accuracy


@measure
def either_way(**of: Any) -> float:
    """The same of the path or the path reversed, whichever is better."""
    return reading_of(**of).either_way


@measure
def frames_in_place(**of: Any) -> float:
    """How many frames stand in their true place."""
    reading = reading_of(**of)
    frames = [reading.permutation[slot] for slot in reading.order.path]
    return sum(frame == place for place, frame in enumerate(frames))


@measure
def verdict(**of: Any) -> str:
    """What is said of the order: known, up_to_direction or unknown."""
    return reading_of(**of).order.verdict


@measure
def pairs_right(**of: Any) -> float:
    """Of how many pairs of frames the matrix says rightly which came first."""
    reading = reading_of(**of)
    return rightly_first(reading.matrix, reading.permutation)[0]


@measure
def pairs_tied(**of: Any) -> float:
    """Of how many pairs of frames the matrix says nothing."""
    reading = reading_of(**of)
    return rightly_first(reading.matrix, reading.permutation)[1]


@measure
def pairs_of(frames: int) -> float:
    return frames * (frames - 1) / 2


@measure
def edges_of(frames: int) -> float:
    """Directed edges between so many slots."""
    return frames * (frames - 1)


@measure
def ties_backwards(**of: Any) -> str:
    """Whether the path and its reverse weigh the same."""
    return "yes" if reading_of(**of).order.ties_backwards else "no"


@measure
def path_weight(**of: Any) -> float:
    return reading_of(**of).order.weight


@measure
def rival_weight(**of: Any) -> float:
    """The weight of the heaviest path that is neither the recovered one nor its reverse."""
    reading = reading_of(**of)
    return path_weight_of(reading.matrix, reading.order.rival_path)


@measure
def reverse_weight(**of: Any) -> float:
    """The weight of the recovered path, read backwards."""
    reading = reading_of(**of)
    return path_weight_of(reading.matrix, reading.order.path[::-1])


@measure
def first_slot(**of: Any) -> float:
    """The slot, from 1, in which the recovered order begins."""
    return reading_of(**of).order.path[0] + 1


@measure
def negative_weights(**of: Any) -> float:
    """How many entries of the matrix are negative."""
    return int((reading_of(**of).matrix < 0).sum())


@measure
def least_weight(**of: Any) -> float:
    """The least entry of the matrix off its diagonal."""
    matrix = reading_of(**of).matrix
    return float(matrix[~np.eye(len(matrix), dtype=bool)].min())


@measure
def greatest_weight(**of: Any) -> float:
    """The greatest entry of the matrix off its diagonal."""
    matrix = reading_of(**of).matrix
    return float(matrix[~np.eye(len(matrix), dtype=bool)].max())


def facts_of(**of: Any) -> Facts:
    """What the matrix says of neighbours, of frames far apart and of time."""
    reading = reading_of(**of)
    return facts(reading.matrix, reading.permutation, reading.order.path)


@measure
def weight_to_the_next(**of: Any) -> float:
    """The mean weight from a frame to the one that was filmed next."""
    return facts_of(**of).neighbours


@measure
def weight_far_ahead(**of: Any) -> float:
    """The mean weight from a frame to those filmed half a clip later or more."""
    return facts_of(**of).ahead


@measure
def chance(frames: int) -> float:
    """The mean OrderAcc of a random order, in percent."""
    return chance_accuracy(frames)


@measure
def orders(frames: int) -> float:
    """How many orders there are."""
    return float(np.prod(np.arange(1, frames + 1, dtype=float)))


@measure
def published(model: str, path: list[str], factor: float = 1) -> float:
    """A figure of the weights' card that was measured when they were published."""
    figure: Any = model_of(model).card.measured
    for name in path:
        figure = figure[name]
    return float(figure) * factor


@measure
def in_miniature(table: str, row: str, data: str, figure: str, factor: float = 1) -> float:
    """A row's figure in a table of `training reproduce`, mean over its seeds."""
    results = json.loads((ASSETS / "results" / f"{table}.json").read_text())
    (line,) = (line for line in results["summary"] if line["row"] == row)
    return factor * float(line[data][figure]["mean"])


# --- classes -------------------------------------------------------------------------------------


@measure
def predicted(**of: Any) -> str:
    """The most probable class."""
    trace = trace_of(**of)
    return trace.card.labels[int(trace.probabilities.argmax())]


@measure
def probability(label_of: str = "", **of: Any) -> float:
    """The probability of a class (the clip's own where none is named), in percent."""
    trace = trace_of(**of)
    index = trace.card.labels.index(label_of or of["label"])
    return float(100 * trace.probabilities[index])
