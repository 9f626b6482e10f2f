"""Intervene: switch parts of a model off and see what they were for, and trace what carries it."""

import streamlit as st

from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.domain import outside_notice, say_no_classes
from pages.parts.intervening import (
    changed_maps,
    classes_before_and_after,
    controls,
    say_what_changed,
)
from pages.parts.show import NOT_AN_EXPLANATION
from pages.parts.tracing import what_carries_it

choice = current_choice()
head.page("Intervene", "Switch parts of a model off, and see what they were for.")
opening = st.container()
intervention = controls(choice)
with opening:
    say_what_changed(choice, intervention)
changed_maps(choice, intervention).draw()
if not say_no_classes(choice):
    classes_before_and_after(choice, intervention).draw()
    outside_notice(choice)
    what_carries_it(choice)
st.caption(NOT_AN_EXPLANATION)
