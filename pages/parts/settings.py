"""What a recipe says, and what is to be other: losses, settings, clips of one's own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import BadInput
from core.runs import METRICS

ROOT = Path(__file__).parents[2]
APART = ("name", "model", "preset", "settings", "augment")
"""Fields of a recipe that are no flag of their own."""
WEIGHTS = {metric.weight: metric.title for metric in METRICS.values() if metric.weight}
"""Field of a recipe -> title of the loss that it weighs."""
RENDERED, OWN = "gestures", "folder"


@cache
def recipes() -> dict[str, dict[str, Any]]:
    """Every recipe with its fields.

    Those whose data are not rendered gestures need a data set on the disk.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "training", "recipes", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise BadInput(f"the training package does not start: {ran.stderr.strip()[-200:]}")
    return {about["name"]: about for about in json.loads(ran.stdout)}


def clips_of(about: dict[str, Any], recipe: str) -> dict[str, str]:
    """Draw the choice of the clips: the recipe's own data, or a folder. Returns changed fields."""
    own = about["data"]
    kinds = {own: "rendered gestures" if own == RENDERED else f"the data set {own}"}
    kinds |= {OWN: "a folder of clips"}
    left, right = st.columns([1.3, 3], vertical_alignment="bottom")
    data = left.selectbox(
        "Clips",
        list(kinds),
        format_func=kinds.__getitem__,
        key=f"data-{recipe}",
        help="A folder holds DIR/label/clip, or DIR/train/label/clip and DIR/val/label/clip; its "
        "labels become the classes. A data set lies in a folder as docs/training.md says.",
    )
    if data == RENDERED:
        return {}
    root = right.text_input(
        "Folder",
        key=f"root-{recipe}-{data}",
        placeholder="/path/to/the/clips, on the computer that runs this app",
    ).strip()
    changes = {"root": root}
    return changes if data == own else changes | {"data": data}


def settings_of(about: dict[str, Any], recipe: str) -> list[str]:
    """Draw a recipe's losses and settings, and what is to be other. Returns flags.

    Raises: BadInput for what is no flag of a recipe.
    """
    with st.expander("Losses and settings", icon=":material/tune:"):
        left, right = st.columns(2, gap="large")
        used = {name: title for name, title in WEIGHTS.items() if about.get(name)}
        left.dataframe(
            [
                {"loss": title, "weight": about[name], "flag": _flag(name)}
                for name, title in used.items()
            ],
            hide_index=True,
            width="stretch",
            key=f"losses-{recipe}",
        )
        others = [
            {"flag": _flag(name), "value": _shown(value)}
            for name, value in about.items()
            if name not in (*APART, *WEIGHTS) and value not in ("", [], None)
        ]
        settings = [
            {"flag": f"--set {k}", "value": _shown(v)} for k, v in about["settings"].items()
        ]
        right.dataframe(
            [{"flag": "model", "value": f"{about['model']} {about['preset']}"}, *settings, *others],
            hide_index=True,
            width="stretch",
            height=250,
            key=f"settings-{recipe}",
        )
        text = left.text_input(
            "Other than the recipe says",
            key=f"more-{recipe}",
            placeholder="--lr 0.0003 --pairs 1 --set depth=6",
            help="As on the command line: any flag of `python -m training fit`, `--set KEY=VALUE` "
            "for a setting of the model, `--augment NAME=JSON` for a way to vary clips.",
        )
    return checked(text, about)


def checked(text: str, about: dict[str, Any]) -> list[str]:
    """The words of a line of flags. Raises: BadInput for what is no flag of a recipe."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadInput(f"{text[:60]!r} cannot be read ({error}); close what you quote") from None
    known = {_flag(name) for name in about if name not in APART} | {"--set", "--augment"}
    for word in words:
        if word.startswith("--") and word.partition("=")[0] not in known:
            raise BadInput(
                f"{word.partition('=')[0][:40]} is no setting of a recipe; see the flags in the "
                "table of its settings"
            )
    if words and not words[0].startswith("--"):
        raise BadInput(
            f"{words[0][:40]!r} stands where a flag must; begin with --, as in --lr 0.001"
        )
    return words


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
