"""The command that writes what a model does with a data set. What is heavy is imported inside."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.errors import BadInput


def add_flags(command: argparse.ArgumentParser) -> None:
    """What `python -m core explain-set` takes."""
    command.add_argument(
        "data",
        metavar="DATA",
        help="a folder of clips, or of folders named after their labels; KIND:ROOT[:SPLIT] of a "
        "data set that training reads; or gestures, rendered clips",
    )
    command.add_argument(
        "--model", help="a model with a shipped checkpoint (default direcformer; see `models`)"
    )
    command.add_argument(
        "--checkpoint",
        help="instead: a checkpoint file, a folder as the hub lays it out, hf://OWNER/NAME, or "
        "a public checkpoint's name such as 'TimeSformer K400'",
    )
    command.add_argument(
        "--out", type=Path, required=True, help="a folder; a job that was stopped goes on there"
    )
    command.add_argument("--clips", type=int, help="how many gestures are rendered (default 200)")
    command.add_argument(
        "--shuffles",
        type=int,
        default=2,
        help="orders in which each clip's frames are shown to recover their own; 0 leaves it out "
        "(default 2)",
    )
    command.add_argument("--seed", type=int, default=0, help="of the shuffles (default 0)")
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="bfloat16 is faster on GPUs and on processors that have it, and less exact: classes "
        "seldom change, maps can, see docs/scale.md (default float32)",
    )
    command.add_argument(
        "--workers", type=int, help="processes (default 1; more need Ray, see docs/scale.md)"
    )
    command.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="a Ray cluster, auto or HOST:PORT; --workers is then how many it starts (default: one "
        "a GPU, or one a core where it has none)",
    )
    command.set_defaults(run=explained, in_words=in_words)


def explained(args: argparse.Namespace) -> dict[str, Any]:
    """Run or go on with the job. Raises: BadInput for what cannot be used."""
    from core.draw.data_set.explainer import Clips
    from core.draw.data_set.job import Pool, Weights, run
    from core.draw.data_set.wanted import wanted_set

    for name, least in (("workers", 1), ("shuffles", 0), ("seed", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise BadInput(f"--{name} {value} must be {least} or more")
    pool = Pool(args.workers, args.ray)
    wanted = wanted_set(args.data, args.clips)
    device = "cpu" if pool.is_ray else _device()
    weights = Weights(args.model, args.checkpoint, device, args.precision)
    return run(weights, wanted, Clips(args.shuffles, args.seed), args.out, pool)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def in_words(result: dict[str, Any]) -> str:
    """The summary for reading; each file that cannot be used was named on stderr."""
    lines = [
        f"{result['clips']} clips of {result['data']} by {result['model']} {result['weights']}"
    ]
    if result["top1"] is not None:
        lines.append(f"top-1: {100 * result['top1']:.1f} %")
    if result["order_accuracy"] is not None:
        verdicts = ", ".join(f"{k} {n}" for k, n in sorted(result["order_verdicts"].items()))
        lines.append(f"OrderAcc: {result['order_accuracy']:.1f} % ({verdicts})")
    lines.append(f"cannot be used: {result['errors']}, not there: {result['missing']}")
    if result["clips_now"]:
        rate = result["clips_now"] / result["seconds"]
        lines.append(f"now: {result['clips_now']} clips, {rate:.1f} a second")
    lines.append(f"{result['shards']} shards in {result['out']}/clips; {result['note']}")
    return "\n".join(lines)
