"""The app is whole offline: no request to another host, no 404, nothing in the console."""

from __future__ import annotations

import pytest

from app import PAGES
from tests.browser.noise import listened
from tests.browser.waiting import go_to, settled

pytestmark = pytest.mark.browser


OFTEN = ("explore", "frame_order", "lessons")
"""Pages that every run of the tests opens; the others are for make long."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.long) for name in PAGES]
)
def test_a_link_to_any_page_asks_only_its_own_server_and_leaves_the_console_empty(
    address: str, chromium, name: str
) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    noise = listened(page, address)
    page.goto(f"{address}/{name}?label=star&seed=4")
    settled(page)
    assert noise == []
    assert page.url.startswith(f"{address}/{name if name != 'explore' else ''}?")
    assert "label=star" in page.url and "seed=4" in page.url, "the link is kept"
    page.close()


@pytest.mark.long
def test_so_does_the_way_from_the_first_page_through_all(address: str, chromium) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    noise = listened(page, address)
    page.goto(address)
    settled(page)
    for name, (title, _) in PAGES.items():
        go_to(page, title)
        page.wait_for_url(f"**/{name if name != 'explore' else ''}*")
        settled(page)
        assert noise == [], name
    page.close()
