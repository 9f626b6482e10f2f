"""Explore: where the model looks, in space and in time, and from layer to layer."""

import streamlit as st

from pages.guide.examples import start_strip
from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.classes import what_it_sees
from pages.parts.informative import informative_frames
from pages.parts.layers import what_the_viewer_shows
from pages.parts.opening import where_it_looks
from pages.parts.record import from_your_own_hand
from pages.parts.recurrent import what_it_carries
from pages.parts.schemes import three_schemes
from pages.parts.show import NOT_AN_EXPLANATION, VIEWER_KEYS, provenance
from pages.parts.viewer import say_wrong_link, viewer

choice = current_choice()

head.first_page()
opening = st.empty()
opening.markdown("&nbsp;")  # the viewer below measures its room before the sentence is there
say_wrong_link(choice)
viewer(choice)
with opening:  # on its way once the heat map is
    where_it_looks(choice)
provenance(choice, "attention computed from the recorded queries and keys")
start_strip("Or begin with one of these")

left, right = st.columns([6, 5], gap="large")
with left:
    what_it_sees(choice)
    from_your_own_hand()
with right:
    st.subheader("How to read it")
    st.markdown(VIEWER_KEYS)
    st.caption(NOT_AN_EXPLANATION)

what_the_viewer_shows(choice)
three_schemes(choice)
what_it_carries(choice)
informative_frames(choice)
