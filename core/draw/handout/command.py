"""The command that writes a page to take home."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from core.draw.handout.document import document
from core.draw.handout.sheet import Sheet, sheet
from core.errors import BadInput, located
from core.runs import write_atomically
from core.weights import DEFAULT, Model, embedded, load, load_checkpoint


def add_flags(command: argparse.ArgumentParser) -> None:
    """What `python -m core handout` takes."""
    command.add_argument("clip", metavar="CLIP")
    command.add_argument(
        "--models",
        nargs="+",
        default=[DEFAULT],
        metavar="MODEL",
        help="models with a shipped checkpoint, a tab each (default direcformer; see `models`), or "
        "all; or checkpoints, as --checkpoint of the other commands takes them",
    )
    command.add_argument("--out", type=Path, required=True, help="an .html file")
    command.add_argument("--start", type=float, help="seconds from the first frame")
    command.add_argument("--end", type=float, help="seconds from the first frame")


def hand_out(args: argparse.Namespace) -> dict[str, Any]:
    """Write the page. Raises: BadInput for what cannot be used."""
    if args.out.suffix != ".html":
        raise BadInput(f"{args.out}: --out must end in .html")
    models = list(embedded()) if args.models == ["all"] else args.models
    repeated = sorted({name for name in models if models.count(name) > 1})
    if repeated:
        raise BadInput(f"--models names {', '.join(repeated)} more than once; name each once")
    sheets = [_sheet(_model(name), args) for name in models]
    page = document(sheets, again=_again(args))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.out, lambda path: path.write_text(page, encoding="utf-8"))
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


def _model(name: str) -> Model:
    """A shipped model by its name, else a checkpoint."""
    is_place = any(mark in name for mark in "/\\. ") or Path(name).exists()
    return load_checkpoint(name) if is_place else load(name)


def _sheet(model: Model, args: argparse.Namespace) -> Sheet:
    try:
        clip = model.read(args.clip, start=args.start, end=args.end)
    except BadInput as error:
        raise BadInput(located(error, args.clip)) from None
    return sheet(model, clip, clip.source)


def _again(args: argparse.Namespace) -> str:
    """The command, with names of files and no folders of this machine."""
    words = ["python", "-m", "core", "handout", Path(args.clip).name, "--models", *args.models]
    for flag in ("start", "end"):
        value = getattr(args, flag)
        words += [] if value is None else [f"--{flag}", f"{value:g}"]
    return shlex.join([*words, "--out", args.out.name])
