"""Links straight to a page."""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import started


def test_a_link_to_a_page_works_as_the_very_first_visit(chromium, tmp_path: Path) -> None:
    with started(tmp_path / "runs") as fresh:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{fresh}/frame_order?label=tick&seed=3")
        page.get_by_test_id("shuffle-lab").wait_for(timeout=90_000)
        page.get_by_text("render:tick:3").first.wait_for(timeout=60_000)
        assert "/frame_order" in page.url
        page.close()
