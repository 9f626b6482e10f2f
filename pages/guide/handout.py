"""A lesson to take home: the button of the Lessons page."""

from __future__ import annotations

import streamlit as st

from core.draw.handout import lesson_document
from core.draw.handout_command import lesson_again
from core.draw.lesson import lessons
from core.errors import BadInput
from pages.parts import session
from pages.parts.words import message

WHAT = (
    "One HTML file with every step of a lesson beside what it speaks of, its questions and its "
    "equations. It opens from disk in any browser, without this app and without a network."
)


def hand_out_lesson() -> None:
    """Choose a lesson, make its file, and offer it."""
    st.subheader("Take a lesson home", help=WHAT)
    titles = {number: f"{number}. {lesson.title}" for number, lesson in lessons().items()}
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    number = left.selectbox(
        "Lesson", list(titles), format_func=titles.__getitem__, key="lesson-to-hand-out"
    )
    wanted = right.button(
        "Hand out this lesson",
        icon=":material/ios_share:",
        key="hand-out-lesson",
        help="Takes some seconds the first time: every map of the lesson is computed.",
    )
    if wanted:
        st.session_state[session.LESSON_HANDED_OUT] = number
    if st.session_state.get(session.LESSON_HANDED_OUT) != number:
        return
    try:
        with st.spinner("Making the file"):
            content = lesson_file(number)
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
        return
    right.download_button(
        f"Download, {len(content) / 1e6:.1f} MB",
        content,
        f"lesson-{number}.html",
        "text/html",
        icon=":material/download:",
        key="hand-out-lesson-file",
        type="primary",
        on_click="ignore",
    )


@st.cache_data(show_spinner=False, max_entries=8)
def lesson_file(number: int) -> bytes:
    """The file of a lesson. Raises: BadInput as `lesson_document`."""
    return lesson_document(lessons()[number], again=lesson_again(number)).encode()
