"""The row of controls that starts a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import BadInput
from core.runs import STILLS, VIDEO
from pages.parts import runs, session
from pages.parts.run_card import lasting
from pages.parts.settings import RENDERED, clips_of, settings_of
from pages.parts.words import message

OWN_CLIPS = (
    "How long this takes depends on the size of the model and of the clips: the card below says it "
    "once the first steps are done. A paper’s recipe needs GPUs: "
    "`accelerate launch -m training fit` runs it on several."
)


def new_run(folder: Path) -> None:
    """A row of controls that starts a run, and how long it would take."""
    row = st.columns([2.2, 2, 1.5, 1.5, 1.1, 1.3], vertical_alignment="bottom")
    recipes = runs.recipes()
    recipe = row[0].selectbox(
        "Recipe",
        list(recipes),
        index=list(recipes).index("direcformer_gesture"),
        key="recipe",
        help="A model with the settings of its training: losses and their weights, learning rate. "
        "Those that end in gesture train on rendered clips; the others are the papers' and need "
        "their data set.",
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
    wanted = row[5].button(
        "Start", type="primary", icon=":material/play_arrow:", width="stretch", key="start"
    )
    own = clips_of(about, recipe)
    try:
        more = settings_of(about, recipe)
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
        return
    is_rendered = own.get("data", about["data"]) == RENDERED
    if wanted:
        changes = own | {"stills_clips": stills, "seed": seed}
        start(folder, name.strip(), recipe, clips=clips, more=more, **changes)
    st.caption(duration(stills, clips) if is_rendered else OWN_CLIPS)


def start(folder: Path, name: str, recipe: str, clips: int, more: list[str], **given: Any) -> None:
    """Start a run and show it, or say why it cannot be started."""
    trials: dict[str, Any] = {"checkpoint_seconds": 20.0}
    if "root" not in given:
        trials["validate_clips"] = min(240, clips)
    try:
        if given.get("root") == "":
            raise BadInput("name the folder that holds the clips")
        path = runs.start(folder, name, recipe, more=more, clips=clips, **given, **trials)
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
