"""The prepared states of the app below the viewer, in a real Chromium."""

from __future__ import annotations

import pytest

from tests.browser.noise import listened
from tests.browser.viewer import VIEWER
from tests.browser.waiting import eventually, linked, no_error, settled

pytestmark = pytest.mark.browser
EXAMPLES = "[data-testid=gallery]"


def test_one_click_below_the_viewer_opens_an_example_as_it_was_prepared(
    address: str, chromium
) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    noise = listened(page, address)
    page.goto(address)
    settled(page)

    def top(selector: str) -> float:
        return float(page.locator(selector).first.bounding_box()["y"])

    provenance = page.get_by_text("attention computed from the recorded queries and keys")
    sees = page.get_by_role("heading", name="What it sees")
    assert top(VIEWER) < provenance.bounding_box()["y"] < top(EXAMPLES)
    assert top(EXAMPLES) < sees.bounding_box()["y"]
    assert page.get_by_role("heading", name="Or begin with one of these").is_visible()

    card = page.locator(EXAMPLES).get_by_role("link", name="Red attracts, blue repels")
    card.scroll_into_view_if_needed()
    card.click()
    linked(page, "label=square", "seed=1", "query:3-3-3", "locked")
    settled(page)

    def is_as_prepared() -> None:
        title = page.locator(f"{VIEWER} [data-part=title]").inner_text()
        assert "patch at row 4, column 4, frame 4" in title
        assert top(VIEWER) > 0, "the viewer is in sight"

    eventually(page, is_as_prepared)
    no_error(page)
    assert page.get_by_text("The link asks for what is not here").count() == 0
    assert noise == []
    page.close()
