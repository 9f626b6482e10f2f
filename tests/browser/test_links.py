"""Links straight to a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import BAR, MENUS
from tests.browser.conftest import started

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("frame_order", "Does the order matter"),
        pytest.param("training", "Train a model", marks=pytest.mark.long),
    ],
)
def test_a_link_to_a_page_works_as_the_very_first_visit(
    chromium, tmp_path: Path, path: str, shows: str
) -> None:
    with started(tmp_path / "runs") as fresh:
        page = chromium.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{fresh}/{path}?label=tick&seed=3")
        page.get_by_text(shows).wait_for()
        page.get_by_text("rendered tick, seed 3").first.wait_for()
        assert f"/{path}" in page.url
        bar = page.get_by_test_id("stTopNav")
        for title, _ in BAR.values():
            bar.get_by_role("link", name=title, exact=True).wait_for()
        for menu in MENUS:
            bar.get_by_role("button", name=menu, exact=True).wait_for()
        page.close()
