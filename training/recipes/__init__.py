"""Recipes: one dataclass instance a name, found by scanning this folder for RECIPES."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from core.errors import BadInput

HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run. Each field is a flag of `python -m training fit`; `settings` is `--set KEY=VALUE`.

    A loss counts where its weight is above 0, and the model returns and the data know what it needs: fingertips are only
    known of rendered clips.
    """

    model: str
    preset: str = "gesture"
    settings: dict[str, Any] = field(default_factory=dict)  # of the model, over those of the preset
    seed: int = 0

    data: str = "gestures"  # rendered clips; other kinds (folder, kinetics, ssv2, jester, ...) are read from `root`
    root: str = ""
    split: str = ""  # of the data set, to train on; empty = train
    holdout: float = 0.0  # share of each label's clips that validate and are not trained on; 0 = the data set's own split val
    cache: str = ""  # folder for decoded clips
    sampling: str = "uniform"  # which frames of a clip: uniform (one of each equal part), dense (every `stride`th) or motion
    stride: int = 1
    draws: int = 1  # each frame is drawn among so many neighbours, a dense clip among so many windows; 1 = the middle ones
    short: str = "refuse"  # a clip of fewer frames: refuse it, repeat its last frame, or zero
    balance: int = 0  # clips of small classes are repeated up to this number
    crop: str = "fit"  # of a clip in use: fit or centre
    mean: tuple[float, ...] = HALF  # of red, green and blue, 0..1
    std: tuple[float, ...] = HALF
    augment: dict[str, Any] = field(default_factory=dict)  # of clips that are not rendered: name of each, and its numbers
    repeated: int = 1  # copies of a clip in a batch, each augmented anew
    views: tuple[int, ...] = (1, 1)  # clips and crops whose probabilities a test averages

    stills_clips: int = 0  # rendered clips, three frames of each, that train the image ViT first; 0 = no still stage
    stills_lr: float = 1e-3
    stills_depth: int = 0  # blocks of the image ViT; 0 = as many as the model. Later blocks start as the identity
    init: str = ""  # weights to start from instead: a run's stills.safetensors or video.safetensors, or a public checkpoint
    frozen: int = 0  # first blocks, and the embeddings, that are not trained
    time_scale: float = 0.7  # a time embedding starts as a sinusoid of this size: about that of a patch, or order drowns

    clips: int = 100_000  # clips of the video stage
    epochs: float = 0.0  # the same in passes over the data, if above 0
    epoch_clips: int = 10_000  # what counts as one pass over rendered clips, which never end
    emphasis: str = ""  # rendered strokes to draw more or less often than 1, as "star=3,circle=3": those whose order is hard to learn
    batch: int = 24  # clips a step, over all processes
    accumulate: int = 1  # parts that a process takes its share of a batch in, where memory is short
    ordered: float = 1.0  # share of the clips that are seen in order, for L_cls
    shuffled: float = 0.5  # share of the clips that are seen shuffled, for L_ord and L_self

    optimiser: str = "adamw"  # or sgd, with Nesterov momentum
    lr: float = 6e-4
    lr_batch: int = 0  # the batch that `lr` is meant for: what is used is lr * batch / lr_batch; 0 = `lr` as it is
    momentum: float = 0.9  # beta_1 of adamw
    beta2: float = 0.98
    weight_decay: float = 0.05
    layer_decay: float = 1.0  # each block learns at this times the rate of the block after it
    clip_norm: float = 1.0  # largest norm of the gradient; 0 = any
    schedule: str = "cosine"  # cosine, restarts (cosine, again and again), steps or constant
    warmup: int = 200  # steps
    warmup_epochs: float = 0.0  # the same in epochs, if above 0
    warmup_from: float = 0.0  # where the warm-up starts and a cosine ends, as shares of the peak
    floor: float = 0.02
    restart_epochs: float = 5.0  # T_0
    milestones: tuple[float, ...] = ()  # epochs at which `steps` multiplies the rate by gamma
    gamma: float = 0.1
    ema: float = 0.998  # decay of the averaged weights, which are the ones saved for use; 0 = the last ones
    precision: str = "auto"  # bfloat16 where it is fast, or float32

    classify: float = 1.0  # weight of L_cls
    smoothing: float = 0.05  # of the labels in L_cls
    order: float = 1.0  # weight of L_ord
    permutations: str = "greedy_max"
    directed: float = 1.0  # weight of L_self
    directed_from: int = 0  # first layer that L_self counts: earlier ones cannot know the whole clip yet
    diagonal: bool = False  # count t = t' in L_self, as Eq. 13 does: it lowers the loss and teaches no order
    symmetric: bool = False  # the released helper's matrix in L_self, under which order cannot be recovered
    pairs: float = 0.0  # weight of the cross-entropy of each pair of slots, beside or instead of L_self
    alignment: float = 0.0  # weight of 1 - cosine between spatial and temporal frame maps
    fingertip: float = 0.3  # weight of the dense side task
    rank: float = 0.0  # weight of the second side task: which original frame each shuffled slot shows

    validate_clips: int = 0  # held-out clips that the averaged weights are tried on; 0 = never
    validate_every: int = 5_000  # clips between two trials
    patience: int = 0  # trials without a better top-1 after which the run ends, keeping the best weights; 0 = never

    workers: int = 1
    threads: int = 2
    checkpoint_seconds: float = 60.0
    tensorboard: bool = False  # event files beside metrics.jsonl


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
