"""Training: start a run, follow its curves, compare runs, and look at what came of it."""

from pathlib import Path

import streamlit as st

from pages.parts import head, history, runs, session, visitors
from pages.parts.choose import through_router
from pages.parts.follow import follow
from pages.parts.measuring import tune_and_evaluate
from pages.parts.new_run import new_run
from pages.parts.runs import Run

MOST_SHOWN = 3  # runs that are shown before others are asked for


def choose_shown(known: list[str]) -> None:
    """Show the run that was just started, and leave out those that are there no longer."""
    state = st.session_state
    shown = state.get(session.SHOWN_RUNS, known)
    if session.SHOW_RUN in state:
        new = state.pop(session.SHOW_RUN)
        state[session.SHOWN_RUNS] = [new, *(name for name in shown if name != new)][:MOST_SHOWN]
    elif session.SHOWN_RUNS not in state:
        state[session.SHOWN_RUNS] = shown[:MOST_SHOWN]
    state[session.SHOWN_RUNS] = [name for name in state[session.SHOWN_RUNS] if name in known]


def known_runs(folder: Path, known: dict[str, Run]) -> None:
    """The runs to choose from, those that are chosen, and how the shipped models came about."""
    st.subheader(
        "Runs", help=f"Every run in {folder}. Choose several to compare them on the same axes."
    )
    names = st.pills(
        "Runs to show",
        list(known),
        selection_mode="multi",
        key=session.SHOWN_RUNS,
        label_visibility="collapsed",
    )
    follow(folder, names, known)
    with st.expander("How the shipped models were trained", icon=":material/history:"):
        history.draw()


def no_run() -> None:
    """What training is, and how the shipped models came about."""
    st.info(
        "No run yet. Training shows the model clip after clip and corrects it a little each time: "
        "first single frames, until it finds the fingertip, then whole clips; with "
        "`direcformer_gesture` also shuffled ones. Start one above, or see below how the shipped "
        "models came about.",
        icon=":material/model_training:",
    )
    history.draw()


through_router()
head.page("Training", "Teach a model to tell gestures apart, and watch it learn.")
st.subheader(
    "Train a model",
    help=(
        "The model sees rendered gestures, each new, guesses their class, and its weights are "
        "moved a small step towards the right answer. With the recipe `direcformer_gesture` "
        "shuffled clips also teach it the order of frames. No real video is trained on."
    ),
)
if not visitors.may_teach():
    visitors.only_for_lecturers("Training")
    history.draw()
    st.stop()
runs_folder = visitors.own_folder(runs.runs_folder())
train, *others = st.tabs(["Train", "Tune", "Evaluate"])
with train:
    new_run(runs_folder)
every_run = {run.name: run for run in runs.listed(runs_folder)}
tune_and_evaluate(others, runs_folder, every_run)
choose_shown(list(every_run))
if every_run:
    known_runs(runs_folder, every_run)
else:
    no_run()
