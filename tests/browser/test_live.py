"""The camera watched as it runs, in a Chromium whose camera plays a film of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.accessibility import barriers
from tests.browser.camera import film, stroke, with_camera
from tests.browser.noise import listened
from tests.browser.waiting import contains, eventually, no_error, settled

pytestmark = [pytest.mark.browser, pytest.mark.long]
LIVE = "[data-testid=live]"
LEAST_RATE, MOST_DELAY = 5.0, 300.0
"""Maps a second, and ms from a picture to its drawn map, on two cores."""


@pytest.fixture(scope="module")
def browser(launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Its camera shows a stroke to the right of a person who faces it, again and again."""
    path = tmp_path_factory.mktemp("camera") / "facing.y4m"
    film(path, stroke("right", 3, faces_camera=True, begins=0.5))
    with with_camera(launcher, path) as opened:
        yield opened


def started(browser: Any, address: str, model: str) -> Any:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{address}/live?model={model}")
    settled(page)
    page.locator(f"{LIVE} [data-part=main]").click()
    page.wait_for_selector(f"{LIVE}[data-state=running]")
    return page


def figure(page: Any, name: str) -> float:
    return float(page.locator(LIVE).get_attribute(f"data-{name}") or 0)


def reaches(page: Any, name: str, least: float, seconds: float = 30) -> None:
    """Wait until a figure of the live view is at least so large."""

    def check() -> None:
        assert figure(page, name) >= least, name

    eventually(page, check, seconds)


def test_rvit_draws_a_map_of_the_newest_picture_in_time_and_drops_what_it_cannot(
    browser: Any, address: str
) -> None:
    page = started(browser, address, "RViT")
    noise = listened(page, address)
    reaches(page, "drawn", 60)
    assert figure(page, "rate") >= LEAST_RATE
    assert figure(page, "delay") < MOST_DELAY
    assert figure(page, "met") == figure(page, "drawn"), "a picture is met once, and drawn"
    contains(page, f"{LIVE} [data-part=figures]", "pictures dropped")
    assert page.locator(f"{LIVE} .live-bar").count() == 10
    assert barriers(page) == []
    page.get_by_role("button", name="Forget").click()
    eventually(page, lambda: _less(figure(page, "met"), 30))
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(f"{LIVE}[data-state=stopped]")
    no_error(page)
    assert noise == []
    page.close()


def _less(value: float, than: float) -> None:
    assert value < than


def test_frozen_the_last_seconds_are_the_clip_of_every_page(browser: Any, address: str) -> None:
    page = started(browser, address, "DirecFormer")
    reaches(page, "met", 8)
    page.wait_for_timeout(3000)  # the window that is to be frozen
    page.get_by_role("button", name="Freeze").click()
    page.get_by_text("The clip is now recording 1, as in a mirror.").wait_for()
    settled(page)
    contains(page, "[data-testid=stSidebar]", "as in a mirror: your right is right")
    page.locator("[data-testid=stMain]").get_by_role("link", name="Explore").click()
    page.get_by_text("recording 1, as in a mirror, 8 frames").first.wait_for()
    settled(page)
    no_error(page)
    page.close()


@pytest.mark.parametrize("model", ["AM Flow", "FAR", "TimeSformer", "VideoMAE"])
def test_any_model_watches(browser: Any, address: str, model: str) -> None:
    page = started(browser, address, model)
    reaches(page, "drawn", 5)
    assert figure(page, "met") <= figure(page, "drawn") + 1
    no_error(page)
    page.close()
