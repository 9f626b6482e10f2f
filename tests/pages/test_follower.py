"""How large figures are that follow the page: as wide as it, scrolling on a phone."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import visitors
from pages.parts.follower import Seen


def test_figures_scroll_where_the_page_is_narrow_and_are_higher_where_it_is_wide() -> None:
    phone, wide = Seen("", 358), Seen("", 1500)
    assert [phone.across(columns) for columns in (1, 2, 3, 4, 8)] == [358, 600, 760, 860, 860]
    assert wide.across(4) == 1500
    assert (phone.room(540), wide.room(400)) == (540, 500)


def _page() -> None:
    import streamlit as st

    from pages.parts.follower import seen

    for clip in ("", "first", "other"):
        st.text(f"{clip or 'no'} waits: {seen(of=clip or 'chart', clip=clip).waits}")


@pytest.mark.parametrize(("server", "first"), [("0", False), ("1", True)])
def test_on_a_server_the_figures_of_the_first_clip_wait_to_be_in_sight_too(
    server: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(visitors.SERVER, server)
    page = AppTest.from_function(_page).run()
    lines = [text.value for text in page.text]
    assert lines == ["no waits: False", f"first waits: {first}", "other waits: True"]
