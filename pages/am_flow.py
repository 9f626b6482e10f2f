"""AM flow: how attention maps change from frame to frame.

They are shown beside optical flow and the true motion.
"""

import streamlit as st

from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.flow_scores import does_it_find_the_hand, how_much_changes_when
from pages.parts.outputs import each_output_alone, what_the_adapters_add
from pages.parts.pairs import drawing, from_one_frame_to_the_next, pairs, say_what_is_shown
from pages.parts.several import with_am_flow
from pages.parts.show import NOT_AN_EXPLANATION

in_sidebar = current_choice()
head.page("AM flow", "How what a model looks at changes from frame to frame, beside what moves.")
opening = st.container()
choice = with_am_flow(in_sidebar)
shown = drawing(choice)
maps = pairs(choice, shown.block)
with opening:
    say_what_is_shown(in_sidebar, maps)
    how_much_changes_when(maps).draw()

from_one_frame_to_the_next(maps, shown).draw()
does_it_find_the_hand(maps)
each_output_alone(choice)
what_the_adapters_add(choice, shown)
st.caption(NOT_AN_EXPLANATION)
