"""Compare: several models on the same clip, how far they agree, and whether they read motion."""

import streamlit as st

from pages.parts import head, side_by_side
from pages.parts.choose import current_choice
from pages.parts.opening import where_maps_are
from pages.parts.show import NOT_AN_EXPLANATION

choice = current_choice()
head.page("Compare", "Several models on one clip: do they look at the same places?")
opening = st.container()
models, drawing = side_by_side.asked(choice)
maps = [side_by_side.map_of(model, drawing.view) for model in models]
with opening:
    where_maps_are(
        [each.choice for each in maps],
        [each.heat for each in maps],
        side_by_side.VIEWS[drawing.view],
        [each.note(drawing.view) for each in maps],
    )

side_by_side.same_clip(choice, drawing, maps).draw()
motion = side_by_side.do_they_read_motion(maps)
if motion is not None:
    motion.draw()
side_by_side.do_they_look_at_the_same_places(maps)
st.caption(NOT_AN_EXPLANATION)
