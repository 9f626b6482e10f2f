"""Measure a model on labelled clips: accuracy, and how well it puts shuffled frames back in
order.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from core.errors import BadInput
from core.observe import classify
from core.order import Affinity, read
from core.order.trials import permutation_of
from core.video import Clip, digest
from core.weights import Card, Model, load, load_checkpoint
from core.world.gestures import DIRECTED, LABELS, render, rendered_clip
from training.augment import multi_view
from training.data import (
    KINDS,
    Clips,
    Plan,
    has_splits,
    listing,
    report_missing,
    share_of,
    view_indices,
)


class Sample(NamedTuple):
    """A labelled clip as the card samples it, and its temporal views where more than one is to be
    classified.
    """

    label: str
    clip: Clip
    name: str
    views: np.ndarray | None = None  # (V, T, H, W, 3) uint8


@dataclass(frozen=True)
class Views:
    """How often a clip is classified: `clips` temporal views times `crops` (spec 4.6: 2x3 and
    5x3).
    """

    clips: int = 1
    crops: int = 1

    @classmethod
    def parse(cls, text: str) -> Views:
        """From "2x3". Raises: BadInput."""
        found = re.fullmatch(r"([1-9]\d?)x([1-9])", text)
        if not found:
            raise BadInput(
                f"views {text!r} is not clips x crops; give two numbers such as 1x1, 1x3, 2x3 or "
                "5x3"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.clips}x{self.crops}"


ONE = Views()


def last_stage(card: Card) -> dict[str, Any]:
    """The recipe that ended in these weights, as its run folder describes it; empty if the card
    names none.
    """
    return (card.recipe.get("stages") or [{}])[-1]


def check_folder(data: str | Path) -> None:
    """Raises: BadInput for what is no folder."""
    if not Path(data).is_dir():
        raise BadInput(
            f"{data} is not a folder; give DIR with clips as DIR/<label>/<clip>, KIND:ROOT[:SPLIT] "
            f"with a kind of {', '.join(KINDS)}, or 'gestures'"
        )


def named(data: str, holdout: float = 0.0) -> tuple[str, str, str | None]:
    """Kind, root and split of a folder DIR or of "kind:root[:split]".

    Where no split is named it is the one that is not trained on: val, or test where a data set has
    no val. With a `holdout` it is what a run holds a share of back from: train. None is a whole
    folder. Raises: BadInput for no folder.
    """
    kind, _, root = data.partition(":")
    split = None
    if kind in KINDS and root:
        before, colon, after = root.rpartition(":")
        if (
            colon and not Path(root).is_dir() and not re.search(r"[\\/]", after)
        ):  # the colon of a drive names no split
            root, split = before, after
    else:
        kind, root = "folder", data
        check_folder(data)
    if split is None and (kind != "folder" or has_splits(root)):
        tested = kind in ("ucf101", "hmdb51", "smarthome") or (
            kind == "folder" and "val" not in has_splits(root)
        )
        split = "train" if holdout else "test" if tested else "val"
    return kind, root, split


def opened(data: str, card: Card, holdout: float = 0.0) -> Clips:
    """The clips that `named` names, by the model's labels.

    With a `holdout` only those that a run with this share kept back. Short clips are treated as in
    training.

    Raises: BadInput for what cannot be opened, a label that the model does not know, or a share
    that is not 0..1.
    """
    kind, root, split = named(data, holdout)
    found = listing(kind, root, split)
    unknown = [label for label in found.labels if label not in card.labels]
    if unknown:
        raise BadInput(
            f"{root} holds the label {unknown[0]!r}, which the model does not know; it knows "
            f"{card.listed}"
        )
    report_missing(found, root)
    clips = share_of(found.clips, holdout, True, root)
    plan = Plan(
        card.frames, card.sampling, card.stride, short=last_stage(card).get("short", "refuse")
    )
    return Clips(card.labels, clips, plan, missing=found.missing)


def folder_clips(folder: Path, card: Card) -> Iterator[Sample]:
    """Clips of DIR/<label>/<clip>, sampled as the card says. A clip that cannot be read is reported
    and skipped.

    Raises: BadInput as `opened`.
    """
    return listed_clips(opened(str(folder), card), card)


def listed_clips(data: Clips, card: Card, views: Views = ONE) -> Iterator[Sample]:
    """The clips of a data set that can be read; `data.skipped` counts the others."""
    for i, clip in enumerate(data.clips):
        got = data.attempt(i)
        many = (None, None)
        if got is not None and views.clips > 1:
            shape = "whole" if views.crops > 1 else card.crop
            many = data.attempt(
                i, replace(data.plan, views=views.clips, size=card.size, shape=shape)
            )
        if got is None or many is None:
            continue
        frames, times = got[0][0], got[1][0]
        yield Sample(
            clip.label,
            Clip(frames, times, Path(clip.name).name, digest(clip.name, times.tolist())),
            clip.name,
            many[0],
        )


def rendered_clips(
    count: int, card: Card, first_seed: int = 900_000_000_000_000, views: Views = ONE
) -> Iterator[Sample]:
    """Rendered clips, labels in turn, from seeds that no training run draws.

    Raises: BadInput for a model that does not know the gestures.
    """
    if not set(LABELS) <= set(card.labels):
        raise BadInput(
            f"the model knows {card.listed}, not the rendered gestures; give --data DIR with "
            "clips as DIR/<label>/<clip>"
        )
    for i in range(count):
        label, seed = LABELS[i % len(LABELS)], first_seed + i
        clip = rendered_clip(render(label, seed, frames=card.frames, size=(120, 160)))
        many = None
        if views.clips > 1:
            finer = render(label, seed, frames=card.frames * views.clips, size=(120, 160)).frames
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
    """Classify each clip, shuffle it by its one permutation, and recover the order from a matrix of
    so many passes.
    """
    rows = []
    for sample in samples:
        p = probabilities(model, sample, views)
        ranked = np.argsort(-p, kind="stable")
        permutation = permutation_of(sample.name, len(sample.clip) // model.unit, seed)
        reading = read(model, sample.clip, permutation, Affinity.of(model.card, passes))
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
            )
        )
    if not rows:
        raise BadInput("not one clip could be read; nothing was measured")
    return rows


def _means(rows: list[Row]) -> dict[str, float]:
    return {
        "clips": len(rows),
        "top1": float(np.mean([r.ranking[0] == r.label for r in rows])),
        "order_accuracy": float(np.mean([r.order_accuracy for r in rows])),
        "reversal_accuracy": float(np.mean([r.reversal_accuracy for r in rows])),
    }


def summarise(rows: list[Row], labels: tuple[str, ...]) -> dict:
    """Top-1 and top-5 (fractions), OrderAcc (percent), per class, confusion (true label by row)."""
    counts = np.zeros((len(labels), len(labels)), int)
    for row in rows:
        counts[labels.index(row.label), labels.index(row.ranking[0])] += 1
    directed = [r for r in rows if r.label in DIRECTED]
    whole = _means(rows)
    return {
        "clips": whole["clips"],
        "top1": whole["top1"],
        "top5": float(np.mean([r.label in r.ranking[:5] for r in rows])),
        "order_accuracy": whole["order_accuracy"],
        "reversal_accuracy": whole["reversal_accuracy"],
        "order_accuracy_directed": _means(directed)["order_accuracy"] if directed else None,
        "per_class": {
            name: _means(part) for name in labels if (part := [r for r in rows if r.label == name])
        },
        "confusion": {"labels": list(labels), "counts": counts.tolist()},
    }


def _described(data: str, holdout: float) -> str:
    split = None if data == "gestures" else named(data, holdout)[2]
    return (
        data
        + (f", split {split}" if split and not data.endswith(f":{split}") else "")
        + (f", the share of {holdout:g} that was held out" if holdout else "")
    )


def command(args: argparse.Namespace) -> int:
    """`python -m training evaluate`."""
    from training.report import make_folder, write_report

    views = Views.parse(args.views) if args.views else None
    if args.clips < 1:
        raise BadInput(f"--clips {args.clips} measures nothing; give 1 or more")
    if args.report:
        make_folder(args.report)
    model = load(args.model) if args.model else load_checkpoint(args.checkpoint)
    model = model.changed(sharpness=0.0) if args.raw else model
    card = model.card
    views = views or Views(*last_stage(card).get("views", (1, 1)))
    if args.data == "gestures" and args.holdout:
        raise BadInput(
            "rendered gestures are never trained on again, so --holdout is for clips of a folder; "
            "leave it out"
        )
    data = None if args.data == "gestures" else opened(args.data, card, args.holdout)
    samples = (
        rendered_clips(args.clips, card, views=views)
        if data is None
        else listed_clips(data, card, views)
    )
    total = args.clips if data is None else len(data)
    rows = measure(
        model,
        tqdm(samples, total=total, unit="clip", disable=None),
        args.seed,
        views,
        args.passes,
    )
    result = summarise(rows, card.labels) | {
        "views": str(views),
        "passes": args.passes,
        "skipped": data.skipped if data else 0,
    }
    if args.report:
        about = {
            "model": f"{card.model} {card.preset}",
            "checkpoint": card.hash,
            "trained on": card.trained_on,
            "data": _described(args.data, args.holdout),
            "frames a clip": f"{card.frames}, {card.sampling}",
            "views": f"{views} (clips x crops)",
            "seed of the shuffles": args.seed,
            "passes of the order matrix": args.passes,
            "order from": "the attention itself"
            if card.sharpness == 0
            else f"the attention, sharpened by {card.sharpness:g}",
        }
        write_report(args.report, rows, result, about)
    if args.json:
        print(json.dumps(result))
        return 0
    directed = result["order_accuracy_directed"]
    of_directed = f", of the directed strokes {directed:.1f} %" if directed is not None else ""
    skipped = f", {result['skipped']} skipped" if result["skipped"] else ""
    print(
        f"{result['clips']} clips: top-1 {100 * result['top1']:.1f} %, top-5 "
        f"{100 * result['top5']:.1f} %, OrderAcc {result['order_accuracy']:.1f} %, "
        f"reversal-invariant {result['reversal_accuracy']:.1f} %"
        f"{of_directed}{skipped}"
    )
    for label, row in result["per_class"].items():
        print(
            f"  {label:8} {row['clips']:4} clips  top-1 {100 * row['top1']:5.1f}  OrderAcc "
            f"{row['order_accuracy']:5.1f}  reversal-invariant {row['reversal_accuracy']:5.1f}"
        )
    if args.report:
        print(f"report: {args.report / 'report.html'}")
    return 0
