"""The row of controls that starts a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import BadInput
from core.runs import STILLS, VIDEO
from pages.parts import runs, session
from pages.parts.run_card import lasting
from pages.parts.words import message


def new_run(folder: Path) -> None:
    """A row of controls that starts a run, and how long it would take."""
    row = st.columns([2.2, 2, 1.5, 1.5, 1.1, 1.3], vertical_alignment="bottom")
    recipes = runs.recipes()
    recipe = row[0].selectbox(
        "Recipe",
        list(recipes),
        index=list(recipes).index("direcformer_gesture"),
        key="recipe",
        help="A model with the settings of its training: losses and their weights, learning rate.",
    )
    about = recipes[recipe]
    name = row[1].text_input(
        "Name of the run",
        "my_run",
        max_chars=40,
        key="run-name",
        help=f"Names its folder below {folder.name}/: letters, digits, - and _.",
    )
    stills = row[2].number_input(
        "Still clips",
        0,
        10**7,
        about["stills_clips"],
        step=1000,
        key=f"stills-{recipe}",
        help="First the part of the model that sees single images learns to find the fingertip, "
        "on three frames of each of these clips. 0 leaves this out; the model then learns far more "
        "slowly.",
    )
    clips = row[3].number_input(
        "Video clips",
        about["batch"],
        10**7,
        about["clips"],
        step=1000,
        key=f"clips-{recipe}",
        help=f"Clips that the whole model then learns from, {about['batch']} a step.",
    )
    seed = row[4].number_input(
        "Run seed",
        0,
        10**6,
        0,
        key="run-seed",
        help="Decides the first weights and every clip. The same seed gives the same run.",
    )
    if row[5].button(
        "Start", type="primary", icon=":material/play_arrow:", width="stretch", key="start"
    ):
        start(folder, name.strip(), recipe, clips=clips, stills_clips=stills, seed=seed)
    st.caption(duration(stills, clips))


def start(folder: Path, name: str, recipe: str, clips: int, **changes: Any) -> None:
    """Start a run and show it, or say why it cannot be started."""
    trials = {"validate_clips": min(240, clips), "checkpoint_seconds": 20.0}
    try:
        path = runs.start(folder, name, recipe, clips=clips, **changes, **trials)
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
    else:
        st.session_state[session.SHOW_RUN] = path.name


def duration(stills: int, clips: int) -> str:
    """How long a run of so many clips takes, in words."""
    first = stills / runs.SPEEDS[STILLS]
    then = runs.START_UP + clips / runs.SPEEDS[VIDEO]
    of_stills = f" ({lasting(first)} for the still stage)" if stills else ""
    return (
        f"This takes **about {lasting(first + then)}** on two CPU cores{of_stills}, less on more "
        "cores or a GPU. It goes on when you close this page and ends with the app; a run that was "
        "stopped can be resumed from its last checkpoint."
    )
