"""Training: start a run, follow its curves, compare runs, and look at what came of it."""

import streamlit as st

from core.errors import BadInput
from pages.parts import curves, history, runs, session
from pages.parts.choose import through_router
from pages.parts.run_card import card, lasting

through_router()
folder, recipes = runs.runs_folder(), runs.recipes()

st.subheader(
    "Train a model",
    help=(
        "The model sees rendered gestures, each new, guesses their class, and its weights are "
        "moved a small step towards the right answer. With the recipe `direcformer_gesture` "
        "shuffled clips also teach it the order of frames. No real video is trained on."
    ),
)
row = st.columns([2.2, 2, 1.5, 1.5, 1.1, 1.3], vertical_alignment="bottom")
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
    try:
        path = runs.start(
            folder,
            name.strip(),
            recipe,
            clips=clips,
            stills_clips=stills,
            seed=seed,
            validate_clips=min(240, clips),
            checkpoint_seconds=20.0,
        )
    except BadInput as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.session_state[session.SHOW_RUN] = path.name
first, then = stills / runs.SPEEDS["stills"], runs.START_UP + clips / runs.SPEEDS["video"]
st.caption(
    f"This takes **about {lasting(first + then)}** on two CPU "
    f"cores{f' ({lasting(first)} for the still stage)' * bool(stills)}, less on more cores or a "
    "GPU. It goes on when you close this page and ends with the app; a run that was stopped can be "
    "resumed from its last checkpoint."
)

found = {run.name: run for run in runs.listed(folder)}
wanted = [st.session_state.pop(session.SHOW_RUN)] if session.SHOW_RUN in st.session_state else []
if wanted or session.SHOWN_RUNS not in st.session_state:
    st.session_state[session.SHOWN_RUNS] = (
        wanted
        + [n for n in st.session_state.get(session.SHOWN_RUNS, list(found)) if n not in wanted]
    )[:3]
st.session_state[session.SHOWN_RUNS] = [
    n for n in st.session_state[session.SHOWN_RUNS] if n in found
]


@st.fragment(
    run_every="2s" if any(run.state in ("running", "elsewhere") for run in found.values()) else None
)
def follow(names: list[str], before: dict[str, str]) -> None:
    shown = [run for name in names if (run := runs.read(folder / name))]
    for run, colour in zip(shown, curves.colours(shown).values(), strict=True):
        card(run, colour)
    if any(before.get(run.name) != run.state for run in shown):
        st.rerun()  # a run began or ended: the whole page follows faster, or no longer
    stages = [
        s for s in curves.STAGES if any(row["stage"] == s for run in shown for row in run.reports)
    ]
    if stages:
        stage = (
            stages[0]
            if len(stages) == 1
            else st.segmented_control(
                "Curves of the",
                stages,
                format_func=curves.STAGES.get,
                default="video",
                required=True,
                key="stage",
                help="First the part of the model that sees single images is trained, then the "
                "whole model on clips.",
            )
        )
        curves.legend(curves.colours(shown), stage)
        curves.draw(shown, stage)


if found:
    st.subheader(
        "Runs", help=f"Every run in {folder}. Choose several to compare them on the same axes."
    )
    names = st.pills(
        "Runs to show",
        list(found),
        selection_mode="multi",
        key=session.SHOWN_RUNS,
        label_visibility="collapsed",
    )
    follow(names, {run.name: run.state for run in found.values()})
    with st.expander("How the shipped models were trained", icon=":material/history:"):
        history.draw()
else:
    st.info(
        "No run yet. Training shows the model clip after clip and corrects it a little each time: "
        "first single frames, until it finds the fingertip, then whole clips; with "
        "`direcformer_gesture` also shuffled ones. Start one above, or see below how the shipped "
        "models came about.",
        icon=":material/model_training:",
    )
    history.draw()
