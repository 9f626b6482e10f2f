"""Calibrate a model's domain check: rendered gestures against rendered clips of anything else."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from core.errors import BadInput
from core.explain.domain import SURENESS, domain_features
from core.observe import observe
from core.order import order_matrix, reading_of
from core.runs import write_atomically
from core.video import Clip, random_order, shuffled
from core.weights import UNCALIBRATED, Model, load
from core.weights.domain import DOMAINS, DomainCheck, save_domain
from core.world.elsewhere import HAND_KINDS, KINDS, elsewhere
from core.world.gestures import DIRECTED as DIRECTED_LABELS
from core.world.gestures import LABELS, Odds, View, render, rendered_clip
from training.publish import least_margin

GESTURES, OTHERS = 400, 660
FRONT_GESTURES, FRONT_OTHERS = 200, 300
"""Seen from the front, beside the others, where a model was trained on that view too."""
FOLDS = 5
LET_IN = 2.0
"""How many missed gestures one clip of anything else weighs that is let in: to call a dog a star is
worse than to call a star the closest of ten strokes."""
RIDGE = 0.03
DIRECTED, SHUFFLES = 200, 2  # gestures of each view whose direction is tried, and how often each
CONFIDENCE = 0.99  # share of right directions above the threshold, on clips harder than real ones
MEANS, SURE = 100.0, 4.0  # variance of all mean queries and keys, and of each number of the logits
FIRST = 920_000_000_000_000
"""The first seed: no training run and no other measurement draws these clips."""
HARD = Odds(same_colour=0.35, dim=0.35, backlit=0.25, moving=0.4, recoloured=0.2)
"""Gestures are calibrated on harder clips than the usual ones: real ones are that hard."""
SIZE = (120, 160)


def gestures(frames: int, count: int = GESTURES, view: View = "own") -> Iterator[tuple[str, Clip]]:
    """Rendered gestures with their labels in turn, harder to see than those of training."""
    for i in range(count):
        label, seed = LABELS[i % len(LABELS)], FIRST + 1_000_000_000_000 + i
        gesture = render(label, seed, frames=frames, size=SIZE, odds=HARD, view=view)
        yield label, worn(rendered_clip(gesture), np.random.default_rng(seed))


def others(frames: int, count: int = OTHERS, view: View = "own") -> Iterator[tuple[str, Clip]]:
    """Rendered clips of anything else with their kinds in turn, every other round worn.

    From the front it is a person whose hand does anything else.
    """
    kinds = KINDS if view == "own" else HAND_KINDS
    for i in range(count):
        kind, seed = kinds[i % len(kinds)], FIRST + 2_000_000_000_000 + i
        clip = elsewhere(kind, seed, frames=frames, size=SIZE, view=view)
        if i // len(kinds) % 2:
            clip = worn(clip, np.random.default_rng(seed))
        yield kind, clip


def worn(clip: Clip, rng: np.random.Generator) -> Clip:
    """The clip as a poor camera and a poor codec may leave it."""
    frames = clip.frames
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))]
        packed = [cv2.imencode(".jpg", frame, quality)[1] for frame in frames]
        frames = np.stack([np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)) for jpeg in packed])
    if rng.random() < 0.3:
        blur = rng.uniform(0.5, 2.0)
        frames = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in frames])
    if rng.random() < 0.3:
        grain = rng.normal(0, rng.uniform(2, 14), frames.shape)
        frames = np.clip(frames + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        gamma = rng.uniform(0.6, 1.7)
        frames = (255 * (frames / 255.0) ** gamma).astype(np.uint8)
    return Clip(frames, clip.times, clip.source, clip.id)


def calibrate(model: Model) -> DomainCheck:
    """Fit the check of a model, whose card must know the rendered gestures.

    Raises: BadInput for other labels.
    """
    if model.card.labels != LABELS:
        raise BadInput(
            f"the model knows {model.card.listed}; a domain check is calibrated on the rendered "
            "gestures alone"
        )
    frames = model.card.frames
    counts: list[tuple[View, int, int]] = [("own", GESTURES, OTHERS)]
    if any(stage.get("front") for stage in model.card.recipe.get("stages", [])):
        counts.append(("front", FRONT_GESTURES, FRONT_OTHERS))
    inside, outside, directed = [], [], []
    for view, few, many in counts:
        shown = [clip for _, clip in tqdm(gestures(frames, few, view), total=few, desc="gestures")]
        inside += [domain_features(observe(model, clip)) for clip in shown]
        directed += shown[:DIRECTED]
        other = tqdm(others(frames, many, view), total=many, desc="anything else")
        outside += [domain_features(observe(model, clip)) for _, clip in other]
    check = fitted(np.stack(inside), np.stack(outside), (GESTURES, OTHERS))
    check = replace(check, hash=model.card.hash)
    if model.card.direction_threshold >= UNCALIBRATED:
        return check
    return replace(check, directions=direction_thresholds(model, directed))


def fitted(
    inside: Float[np.ndarray, "n F"],
    outside: Float[np.ndarray, "m F"],
    judged: tuple[int, int] | None = None,
) -> DomainCheck:
    """A check without a hash and without directions, of the features of gestures and of others.

    Its threshold is judged on clips that it was not fitted to: of FOLDS parts each is scored by
    what the others fit. It is the least that misses LET_IN times the share of gestures that it
    lets in of the others, of the first `judged` of each (None: of all). From the front a gesture
    is harder to tell from what else a person does; that must not lower the bar of the drawer's
    own view.
    """
    part, other_part = np.arange(len(inside)) % FOLDS, np.arange(len(outside)) % FOLDS
    scores, other_scores = np.empty(len(inside)), np.empty(len(outside))
    for fold in range(FOLDS):
        check = logistic(inside[part != fold], outside[other_part != fold])
        scores[part == fold] = [check.score(clip) for clip in inside[part == fold]]
        held_out = outside[other_part == fold]
        other_scores[other_part == fold] = [check.score(clip) for clip in held_out]
    few, many = judged or (len(inside), len(outside))
    threshold = least_threshold(scores[:few], other_scores[:many])
    return replace(logistic(inside, outside), threshold=threshold)


def least_threshold(
    scores: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"], weight: float = LET_IN
) -> float:
    """The least threshold that misses `weight` times the share of `scores` that it lets in of
    `others`."""
    tried = np.sort(scores)
    missed = np.arange(len(tried)) / len(tried)
    let_in = (others[None] >= tried[:, None]).mean(1)
    return float(tried[np.argmax(missed >= weight * let_in)])


def logistic(inside: Float[np.ndarray, "n F"], outside: Float[np.ndarray, "m F"]) -> DomainCheck:
    """Logistic regression with a ridge, both kinds of clips counting alike; without a threshold.

    There are more features than clips. So that a few numbers of the logits are not lost among
    thousands of means, all means together have the variance MEANS, and each other SURE.
    """
    clips = np.concatenate([inside, outside]).astype(np.float64)
    centre, spread = clips.mean(0), clips.std(0) + 1e-6
    scale = np.sqrt(MEANS / (clips.shape[1] - SURENESS)) / spread
    scale[-SURENESS:] = np.sqrt(SURE) / spread[-SURENESS:]
    x = torch.from_numpy((clips - centre) * scale)
    truth = torch.cat([torch.ones(len(inside)), torch.zeros(len(outside))]).double()
    share = torch.where(truth > 0, 0.5 / len(inside), 0.5 / len(outside))
    weights = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    fit = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        fit.zero_grad()
        wrong = binary_cross_entropy_with_logits(x @ weights + bias, truth, reduction="none")
        value = (share * wrong).sum() + RIDGE * weights @ weights
        value.backward()
        return value

    fit.step(loss)
    of_features = weights.detach().numpy() * scale
    return DomainCheck(
        of_features.astype(np.float32),
        float(bias.detach()) - float(of_features @ centre),
        threshold=0.0,
        directions=np.zeros(len(LABELS)),
        hash="",
    )


def direction_thresholds(model: Model, clips: Sequence[Clip]) -> Float[np.ndarray, " C"]:
    """For each class that the model may call, when the direction of such clips is right, (C,).

    The direction margin above which CONFIDENCE of the directions are right, each clip shuffled
    SHUFFLES times; UNCALIBRATED where there is none, as for a stroke that is another one backwards.
    Nobody can know that of a stroke which is another one backwards: a network may order all strokes
    to the left and to the right as if they ran to the right, and then those to the right come out
    right. So only DIRECTED_LABELS are ever known.
    """
    called, margins, right = [], [], []
    for number, clip in enumerate(tqdm(clips, desc="directions")):
        label = int(observe(model, clip).logits.argmax())
        for seed in range(SHUFFLES):
            permutation = random_order(len(clip) // model.unit, [seed, number])
            matrix = order_matrix(model, shuffled(clip, permutation, model.unit))
            reading = reading_of(matrix, permutation)
            called.append(label)
            margins.append(reading.order.direction_margin)
            right.append(reading.accuracy == reading.either_way)
    of, at, is_right = np.array(called), np.array(margins), np.array(right)
    thresholds = [
        least_margin(at[of == label], is_right[of == label], CONFIDENCE)
        if name in DIRECTED_LABELS
        else np.inf
        for label, name in enumerate(model.card.labels)
    ]
    return np.minimum(thresholds, UNCALIBRATED)


def command(args: argparse.Namespace) -> int:
    """`python -m training calibrate MODEL...`: write the checks of shipped weights."""
    for name in args.models:
        check = calibrate(load(name))
        path = DOMAINS / f"{name}.safetensors"
        write_atomically(path, partial(save_domain, check=check))
        print(f"{path}: threshold {check.threshold:.3f}")
    return 0
