"""Attention in Motion: the router. Start with `streamlit run app.py [-- --clips FOLDER --runs
FOLDER]`.
"""

import pandas  # noqa: F401 - whole before any chart: plotly takes a half-imported one from another visitor's thread
import streamlit as st

from core.errors import BadInput
from pages.parts import session
from pages.parts.choose import sidebar

st.set_page_config(
    page_title="Attention in Motion", page_icon=":material/visibility:", layout="wide"
)
# Streamlit writes white on any accent, and a chart's words in the colour of the theme that the
# server last heard of.
st.html(
    "<style>.block-container{padding:4.6rem 2.6rem 2rem} "
    "[data-testid='stMetricValue']{font-size:2rem} [data-testid='stCaptionContainer']{opacity:.86} "
    "[data-testid='stBaseButton-primary'] *, [data-baseweb='tag'] *, [data-testid='stMultiSelect'] "
    "span[title] {color:light-dark(#FFFFFF, #15181E)} .js-plotly-plot text[style*='rgb(21, 24, "
    "30)'], .js-plotly-plot text[style*='rgb(242, 244, 248)'] {fill:light-dark(#15181E, #F2F4F8) "
    "!important}</style>"
)

page = st.navigation(
    [
        st.Page("pages/explore.py", title="Explore", icon=":material/visibility:", default=True),
        st.Page("pages/frame_order.py", title="Frame order", icon=":material/shuffle:"),
        st.Page("pages/am_flow.py", title="AM flow", icon=":material/waves:"),
        st.Page("pages/gradcam.py", title="GradCAM", icon=":material/target:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare:"),
        st.Page("pages/training.py", title="Training", icon=":material/model_training:"),
    ],
    position="top",
)
try:
    choice = st.session_state[session.CHOICE] = sidebar()
    if not choice.card.trained_on:
        st.error(
            f"**Random weights.** {choice.title} has learned nothing: what is shown below is how "
            "its attention is built, not what it sees.",
            icon=":material/casino:",
        )
    page.run()
except BadInput as error:
    st.error(str(error), icon=":material/error:")
