"""Whether a map depends on what was learned: layers get random weights, last one first.

Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, their cascading randomisation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from core.explain.compare import spearman
from core.models import VideoModel
from core.models.am_flow import AMFlow
from core.video import Clip
from core.weights import Model

ALIKE = 0.7
"""A rank correlation from which a map of random weights is called the same map."""
MapOf = Callable[[Model], Float[np.ndarray, "T h w"]]
MapFor = Callable[[Clip, int], Float[np.ndarray, "T h w"]]
Progress = Callable[[float], object]


@dataclass(frozen=True)
class Cascade:
    """How alike a map is to its original while weights become random from the last layer down."""

    steps: tuple[str, ...]
    """What became random last: the head, then layer L to layer 1, then all."""
    correlations: Float[np.ndarray, " steps"]
    """Spearman's rank correlation with the original map, -1..1; NaN for an even map."""

    @property
    def depends_on_weights(self) -> bool:
        """Whether the map of an all but untrained network is another map."""
        return not _alike(float(self.correlations[-1]))

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.depends_on_weights:
            return "depends on the weights: with random ones it is another map"
        return "does not depend on the weights: with random ones it is nearly the same map"


@dataclass(frozen=True)
class Swaps:
    """How alike a map is to those of another question: Spearman's correlations, -1..1."""

    label: float
    """With the map of the same clip for the class of another clip."""
    clip: float
    """With the map of the other clip for its own class."""

    @property
    def words(self) -> tuple[str, str]:
        """Both verdicts in words."""
        label = (
            "does not depend on the class: asked for that of another clip it is nearly the same map"
            if _alike(self.label)
            else "depends on the class: asked for that of another clip it is another map"
        )
        clip = (
            "does not depend on the clip: another clip has nearly the same map"
            if _alike(self.clip)
            else "depends on the clip: another clip has another map"
        )
        return label, clip


def _alike(correlation: float) -> bool:
    """Whether a correlation is that of nearly the same map, or of its opposite."""
    return abs(correlation) >= ALIKE  # NaN, of an even map, is not


def swaps(map_for: MapFor, clip: Clip, target: int, other: Clip, others_target: int) -> Swaps:
    """Ask for the class of another clip, and for the map of that clip itself.

    `map_for` makes the map of a clip for a class.
    """
    original = map_for(clip, target)
    return Swaps(
        likeness(original, map_for(clip, others_target)),
        likeness(original, map_for(other, others_target)),
    )


def likeness(original: Float[np.ndarray, "T h w"], heat: Float[np.ndarray, "T h w"]) -> float:
    """Spearman's, and 1 for a map that did not change at all, be it an even one."""
    return 1.0 if np.array_equal(original, heat) else spearman(original, heat)


def cascade(
    model: Model, map_of: MapOf, seed: int = 0, progress: Progress = lambda done: None
) -> Cascade:
    """Make the weights random from the head down, each step with those before it, and compare.

    `map_of` makes the map of a model. The model itself is not changed. After each step
    `progress(share done, 0..1)` is called; what that raises ends the work.
    """
    original = map_of(model)
    with model.lock:
        net = copy.deepcopy(model.net)
    generator = torch.Generator().manual_seed(seed)
    steps, correlations = [], []
    layers = parts(net)
    for name, modules in layers:
        for module in modules:
            randomise(module, generator)
        heat = map_of(replace(model, net=net))
        steps.append(name)
        correlations.append(likeness(original, heat))
        progress(len(steps) / len(layers))
    return Cascade(tuple(steps), np.array(correlations))


def parts(net: VideoModel) -> list[tuple[str, Sequence[nn.Module]]]:
    """What becomes random, in turn: the head, each layer from the last one on, then the rest."""
    own = net.network
    blocks = list(own.vit.blocks) if isinstance(own, AMFlow) else list(own.trunk)
    inside = {id(part) for block in blocks for part in block.modules()}
    heads = [
        module
        for name, module in net.named_modules()
        if name.split(".")[-1].endswith("head") and id(module) not in inside
    ]
    layers = [(f"layer {i + 1}", [block]) for i, block in reversed(list(enumerate(blocks)))]
    return [("head", heads), *layers, ("all", [net])]


@torch.no_grad()
def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every matrix anew, normal and as large as before; biases and norms stay."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            size = float(parameter.std())
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)
