"""What a link asks of a page's own controls."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def app() -> AppTest:
    def page() -> None:
        import streamlit as st

        from pages.parts import links

        titles = {"model": "Attention", "pixels": "Pixel likeness"}
        place = st.container()
        if st.session_state.get("page", "first") == "first":
            links.meant("by", titles)
            st.selectbox("By", list(titles), format_func=titles.get, key="by", bind="query-params")
            links.within("opacity", 0, 1)
            st.slider("Opacity", 0.0, 1.0, 0.5, key="opacity", bind="query-params")
            links.among("edges", {"1→2": "1→2"})
            st.multiselect("Edges", ["1→2"], key="edges", bind="query-params")
        with place:
            links.say_rest(st.session_state.get("page", "first"))

    return AppTest.from_function(page, default_timeout=20)


def test_what_a_page_has_not_is_named_until_another_is_chosen_or_the_page_is_left(
    app: AppTest,
) -> None:
    app.query_params.update({"by": "magic", "opacity": "7", "edges": ["1→2", "9→1"]})
    [warning] = app.run().warning
    assert not app.exception and "what is not here: by “magic”" in warning.value
    assert "there are Attention, Pixel likeness" in warning.value
    assert "opacity “7” (a number from 0 to 1)" in warning.value
    assert "edges “9→1”" in warning.value and "1→2" not in warning.value
    [warning] = app.selectbox(key="by").set_value("pixels").run().warning
    assert "magic" not in warning.value and "opacity" in warning.value
    app.session_state["page"] = "second"
    assert not app.run().warning


def test_a_link_may_name_what_the_page_has_as_the_command_line_does(app: AppTest) -> None:
    app.query_params.update({"by": "PIXELS", "opacity": "0.2", "edges": "1→2"})
    assert not app.run().warning and not app.exception
    assert app.selectbox(key="by").value == "pixels"
