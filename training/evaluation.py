"""`python -m training evaluate`: measure a model, say what came out, and report it on paper."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tqdm import tqdm

from core.errors import BadInput
from core.video.sets.named import named
from core.weights import Card, load, load_checkpoint
from training.evaluate import (
    Views,
    last_stage,
    listed_clips,
    measure,
    opened,
    rendered_clips,
    summarise,
)
from training.report import make_folder, write_report


def command(args: argparse.Namespace) -> int:
    """Raises: BadInput for what cannot be measured."""
    asked = Views.parse(args.views) if args.views else None
    if args.clips < 1:
        raise BadInput(f"--clips {args.clips} measures nothing; give 1 or more")
    if args.report:
        make_folder(args.report)
    model = load(args.model) if args.model else load_checkpoint(args.checkpoint)
    model = model.changed(sharpness=0.0) if args.raw else model
    card = model.card
    views = asked or Views(*last_stage(card).get("views", (1, 1)))
    skipped = 0
    if args.data == "gestures":
        if args.holdout:
            raise BadInput(
                "rendered gestures are never trained on again, so --holdout is for clips of a "
                "folder; leave it out"
            )
        samples, total = rendered_clips(args.clips, card, views=views), args.clips
        data = None
    else:
        data = opened(args.data, card, args.holdout)
        samples, total = listed_clips(data, card, views), len(data)
    shown = tqdm(samples, total=total, unit="clip", disable=None)
    rows = measure(model, shown, args.seed, views, args.passes)
    if data is not None:
        skipped = data.skipped
    result = summarise(rows, card.labels)
    result |= {"views": str(views), "passes": args.passes, "skipped": skipped}
    if data is None:
        clips = rendered_clips(args.clips, card, views=views, view="front")
        shown = tqdm(clips, total=total, unit="clip", desc="from the front", disable=None)
        front = measure(model, shown, args.seed, views, args.passes)
        result["front"] = summarise(front, card.labels)
    if args.report:
        write_report(args.report, rows, result, _about(args, card, views))
    if args.json:
        print(json.dumps(result))
        return 0
    _print(result)
    if "front" in result:
        print("seen from the front, as a webcam sees a person:")
        _print(result["front"])
    if args.report:
        print(f"report: {args.report / 'report.html'}")
    return 0


def _about(args: argparse.Namespace, card: Card, views: Views) -> dict[str, Any]:
    """What the report's page says of the model and the data."""
    source = "the attention itself"
    if card.sharpness != 0:
        source = f"the attention, sharpened by {card.sharpness:g}"
    return {
        "model": f"{card.model} {card.preset}",
        "checkpoint": card.hash,
        "trained on": card.trained_on,
        "data": _described(args.data, args.holdout),
        "frames a clip": f"{card.frames}, {card.sampling}",
        "views": f"{views} (clips x crops)",
        "seed of the shuffles": args.seed,
        "passes of the order matrix": args.passes,
        "order from": source,
    }


def _described(data: str, holdout: float) -> str:
    words = data
    split = None if data == "gestures" else named(data, holdout)[2]
    if split and not data.endswith(f":{split}"):
        words += f", split {split}"
    if holdout:
        words += f", the share of {holdout:g} that was held out"
    return words


def _print(result: dict[str, Any]) -> None:
    """The figures in words, and a line a class."""
    directed = result["order_accuracy_directed"]
    of_directed = "" if directed is None else f", of the directed strokes {directed:.1f} %"
    skipped = f", {result['skipped']} skipped" if result.get("skipped") else ""
    print(
        f"{result['clips']} clips: top-1 {100 * result['top1']:.1f} %, top-5 "
        f"{100 * result['top5']:.1f} %, OrderAcc {result['order_accuracy']:.1f} %, "
        f"reversal-invariant {result['reversal_accuracy']:.1f} %"
        f"{of_directed}{skipped}"
    )
    if head := result["order_head"]:
        print(
            f"order head: {100 * head['exact']:.1f} % of its own orders named exactly, OrderAcc of "
            f"what it names {head['order_accuracy']:.1f} %"
        )
    for label, row in result["per_class"].items():
        print(
            f"  {label:8} {row['clips']:4} clips  top-1 {100 * row['top1']:5.1f}  OrderAcc "
            f"{row['order_accuracy']:5.1f}  reversal-invariant {row['reversal_accuracy']:5.1f}"
        )
