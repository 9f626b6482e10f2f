"""Explore: where the model looks, in space and in time."""

import streamlit as st

from core import figures
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.show import NOT_AN_EXPLANATION, VIEWER_KEYS, chart, provenance
from pages.parts.viewer import viewer

choice = chosen()
labels = list(choice.card.labels)

viewer(choice)
provenance(choice, "attention computed from the recorded queries and keys")

left, right = st.columns([6, 5], gap="large")
with left:
    trace = cached.trace(choice.key, choice.model, choice.crop, choice.clip)
    st.subheader("What it sees", help="The five most probable classes, from the softmax of the scores.")
    best = labels[int(trace.probabilities.argmax())]
    chart(figures.class_bars(labels, trace.probabilities, height=230), "classes", f"Most probable class: {best}")
    provenance(choice, "class probabilities")
with right:
    st.subheader("How to read it")
    st.markdown(VIEWER_KEYS)
    st.caption(NOT_AN_EXPLANATION)
