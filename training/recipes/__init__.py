"""Recipes: one dataclass instance a name, found by scanning this folder for RECIPES."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from importlib import import_module

from core.errors import BadInput


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run. Each field is a flag of `python -m training fit`."""

    model: str
    preset: str = "gesture"
    seed: int = 0
    stills_clips: int = 0  # rendered clips, three frames of each, that train the image ViT first; 0 = no still stage
    stills_lr: float = 1e-3
    stills_depth: int = 0  # blocks of the image ViT; 0 = as many as the model. Later blocks start as the identity
    clips: int = 100_000  # rendered clips of the video stage
    batch: int = 24
    ordered: float = 1.0  # share of the clips that are seen in order, for L_cls
    shuffled: float = 0.5  # share of the clips that are seen shuffled, for L_ord and L_self
    lr: float = 6e-4
    warmup: int = 200  # steps
    time_scale: float = 0.7  # the time embedding starts as a sinusoid of this size: about that of a patch, or order drowns
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    ema: float = 0.998  # decay of the averaged weights, which are the ones saved for use
    classify: float = 1.0  # weight of L_cls
    order: float = 1.0  # weight of L_ord
    directed: float = 1.0  # weight of L_self
    directed_from: int = 0  # first layer that L_self counts: earlier ones cannot know the whole clip yet
    pairs: float = 0.0  # weight of the cross-entropy of each pair of slots, beside or instead of L_self
    frozen: int = 0  # first blocks, and the embeddings, that are not trained
    fingertip: float = 0.3  # weight of the dense side task
    rank: float = 0.0  # weight of the second side task: which original frame each shuffled slot shows
    permutations: str = "greedy_max"
    init: str = ""  # weights to start from instead of a still stage: another run's stills.safetensors or video.safetensors
    workers: int = 1
    threads: int = 2
    checkpoint_seconds: float = 60.0


def recipes() -> dict[str, Recipe]:
    """Every recipe by name."""
    found: dict[str, Recipe] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= getattr(import_module(f"{__name__}.{module.name}"), "RECIPES", {})
    return found


def recipe(name: str) -> Recipe:
    """Raises: BadInput for an unknown name."""
    if name not in recipes():
        raise BadInput(f"recipe {name!r} is not known; choose one of {', '.join(sorted(recipes()))}")
    return recipes()[name]
