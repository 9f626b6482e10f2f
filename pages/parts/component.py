"""A component of the app from its page, its style and its modules in assets/.

Streamlit would serve modules that import each other only from a package that is installed and
declares them, and without a hash in their address, so that a browser may mix the modules of two
versions; the app also runs from a checkout. So it is given one module (core.draw.bundle).
"""

from __future__ import annotations

from functools import cache

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from assets import ASSETS
from core.draw.bundle import bundle, styles


@cache
def component(name: str, page: str) -> ComponentRenderer:
    """The component `name` of assets/`page`.html, .js, and the styles of its folder."""
    return st.components.v2.component(
        name,
        html=(ASSETS / f"{page}.html").read_text(encoding="utf-8"),
        css=styles(ASSETS / f"{page}.css"),
        js=bundle(ASSETS / f"{page}.js"),
        isolate_styles=False,
    )
