"""What a visitor's session keeps between two runs of a page: the one place that names its keys.

A widget's key has a name here too where another part than the widget reads or sets its value.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

CHOICE = "choice"
STORE = "store"


def leave_if_asked() -> None:
    """End this visitor's run if they have left the page, or clicked on something else.

    Outside a page this does nothing.

    Raises: the exception by which Streamlit ends a run, as any of its calls does then.
    """
    if get_script_run_ctx(suppress_warning=True) is not None:
        _ = CHOICE in st.session_state  # any look at the session is such a call
