"""Commands: fit, recipes, tune, evaluate, publish, calibrate, readings, trust, teach, few and more.

`python -m training COMMAND --help` says what each takes. Bad input: exit code 2 and one line on
stderr.
"""

from __future__ import annotations

import signal
import sys

from core.__main__ import end_at_once, interrupt, read_enough

if __name__ == "__main__":
    end_at_once()  # while the rest is still being read

import argparse
import json
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from core.cli import Parser
from core.errors import BadInput, enough_memory

_DEFAULTS = "A flag that is left out keeps the recipe's own value, which `recipes --json` lists."
_REAL = "a folder DIR/<label>/<clip> of real clips to report on"


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit code. Bad input: 2, and one line on stderr."""
    try:
        args = _parser().parse_args(argv)
        if getattr(args, "until_stdin_closes", False):
            threading.Thread(target=_end_with_stdin, daemon=True).start()
        with enough_memory("lower --batch, or take fewer frames or a smaller model"):
            return _COMMANDS[args.command](args)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, a folder without rights
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}; choose another place", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "stopped; the same command begins again, and goes on from a run's last checkpoint",
            file=sys.stderr,
        )
        return 130


def _end_with_stdin() -> None:
    """End this process, and its group if it leads one, when its input closes.

    So even a parent that is killed leaves nothing behind.
    """
    os.read(sys.stdin.fileno(), 1)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(130)


def _parser() -> Parser:
    parser = Parser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    _add_fit(
        commands.add_parser(
            "fit",
            help="train a recipe into a run folder, or go on with one",
            description=f"Train a recipe into a run folder, or go on with one. {_DEFAULTS}",
        )
    )
    recipes = commands.add_parser("recipes", help="what can be trained")
    recipes.add_argument("--json", action="store_true", help="with every field")
    _add_tune(
        commands.add_parser(
            "tune",
            help="search for a recipe's best settings, or go on with a search",
            description="Search for the learning rate and weight decay of a recipe, dropout where "
            "the model has it and the restarts of a schedule that has them, or go on with a "
            "search. What counts is the top-1 on --validate-clips, 500 where the recipe has none. "
            f"{_DEFAULTS}",
        )
    )
    _add_evaluate(commands.add_parser("evaluate", help="measure a model on labelled clips"))
    _add_publish(
        commands.add_parser(
            "publish", help="measure a finished checkpoint and ship it with its card"
        )
    )
    calibrate = commands.add_parser(
        "calibrate", help="fit what tells a shipped model's clips from others, from rendered clips"
    )
    calibrate.add_argument("models", nargs="+", metavar="MODEL")
    _add_readings(
        commands.add_parser(
            "readings", help="measure how often the verdict on an order of frames is right"
        )
    )
    _add_trust(commands.add_parser("trust", help="score the maps of the shipped models"))
    _add_outputs(commands.add_parser("outputs", help="measure each of AM Flow's outputs alone"))
    _add_reproduce(
        commands.add_parser(
            "reproduce", help="train and measure a paper's table in miniature, or go on with it"
        )
    )
    _add_teach(
        commands.add_parser(
            "teach", help="fit the order of the frames of clips: minutes, for one session"
        )
    )
    _add_few(
        commands.add_parser(
            "few", help="teach a model gestures of your own, from a few clips of each"
        )
    )
    return parser


def _add_until_stdin_closes(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end with the program that holds this one's input open",
    )


def seed(text: str) -> int:
    """A seed on the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number of 0 or more, got {text!r}")
    return int(text)


def _add_fit(command: argparse.ArgumentParser) -> None:
    from training.recipes.flags import add_flags

    command.add_argument("--out", type=Path, required=True, help="the run folder")
    _add_until_stdin_closes(command)
    add_flags(command)


def _fit(args: argparse.Namespace) -> int:
    from core.runs import alone
    from training.fit import fit, is_first_process
    from training.recipes.flags import recipe_of

    recipe = recipe_of(args)
    is_first = os.environ.get("RANK", "0") == "0"
    with alone(args.out) if is_first else nullcontext():
        path = fit(recipe, args.recipe, args.out)
    if is_first_process():
        print(path)
    return 0


def _recipes(args: argparse.Namespace) -> int:
    from training.recipes import recipes

    rows = [{"name": name, **asdict(recipe)} for name, recipe in sorted(recipes().items())]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print(f"{row['name']:22} {row['model']:12} {row['preset']:10} {row['data']}")
    return 0


def _add_tune(command: argparse.ArgumentParser) -> None:
    from training.recipes.flags import add_flags

    command.add_argument(
        "--trials", type=int, required=True, help="how many trials the study has in the end"
    )
    command.add_argument("--out", type=Path, required=True, help="the study's folder")
    _add_until_stdin_closes(command)
    add_flags(command)


def _tune(args: argparse.Namespace) -> int:
    from core.runs import alone
    from training.recipes.flags import recipe_of
    from training.tune import tune

    recipe = recipe_of(args)
    with alone(args.out):
        print(tune(recipe, args.recipe, args.trials, args.out))
    return 0


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    _add_until_stdin_closes(command)
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--model")
    which.add_argument("--checkpoint", help="a file, a folder, or hf://OWNER/NAME")
    command.add_argument(
        "--data",
        required=True,
        help="a folder DIR/<label>/<clip>, KIND:ROOT[:SPLIT] for a public data "
        "set (kinetics, ssv2, jester, ucf101, hmdb51, smarthome), or 'gestures' for rendered clips",
    )
    command.add_argument(
        "--holdout",
        type=float,
        default=0.0,
        help="only the clips that `fit --holdout` with this share kept back",
    )
    command.add_argument(
        "--clips", type=int, default=500, help="number of rendered clips (with --data gestures)"
    )
    command.add_argument(
        "--seed", type=seed, default=0, help="decides the permutation of each clip"
    )
    command.add_argument(
        "--raw",
        action="store_true",
        help="order from the attention itself, as in the paper, not sharpened",
    )
    command.add_argument(
        "--passes",
        type=int,
        default=1,
        help="orders of the same frames that each order matrix is averaged over",
    )
    command.add_argument(
        "--views",
        help="temporal clips x spatial crops whose softmax is averaged, such as 1x3, 2x3, 5x3 "
        "(default: the recipe's that trained the weights)",
    )
    command.add_argument(
        "--report",
        type=Path,
        help="write evaluation.json, evaluation.tsv, report.txt and report.html into this folder",
    )
    command.add_argument("--json", action="store_true")


def _evaluate(args: argparse.Namespace) -> int:
    from training.evaluation import command

    return command(args)


def _add_publish(command: argparse.ArgumentParser) -> None:
    command.add_argument("checkpoint", type=Path)
    command.add_argument("--name", help="file name without ending (default: the model's)")
    command.add_argument("--real", type=Path, help=_REAL)
    command.add_argument(
        "--front", type=Path, help="a folder of the same kind, of people who face a camera"
    )
    command.add_argument("--hours", type=float, help="training time, for the card")


def _publish(args: argparse.Namespace) -> int:
    from training.publish import publish

    print(publish(args.checkpoint, args.name, args.real, args.hours, args.front))
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    from training.domain import command

    return command(args)


def _add_readings(command: argparse.ArgumentParser) -> None:
    from training.readings import add_flags

    add_flags(command)


def _readings(args: argparse.Namespace) -> int:
    from training.readings import command

    return command(args)


def _add_trust(command: argparse.ArgumentParser) -> None:
    from training.trusted import add_flags

    add_flags(command)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    from training.outputs import add_flags

    add_flags(command)


def _trust(args: argparse.Namespace) -> int:
    from training.trusted import command

    return command(args)


def _outputs(args: argparse.Namespace) -> int:
    from training.outputs import command

    return command(args)


def _add_reproduce(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "table",
        help="direcformer_table1, direcformer_table2, am_flow_table4, am_flow_adapters, "
        "far_table2, far_tables; "
        "order_side_tasks and supervision, of what was taught beside; motion_probe, "
        "am_flow_camera, rvit_frame_maps and gradcam_places, which train nothing; or few_shot, "
        "which teaches the shipped models new strokes",
    )
    command.add_argument(
        "--out", type=Path, required=True, help="the folder of its runs and of results.json"
    )
    command.add_argument("--seeds", type=int, default=3, help="runs of each row")
    command.add_argument(
        "--clips", type=int, default=20_000, help="rendered clips that each run sees"
    )
    command.add_argument(
        "--test-clips", type=int, default=300, help="rendered clips that each run is measured on"
    )
    command.add_argument(
        "--init", default="", help="a run's stills.safetensors that every run starts from"
    )
    command.add_argument("--real", type=Path, help=_REAL)
    command.add_argument("--threads", type=int, default=2)


def _reproduce(args: argparse.Namespace) -> int:
    from core.runs import alone
    from training.reproduce import Budget, reproduce
    from training.results import markdown

    budget = Budget(
        args.seeds, args.clips, args.test_clips, args.init, args.real, threads=args.threads
    )
    with alone(args.out):
        path = reproduce(args.table, args.out, budget)
    print(markdown(json.loads(path.read_text())), end="")
    print(path)
    return 0


def _add_teach(command: argparse.ArgumentParser) -> None:
    from core.order.learned import WINDOWS
    from core.video import CROPS

    command.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    command.add_argument("--out", type=Path, required=True, help="a new folder")
    command.add_argument("--checkpoint", help="what to teach (default: the shipped direcformer)")
    command.add_argument(
        "--crop", choices=CROPS, help="central square or whole frame (default: the model's own)"
    )
    command.add_argument("--seed", type=seed, help="decides the held-out blocks and every window")
    command.add_argument("--windows", type=int, help=f"of frames to learn from (default {WINDOWS})")
    command.add_argument(
        "--seconds", type=float, help="the most of learning, which may end it early (default 900)"
    )
    command.add_argument("--steps", type=int, help="instead of windows and seconds")
    command.add_argument("--threads", type=int, help="CPU threads at most (default 2)")
    command.add_argument("--batch", type=int, help="windows a step")
    command.add_argument("--lr", type=float, help="learning rate")
    command.add_argument("--frozen", type=int, help="first blocks that stay as they are")
    command.add_argument(
        "--area",
        type=float,
        help="least part of a window's area that is seen (default 1); less is learned more slowly",
    )
    _add_until_stdin_closes(command)
    command.add_argument("--json", action="store_true")


def _teach(args: argparse.Namespace) -> int:
    from training.teach import command

    return command(args)


def _add_few(command: argparse.ArgumentParser) -> None:
    from core.weights import DEFAULT

    command.add_argument(
        "folder", type=Path, metavar="DIR", help="holds DIR/<gesture>/<clip>, three clips or more"
    )
    command.add_argument("--out", type=Path, required=True, help="a new folder")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--model", help=f"a shipped model (default: {DEFAULT})")
    which.add_argument("--checkpoint", help="a file, a folder, or hf://OWNER/NAME")
    command.add_argument(
        "--seconds",
        type=float,
        help="that the whole network goes on learning, 90 for example (default: the head alone)",
    )
    command.add_argument("--steps", type=int, help="instead of seconds")
    command.add_argument(
        "--all",
        action="store_true",
        help="the whole network learns from every clip: then none is held out to try it on",
    )
    command.add_argument("--seed", type=seed, help="decides what is held out, and what is seen")
    command.add_argument("--threads", type=int, help="CPU threads at most (default 2)")
    command.add_argument("--batch", type=int, help="clips a step")
    command.add_argument("--lr", type=float, help="learning rate")
    _add_until_stdin_closes(command)
    command.add_argument("--json", action="store_true")


def _few(args: argparse.Namespace) -> int:
    from training.few import command

    return command(args)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fit": _fit,
    "recipes": _recipes,
    "tune": _tune,
    "evaluate": _evaluate,
    "publish": _publish,
    "calibrate": _calibrate,
    "readings": _readings,
    "trust": _trust,
    "outputs": _outputs,
    "reproduce": _reproduce,
    "teach": _teach,
    "few": _few,
}


if __name__ == "__main__":
    interrupt()
    code = read_enough(main)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # while it ends
    sys.exit(code)
