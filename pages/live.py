"""Live: the camera watched as it runs, picture by picture."""

import streamlit as st

from pages.parts import head
from pages.parts.choose import current_choice
from pages.parts.domain import say_no_classes
from pages.parts.live import live, suggest_recurrent, to_the_frozen_clip
from pages.parts.show import NOT_AN_EXPLANATION, weights_line

choice = current_choice()
head.page("Live", "What a model sees in your camera, picture by picture.")
say_no_classes(choice)
suggest_recurrent(choice)
live(choice)
to_the_frozen_clip(choice)
st.caption(f"{weights_line(choice)} · your camera · {NOT_AN_EXPLANATION}")
