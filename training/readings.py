"""How often the verdict on an order is right, and three ways to read one matrix.

    python -m training readings --out assets/results/readings.json --real CLIPS

The shipped models are asked; nothing is trained. Each clip is shuffled by its permutations, those
of `evaluate` with the seeds 0, 1, ... The attention is computed once for each, and read as the
heaviest path through it (the paper), as that through the sharpened matrix (the app's), and by the
sums of its rows without any path. The verdict is that of the app: of the matrix that the card
names.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from core.errors import BadInput
from core.order import Affinity, Verdict, order_accuracy, order_matrix, reading_of, sharpened
from core.order.facts import ranked_by_sums
from core.order.reading import direction_threshold, domain_of, repeated_units
from core.order.trials import permutation_of
from core.runs import check_writable, write_atomically
from core.video import shuffled
from core.video.sets.named import check_folder
from core.weights import Model, embedded, load, shipped
from core.world.gestures import DIRECTED, LABELS
from training.evaluate import Sample, folder_clips, rendered_clips
from training.losses import SHARPNESS
from training.publish import TEST_SEED

WAYS = ("raw path", "sharpened path", "row sums")


@dataclass(frozen=True)
class Read:
    """One shuffle of one clip."""

    label: str
    accuracy: dict[str, float]
    """OrderAcc in percent, for each of WAYS."""
    verdict: Verdict
    is_right: bool
    """Whether the path of the verdict fits the truth at least as well as its reverse."""


def readings(model: Model, samples: Iterable[Sample], seeds: int) -> list[Read]:
    """Read the order of each clip under each of its permutations.

    Raises: BadInput if not one clip could be read.
    """
    reads = []
    for sample in samples:
        repeated = repeated_units(model, sample.clip)
        where = domain_of(model, sample.clip)
        threshold = direction_threshold(model, sample.clip, None, where)
        for seed in range(seeds):
            permutation = permutation_of(sample.name, len(sample.clip) // model.unit, seed)
            matrix = order_matrix(model, shuffled(sample.clip, permutation, model.unit), Affinity())
            sharp = sharpened(matrix, model.card.sharpness or SHARPNESS)
            paths = [
                reading_of(weights, permutation, threshold, repeated, domain=where)
                for weights in (matrix, sharp)
            ]
            shown = paths[1 if model.card.sharpness else 0]
            sums = order_accuracy(ranked_by_sums(matrix), permutation)
            accuracies = (paths[0].accuracy, paths[1].accuracy, sums)
            reads.append(
                Read(
                    sample.label,
                    dict(zip(WAYS, accuracies, strict=True)),
                    shown.order.verdict,
                    shown.accuracy == shown.either_way,
                )
            )
    if not reads:
        raise BadInput("not one clip could be read; nothing was measured")
    return reads


def summed(reads: list[Read]) -> dict[str, Any]:
    """What the app shows of them: means, and how often the verdict was called and right."""
    directed = [read for read in reads if read.label in DIRECTED]
    known = {read.label for read in reads}
    return {
        "shuffles": len(reads),
        "ways": {way: _mean(reads, way) for way in WAYS},
        "ways_directed": {way: _mean(directed, way) for way in WAYS},
        "verdict": {
            label: counts([read for read in reads if read.label == label])
            for label in LABELS
            if label in known
        }
        | {"all": counts(reads)},
    }


def counts(reads: list[Read]) -> dict[str, int]:
    """Of how many shuffles the direction was called known, and of how many of these rightly."""
    called = [read for read in reads if read.verdict == "known"]
    return {
        "shuffles": len(reads),
        "called": len(called),
        "right": sum(read.is_right for read in called),
        "up_to_direction": sum(read.verdict == "up_to_direction" for read in reads),
        "unknown": sum(read.verdict == "unknown" for read in reads),
    }


def _mean(reads: list[Read], way: str) -> float | None:
    return float(np.mean([read.accuracy[way] for read in reads])) if reads else None


def add_flags(command: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    command.add_argument("--out", type=Path, required=True, help="a .json file")
    command.add_argument("--models", nargs="+", choices=shipped(), default=list(embedded()))
    command.add_argument("--seeds", type=int, default=3, help="shuffles of each clip (default 3)")
    command.add_argument(
        "--test-clips", type=int, default=500, help="rendered clips, shuffled once (default 500)"
    )
    command.add_argument("--real", type=Path, help="a folder DIR/<label>/<clip> of real clips")


def command(args: argparse.Namespace) -> int:
    """Measure the shipped models and write the file.

    Raises: BadInput for counts below 1, or a folder that is none.
    """
    if min(args.seeds, args.test_clips) < 1:
        raise BadInput("--seeds and --test-clips must be 1 or more")
    if args.real:
        check_folder(args.real)
    check_writable(args.out.parent)
    rows = []
    for name in args.models:
        model = load(name)
        row: dict[str, Any] = {"model": name, "weights": model.card.hash}
        clips = rendered_clips(args.test_clips, model.card, TEST_SEED)
        reads = readings(model, tqdm(clips, total=args.test_clips, desc=f"{name}: rendered"), 1)
        row["rendered"] = summed(reads)
        if args.real:
            real = tqdm(folder_clips(args.real, model.card), desc=f"{name}: real")
            row["real"] = summed(readings(model, real, args.seeds))
        rows.append(row)
    about = {"seeds": args.seeds, "test_clips": args.test_clips, "sharpness": SHARPNESS}
    text = json.dumps(about | {"models": rows}, indent=1) + "\n"
    write_atomically(args.out, lambda temporary: temporary.write_text(text))
    print(args.out)
    return 0
