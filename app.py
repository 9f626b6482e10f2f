"""Attention in Motion: the router.

Start with `streamlit run app.py [-- --clips FOLDER --runs FOLDER]`.
"""

# whole before any chart: plotly takes a half-imported one from another visitor's thread
import pandas  # noqa: F401
import streamlit as st

from core.errors import BadInput
from pages.parts import session
from pages.parts.choose import sidebar
from pages.parts.theme import style

st.set_page_config(
    page_title="Attention in Motion", page_icon=":material/visibility:", layout="wide"
)
st.html(style())

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
