"""Whether all maps of a model depend on its weights, its class and its clip, over several clips.

The cascade is that of `core.explain.trust.sanity`, made once for all maps.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from core.explain.trust.sanity import Cascade, likeness, parts, randomise
from core.weights import Model

Heats = dict[str, Float[np.ndarray, "T h w"]]
"""By the name of the map."""
Correlations = dict[str, dict[str, float]]
"""Of each map, its rank correlation with the original: by what was changed."""
OTHER_CLASS, OTHER_CLIP = "another class", "another clip"


def cascades(
    model: Model, originals: Heats, maps_of: Callable[[Model], Heats], seed: int = 0
) -> Correlations:
    """Make the weights random from the head down, and compare all maps at each step.

    `maps_of` makes the maps of a model, which itself is not changed; `originals` are its own.
    """
    with model.lock:
        net = copy.deepcopy(model.net)
    generator = torch.Generator().manual_seed(seed)
    results: Correlations = defaultdict(dict)
    for step, modules in parts(net):
        for module in modules:
            randomise(module, generator)
        for name, value in compared(originals, maps_of(replace(model, net=net))).items():
            results[name][step] = value
    return dict(results)


def compared(originals: Heats, others: Heats) -> dict[str, float]:
    """How like its original each map is, as `core.explain.trust.sanity.likeness` says."""
    return {name: likeness(original, others[name]) for name, original in originals.items()}


def mean_cascades(clips: Sequence[Correlations]) -> Correlations:
    """The mean over clips of what each map keeps at each step, of those clips where it is known."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in clips:
        for name, steps in each.items():
            for step, value in steps.items():
                if not math.isnan(value):
                    values[name][step].append(value)
    return {
        name: {step: float(np.mean(own)) for step, own in steps.items()}
        for name, steps in values.items()
    }


def words(steps: dict[str, float]) -> str:
    """The verdict of `core.explain.trust.sanity` on a map's mean correlations."""
    return Cascade(("all",), np.array([steps.get("all", 0.0)])).words
