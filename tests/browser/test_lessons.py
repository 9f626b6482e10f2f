"""Statistics and a lesson on the Frame order page, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.waiting import eventually, photographed, settled

pytestmark = pytest.mark.browser


@pytest.mark.long
def test_shuffles_are_counted_and_a_lesson_is_followed_and_stopped(
    address: str, chromium, screenshots: Path
) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page.set_default_timeout(120_000)
    page.goto(f"{address}/frame_order?label=tick&seed=5")
    page.get_by_text("Teach it this clip").first.wait_for()
    settled(page)
    page.get_by_role("button", name="Run", exact=True).first.click()
    page.get_by_text("mean of 100 shuffles").wait_for()
    page.wait_for_selector(".st-key-over-seeds .main-svg")
    bars = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p._fullData)
        .filter(d => d.type === 'bar' && d.orientation !== 'h').map(d =>
          [...d.customdata].reduce((a, b) => a + b))"""

    def every_shuffle_is_in_one_bar() -> None:
        assert page.evaluate(bars) == [100, 100]

    eventually(page, every_shuffle_is_in_one_bar)

    page.get_by_role("button", name="Teach it this clip").click()
    page.get_by_role("button", name="Stop, keep the best so far").wait_for()
    page.get_by_test_id("lesson-frames").wait_for()
    page.get_by_text("held-out blocks, now").wait_for()
    page.locator(".st-key-download-lesson button").first.wait_for()
    for size in ((1440, 900), (1920, 1080)):
        photographed(page, screenshots / f"lesson-{size[0]}-dark.png", size, live=True)
    page.get_by_role("button", name="Stop, keep the best so far").click()
    page.get_by_role("button", name="Teach it this clip").wait_for()
    settled(page)
    page.get_by_text("is now under").or_(
        page.get_by_text("nothing of it was kept")
    ).first.wait_for()
    page.close()
