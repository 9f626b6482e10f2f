"""Recipes: one dataclass instance a name, found by scanning this folder for RECIPES."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from core.errors import BadInput
from training.recipes.values import BELOW_ONE, check_value, flag

if TYPE_CHECKING:
    from core.order.permutations import Strategy
    from core.video import Crop
    from core.video.sampling import Sampling
    from core.video.sets.reading import Short

HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run.

    Each field is a flag of `python -m training fit`; `settings` is `--set KEY=VALUE`. A loss counts
    where its weight is above 0, and the model returns and the data know what it needs: fingertips
    are only known of rendered clips.
    """

    model: str = field(metadata={"help": "the network to train", "kind": str})
    preset: str = flag("gesture", "its size: gesture, or one of the paper's")
    settings: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "of the model, over those of the preset"}
    )
    seed: int = flag(0, "decides the first weights, the clips and their order", least=0)

    data: str = flag(
        "gestures",
        "gestures (rendered), or what --root holds: folder, kinetics, ssv2, jester, ucf101, "
        "hmdb51 or smarthome",
    )
    root: str = flag("", "folder of the clips, unless they are rendered")
    split: str = flag("", "of the data set, to train on; empty = train")
    holdout: float = flag(
        0.0,
        "share of each label's clips that validate and are not trained on; 0 = the data set's own "
        "split val",
        least=0,
        most=BELOW_ONE,
    )
    cache: str = flag("", "folder for decoded clips")
    cache_gigabytes: float = flag(
        20.0,
        "what that folder may hold; once it is full, other clips are decoded each time",
        least=1e-3,
    )
    sampling: Sampling = flag(
        "uniform",
        "which frames of a clip: uniform (one of each equal part), dense (every --stride'th) or "
        "motion (those that change most)",
    )
    stride: int = flag(1, "of dense sampling, in frames", least=1)
    draws: int = flag(
        1,
        "each frame is drawn among so many neighbours, a dense clip among so many windows; 1 = "
        "the middle ones",
        least=1,
    )
    short: Short = flag(
        "refuse",
        "a clip of fewer frames: refuse it, repeat its last frame (last), or add black ones (zero)",
    )
    balance: int = flag(
        0, "clips of small classes are repeated up to this number; 0 = each clip once", least=0
    )
    crop: Crop = flag(
        "fit",
        "what a model sees of a frame: centre (the central square) or fit (the whole frame, "
        "stretched)",
    )
    mean: tuple[float, float, float] = flag(
        HALF, "of red, green and blue, 0 to 1; it is taken off each pixel"
    )
    std: tuple[float, float, float] = flag(
        HALF, "of red, green and blue, 0 to 1; each pixel is divided by it"
    )
    augment: dict[str, Any] = field(
        default_factory=dict,
        metadata={
            "help": "how clips that are not rendered are varied: name of each way, and its numbers"
        },
    )
    repeated: int = flag(1, "copies of a clip in a batch, each augmented anew", least=1)
    views: tuple[int, int] = flag(
        (1, 1),
        "clips and crops whose probabilities a test averages, "
        "and evaluate unless it is told others",
    )

    stills_clips: int = flag(
        0,
        "rendered clips, three frames of each, that train the image ViT first; 0 = no still stage",
        least=0,
    )
    stills_lr: float = flag(1e-3, "largest learning rate of the still stage", least=0)
    stills_depth: int = flag(
        0,
        "blocks of the image ViT; 0 = as many as the model. Later blocks start as the identity",
        least=0,
    )
    init: str = flag(
        "",
        "weights to start from instead: a run's stills.safetensors or video.safetensors, or a "
        "public checkpoint",
    )
    frozen: int = flag(
        0, "first blocks, and with them the embeddings, that are not trained", least=0
    )
    time_scale: float = flag(
        0.7,
        "a time embedding starts as a sinusoid of this size: "
        "about that of a patch, or order drowns",
        least=0,
    )

    clips: int = flag(100_000, "clips of the video stage", least=1)
    epochs: float = flag(0.0, "the same in passes over the data, if above 0", least=0)
    epoch_clips: int = flag(
        10_000, "what counts as one pass over rendered clips, which never end", least=1
    )
    emphasis: str = flag(
        "",
        "rendered strokes to draw more or less often than 1, as star=3,circle=3: those whose "
        "order is hard to learn",
    )
    odds: str = flag(
        "",
        "how often, 0..1, rendered clips are hard to see, as dim=0.4,moving=0.3 "
        "(core.world.gestures.Odds has the usual ones)",
    )
    front: float = flag(
        0.0,
        "share of the rendered clips that are seen from the front, as a webcam sees a person",
        least=0,
        most=1,
    )
    batch: int = flag(24, "clips a step, over all processes", least=1)
    accumulate: int = flag(
        1, "parts that a process takes its share of a batch in, where memory is short", least=1
    )
    ordered: float = flag(
        1.0, "share of the clips that are seen in order, for L_cls", least=0, most=1
    )
    shuffled: float = flag(
        0.5,
        "share of the clips that are seen shuffled, for L_ord, L_self, pairs and rank",
        least=0,
        most=1,
    )

    optimiser: Literal["adamw", "sgd"] = flag(
        "adamw", "adamw, or sgd with Nesterov momentum", one_of=("adamw", "sgd")
    )
    lr: float = flag(6e-4, "largest learning rate", least=0)
    lr_batch: int = flag(
        0,
        "the batch that --lr is meant for: what is used is "
        "lr * batch / lr_batch; 0 = --lr as it is",
        least=0,
    )
    momentum: float = flag(0.9, "of sgd; beta_1 of adamw", least=0, most=BELOW_ONE)
    beta2: float = flag(0.98, "of adamw", least=0, most=BELOW_ONE)
    weight_decay: float = flag(
        0.05, "of weight matrices, not of biases, gains, class tokens and position tables", least=0
    )
    layer_decay: float = flag(
        1.0, "each block learns at this times the rate of the block after it", least=0, most=1
    )
    clip_norm: float = flag(1.0, "largest norm of the gradient; 0 = any", least=0)
    schedule: str = flag(
        "cosine",
        "of the learning rate: cosine, restarts (cosine, again and again), steps or constant",
        one_of=("cosine", "restarts", "steps", "constant"),
    )
    warmup: int = flag(200, "steps in which the learning rate rises", least=0)
    warmup_epochs: float = flag(0.0, "the same in epochs, if above 0", least=0)
    warmup_from: float = flag(
        0.0, "where the warm-up starts, as a share of the largest rate", least=0, most=1
    )
    floor: float = flag(
        0.02, "where a cosine ends, as a share of the largest rate", least=0, most=1
    )
    restart_epochs: float = flag(5.0, "epochs between restarts, T_0", least=0.001)
    milestones: tuple[float, ...] = flag(
        (), "epochs at which steps multiplies the rate by --gamma", kind=float
    )
    gamma: float = flag(0.1, "what steps multiplies the rate by", least=0)
    ema: float = flag(
        0.998,
        "decay of the averaged weights, which are the ones saved for use; 0 = the last ones",
        least=0,
        most=1,
    )
    precision: Literal["auto", "float32"] = flag(
        "auto", "auto (bfloat16 where it is fast) or float32", one_of=("auto", "float32")
    )

    classify: float = flag(1.0, "weight of L_cls, the class", least=0)
    smoothing: float = flag(0.05, "of the labels in L_cls", least=0, most=1)
    order: float = flag(1.0, "weight of L_ord, which names the permutation", least=0)
    permutations: Strategy = flag(
        "greedy_max",
        "the orders that L_ord tells apart: greedy_max (far from each other, as the released "
        "set was made), greedy_min (close to each other, the paper's text) or random",
    )
    any_order: float = flag(
        0.0,
        "share of the shuffled clips that are seen in any order, which L_ord leaves out: with a "
        "set of orders alone the other losses learn to tell its orders, not the order",
        least=0,
        most=1,
    )
    directed: float = flag(
        1.0,
        "weight of L_self, which wants attention to later frames above that to earlier ones",
        least=0,
    )
    directed_from: int = flag(
        0,
        "first layer that L_self counts, from 0: earlier ones cannot know the whole clip yet",
        least=0,
    )
    diagonal: bool = flag(
        False, "count t = t' in L_self, as Eq. 13 does: it lowers the loss and teaches no order"
    )
    symmetric: bool = flag(
        False, "the released helper's matrix in L_self, under which order cannot be recovered"
    )
    pairs: float = flag(
        0.0,
        "weight of the cross-entropy of each pair of slots, beside or instead of L_self",
        least=0,
    )
    alignment: float = flag(
        0.0, "weight of 1 - cosine between spatial and temporal frame maps", least=0
    )
    centring: Literal["none", "rows", "clips"] = flag(
        "none",
        "what alignment compares of frame maps: none (as they are), rows (less the means of their "
        "rows) or clips (less the mean map of the clips of a pass)",
        one_of=("none", "rows", "clips"),
    )
    hand_flow: float = flag(
        0.0,
        "weight of where AM flow lies: on the hand that moves, whatever the camera does",
        least=0,
    )
    fingertip: float = flag(
        0.3, "weight of the dense side task: where the fingertip and the hand are", least=0
    )
    rank: float = flag(
        0.0,
        "weight of the second side task: which original frame each shuffled slot shows",
        least=0,
    )

    masked: float = flag(
        0.0,
        "weight of the mean square error of filling in hidden patches: masked pre-training, where "
        "--classify is 0",
        least=0,
    )
    hidden: float = flag(
        0.75,
        "share of the patches that are hidden for it, the same places in all frames",
        least=0,
        most=BELOW_ONE,
    )

    validate_clips: int = flag(
        0, "held-out clips that the averaged weights are tried on; 0 = never", least=0
    )
    validate_every: int = flag(5_000, "clips between two trials", least=0)
    patience: int = flag(
        0,
        "trials without a better top-1 after which the run ends, keeping the best weights; 0 = "
        "never",
        least=0,
    )

    workers: int = flag(1, "processes that load clips beside the training", least=0)
    threads: int = flag(2, "CPU threads", least=1)
    checkpoint_seconds: float = flag(60.0, "between two checkpoints", least=0)
    tensorboard: bool = flag(False, "write event files beside metrics.jsonl")

    def __post_init__(self) -> None:
        for each in fields(self):
            check_value(each, getattr(self, each.name))
        _check_channels("mean", self.mean)
        _check_channels("std", self.std)
        if self.patience and not self.validate_clips:
            raise BadInput(
                "--patience counts trials on held-out clips, and there are none; give "
                "--validate-clips, or leave it out"
            )
        if len(self.views) != 2 or min(self.views) < 1:
            raise BadInput(
                "--views must be two whole numbers from 1, clips and crops, got "
                f"{','.join(map(str, self.views))}"
            )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Recipe:
        """From JSON: lists become tuples, a field that is younger than the file has its default.

        Keys that are none of its fields are passed over.

        Raises: BadInput for a value that makes no sense.
        """
        known: dict[str, Any] = {}
        for each in fields(cls):
            if each.name in values:
                value = values[each.name]
                known[each.name] = tuple(value) if isinstance(value, list) else value
        return cls(**known)


def _check_channels(name: str, values: tuple[float, ...]) -> None:
    divides = name == "std"
    in_range = all(0 <= value <= 1 for value in values)
    if len(values) != 3 or not in_range or (divides and 0 in values):
        raise BadInput(
            f"--{name} must be three numbers from 0 to 1, of red, green and blue, "
            f"{'none of them 0, ' if divides else ''}got {','.join(map(str, values))}"
        )


def recipes() -> dict[str, Recipe]:
    """Every recipe by name."""
    by_name: dict[str, Recipe] = {}
    for module in pkgutil.iter_modules(__path__):
        by_name |= getattr(import_module(f"{__name__}.{module.name}"), "RECIPES", {})
    return by_name


def recipe(name: str) -> Recipe:
    """Raises: BadInput for an unknown name."""
    if name not in recipes():
        raise BadInput(
            f"recipe {name!r} is not known; choose one of {', '.join(sorted(recipes()))}"
        )
    return recipes()[name]
