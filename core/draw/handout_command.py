"""The command that writes a page to take home. What is heavy is imported where it is used."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import BadInput, located

if TYPE_CHECKING:
    from core.draw.handout import Sheet
    from core.weights import Model


def add_flags(command: argparse.ArgumentParser) -> None:
    """What `python -m core handout` takes."""
    command.add_argument("clip", metavar="CLIP", nargs="?", help="a video; none with --lesson")
    command.add_argument(
        "--lesson",
        type=int,
        metavar="N",
        help="instead of a clip: a guided lesson of the app, each step beside what it speaks of",
    )
    command.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="models with a shipped checkpoint, a tab each (default direcformer; see `models`), or "
        "all; or checkpoints, as --checkpoint of the other commands takes them",
    )
    command.add_argument("--out", type=Path, required=True, help="an .html file")
    command.add_argument("--start", type=float, help="seconds from the first frame")
    command.add_argument("--end", type=float, help="seconds from the first frame")
    command.set_defaults(run=hand_out)


def hand_out(args: argparse.Namespace) -> dict[str, Any]:
    """Write the page. Raises: BadInput for what cannot be used."""
    if args.out.suffix != ".html":
        raise BadInput(f"{args.out}: --out must end in .html")
    if (args.lesson is None) == (args.clip is None):
        raise BadInput("give a clip, or --lesson with the number of a lesson, and not both")
    return _of_clip(args) if args.lesson is None else _of_lesson(args)


def _of_lesson(args: argparse.Namespace) -> dict[str, Any]:
    from core.draw.handout import lesson_document
    from core.draw.lesson import lessons

    if args.models or args.start is not None or args.end is not None:
        raise BadInput("--models, --start and --end are of a clip; leave them out with --lesson")
    known = lessons()
    if args.lesson not in known:
        raise BadInput(f"there is no lesson {args.lesson}; there are {', '.join(map(str, known))}")
    lesson = known[args.lesson]
    page = lesson_document(lesson, again=lesson_again(lesson.number))
    _write(args.out, page)
    return {
        "lesson": lesson.number,
        "title": lesson.title,
        "steps": len(lesson.steps),
        "file": str(args.out),
        "bytes": len(page.encode()),
    }


def lesson_again(number: int) -> str:
    """The command that hands a lesson out."""
    return f"python -m core handout --lesson {number} --out lesson-{number}.html"


def _write(out: Path, page: str) -> None:
    from core.runs import check_writable, write_atomically

    check_writable(out.parent)
    write_atomically(out, lambda path: path.write_text(page, encoding="utf-8"))


def _of_clip(args: argparse.Namespace) -> dict[str, Any]:
    from core.draw.handout import document
    from core.runs import check_writable
    from core.weights import DEFAULT, embedded

    models = list(embedded()) if args.models == ["all"] else args.models or [DEFAULT]
    repeated = sorted({name for name in models if models.count(name) > 1})
    if repeated:
        raise BadInput(f"--models names {', '.join(repeated)} more than once; name each once")
    check_writable(args.out.parent)
    sheets = [_sheet(*_model(name), args, len(models) - 1) for name in models]
    page = document(sheets, again=_again(args, models))
    _write(args.out, page)
    return {
        "clip": args.clip,
        "file": str(args.out),
        "bytes": len(page.encode()),
        "models": [
            {
                "model": shown.title,
                "weights": shown.about["Weights"].partition(",")[0],
                "top": [{"label": label, "p": round(p, 6)} for label, p in shown.classes],
                "left_out": shown.left_out,
            }
            for shown in sheets
        ],
    }


def _model(name: str) -> tuple[Model, str]:
    """A shipped model by its name and its title, else a checkpoint, which has none of its own."""
    from core.weights import load, load_checkpoint, shipped_title

    if any(mark in name for mark in "/\\. ") or Path(name).exists():
        return load_checkpoint(name), ""
    return load(name), shipped_title(name)


def _sheet(model: Model, title: str, args: argparse.Namespace, beside: int) -> Sheet:
    from core.draw.handout import sheet

    try:
        clip = model.read(args.clip, start=args.start, end=args.end)
    except BadInput as error:
        raise BadInput(located(error, args.clip)) from None
    return sheet(model, clip, clip.source, title=title, beside=beside)


def _again(args: argparse.Namespace, models: list[str]) -> str:
    """The command, with names of files and no folders of this machine."""
    words = ["python", "-m", "core", "handout", Path(args.clip).name, "--models", *models]
    for flag in ("start", "end"):
        value = getattr(args, flag)
        words += [] if value is None else [f"--{flag}", f"{value:g}"]
    return shlex.join([*words, "--out", args.out.name])
