"""Command line: python -m core models | count | render | probe | classify | ...

With --json, one JSON document is printed on stdout and nothing else. Bad input: exit code 2 and one
line on stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from core.errors import BadInput, enough_memory, located
from core.runs import check_writable, write_text

if TYPE_CHECKING:
    from core.video import Clip
    from core.weights import Model


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see `{self.prog} --help`")


def _parser() -> Parser:
    from core.draw import handout_command, stream_command, trust_command
    from core.draw.data_set import command as data_set_command

    parser = Parser(
        prog="python -m core",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, parser_class=Parser, metavar="COMMAND"
    )

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print one JSON document")
        return command

    add("models", "list the models, their presets and shipped checkpoints")
    _add_count(add("count", "count the parameters and multiply-accumulates of a model"))
    _add_render(add("render", "render an air gesture with its ground truth"))
    probe = add("probe", "say what files hold, or why they cannot be used")
    probe.add_argument("clips", nargs="+", metavar="CLIP")
    classify = add("classify", "name the action in clips")
    classify.add_argument("clips", nargs="+", metavar="CLIP")
    _add_model_and_clip(classify)
    _add_explain(add("explain", "write heat maps, an overlay video and a report"))
    _add_order(add("order", "shuffle a clip and recover the order of its frames"))
    handout_command.add_flags(
        add("handout", "write what models show of a clip as one HTML file to take home")
    )
    stream_command.add_flags(add("stream", "watch a film as it runs, picture by picture"))
    trust_command.add_flags(
        add("trust", "score a model's maps against the truth of rendered clips")
    )
    data_set_command.add_flags(
        add("explain-set", "write what a model does with every clip of a data set as a table")
    )
    return parser


def _add_count(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--preset", default="gesture", help="default: gesture; see `models`")
    add_settings(command, "a setting other than the preset's")


def add_settings(command: argparse.ArgumentParser, what: str) -> None:
    """The flag --set, `what` being what its help calls a setting."""
    command.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"{what}, such as classes=174; may be repeated",
    )


def settings_given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that --set gave. Raises: BadInput for one that is not KEY=VALUE."""
    from core.models import setting

    return dict(map(setting, args.settings))


def _add_render(command: argparse.ArgumentParser) -> None:
    from core.world.gestures import STROKES, VIEWS

    command.add_argument("--label", required=True, help=f"one of {', '.join(STROKES)}")
    command.add_argument(
        "--seed",
        type=int,
        required=True,
        help="decides the hand, the room, the camera and the speed",
    )
    command.add_argument(
        "--out", type=Path, required=True, help="an .mp4 file; the truth goes beside it as .json"
    )
    command.add_argument("--frames", type=int, default=48, help="default: 48")
    command.add_argument("--view", choices=VIEWS, default="own", help="front: as by a webcam")


def _add_explain(command: argparse.ArgumentParser) -> None:
    command.add_argument("clip", metavar="CLIP")
    command.add_argument("--out", type=Path, required=True, help="a folder")
    command.add_argument("--layer", type=int, help="default: the last")
    command.add_argument("--head", default="mean", help="a number, mean or max (default mean)")
    command.add_argument(
        "--target", metavar="LABEL", help="class for GradCAM (default: the most probable)"
    )
    _add_model_and_clip(command)


def _add_order(command: argparse.ArgumentParser) -> None:
    command.add_argument("clip", metavar="CLIP")
    command.add_argument(
        "--raw", action="store_true", help="the attention itself, as in the paper, not sharpened"
    )
    command.add_argument(
        "--passes",
        type=int,
        default=1,
        help="orders of the same frames to average over; the paper takes one (default 1)",
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="seed of the random permutation (default 0)")
    which.add_argument("--permutation", help="original frame of each slot, such as 3,1,0,2,...")
    _add_model_and_clip(
        command,
        "; or pixels, the baseline without weights: a path through the frames that look most alike",
    )


def _add_model_and_clip(command: argparse.ArgumentParser, also: str = "") -> None:
    """What a command takes that runs a model on a clip; `also` adds to the help of --model."""
    from core.video import CROPS, SAMPLINGS

    command.add_argument(
        "--model",
        help=f"a model with a shipped checkpoint (default direcformer; see `models`){also}",
    )
    command.add_argument(
        "--checkpoint",
        help="instead: a checkpoint file, a folder as the hub lays it out, hf://OWNER/NAME, or "
        "a public checkpoint's name such as 'TimeSformer K400'",
    )
    command.add_argument("--start", type=float, help="seconds from the first frame")
    command.add_argument("--end", type=float, help="seconds from the first frame")
    command.add_argument(
        "--frames", type=int, help="how many frames (default: what the model takes)"
    )
    command.add_argument("--sampling", choices=SAMPLINGS, help="default: the model's own")
    command.add_argument(
        "--crop", choices=CROPS, help="central square or whole frame (default: the model's own)"
    )


def _model(args: argparse.Namespace) -> Model:
    from core.weights import DEFAULT, load, load_checkpoint

    if args.checkpoint:
        model = load_checkpoint(args.checkpoint)
        if args.model and args.model != model.card.model:
            raise BadInput(
                f"{args.checkpoint} is a {model.card.model} checkpoint, not {args.model}; "
                "leave out --model"
            )
    else:
        model = load(args.model or DEFAULT)
    return model.changed(crop=args.crop) if args.crop else model


def _clip(args: argparse.Namespace, model: Model, path: str) -> Clip:
    from core.video.progress import on_terminal

    how = {key: getattr(args, key) for key in ("frames", "sampling", "start", "end")}
    try:
        clip = model.read(path, progress=on_terminal("looking for motion"), **how)
    except BadInput as error:
        raise BadInput(located(error, path)) from None
    if (args.sampling or model.card.sampling) == "motion":
        from core.video.informative import informative_of_file

        shown = informative_of_file(path, len(clip), args.start, args.end)
        print(f"{path}: {shown.in_words}", file=sys.stderr)
    return clip


def _models(args: argparse.Namespace) -> Any:
    from core.models import available
    from core.weights import embedded, model_of, shipped

    return [
        {
            "name": s.name,
            "title": s.title,
            "paper": s.paper,
            "summary": s.summary,
            "presets": list(s.presets),
            "settings": {k: list(v) for k, v in s.settings.items()},
            "unit_frames": s.unit_frames,
            "checkpoint": s.name in embedded(),
            "variants": [n for n in shipped() if n not in embedded() and model_of(n) == s.name],
        }
        for s in available().values()
    ]


def _count(args: argparse.Namespace) -> Any:
    from core.models.count import count

    settings = settings_given(args)
    cost = count(args.model, args.preset, **settings)
    trainable = {} if cost.trainable == cost.parameters else {"trainable": cost.trainable}
    return {
        "model": args.model,
        "preset": args.preset,
        "settings": settings,
        "params": cost.parameters,
        **trainable,
        "gflops": cost.macs / 1e9,
    }


def _render(args: argparse.Namespace) -> Any:
    from core.draw.overlay import frame_rate, write_mp4
    from core.world.gestures import render
    from core.world.truth import described

    if args.out.suffix != ".mp4":
        raise BadInput(f"{args.out}: --out must end in .mp4")
    check_writable(args.out.parent)
    gesture = render(args.label, args.seed, frames=args.frames, view=args.view)
    write_mp4(args.out, gesture.frames, frame_rate(gesture.times))
    beside = args.out.with_suffix(".json")
    write_text(beside, json.dumps(described(gesture)))
    return {
        "clip": str(args.out),
        "truth": str(beside),
        "label": gesture.label,
        "seed": gesture.seed,
    }


def _probe(args: argparse.Namespace) -> Any:
    from core.video import probe

    entries = []
    for path in args.clips:
        try:
            entries.append({"clip": path, "ok": True, **asdict(probe(path))})
        except BadInput as error:
            entries.append({"clip": path, "ok": False, "error": located(error, path)})
    return entries


def _classify(args: argparse.Namespace) -> Any:
    from core.explain import domain
    from core.observe import observe

    model = _model(args)
    model.card.check_names_classes()
    labels = model.card.labels
    results = []
    for path in args.clips:
        try:
            trace = observe(model, _clip(args, model, path))
        except BadInput as error:
            if len(args.clips) == 1:
                raise
            print(f"error: {error}", file=sys.stderr)
            results.append({"clip": path, "error": str(error)})
            continue
        p, where = trace.probabilities, domain(trace)
        top = np.argsort(-p)[:5]
        results.append(
            {
                "clip": path,
                "top": [{"label": labels[i], "p": round(float(p[i]), 6)} for i in top],
                "domain": where and where.numbers,
            }
        )
    return results


def _explain(args: argparse.Namespace) -> Any:
    from core.draw.explained import report_of, write_arrays_and_overlay
    from core.explain import explanation

    model = _model(args)
    clip = _clip(args, model, args.clip)
    head = args.head if args.head in ("mean", "max") else whole_number(args.head)
    check_writable(args.out)
    shown = explanation(model, clip, layer=args.layer, head=head, label=args.target)
    write_arrays_and_overlay(args.out, shown)
    report = {"clip": args.clip, **report_of(shown, head)}
    write_text(args.out / "report.json", json.dumps(report, indent=1))
    return report


def whole_number(text: str) -> int:
    """The number that a text is. Raises: BadInput for any other text."""
    try:
        return int(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a whole number") from None


def _order(args: argparse.Namespace) -> Any:
    from core.order import Affinity, Pixels, read
    from core.order.shuffle import parse_order, permutation

    by_pixels = args.model == "pixels" and not args.checkpoint
    if by_pixels:
        args.model = None
        if args.passes != 1:
            raise BadInput(
                f"--passes {args.passes} averages the attention of a model, which the pixel path "
                "has not; leave it out"
            )
    model = _model(args)
    model = model.changed(sampling=args.sampling or model.card.sampling)
    card, clip = model.card, _clip(args, model, args.clip)
    by = Pixels(card.crop) if by_pixels else model
    if args.permutation is None:
        order = permutation(len(clip) // by.unit, seed=seed(args.seed))
    else:
        order = parse_order(args.permutation)
    sharpness = 0.0 if args.raw or by_pixels else card.sharpness
    reading = read(by, clip, order, Affinity(sharpness=sharpness, passes=args.passes))
    return {
        "clip": args.clip,
        "model": "pixels" if by_pixels else card.model,
        "weights": "" if by_pixels else card.hash,
        "permutation": list(reading.permutation),
        "path": list(reading.order.path),
        "order_accuracy": reading.accuracy,
        "order_accuracy_backwards": reading.backwards,
        "reversal_accuracy": reading.either_way,
        "weight": reading.order.weight,
        "runner_up": reading.order.runner_up,
        "runner_up_path": list(reading.order.runner_up_path),
        "margin": reading.order.margin,
        "order_margin": reading.order.order_margin,
        "direction_margin": reading.order.direction_margin,
        "ties_backwards": reading.order.ties_backwards,
        "verdict": reading.order.verdict,
        "domain": reading.domain and reading.domain.numbers,
        "exact": reading.order.exact,
        "unit_frames": by.unit,
        "sharpness": sharpness,
        "passes": args.passes,
        "matrix": reading.matrix.tolist(),
    }


def seed(given: int | None) -> int:
    """The seed that was given, else 0. Raises: BadInput below 0."""
    if given is not None and given < 0:
        raise BadInput(f"--seed {given} must be 0 or more")
    return given or 0


_COMMANDS = {
    "models": _models,
    "count": _count,
    "render": _render,
    "probe": _probe,
    "classify": _classify,
    "explain": _explain,
    "order": _order,
}
"""Those of this file; a command of another has set its `run`, and `in_words` where it has any."""


def _plain(result: Any) -> str:
    """The same result for reading."""
    from core.explain import domain_words

    if isinstance(result, dict):
        words = {"domain": domain_words(result["domain"])} if "domain" in result else {}
        shown = {**result, **words}
        return "\n".join(f"{key}: {value}" for key, value in shown.items() if key != "matrix")
    lines = []
    for entry in result:
        if "top" in entry:
            top = ", ".join(f"{t['label']} {100 * t['p']:.1f} %" for t in entry["top"])
            lines.append(f"{entry['clip']}: {top}; {domain_words(entry['domain'])}")
        elif list(entry) != ["clip", "error"]:  # that is on stderr
            lines.append("  ".join(f"{k}={v}" for k, v in entry.items()))
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    try:
        args = _parser().parse_args(argv)
        with enough_memory():
            result = (getattr(args, "run", None) or _COMMANDS[args.command])(args)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        place = error.filename or ""
        print(f"error: {place}: {error.strerror}; choose another place", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was written before is whole", file=sys.stderr)
        return 130
    if result is None:  # it has said all as it went
        return 0
    print(json.dumps(result) if args.json else getattr(args, "in_words", _plain)(result))
    # a list goes on after a file that cannot be read
    is_list = args.command in ("probe", "classify")
    return 2 if is_list and any("error" in entry for entry in result) else 0


if __name__ == "__main__":
    sys.exit(main())
