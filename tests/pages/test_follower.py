"""How large figures are that follow the page: as wide as it, scrolling on a phone."""

from __future__ import annotations

from pages.parts.follower import Seen


def test_figures_scroll_where_the_page_is_narrow_and_are_higher_where_it_is_wide() -> None:
    phone, wide = Seen("", 358), Seen("", 1500)
    assert [phone.across(columns) for columns in (1, 2, 3, 4, 8)] == [358, 600, 760, 860, 860]
    assert wide.across(4) == 1500
    assert (phone.room(540), wide.room(400)) == (540, 500)
