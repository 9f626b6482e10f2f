"""Teach a model gestures of one's own from a few clips of each.

`python -m training few DIR --out RUN`: DIR holds a folder of clips for each gesture, RUN becomes a
run folder: recipe.json (which clips), metrics.jsonl (a row when the head is learned, then a row a
trial) and model.safetensors, replaced atomically, so that a stop or a kill at any moment leaves the
last one. What is kept is what was learned last, not what did best on the held-out clips: so these
stay an honest test.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.errors import BadInput
from core.explain.few_shot import Features, read_frames, share_right
from core.runs import FEW, File, alone, write_atomically
from core.video import SUFFIXES
from core.weights import DEFAULT, Card, Model, load, load_checkpoint, save_checkpoint
from core.weights.own_gestures import check_gestures
from training.few_shot import Example, Few, Tuning, head_of, parted, right_of
from training.folder import Folder, Meter, Reporter
from training.schedule import fastest_threads


def few_clips(root: Path, out: Path, few: Few, model: Model) -> dict[str, Any]:
    """Teach `model` the gestures of the folder `root`, into `out`; returns what came of it.

    Raises: BadInput for too few names or clips, or a folder that holds a run already;
    KeyboardInterrupt if it is stopped before the head is learned.
    """
    names, examples, skipped = read_examples(root, model.card)
    torch.set_num_threads(_threads(model, few))
    with alone(out):
        if (out / File.RECIPE).exists():
            raise BadInput(f"{out} holds a run already; choose another --out or remove it")
        about = {
            "name": FEW,
            **asdict(few),
            "checkpoint": model.card.hash,
            "gestures": names,
            "clips": [example.name for example in examples],
            "skipped": skipped,
        }
        recipe = json.dumps(about)
        write_atomically(out / File.RECIPE, lambda path: path.write_text(recipe))
        folder = Folder(out)
        result: dict[str, Any] = {"gestures": names, "clips": len(examples), "skipped": skipped}
        with folder.ending(), suppress(_Stopped):
            _learn(model, names, examples, few, folder, result)
    return result


def _threads(model: Model, few: Few) -> int:
    """As many as are fastest now; a run of `steps` keeps its own number."""
    if few.steps or few.threads == 1:
        return few.threads
    size = model.card.size
    blank = torch.zeros(4, 3, model.card.frames, size, size)

    def read_four() -> None:
        with torch.inference_mode():
            model.net(blank)

    return fastest_threads(read_four, few.threads)


class _Stopped(Exception):
    """It was asked to end after the head was learned: what was kept stays."""


def _learn(
    model: Model,
    names: list[str],
    examples: list[Example],
    few: Few,
    folder: Folder,
    result: dict[str, Any],
) -> None:
    """Learn the head of all clips, then the whole network if asked to; writes what came of it."""
    known: dict[str, Features] = {}
    taught, head = head_of(model, names, examples, known)
    result["head"] = head.numbers
    keep(folder.path / File.MODEL, taught)
    reporter = Reporter(folder, FEW, 0, False)
    try:
        reporter.write(0, {"clips": 0, "seconds": 0.0, "head": head.numbers})
        if few.seconds or few.steps:
            learned, held = parted(examples, few.seed) if few.hold_out else (examples, [])
            student, _ = head_of(model, names, learned, known)
            _tune(student, learned, held, few, folder, reporter, result)
    except KeyboardInterrupt:
        raise _Stopped from None
    finally:
        reporter.close()


def _tune(
    student: Model,
    learned: list[Example],
    held: list[Example],
    few: Few,
    folder: Folder,
    reporter: Reporter,
    result: dict[str, Any],
) -> None:
    """Go on with the whole network, tried on held-out clips that even its head has not seen."""
    about = student.card.recipe["few"] | {"held_out": len(held)}
    student = student.changed(recipe=student.card.recipe | {"few": about})
    before = share_right(right_of(student, held), len(held)) if held else None
    tuning = Tuning(student, learned, few)
    meter = Meter(folder, FEW, few.steps * few.batch)
    reporter.write(0, {"clips": 0, "seconds": 0.0, "done": 0.0, "held_out": before})

    def report(done: float, seconds: float) -> None:
        right = share_right(right_of(tuning.judge, held), len(held)) if held else None
        row = {
            "clips": tuning.clips,
            "seconds": round(seconds, 2),
            "done": round(done, 4),
            "loss": round(float(np.mean(tuning.losses)), 5) if tuning.losses else None,
            "held_out": right,
        }
        reporter.write(tuning.step, row)
        result.update(held_out=right, held_out_before=before, steps=tuning.step)
        keep(folder.path / File.MODEL, tuning.result)

    def seen(clips: int) -> None:
        if not few.steps:
            meter.total = max(clips, round(meter.clips_per_second * few.seconds))
        meter.advance(clips)

    tuning.run(report, seen)


def keep(path: Path, model: Model) -> None:
    """Write a taught model as a checkpoint."""
    weights = {key: value.clone() for key, value in model.net.state_dict().items()}
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, model.card))


def read_examples(root: Path, card: Card) -> tuple[list[str], list[Example], list[str]]:
    """The names of the gestures, their clips, and a line for each clip that cannot be read.

    Raises: BadInput for a folder that does not hold what is needed.
    """
    if not root.is_dir():
        raise BadInput(f"{root} is no folder; give one that holds DIR/<gesture>/<clip>")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    examples, skipped = [], []
    for label, folder in enumerate(folders):
        for path in sorted(folder.iterdir()):
            if path.suffix.lstrip(".").lower() not in SUFFIXES:
                continue
            try:
                frames = read_frames(path, card)
            except BadInput as error:
                skipped.append(f"{folder.name}/{error}")
            else:
                examples.append(Example(f"{folder.name}/{path.name}", label, frames))
    counts = Counter(example.label for example in examples)
    check_gestures({folder.name: counts[label] for label, folder in enumerate(folders)})
    return [folder.name for folder in folders], examples, skipped


_FLAGS = ("seed", "seconds", "steps", "threads", "batch", "lr")


def command(args: argparse.Namespace) -> int:
    """`python -m training few`."""
    given = {flag: getattr(args, flag) for flag in _FLAGS if getattr(args, flag) is not None}
    for flag, value in given.items():
        if value <= 0 and flag != "seed":
            raise BadInput(f"--{flag} {value:g} is out of range; give more than 0")
    few = replace(Few(**given), hold_out=not args.all)
    model = load_checkpoint(args.checkpoint) if args.checkpoint else load(args.model or DEFAULT)
    # A request to end is a stop: the last weights are kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = few_clips(args.folder, args.out, few, model)
    for line in result["skipped"]:
        print(f"left out: {line}", file=sys.stderr)
    path = args.out / File.MODEL
    if args.json:
        print(json.dumps({**result, "model": str(path)}))
        return 0
    print(f"{result['clips']} clips of {', '.join(result['gestures'])}")
    print(f"head alone, each clip left out once: {in_words(result['head'])}")
    if result.get("held_out"):
        print(
            f"whole network, on held-out clips: {in_words(result['held_out'])}; the head alone, "
            f"learned without them: {result['held_out_before']['accuracy']:.1f} %"
        )
    print(path)
    return 0


def in_words(share: dict[str, Any]) -> str:
    """A share with its interval, and what guessing gets where that is known."""
    low, high = share["interval"]
    text = f"{share['accuracy']:.1f} % ({share['right']} of {share['clips']}; 95 % interval "
    guess = f"; guessing {share['chance']:.1f} %" if "chance" in share else ""
    return f"{text}{low:.0f} to {high:.0f} %{guess})"
