"""Frame order: the shuffle lab.

Scramble the frames, watch the Hamiltonian path put them back, and see how sure it is.
"""

import streamlit as st

from pages.parts import head
from pages.parts.beside import two_matrices
from pages.parts.choose import current_choice
from pages.parts.lab import answers, lab, verdict
from pages.parts.opening import which_frame_comes_first
from pages.parts.order_head import what_the_order_head_names
from pages.parts.order_reading import does_the_order_matter, read_order
from pages.parts.show import NOT_AN_EXPLANATION
from pages.parts.shuffle_controls import controls, forbidding, mixing, read_by
from pages.parts.statistics import over_data, over_seeds
from pages.parts.teach import teach

choice = current_choice()
head.page("Frame order", "Shuffle a clip, and see whether attention alone puts it back in order.")
room = controls()
permutation = mixing(len(choice.clip) // choice.loaded.unit, room)
by = read_by(choice, room)
stage = st.container()
forbidden = forbidding(len(permutation))
shuffled = read_order(choice, permutation, by, forbidden)
with stage:
    lab(shuffled)
    with answers("pairs", "How right this order is stands here once the answers are shown."):
        which_frame_comes_first(shuffled)
    two_matrices(choice, shuffled)
    with answers("verdict"):
        verdict(shuffled.reading)

what_the_order_head_names(choice, shuffled)
classes = does_the_order_matter(choice, shuffled)
if classes is not None:
    classes.draw()
over_seeds(choice, by.once)
over_data(choice, by.once)
teach(choice)
st.caption(NOT_AN_EXPLANATION)
