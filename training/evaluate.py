"""Measure a model on labelled clips: accuracy, and how well it puts shuffled frames in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.errors import BadInput
from core.observe import at_once, classify, observe_batch
from core.order import Affinity, Reading, read
from core.order.named import HeadTrial, has_order_head, head_trial
from core.order.trials import permutation_of, read_together
from core.video import Clip, digest
from core.video.sets.named import named
from core.video.sets.reading import Shape
from core.weights import Card, Model
from core.world.gestures import DIRECTED, LABELS, Gesture, View, render, rendered_clip
from training.augment import multi_view
from training.data import (
    Clips,
    Plan,
    listing,
    report_missing,
    share_of,
    view_indices,
)

_CAMERA_SEED = 930_000_000_000_000
_SIZE = (120, 160)
# how far the camera moves, in widths of the frame: a tenth and a half of all clips
_FAST, _STEADY = 0.08, 0.03


class Sample(NamedTuple):
    """A labelled clip as the card samples it."""

    label: str
    clip: Clip
    name: str
    # temporal views, where more than one is to be classified: (V, T, H, W, 3) uint8
    views: np.ndarray | None = None


@dataclass(frozen=True)
class Views:
    """How often a clip is classified: `clips` temporal views times `crops`.

    Spec 4.6 has 2x3 and 5x3.
    """

    clips: int = 1
    crops: int = 1

    @classmethod
    def parse(cls, text: str) -> Views:
        """From "2x3". Raises: BadInput."""
        match = re.fullmatch(r"([1-9]\d?)x([1-9])", text)
        if match is None:
            raise BadInput(
                f"views {text!r} is not clips x crops; give two numbers such as 1x1, 1x3, 2x3 or "
                "5x3"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.clips}x{self.crops}"


ONE = Views()


def last_stage(card: Card) -> dict[str, Any]:
    """The recipe that ended in these weights, as its run folder describes it.

    Empty if the card names none.
    """
    return (card.recipe.get("stages") or [{}])[-1]


def opened(data: str, card: Card, holdout: float = 0.0) -> Clips:
    """The clips that `named` names, by the model's labels.

    With a `holdout` only those that a run with this share kept back. Short clips are treated as in
    training.

    Raises: BadInput for what cannot be opened, a label that the model does not know, or a share
    that is not 0..1.
    """
    kind, root, split = named(data, holdout)
    listed = listing(kind, root, split)
    for label in listed.labels:
        if label not in card.labels:
            raise BadInput(
                f"{root} holds the label {label!r}, which the model does not know; it knows "
                f"{card.listed}"
            )
    report_missing(listed, root)
    clips = share_of(listed.clips, holdout, True, root)
    short = last_stage(card).get("short", "refuse")
    plan = Plan(card.frames, card.sampling, card.stride, short=short, rate=card.rate)
    return Clips(card.labels, clips, plan, missing=listed.missing)


def folder_clips(folder: Path, card: Card) -> Iterator[Sample]:
    """Clips of DIR/<label>/<clip>, sampled as the card says.

    A clip that cannot be read is reported and skipped.

    Raises: BadInput as `opened`.
    """
    return listed_clips(opened(str(folder), card), card)


def listed_clips(data: Clips, card: Card, views: Views = ONE) -> Iterator[Sample]:
    """The clips of a data set that can be read; `data.skipped` counts the others."""
    shape: Shape = "whole" if views.crops > 1 else card.crop
    plan = replace(data.plan, views=views.clips, size=card.size, shape=shape)
    for i, labelled in enumerate(data.clips):
        one_view = data.attempt(i)
        if one_view is None:
            continue
        many = None
        if views.clips > 1:
            every_view = data.attempt(i, plan)
            if every_view is None:
                continue
            many = every_view[0]
        frames, times = one_view[0][0], one_view[1][0]
        name = Path(labelled.name).name
        clip = Clip(frames, times, name, digest(labelled.name, times.tolist()))
        yield Sample(labelled.label, clip, labelled.name, many)


def rendered_gestures(count: int, card: Card, first_seed: int) -> Iterator[Gesture]:
    """The gestures of `rendered_clips`, with their truth."""
    for i in range(count):
        yield render(LABELS[i % len(LABELS)], first_seed + i, frames=card.frames, size=_SIZE)


def camera_gestures(count: int, card: Card, moves: bool) -> Iterator[Gesture]:
    """Rendered gestures, labels in turn, whose camera moves a lot or hardly.

    That is by more than _FAST or less than _STEADY of the frame's width.
    """
    made, seed = 0, _CAMERA_SEED
    while made < count:
        gesture = render(LABELS[made % len(LABELS)], seed, frames=card.frames, size=_SIZE)
        shift = gesture.camera[:, :, 2]
        share = float(np.linalg.norm(np.ptp(shift, 0))) / gesture.frames.shape[2]
        fits = share > _FAST if moves else share < _STEADY
        if fits:
            yield gesture
            made += 1
        seed += 1


def rendered_clips(
    count: int,
    card: Card,
    first_seed: int = 900_000_000_000_000,
    views: Views = ONE,
    view: View = "own",
) -> Iterator[Sample]:
    """Rendered clips, labels in turn, from seeds that no training run draws.

    They are seen from the drawer's own eyes, or from the front.

    Raises: BadInput for a model that does not know the gestures.
    """
    if not set(LABELS) <= set(card.labels):
        raise BadInput(
            f"the model knows {card.listed}, not the rendered gestures; give --data DIR with "
            "clips as DIR/<label>/<clip>"
        )
    for i in range(count):
        label, seed = LABELS[i % len(LABELS)], first_seed + i
        gesture = render(label, seed, frames=card.frames, size=_SIZE, view=view)
        clip = rendered_clip(gesture)
        many = None
        if views.clips > 1:
            total = card.frames * views.clips
            finer = render(label, seed, frames=total, size=_SIZE, view=view).frames
            many = finer[view_indices(len(finer), card.frames, views.clips, "uniform")]
        yield Sample(label, clip, f"{label}:{seed}", many)


@dataclass(frozen=True)
class Row:
    """What was measured on one clip."""

    label: str
    ranking: tuple[str, ...]  # labels, most probable first
    order_accuracy: float  # percent
    reversal_accuracy: float
    forward: bool  # the path fits the truth at least as well as the path reversed
    direction_margin: float
    name: str = ""
    probabilities: tuple[float, ...] = ()  # of the ranking, falling
    named: HeadTrial | None = None  # what an order head answered to one of its own orders


def probabilities(model: Model, sample: Sample, views: Views = ONE) -> np.ndarray:
    """Class probabilities (C,): the softmax of each view, then their mean (spec 4.6).

    One crop is the card's own; several are squares along the longer side.
    """
    if views == ONE:
        return classify(model, sample.clip)
    clips = sample.clip.frames[None] if sample.views is None else sample.views
    if views.crops > 1:
        clips = multi_view(clips, views.crops, model.card.size)
    each = [classify(model, Clip(frames, sample.clip.times, sample.name, "")) for frames in clips]
    return np.mean(each, axis=0)


def measure(
    model: Model,
    samples: Iterable[Sample],
    seed: int = 0,
    views: Views = ONE,
    passes: int = 1,
) -> list[Row]:
    """Classify each clip, shuffle it by its one permutation, and recover the order.

    Args:
        seed: decides the permutations, with each clip's name.
        passes: that the order matrix is averaged over.

    Raises: BadInput if not one clip could be read.
    """
    together = at_once(model) if views == ONE and passes == 1 else 1
    rows: list[Row] = []
    for batch in _batches(samples, together):
        for sample, (p, reading) in zip(
            batch, _read_batch(model, batch, seed, views, passes), strict=True
        ):
            ranked = np.argsort(-p, kind="stable")
            trial = None
            if has_order_head(model, sample.clip):
                trial = head_trial(model, sample.clip, seed + len(rows))
            rows.append(
                Row(
                    sample.label,
                    tuple(model.card.labels[i] for i in ranked),
                    reading.accuracy,
                    reading.either_way,
                    reading.accuracy == reading.either_way,
                    reading.order.direction_margin,
                    sample.name,
                    tuple(p[ranked].tolist()),
                    trial,
                )
            )
    if not rows:
        raise BadInput("not one clip could be read; nothing was measured")
    return rows


def _batches(samples: Iterable[Sample], most: int) -> Iterator[list[Sample]]:
    """Up to `most` clips of one length that follow one another."""
    batch: list[Sample] = []
    for sample in samples:
        if batch and (len(batch) == most or len(batch[0].clip) != len(sample.clip)):
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


def _read_batch(
    model: Model, batch: list[Sample], seed: int, views: Views, passes: int
) -> list[tuple[np.ndarray, Reading]]:
    """The class probabilities (C,) of each clip, and the reading of its one shuffle."""
    model.card.check_names_classes()
    units = len(batch[0].clip) // model.unit
    orders = [permutation_of(sample.name, units, seed) for sample in batch]
    if views == ONE and passes == 1:
        traces = observe_batch(model, [sample.clip for sample in batch])
        readings = read_together(model, traces, np.array(orders)[:, None], at_once(model))
        return [(t.probabilities, own[0]) for t, own in zip(traces, readings, strict=True)]
    affinity = Affinity.of(model.card, passes)
    return [
        (probabilities(model, sample, views), read(model, sample.clip, order, affinity))
        for sample, order in zip(batch, orders, strict=True)
    ]


def _means(rows: list[Row]) -> dict[str, float]:
    return {
        "clips": len(rows),
        "top1": float(np.mean([r.ranking[0] == r.label for r in rows])),
        "order_accuracy": float(np.mean([r.order_accuracy for r in rows])),
        "reversal_accuracy": float(np.mean([r.reversal_accuracy for r in rows])),
    }


def summarise(rows: list[Row], labels: tuple[str, ...]) -> dict[str, Any]:
    """Top-1 and top-5 (fractions), OrderAcc (percent), per class, confusion (true label by row)."""
    counts = np.zeros((len(labels), len(labels)), int)
    for row in rows:
        counts[labels.index(row.label), labels.index(row.ranking[0])] += 1
    directed = [r for r in rows if r.label in DIRECTED]
    means = _means(rows)
    of_label = {name: [r for r in rows if r.label == name] for name in labels}
    return {
        "clips": means["clips"],
        "top1": means["top1"],
        "top5": float(np.mean([r.label in r.ranking[:5] for r in rows])),
        "order_accuracy": means["order_accuracy"],
        "reversal_accuracy": means["reversal_accuracy"],
        "order_accuracy_directed": _means(directed)["order_accuracy"] if directed else None,
        "per_class": {name: _means(own) for name, own in of_label.items() if own},
        "confusion": {"labels": list(labels), "counts": counts.tolist()},
        "order_head": _named(rows),
    }


def _named(rows: list[Row]) -> dict[str, float] | None:
    """How often an order head names the very order (a fraction), and OrderAcc of what it names."""
    trials = [row.named for row in rows if row.named is not None]
    if not trials:
        return None
    return {
        "clips": len(trials),
        "exact": float(np.mean([trial.right for trial in trials])),
        "order_accuracy": float(np.mean([trial.accuracy for trial in trials])),
    }
