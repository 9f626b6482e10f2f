"""One scale for several maps offers each its own where one cannot be seen."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def offered(highest: dict[str, float]) -> AppTest:
    def page(highest: dict[str, float]) -> None:
        import streamlit as st

        from pages.parts.controls import offer_own_scales

        if st.toggle("One scale", value=True, key="scale"):
            offer_own_scales("scale", highest)

    return AppTest.from_function(page, kwargs={"highest": highest}).run()


def test_a_map_that_one_scale_hides_is_named_and_a_click_gives_each_its_own() -> None:
    app = offered({"FAR": 0.004, "VideoMAE": 0.1})
    assert "FAR reaches 4 % of VideoMAE's strongest value" in app.markdown[0].value
    app.button[0].click().run()
    assert not app.exception and app.toggle[0].value is False and not app.button


@pytest.mark.parametrize("faint", [0.045, 0.1, 0.0])
def test_maps_that_can_be_seen_or_are_empty_get_no_button(faint: float) -> None:
    app = offered({"FAR": faint, "VideoMAE": 0.1})
    assert not app.exception and not app.button
    assert [line.value.startswith("FAR: no evidence") for line in app.markdown] == [True] * (
        faint == 0
    )
