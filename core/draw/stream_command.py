"""The command that watches a film as it runs. What is heavy is imported where it is used."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput

if TYPE_CHECKING:
    from core.explain import Glance
    from core.weights import Model

RECURRENT = "rvit"
"""The model that takes each picture once."""


def add_flags(command: argparse.ArgumentParser) -> None:
    """What `python -m core stream` takes."""
    command.add_argument("clip", metavar="CLIP", help="a file, - for standard input, or camera:0")
    command.add_argument(
        "--model",
        help="a model with a shipped checkpoint (default rvit, which carries a hidden state; any "
        "other looks again at the last seconds)",
    )
    command.add_argument("--checkpoint", help="instead: a checkpoint, as other commands take it")
    command.add_argument(
        "--rate",
        type=float,
        help="pictures a second that it is shown, 0 for all (default: as in the clips that taught "
        "it)",
    )
    command.set_defaults(run=stream)


def stream(args: argparse.Namespace) -> None:
    """Print what each picture showed when it has come: lines, or with --json one growing list.

    Raises: BadInput for what cannot be used.
    """
    from core.explain.stream import usual_rate, watch
    from core.video.running import running, thinned

    model = _model(args)
    rate = usual_rate(model) if args.rate is None else args.rate
    if not 0 <= rate <= 1000:
        raise BadInput(f"--rate {rate:g} must be from 0 (all pictures) to 1000 a second")
    begun = False
    for seconds, glance in watch(model, thinned(running(args.clip), rate)):
        entry = described(model, seconds, glance)
        if args.json:
            print(("," if begun else "[") + json.dumps(entry), flush=True)
        else:
            print(in_words(entry), flush=True)
        begun = True
    if args.json:
        print("]" if begun else "[]")


def _model(args: argparse.Namespace) -> Model:
    from core.weights import load, load_checkpoint

    if args.checkpoint and args.model:
        raise BadInput("--checkpoint stands instead of --model; leave one of them out")
    return load_checkpoint(args.checkpoint) if args.checkpoint else load(args.model or RECURRENT)


def described(model: Model, seconds: float, glance: Glance) -> dict[str, Any]:
    """What a picture showed. Lists go by layer; they are empty without a hidden state."""

    def rounded(values: np.ndarray) -> list[float]:
        return [round(float(value), 6) for value in values]

    p = glance.probabilities
    top = np.argsort(-p)[:5]
    return {
        "seconds": round(seconds, 6),
        "picture": glance.met,
        "top": [{"label": model.card.labels[i], "p": round(float(p[i]), 6)} for i in top],
        "domain": glance.domain and glance.domain.numbers,
        "hidden": rounded(glance.hidden),
        "gate": rounded(glance.gate),
        "tokens": rounded(glance.tokens),
    }


def in_words(entry: dict[str, Any]) -> str:
    """The same as a line for reading."""
    inside = entry["domain"] and entry["domain"]["inside"]
    # as on the page Live: also where nobody has measured what looks like training
    line = f"{entry['seconds']:7.2f} s  {'closest: ' if entry['top'] and not inside else ''}"
    line += ", ".join(f"{best['label']} {100 * best['p']:.1f} %" for best in entry["top"][:1])
    line += "no classes" if not entry["top"] else ""
    for name in ("hidden", "gate"):
        if entry[name]:
            line += f"  {name} " + " ".join(f"{value:.2f}" for value in entry[name])
    return line
