"""Command line: python -m training fit RECIPE --out RUN | evaluate | publish."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from core.errors import BadInput


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> None:
        raise BadInput(message)


def main(argv: list[str] | None = None) -> int:
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


def _run(argv: list[str]) -> int:
    from training.recipes import Recipe, recipe, recipes

    parser = Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    fit = commands.add_parser("fit", help="train a recipe into a run folder, or go on with one")
    fit.add_argument("recipe", help=f"one of {', '.join(sorted(recipes()))}")
    fit.add_argument("--out", type=Path, required=True, help="the run folder")
    for f in fields(Recipe):
        kind = {"int": int, "float": float, "str": str}[str(f.type)]
        fit.add_argument(f"--{f.name.replace('_', '-')}", f"--{f.name}", dest=f.name, type=kind, default=None)
    evaluate = commands.add_parser("evaluate", help="measure a model on labelled clips")
    which = evaluate.add_mutually_exclusive_group(required=True)
    which.add_argument("--model")
    which.add_argument("--checkpoint", help="a file, a folder, or hf://OWNER/NAME")
    evaluate.add_argument("--data", required=True, help="a folder DIR/<label>/<clip>, KIND:ROOT[:SPLIT] for a public data "
                          "set (kinetics, ssv2, jester, ucf101, hmdb51, smarthome), or 'gestures' for rendered clips")
    evaluate.add_argument("--clips", type=int, default=500, help="number of rendered clips (with --data gestures)")
    evaluate.add_argument("--seed", type=int, default=0, help="decides the permutation of each clip")
    evaluate.add_argument("--raw", action="store_true", help="order from the attention itself, as in the paper, not sharpened")
    evaluate.add_argument("--views", default="1x1", help="temporal clips x spatial crops whose softmax is averaged, such as 1x3, 2x3, 5x3")
    evaluate.add_argument("--report", type=Path, help="write evaluation.json, evaluation.tsv, report.txt and report.html into this folder")
    evaluate.add_argument("--json", action="store_true")
    publish = commands.add_parser("publish", help="measure a finished checkpoint and ship it with its card")
    publish.add_argument("checkpoint", type=Path)
    publish.add_argument("--name", help="file name without ending (default: the model's)")
    publish.add_argument("--real", type=Path, help="a folder DIR/<label>/<clip> of real clips to report on")
    publish.add_argument("--hours", type=float, help="training time, for the card")
    args = parser.parse_args(argv)
    if args.command == "fit":
        from training.loop import fit as run

        changes = {f.name: getattr(args, f.name) for f in fields(Recipe) if getattr(args, f.name) is not None}
        print(run(replace(recipe(args.recipe), **changes), args.recipe, args.out))
        return 0
    if args.command == "publish":
        from training.publish import publish as ship

        print(ship(args.checkpoint, args.name, args.real, args.hours))
        return 0
    from training.evaluate import command

    return command(args)


if __name__ == "__main__":
    sys.exit(main())
