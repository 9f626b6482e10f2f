"""What a model calls the clip, where it has names for anything."""

from __future__ import annotations

import streamlit as st

from pages.parts import cached
from pages.parts.domain import classes_heading, outside_notice, say_no_classes
from pages.parts.exhibit import class_exhibit
from pages.parts.seen import mark_other_length
from pages.parts.show import HELP
from pages.parts.subject import Choice


def what_it_sees(choice: Choice) -> None:
    """Explore's section: the most probable classes, and what to do where they say little."""
    if not choice.card.names_classes:
        st.subheader("What it sees")
        mark_other_length(choice)
        say_no_classes(choice)
        return
    about = f"The five most probable classes: {HELP['probability']}"
    classes_heading(choice, "What it sees", about)
    mark_other_length(choice)
    class_exhibit(choice, cached.trace(choice).probabilities, "classes").draw()
    outside_notice(choice)
