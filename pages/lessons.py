"""Lessons: guided tours through the app, for a lecture or for oneself."""

import streamlit as st

from core.draw.lesson import lessons
from pages.guide.examples import start_strip
from pages.guide.gallery import Card, gallery
from pages.guide.handout import hand_out_lesson
from pages.parts import head
from pages.parts.choose import through_router
from pages.parts.show import NOT_AN_EXPLANATION

through_router()
head.page("Lessons", "Examples, and guided tours for a lecture or for yourself.")
start_strip("Examples")
st.subheader("Lessons")
st.markdown(
    "A lesson stands in a strip below the live app, which stays usable. **→** and **Page Down** go "
    "on (so does a clicker), **P** shows the picture alone and large, **B** makes the screen "
    "black, **?** lists all keys. A clip of your own stays where it is, and some steps can be seen "
    "on it. Every figure in a lesson is measured on the weights that are included."
)
gallery(
    "lessons",
    [
        Card(
            f"{lesson.number}. {lesson.title}",
            lesson.address(1),
            lesson.see,
            f"{len(lesson.steps)} steps, {lesson.minutes} minutes",
        )
        for lesson in lessons().values()
    ],
)
hand_out_lesson()
st.caption(NOT_AN_EXPLANATION)
