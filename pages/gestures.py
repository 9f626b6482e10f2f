"""Your gestures: teach the open model gestures of your own, from a few clips of each."""

import streamlit as st

from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.own_gestures import COLLECT, collect
from pages.parts.own_lesson import ABOUT, lesson
from pages.parts.visitors import may_teach, only_for_lecturers

choice = current_choice()
head.page(
    "Your gestures",
    "Teach the open model two to six gestures of your own, from three clips or more of each.",
)
if not may_teach():
    only_for_lecturers("Teaching")
    st.stop()
st.subheader("Clips of each gesture", help=COLLECT)
own = collect(choice)
st.subheader("Learn", help=ABOUT)
lesson(choice, own)
