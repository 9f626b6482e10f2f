"""The command that scores a model's maps. What is heavy is imported where it is used."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput

if TYPE_CHECKING:
    from core.weights import Model


def add_flags(command: argparse.ArgumentParser) -> None:
    """What `python -m core trust` takes."""
    command.add_argument(
        "--model", help="a model with a shipped checkpoint (default direcformer; see `models`)"
    )
    command.add_argument("--checkpoint", help="instead: a checkpoint trained on the ten strokes")
    command.add_argument("--clips", type=int, default=200, help="rendered clips (default 200)")
    command.add_argument(
        "--faithful",
        type=int,
        default=20,
        help="of these so many are measured by deletion and insertion too (default 20)",
    )
    command.add_argument(
        "--attributed",
        type=int,
        default=10,
        help="so many get saliency, integrated gradients and occlusion too (default 10)",
    )
    command.add_argument(
        "--randomised",
        type=int,
        default=5,
        help="the maps of so many are compared with those of random weights (default 5)",
    )
    command.add_argument("--seed", type=int, default=0, help="of the set of clips (default 0)")
    command.add_argument("--out", type=Path, required=True, help="a folder; a run goes on there")
    command.set_defaults(run=trusted, in_words=in_words)


def trusted(args: argparse.Namespace) -> dict[str, Any]:
    """Score the maps, with a line of progress on stderr. Raises: BadInput for bad numbers."""
    from core.draw.trust_report import trust

    for name in ("clips", "faithful", "attributed", "randomised", "seed"):
        if getattr(args, name) < (name == "clips"):
            raise BadInput(f"--{name} must be {int(name == 'clips')} or more")
    return trust(
        _model(args),
        args.out,
        clips=args.clips,
        faithful=args.faithful,
        attributed=args.attributed,
        randomised=args.randomised,
        seed=args.seed,
        progress=lambda done: _say(done, args.clips),
    )


def _model(args: argparse.Namespace) -> Model:
    from core.weights import DEFAULT, load, load_checkpoint

    if args.checkpoint:
        if args.model:
            raise BadInput("--checkpoint stands instead of --model; leave one of them out")
        return load_checkpoint(args.checkpoint)
    return load(args.model or DEFAULT)


def _say(done: int, clips: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == clips else ""
        print(f"\r{done} of {clips} clips", end=end, file=sys.stderr, flush=True)


def in_words(result: dict[str, Any]) -> str:
    """The scores against the truth as lines, a map each, for reading."""
    names = ("hand", "fingertip", "energy", "auc", "precision")
    lines = [f"{'':40}" + "".join(f"{name:>11}" for name in names)]
    for title, scores in result["maps"].items():
        shown = (
            f"{scores[name]['mean']:11.2f}" if name in scores else f"{'–':>11}" for name in names
        )
        lines.append(f"{title:40}" + "".join(shown))
    return "\n".join([*lines, f"{result['clips']} clips; report.html has all scores and intervals"])
