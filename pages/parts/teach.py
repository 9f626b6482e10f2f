"""Teach it this clip: a lesson as a child process, followed live.

Its result is kept for this session.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.errors import BadInput
from core.models import spec
from core.order.learned import WINDOWS
from pages.parts import runs, session
from pages.parts.lesson import BASE, lesson_result
from pages.parts.room import file_of, new_folder
from pages.parts.runs import Run
from pages.parts.show import clip_name
from pages.parts.sources import Recorded
from pages.parts.subject import Choice
from pages.parts.visitors import may_teach, only_for_lecturers
from pages.parts.words import message

ABOUT = (
    "The right order of a clip's frames is known without anybody writing it down, so the model can "
    "learn from the clip itself. It sees windows of 8 frames, shuffled, and its attention from "
    "each frame to each other one is moved towards the right sign. It is tried on frames that it "
    "never learns from: **held-out blocks**, 8 frames in a row with a gap of 4 on each side, and, "
    "far easier, single frames **between learned ones**. Where the end of a clip looks like its "
    "beginning no lesson can help."
)


def teach(choice: Choice) -> None:
    """The section: a row of controls, and the last lesson of this session."""
    st.subheader("Teach it this clip", help=ABOUT)
    if not may_teach():
        only_for_lecturers("Teaching")
        return
    lesson: Path | None = st.session_state.get(session.LESSON)
    run = runs.read(lesson) if lesson else None
    _controls(choice, run)
    if lesson is None or run is None:
        st.info(
            "Nothing taught yet. A clip with an arrow of time, such as a flower that opens or "
            f"coffee that is poured, needs about {WINDOWS:,} windows of its frames; how long that "
            "takes here is told as soon as it runs.",
            icon=":material/school:",
        )
        return
    _follow(lesson, is_running=run.state == "running")


def _controls(choice: Choice, run: Run | None) -> None:
    """Draw how much to teach, and the button that starts a lesson or stops the one that runs."""
    is_running = run is not None and run.state == "running"
    row = st.columns([2, 1.1, 1.7, 1.2, 3], vertical_alignment="bottom")
    windows = row[1].selectbox(
        "Windows",
        (WINDOWS // 2, WINDOWS, 2 * WINDOWS),
        index=1,
        key="lesson-windows",
        disabled=is_running,
        help="From how many windows of 8 shuffled frames it learns. "
        f"About {WINDOWS:,} give a clear result on a clip with an arrow of time.",
    )
    minutes = row[2].selectbox(
        "Minutes at most",
        (2, 5, 15, 30),
        index=2,
        key="lesson-minutes",
        disabled=is_running,
        help="A slow or busy computer ends here, with fewer windows than asked for: whether that "
        "was enough is told at the end.",
    )
    seed = row[3].number_input(
        "Lesson seed",
        0,
        10**6,
        0,
        key="lesson-seed",
        disabled=is_running,
        help="Decides which blocks are held out and every window that is learned from.",
    )
    if run is not None and is_running:
        if row[0].button(
            "Stop, keep the best so far", icon=":material/stop:", key="stop-lesson", width="stretch"
        ):
            with st.spinner("Stopping"):
                runs.stop(run.path)
            st.rerun()
    elif row[0].button(
        "Teach it this clip",
        icon=":material/school:",
        type="primary",
        key="start-lesson",
        width="stretch",
    ):
        try:
            st.session_state[session.LESSON] = _start(
                choice, windows=windows, seconds=60 * minutes, seed=int(seed)
            )
        except BadInput as error:
            st.error(message(error), icon=":material/error:")
        else:
            st.rerun()
    is_recorded = isinstance(choice.source, Recorded)
    row[4].caption(
        f"The shipped {spec(BASE).title} learns the order of the frames of {clip_name(choice)}: "
        "of all of it, whatever part and whichever model are chosen. What it learns is kept for "
        "this session only"
        + (", as is the file that the recording is written to for it." if is_recorded else ".")
    )


def _start(choice: Choice, **asked: int) -> Path:
    """Start a lesson; returns its folder. Raises: BadInput if it cannot be started."""
    path = new_folder("lesson")
    runs.teach(path, [file_of(choice)], crop=choice.crop, **asked)
    return path


def _follow(lesson: Path, *, is_running: bool) -> None:
    """Draw the lesson, again each second while it runs."""

    @st.fragment(run_every="1s" if is_running else None)
    def live() -> None:
        run = runs.read(lesson)
        if run is None or (run.state == "running") != is_running:
            st.rerun()  # it began or ended: the sidebar offers what was taught
        lesson_result(run)

    live()
