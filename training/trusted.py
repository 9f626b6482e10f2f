"""What the maps of the shipped models are worth, all in one file.

    python -m training trust --out assets/results/trust.json --work trust

The shipped models are asked; nothing is trained. Each is scored as `python -m core trust` does, in
a folder of its own under `--work`, where a run that was killed goes on. Some are scored again, on
other clips, against the truth alone: what the figures are worth that come of one set.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.draw.lettering import number
from core.draw.trust_report import trust
from core.draw.trust_set import OF_TRUTH, SAID, alike_matrix
from core.errors import BadInput
from core.explain.trust.alike import TRUTH
from core.explain.trust.every_map import BASELINES, PART
from core.explain.trust.over_clips import RANDOM
from core.runs import check_writable, write_text
from core.weights import embedded, load

AGAIN = ("direcformer", "videomae")
"""Scored on a second set of clips too."""
COMMAND = "python -m training trust --out assets/results/trust.json --work trust"
"""Makes the file anew; each row says of how many clips it is."""
DEPTHS = ("faithful", "attributed", "randomised")


def add_flags(command: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    shipped = list(embedded())
    command.add_argument("--out", type=Path, required=True, help="a .json file")
    command.add_argument(
        "--work", type=Path, required=True, help="a folder for the rows of each clip"
    )
    command.add_argument("--models", nargs="+", choices=shipped, default=shipped)
    command.add_argument(
        "--again", nargs="*", choices=shipped, default=list(AGAIN), help="on a second set of clips"
    )
    for name, default in (("clips", 200), ("faithful", 4), ("attributed", 2), ("randomised", 2)):
        command.add_argument(
            f"--{name}", type=int, default=default, help=f"as of `core trust` (default {default})"
        )
    command.add_argument("--seed", type=int, default=0, help="of the first set (default 0)")


def command(args: argparse.Namespace) -> int:
    """Score the shipped models and write the file. Raises: BadInput for counts below 0."""
    if args.clips < 1 or min(args.seed, *(getattr(args, name) for name in DEPTHS)) < 0:
        raise BadInput("--clips must be 1 or more, and the other numbers 0 or more")
    depth = {name: getattr(args, name) for name in DEPTHS}
    check_writable(args.out.parent)
    models = [_scored(name, args.work, args.clips, args.seed, depth) for name in args.models]
    again = [
        _scored(name, args.work, args.clips, args.seed + 1, dict.fromkeys(DEPTHS, 0))
        for name in args.again
    ]
    for row in again:
        del row["rank correlations"], row["sanity"]
    results = {"command": COMMAND, "models": models, "again": again}
    write_text(args.out, as_text(results))
    print("\n".join([*table(results), "", *answer_table(results), ""]))
    for name, counts in stability(results).items():
        print(f"{name}: {counts}")
    print(args.out)
    return 0


def _scored(
    name: str, work: Path, clips: int, seed: int, depth: Mapping[str, int]
) -> dict[str, Any]:
    """What `core trust` says of a shipped model, with the sha256 of its weights."""
    with tqdm(total=clips, desc=f"{name}, set {seed}") as bar:
        result = trust(
            load(name),
            work / f"{name}-{seed}",
            clips=clips,
            seed=seed,
            progress=lambda done: bar.update(done - bar.n),
            **depth,
        )
    with open(embedded()[name], "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, **result}


def as_text(results: Mapping[str, Any]) -> str:
    """JSON, small: a line for each map of a model."""
    text = json.dumps(results, separators=(",", ":"), ensure_ascii=False)
    return text.replace('},"', '},\n"').replace("],[", "],\n[") + "\n"


def table(results: Mapping[str, Any]) -> list[str]:
    """The lines of docs/results.md: ROC AUC of some maps, and what attention is like."""
    head = [
        "attention",
        "its best layer",
        "GradCAM",
        "best baseline",
        "attention beats every baseline by",
        "attention and the hand",
        "GradCAM and the hand",
        "frame difference and the hand",
        "attention and GradCAM",
    ]
    lines = [f"| weights | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for row in results["models"]:
        aucs = {name: own["auc"]["mean"] for name, own in row["maps"].items() if "auc" in own}
        layers = {
            name: value
            for name, value in aucs.items()
            if name.startswith(PART) and ", head " not in name
        }
        layer = max(layers, key=lambda name: layers[name])
        rival = max(BASELINES, key=lambda name: aucs[name])
        own = row["maps"]["attention"]
        won = [SAID[score] for score in OF_TRUTH if not own[score]["not beaten"]]
        names = ("attention", "GradCAM", "frame difference", TRUTH)
        alike = alike_matrix(row, names)
        cells = [
            f"{aucs['attention']:.2f}",
            f"{layers[layer]:.2f} ({layer.removeprefix(PART)} of {len(layers)})",
            f"{aucs['GradCAM']:.2f}",
            f"{aucs[rival]:.2f} ({rival})",
            ", ".join(won) or "nothing",
            *(number(value, ".2f") for value in (*alike[3, :3], alike[0, 1])),
        ]
        lines.append(f"| `{row['model']}` | {' | '.join(cells)} |")
    return lines


def answer_table(results: Mapping[str, Any]) -> list[str]:
    """More lines of it: deletion and insertion of some maps, where these were measured."""
    maps = ("attention", "GradCAM", "frame difference", RANDOM)
    head = [f"{score}: {name}" for score in ("deletion", "insertion") for name in maps]
    lines = [f"| weights | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for row in results["models"]:
        cells = [
            f"{row['maps'][name][score]['mean']:.2f}"
            for score in ("deletion", "insertion")
            for name in maps
            if score in row["maps"].get(name, {})
        ]
        if cells:
            lines.append(f"| `{row['model']}` | {' | '.join(cells)} |")
    return lines


def stability(results: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Of each model that was scored on two sets, how far the sets agree.

    Of all scores that both have: how many there are, of how many the two intervals meet, and how
    many means of the second set lie within the interval of the first. Of those of maps that are no
    baseline, which are so many verdicts: of how many both sets name the same baselines.
    """
    first = {row["model"]: row["maps"] for row in results["models"]}
    return {
        row["model"]: agreement(first[row["model"]], row["maps"])
        for row in results["again"]
        if row["model"] in first
    }


def agreement(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, int]:
    """How far two sets agree on one model's maps, as `stability` counts."""
    pairs = [
        (name, own[score], other[name][score])
        for name, own in one.items()
        for score in own
        if score in other.get(name, {})
    ]
    verdicts = [
        a["not beaten"] == b["not beaten"]
        for name, a, b in pairs
        if name not in (*BASELINES, RANDOM)
    ]
    return {
        "scores": len(pairs),
        "intervals meet": sum(a["low"] <= b["high"] and b["low"] <= a["high"] for _, a, b in pairs),
        "means within": sum(a["low"] <= b["mean"] <= a["high"] for _, a, b in pairs),
        "verdicts": len(verdicts),
        "same verdict": sum(verdicts),
    }
