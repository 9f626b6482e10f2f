"""Searches for settings and measurements of models, which the Training page starts and follows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadInput
from core.runs import State, read_end, read_progress
from core.weights import shipped, shipped_title
from pages.parts import runs
from pages.parts.runs import Run
from pages.parts.settings import clips_of, settings_of
from pages.parts.show import HELP
from pages.parts.words import as_text, message

MOST_LISTED = 6


def tune_and_evaluate(tabs: Sequence[DeltaGenerator], folder: Path, known: dict[str, Run]) -> None:
    """Fill the two tabs beside that of training; `known` are the runs of the folder, by name."""
    with tabs[0]:
        tuning(folder)
    with tabs[1]:
        measuring(folder, known)


def tuning(folder: Path) -> None:
    """A row of controls that starts a search for a recipe's best settings, and those that ran."""
    row = st.columns([2.4, 2, 1.2, 1.3], vertical_alignment="bottom")
    recipes = runs.recipes()
    recipe = row[0].selectbox(
        "Recipe to tune",
        list(recipes),
        index=list(recipes).index("rvit_gesture"),
        key="tune-recipe",
        help="Its learning rate and weight decay are searched, dropout where the model has it, and "
        "the restarts of a schedule that has them.",
    )
    name = row[1].text_input("Name of the search", "my_search", max_chars=40, key="tune-name")
    trials = row[2].number_input(
        "Trials",
        1,
        500,
        10,
        key="tune-trials",
        help="Each trains the recipe once; those that fall behind are given up early.",
    )
    about = recipes[recipe]
    changes = clips_of(about, f"tune-{recipe}")
    try:
        more = settings_of(about, f"tune-{recipe}")
        if row[3].button("Search", icon=":material/search:", width="stretch", key="tune-start"):
            flags = [f"--{key}={value}" for key, value in changes.items()]
            runs.tune(folder, name.strip(), recipe, int(trials), [*flags, *more])
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
    _followed(folder, runs.STUDY_FILE, _study)


def measuring(folder: Path, known: dict[str, Run]) -> None:
    """A row of controls that measures a model, and the measurements that were made.

    `known` are the runs of this folder, by name.
    """
    finished = checkpoints_of(known)
    row = st.columns([2, 1.6, 1.3, 1.8, 1.3], vertical_alignment="bottom")
    titles = {name: shipped_title(name) for name in shipped()}
    titles |= {f"run:{name}": f"run {name}" for name in finished}
    model = row[0].selectbox(
        "Model to measure", list(titles), format_func=titles.__getitem__, key="evaluate-model"
    )
    kind = row[1].selectbox(
        "On",
        ["rendered clips", "a folder of clips"],
        key="evaluate-on",
        help="Rendered clips that no training run draws, or DIR/label/clip with labels that the "
        "model knows.",
    )
    clips = row[2].number_input(
        "Clips", 10, 100_000, 200, step=50, key="evaluate-clips", disabled=kind != "rendered clips"
    )
    name = row[3].text_input(
        "Name of the measurement", "my_measurement", max_chars=40, key="evaluate-name"
    )
    data = "gestures"
    if kind != "rendered clips":
        data = st.text_input(
            "Folder of clips",
            key="evaluate-root",
            placeholder="/path/to/the/clips, on the computer that runs this app",
        ).strip()
    of = ["--model", model]
    if model.startswith("run:"):
        of = ["--checkpoint", str(finished[model.removeprefix("run:")])]
    if row[4].button("Measure", icon=":material/straighten:", width="stretch", key="evaluate"):
        try:
            if not data:
                raise BadInput("name the folder of clips that the model is to be measured on")
            runs.evaluate(folder, name.strip(), of, data, int(clips))
        except BadInput as error:
            st.error(message(error), icon=":material/error:")
    _followed(folder, runs.REPORT_FILE, _measurement)


def checkpoints_of(known: dict[str, Run]) -> dict[str, Path]:
    """The checkpoints of the runs that have one."""
    return {name: run.checkpoint for name, run in known.items() if run.checkpoint.exists()}


def _followed(folder: Path, file: str, draw: Any) -> None:
    """What stands in the folders that hold such a file, drawn again while one is being made."""
    alive = [path for path in _folders(folder, file) if runs.is_working(path)]

    @st.fragment(run_every="2s" if alive else None)
    def live() -> None:
        paths = _folders(folder, file)
        for path in paths[:MOST_LISTED]:
            with st.container(border=True):
                draw(path)
        if alive and not any(runs.is_working(path) for path in paths):
            st.rerun()

    live()


def _folders(folder: Path, file: str) -> list[Path]:
    """The folders with this file, and those where it is being made, the newest first."""
    if not folder.is_dir():
        return []
    wanted = [
        path
        for path in folder.iterdir()
        if path.is_dir()
        and ((path / file).exists() or (runs.makes(path) == file and runs.is_working(path)))
    ]
    return sorted(wanted, key=lambda path: path.stat().st_mtime, reverse=True)


def _study(path: Path) -> None:
    """How far a search is, and what it recommends."""
    progress, end = read_progress(path), read_end(path)
    left, right = st.columns([1.2, 4], vertical_alignment="center")
    left.markdown(f"**{as_text(path.name)}**")
    if runs.is_working(path):
        share = progress.clips / progress.total if progress and progress.total else 0.0
        right.progress(min(1.0, share), text=f"searching, {100 * share:.0f} % of the trials")
    elif end is not None and end.state == State.FAILED:
        right.error(message(end.error or runs.said(path)), icon=":material/error:")
    else:
        right.markdown("Best so far, as flags of a run: ")
        right.code(runs.said(path) or "no trial was finished", language=None, wrap_lines=True)


def _measurement(path: Path) -> None:
    """What a measurement came to."""
    left, right = st.columns([1.2, 4], vertical_alignment="center")
    left.markdown(f"**{as_text(path.name)}**")
    file = path / runs.REPORT_FILE
    if not file.exists():
        words = "measuring" if runs.is_working(path) else runs.said(path) or "it was stopped"
        right.markdown(as_text(words))
        return
    try:
        result = json.loads(file.read_text())
    except (OSError, ValueError):
        right.error(f"{file.name} is damaged; measure again")
        return
    columns = right.columns(4)
    columns[0].metric("Clips", result["clips"])
    columns[1].metric("Top-1", f"{100 * result['top1']:.1f} %")
    columns[2].metric("OrderAcc", f"{result['order_accuracy']:.1f} %", help=HELP["order_accuracy"])
    columns[3].metric(
        "Either direction",
        f"{result['reversal_accuracy']:.1f} %",
        help=HELP["reversal_accuracy"],
    )
