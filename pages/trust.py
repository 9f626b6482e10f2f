"""Trust: whether a map tells the truth, says what the answer hangs on, and needs the weights."""

import streamlit as st

from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.domain import say_no_classes
from pages.parts.show import NOT_AN_EXPLANATION
from pages.parts.trust_removal import what_the_answer_hangs_on
from pages.parts.trust_sanity import does_it_need_the_weights
from pages.parts.trust_scores import does_it_tell_the_truth, where_to_go_on

choice = current_choice()
head.page("Trust", "When not to believe a map: its truth, its weight in the answer, its weights.")
if say_no_classes(choice):
    where_to_go_on()
    st.stop()
does_it_tell_the_truth(choice)
question = what_the_answer_hangs_on(choice)
does_it_need_the_weights(choice, question)
where_to_go_on()
st.caption(NOT_AN_EXPLANATION)
