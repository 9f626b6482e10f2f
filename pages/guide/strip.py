"""The strip of a guided lesson at the bottom of the app, and the keys of a presenter.

Where a lesson goes is an address. The browser goes there as if by its back button, so that the
session stays, and with it the visitor's own clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.draw.lesson import Lesson, lessons
from core.errors import BadInput
from pages.guide.keys import KEYS
from pages.parts import session
from pages.parts.component import component
from pages.parts.subject import Choice
from pages.parts.words import message


def strip() -> None:
    """Draw the strip of the lesson that the address names, if it names one."""
    component("presenter", "guide/presenter")(key=session.PRESENTER, data={"keys": KEYS})
    try:
        place = _place()
    except BadInput as error:
        st.error(message(error), icon=":material/school:")
        return
    if place is None:
        return
    lesson, number = place
    step = lesson.steps[number - 1]
    with st.container(key="lesson", gap=None):
        component("lesson_strip", "guide/strip")(
            key=session.STRIP, data=_described(lesson, number, _own_clip())
        )
        with st.container(key="lesson-text"):
            st.markdown(step.text)
        if step.question:
            with st.container(key="lesson-question"):
                st.markdown(f"**{step.question.text}**")
            with st.container(key="lesson-answer"):
                st.markdown(step.question.answer)


def _place() -> tuple[Lesson, int] | None:
    """The lesson that the address names, and the number of its step, from 1.

    Raises: BadInput for a lesson or a step that there is not.
    """
    asked = st.query_params.get("lesson")
    if asked is None:
        return None
    known = lessons()
    if not asked.isdecimal() or int(asked) not in known:
        numbers = ", ".join(map(str, known))
        raise BadInput(f"There is no lesson {asked!r}; there are {numbers}: see the page Lessons")
    lesson = known[int(asked)]
    step = st.query_params.get("step", "1")
    if not step.isdecimal() or not 1 <= int(step) <= len(lesson.steps):
        raise BadInput(f"Lesson {asked} has no step {step!r}; it has 1 to {len(lesson.steps)}")
    return lesson, int(step)


def _own_clip() -> Mapping[str, str] | None:
    """The parameter of the address that shows the visitor's own clip, if one was shown."""
    choice: Choice | None = st.session_state.get(session.CHOICE)
    if choice is not None and choice.is_upload:
        st.session_state[session.OWN_SOURCE] = str(st.session_state[session.CLIP]).capitalize()
    source = st.session_state.get(session.OWN_SOURCE)
    return {"source": source} if source else None


def _described(lesson: Lesson, number: int, clip: Mapping[str, str] | None) -> dict[str, Any]:
    """What the strip needs to know."""
    step = lesson.steps[number - 1]
    places = range(1, len(lesson.steps) + 1)
    question = step.question
    return {
        "lesson": lesson.number,
        "title": lesson.title,
        "step": number,
        "name": step.title,
        "titles": [each.title for each in lesson.steps],
        "addresses": [lesson.address(place) for place in places],
        "own": [lesson.address(place, clip) for place in places] if clip else None,
        "allows_own": step.own,
        "on_own": "own" in st.query_params,
        "look": step.look,
        "choices": list(question.choices) if question else [],
        "right": question.right if question else None,
    }
