"""One training run on the screen: its state, how far it is, and what can be done with it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadInput
from core.runs import STAGES, State
from pages.parts import links, runs, session
from pages.parts.curves import TITLES
from pages.parts.runs import RESUMABLE, Run
from pages.parts.sources import ModelSource
from pages.parts.words import as_text, message

STATES = {
    State.RUNNING: (":blue-badge[running]", "It trains now."),
    State.ELSEWHERE: (
        ":violet-badge[running elsewhere]",
        "Another program trains this run: it can be watched here, not stopped.",
    ),
    State.FINISHED: (":green-badge[finished]", "Its checkpoint can be used on the other pages."),
    State.STOPPED: (":gray-badge[stopped]", "It can be resumed from its last checkpoint."),
    State.FAILED: (":red-badge[failed]", "It ended with an error, which is shown."),
}
ALIVE = (State.RUNNING, State.ELSEWHERE)


def lasting(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def card(run: Run, colour: str) -> None:
    """Draw a run with its buttons; a click acts and draws the page again."""
    with st.container(border=True):
        name, about, bar, action = st.columns([2, 2.3, 3.4, 2.9], vertical_alignment="center")
        name.html(
            "<div "
            'style="display:flex;align-items:center;gap:0.5rem;overflow-wrap:anywhere"><span '
            'style="flex:none;width:0.8rem;'
            f'height:0.8rem;border-radius:50%;background:{colour}"></span><b>{run.name}</b></div>'
        )
        badge, meaning = STATES[run.state]
        about.markdown(
            f"{badge} {as_text(str(run.recipe.get('name', '')))}",
            help=f"{meaning}  \nSeed {run.recipe.get('seed', '–')}.",
        )
        with bar:
            _progress(run)
        _action(run, action)
        if run.failure:
            st.error(message(run.failure), icon=":material/error:")


def _action(run: Run, place: DeltaGenerator) -> None:
    """The button of what can be done with the run now."""
    if run.state == State.RUNNING:
        if place.button("Stop", key=f"stop-{run.name}", icon=":material/stop:", width="stretch"):
            with st.spinner("Stopping"):
                runs.stop(run.path)
            st.rerun()
    elif run.state in RESUMABLE and run.recipe:
        if place.button(
            "Resume", key=f"resume-{run.name}", icon=":material/resume:", width="stretch"
        ):
            _resume(run)
    elif run.state == State.FINISHED and place.button(
        "Open in the other pages",
        key=f"open-{run.name}",
        icon=":material/visibility:",
        width="stretch",
    ):
        path = str(run.checkpoint)
        st.session_state[session.OWN_CHECKPOINT] = path
        session.switch_to(ModelSource("file", path))
        links.go_to("explore")


def _resume(run: Run) -> None:
    try:
        runs.resume(run)
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
    else:
        st.rerun()


def _progress(run: Run) -> None:
    """A bar, and in words how far the run is."""
    progress = run.progress
    if run.state == State.FINISHED:
        st.progress(1.0, text=f"{_clips_seen(run):,} clips")
    elif progress is None:
        words = "Loading the libraries" if run.state == State.RUNNING else "Nothing learned yet"
        st.progress(0.0, text=words)
    else:
        title = TITLES.get(progress.stage, progress.stage).lower()
        words = f"{title}: {progress.clips:,} of {progress.total:,} clips"
        left = run.seconds_left
        if run.state in ALIVE and left is not None:
            words += f", {progress.clips_per_second:.1f} clips/s, about {lasting(left)} left"
        st.progress(run.share, text=words)


def _clips_seen(run: Run) -> int:
    """By all stages."""
    last = {row["stage"]: row["clips"] for row in run.reports}
    return sum(last.get(stage, 0) for stage in STAGES)
