"""One training run on the screen: its state, how far it is, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from core.errors import BadInput
from pages.parts import runs, session
from pages.parts.runs import Run
from pages.parts.sources import ModelSource

STATES = {
    "running": (":blue-badge[running]", "It trains now."),
    "elsewhere": (
        ":violet-badge[running elsewhere]",
        "Another program trains this run: it can be watched here, not stopped.",
    ),
    "finished": (":green-badge[finished]", "Its checkpoint can be used on the other pages."),
    "stopped": (":gray-badge[stopped]", "It can be resumed from its last checkpoint."),
    "failed": (
        ":red-badge[failed]",
        "It ended with an error; the last line that it wrote is shown.",
    ),
}
STAGES = {"stills": "still stage", "video": "video stage"}


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
        badge, meaning = STATES[run.state]
        name.html(
            "<div "
            'style="display:flex;align-items:center;gap:0.5rem;overflow-wrap:anywhere"><span '
            'style="flex:none;width:0.8rem;'
            f'height:0.8rem;border-radius:50%;background:{colour}"></span><b>{run.name}</b></div>'
        )
        about.markdown(
            f"{badge} {run.recipe.get('name', '')}",
            help=f"{meaning}  \nSeed {run.recipe.get('seed', '–')}.",
        )
        with bar:
            _progress(run)
        if run.state == "running" and action.button(
            "Stop", key=f"stop-{run.name}", icon=":material/stop:", width="stretch"
        ):
            with st.spinner("Stopping"):
                runs.stop(run.path)
            st.rerun()
        if (
            run.state in ("stopped", "failed")
            and run.recipe
            and action.button(
                "Resume", key=f"resume-{run.name}", icon=":material/resume:", width="stretch"
            )
        ):
            _resume(run)
        if run.state == "finished" and action.button(
            "Open in the other pages",
            key=f"open-{run.name}",
            icon=":material/visibility:",
            width="stretch",
        ):
            path = str(run.checkpoint)
            st.session_state[session.OWN_CHECKPOINT] = path
            session.switch_to(ModelSource("file", path))
            st.switch_page("pages/explore.py")
        if run.failure:
            st.error(run.failure, icon=":material/error:")


def _resume(run: Run) -> None:
    try:
        runs.resume(run)
    except BadInput as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()


def _progress(run: Run) -> None:
    p = run.progress
    if run.state == "finished":
        seen = sum(
            max((row["clips"] for row in run.reports if row["stage"] == s), default=0)
            for s in STAGES
        )
        st.progress(1.0, text=f"{seen:,} clips")
    elif p is None:
        st.progress(
            0.0, text="Loading the libraries" if run.state == "running" else "Nothing learned yet"
        )
    else:
        left = run.seconds_left if run.state in ("running", "elsewhere") else None
        parts = [
            f"{STAGES[p.stage]}: {p.clips:,} of {p.of:,} clips",
            f"{p.speed:.1f} clips/s" if p.speed and left is not None else "",
            f"about {lasting(left)} left" if left is not None else "",
        ]
        st.progress(run.share, text=", ".join(filter(None, parts)))
