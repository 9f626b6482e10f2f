"""Measure a model on labelled clips: accuracy, and how well it puts shuffled frames back in order."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn
from tqdm import tqdm

from core.errors import BadInput, VideoError
from core.explain import order_of
from core.gestures import DIRECTED, LABELS, render
from core.observe import classify, rendered_clip
from core.order import order_accuracy, reversal_accuracy
from core.video import Clip, decode
from core.weights import Card, load, load_checkpoint

Sample = tuple[str, Clip, str]  # label, clip, name


def folder_clips(folder: Path, card: Card) -> Iterator[Sample]:
    """Clips of DIR/<label>/<clip>, sampled as the card says. A clip that cannot be read is reported and skipped.

    Raises: BadInput for a missing folder, one without clips, or a label that the model does not know.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder; give DIR with clips as DIR/<label>/<clip>, or 'gestures'")
    labels = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    unknown = [p.name for p in labels if p.name not in card.labels]
    if unknown:
        raise BadInput(f"{folder} holds the label {unknown[0]!r}, which the model does not know; it knows {card.listed}")
    clips = [(p.name, f) for p in labels for f in sorted(p.iterdir()) if f.is_file() and not f.name.startswith(".")]
    if not clips:
        raise BadInput(f"{folder} holds no clips; expected DIR/<label>/<clip>")
    for label, file in clips:
        try:
            yield label, decode(file, frames=card.frames, sampling=card.sampling, stride=card.stride), f"{label}/{file.name}"
        except VideoError as error:
            print(f"skipped: {error}", file=sys.stderr)


def rendered_clips(count: int, card: Card, first_seed: int = 900_000_000_000_000) -> Iterator[Sample]:
    """Rendered clips, labels in turn, from seeds that no training run draws.

    Raises: BadInput for a model that does not know the gestures.
    """
    if not set(LABELS) <= set(card.labels):
        raise BadInput(f"the model knows {card.listed}, not the rendered gestures; give --data DIR with clips as DIR/<label>/<clip>")
    for i in range(count):
        label = LABELS[i % len(LABELS)]
        yield label, rendered_clip(render(label, first_seed + i, frames=card.frames, size=(120, 160))), f"{label}:{first_seed + i}"


def permutation_of(name: str, frames: int, seed: int) -> np.ndarray:
    """The one permutation of a clip: it depends on its name and the seed alone."""
    return np.random.default_rng([seed, *name.encode()]).permutation(frames)


@dataclass(frozen=True)
class Row:
    """What was measured on one clip."""

    label: str
    ranking: tuple[str, ...]  # labels, most probable first
    order_accuracy: float  # percent
    reversal_accuracy: float
    forward: bool  # the path fits the truth at least as well as the path reversed
    direction_margin: float


def measure(model: nn.Module, card: Card, samples: Iterable[Sample], seed: int = 0) -> list[Row]:
    """Classify each clip, shuffle it by its one permutation, and recover the order."""
    rows = []
    for label, clip, name in samples:
        ranking = tuple(card.labels[i] for i in np.argsort(-classify(model, card, clip)))
        permutation = permutation_of(name, len(clip) // getattr(model, "unit_frames", 1), seed)
        found = order_of(model, card, clip, permutation)
        accuracy, either = order_accuracy(found.path, permutation), reversal_accuracy(found.path, permutation)
        rows.append(Row(label, ranking, accuracy, either, accuracy == either, found.direction_margin))
    if not rows:
        raise BadInput("not one clip could be read; nothing was measured")
    return rows


def _means(rows: list[Row]) -> dict[str, float]:
    return {"clips": len(rows), "top1": float(np.mean([r.ranking[0] == r.label for r in rows])),
            "order_accuracy": float(np.mean([r.order_accuracy for r in rows])),
            "reversal_accuracy": float(np.mean([r.reversal_accuracy for r in rows]))}


def summarise(rows: list[Row], labels: tuple[str, ...]) -> dict:
    """Top-1 and top-5 (fractions), OrderAcc (percent), per class, confusion (true label by row)."""
    counts = np.zeros((len(labels), len(labels)), int)
    for row in rows:
        counts[labels.index(row.label), labels.index(row.ranking[0])] += 1
    directed = [r for r in rows if r.label in DIRECTED]
    whole = _means(rows)
    return {
        "clips": whole["clips"], "top1": whole["top1"], "top5": float(np.mean([r.label in r.ranking[:5] for r in rows])),
        "order_accuracy": whole["order_accuracy"], "reversal_accuracy": whole["reversal_accuracy"],
        "order_accuracy_directed": _means(directed)["order_accuracy"] if directed else None,
        "per_class": {name: _means(part) for name in labels if (part := [r for r in rows if r.label == name])},
        "confusion": {"labels": list(labels), "counts": counts.tolist()},
    }


def evaluate(model: nn.Module, card: Card, samples: Iterable[Sample], seed: int = 0) -> dict:
    """`summarise` of `measure`: what `python -m training evaluate --json` prints."""
    return summarise(measure(model, card, samples, seed), card.labels)


def command(args: argparse.Namespace) -> int:
    """`python -m training evaluate`."""
    model, card = load(args.model) if args.model else load_checkpoint(args.checkpoint)
    card = replace(card, sharpness=0.0) if args.raw else card
    if args.data == "gestures":
        samples, total = rendered_clips(args.clips, card), args.clips
    else:
        samples, total = folder_clips(Path(args.data), card), None
    result = evaluate(model, card, tqdm(samples, total=total, unit="clip", disable=None), args.seed)
    if args.json:
        print(json.dumps(result))
        return 0
    print(f"{result['clips']} clips: top-1 {100 * result['top1']:.1f} %, top-5 {100 * result['top5']:.1f} %, "
          f"OrderAcc {result['order_accuracy']:.1f} %, reversal-invariant {result['reversal_accuracy']:.1f} %")
    for label, row in result["per_class"].items():
        print(f"  {label:8} {row['clips']:4} clips  top-1 {100 * row['top1']:5.1f}  OrderAcc {row['order_accuracy']:5.1f}  "
              f"reversal-invariant {row['reversal_accuracy']:5.1f}")
    return 0
