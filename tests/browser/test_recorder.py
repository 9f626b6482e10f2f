"""A clip from the visitor's camera, in a Chromium whose camera plays a film of ours."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.video import decode, probe
from tests.browser.accessibility import barriers
from tests.browser.camera import RATE, film, stroke, with_camera
from tests.browser.noise import listened
from tests.browser.waiting import contains, go_to, linked, no_error, settled

pytestmark = pytest.mark.browser
RECORDER = "[data-testid=recorder]"
MAIN = f"{RECORDER} [data-part=main]"
NO_PRESS = """Object.defineProperty(navigator, "userActivation", { value: { isActive: false } });"""
"""What Playwright asks of a page counts as a press, on which the camera would open by itself."""
STILL = 4.0
"""Seconds of a film before its stroke: the three that are counted down, and one to click in."""
STROKE = ("right", 3)
"""A stroke that every included model names rightly wherever it lies in the recording."""


@pytest.fixture(scope="module")
def facing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of a person who faces the camera and draws to their right."""
    path = tmp_path_factory.mktemp("camera") / "facing.y4m"
    return film(path, stroke(*STROKE, faces_camera=True, begins=STILL))


def opened(browser: Any, address: str, size: tuple[int, int] = (1280, 720)) -> Any:
    """A page whose clip is to be recorded."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.add_init_script(NO_PRESS)
    page.goto(f"{address}/?source=Record")
    settled(page)
    return page


def record(page: Any, *, mirror: bool = True) -> None:
    """Open the recorder and record at once, until what was taken is shown."""
    page.get_by_role("button", name="Record a clip").click()
    page.wait_for_selector(f"{RECORDER}[data-state=ready]")
    page.locator(MAIN).click()
    if not mirror:
        page.get_by_label("As in a mirror").uncheck()
    page.wait_for_selector(f"{RECORDER}[data-state=review]")


def use(page: Any) -> float:
    """Use what was taken; returns the seconds until its first heat map stands there."""
    pressed = time.monotonic()
    page.locator(MAIN).click()
    viewer = "[data-testid=attention-viewer][data-ready=true]"
    page.wait_for_function(
        "([viewer, clip]) => document.querySelector(viewer) && "
        "document.querySelector('[data-testid=stMain]').innerText.includes(clip)",
        arg=[viewer, "recording 1"],
    )
    seconds = time.monotonic() - pressed
    settled(page)
    return seconds


def best_class(page: Any) -> str:
    """The most probable class of the bars on Explore."""
    bars = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p._fullData)
        .filter(d => d.type === 'bar').map(d => [...d.y].at(-1))"""
    page.wait_for_function(f"() => ({bars})().length")
    return str(page.evaluate(bars)[0])


def test_a_stroke_to_the_persons_right_is_recorded_as_in_a_mirror_and_named_right(
    address: str, launcher, facing: Path
) -> None:
    with with_camera(launcher, facing) as browser:
        page = opened(browser, address)
        noise = listened(page, address)
        record(page)
        root = page.locator(RECORDER)
        assert 12 < float(root.get_attribute("data-rate") or 0) < 18, "the film has 16 a second"
        assert use(page) < 4, "seconds from the end of the recording to its first heat map"
        contains(page, "[data-testid=stSidebar]", "as in a mirror: your right is right")
        linked(page, "source=Record", "recording=")
        assert best_class(page) == "right"
        page.get_by_text("recording 1, as in a mirror, 8 frames").first.wait_for()
        no_error(page)
        assert noise == []


@pytest.mark.long
def test_as_the_camera_sees_it_the_same_stroke_goes_left_and_a_camera_from_behind_sees_it_go_right(
    address: str, launcher, facing: Path, tmp_path: Path
) -> None:
    behind = film(tmp_path / "behind.y4m", stroke(*STROKE, faces_camera=False, begins=STILL))
    for path, seen in ((facing, "left"), (behind, "right")):
        with with_camera(launcher, path) as browser:
            page = opened(browser, address)
            record(page, mirror=False)
            assert use(page) < 4
            contains(page, "[data-testid=stSidebar]", "as the camera saw it")
            assert best_class(page) == seen
            assert page.get_by_text("recording 1, 8 frames").count()


@pytest.mark.long
@pytest.mark.parametrize("label", ["right", "left"])
def test_a_real_person_before_the_camera_is_named_as_in_a_mirror(
    address: str, launcher, clips: Path, tmp_path: Path, label: str
) -> None:
    """What the file shows is a mirror already; a camera sees it the other way round."""
    film_of_a_person = sorted((clips / "front" / label).glob("*.mp4"))[0]
    seen = decode(film_of_a_person, frames=probe(film_of_a_person).frames).frames
    still = round(STILL * RATE)
    seen = np.concatenate([seen[:1].repeat(still, 0), seen, seen[-1:].repeat(still, 0)])
    path = film(tmp_path / "person.y4m", seen[:, :, ::-1])
    with with_camera(launcher, path) as browser:
        page = opened(browser, address)
        record(page)
        assert use(page) < 4
        assert best_class(page) == label


@pytest.mark.long
def test_a_recording_is_taken_again_by_keyboard_alone_and_is_a_clip_on_every_page(
    address: str, launcher, facing: Path
) -> None:
    with with_camera(launcher, facing) as browser:
        page = opened(browser, address)
        button = page.get_by_role("button", name="Record a clip")
        button.focus()
        page.keyboard.press("Enter")
        state = f"{RECORDER}[data-state=%s]"
        page.wait_for_selector(state % "ready")
        assert barriers(page) == []
        page.keyboard.press("Space")
        page.wait_for_selector(state % "counting")
        page.keyboard.press("Space")  # not yet
        page.wait_for_selector(state % "ready")
        page.keyboard.press("Space")
        page.wait_for_selector(state % "recording")
        page.wait_for_timeout(1000)
        page.keyboard.press("Space")  # enough
        page.wait_for_selector(state % "review")
        assert 8 <= int(page.locator(RECORDER).get_attribute("data-pictures") or 0) < 40
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # once more
        page.wait_for_selector(state % "ready")
        page.keyboard.press("Space")
        page.wait_for_selector(state % "review")
        page.keyboard.press("Enter")
        page.wait_for_selector(state % "closed")
        page.get_by_text("recording 1, as in a mirror, 8 frames").first.wait_for()
        for name in ("Frame order", "AM flow", "GradCAM", "Compare"):
            page.get_by_role("link", name=name, exact=True).first.click()
            page.get_by_text("recording 1, as in a mirror").first.wait_for()
            settled(page)
            no_error(page)
        stranger = browser.new_page()
        stranger.goto(page.url)
        stranger.get_by_text("this one is gone: record again").wait_for()
        settled(stranger)
        no_error(stranger)
        stranger.get_by_text("rendered carret, seed 13").first.wait_for()


@pytest.mark.long
def test_a_gesture_of_ones_own_is_recorded_from_its_card_and_is_the_clip_of_the_next_page(
    address: str, launcher, facing: Path
) -> None:
    with with_camera(launcher, facing) as browser:
        page = opened(browser, address)
        record(page)
        use(page)
        go_to(page, "Your gestures")
        page.get_by_role("button", name="Record a clip of it").last.click()
        page.wait_for_selector(f"{RECORDER}[data-state=ready]")
        page.locator(MAIN).click()
        page.wait_for_selector(f"{RECORDER}[data-state=review]")
        page.locator(MAIN).click()
        page.get_by_text("1 of 3 clips").wait_for()
        settled(page)
        contains(page, "[data-testid=stSidebar]", "Recording 2")
        page.get_by_role("button", name="Shuffle its frames").click()
        page.get_by_role("heading", name="Frame order", exact=True).wait_for()
        settled(page)
        contains(page, "[data-testid=stSidebar]", "Recording 2")
        no_error(page)


@pytest.mark.long
def test_ten_seconds_of_noise_at_the_largest_size_go_through_the_pages_connection(
    address: str, launcher, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (30, 480, 640, 3), np.uint8)
    with with_camera(launcher, film(tmp_path / "noise.y4m", noise, 30)) as browser:
        page = opened(browser, address)
        page.get_by_role("button", name="Record a clip").click()
        page.wait_for_selector(f"{RECORDER}[data-state=ready]")
        page.locator(f"{RECORDER} [data-part=seconds]").fill("10")
        page.locator(MAIN).click()
        page.wait_for_selector(f"{RECORDER}[data-state=review]")
        page.locator(MAIN).click()
        page.get_by_text("recording 1, as in a mirror, 8 frames").first.wait_for()
        settled(page)
        no_error(page)
        contains(page, "[data-testid=stSidebar]", "10.0 s")


@pytest.mark.long
def test_where_there_is_no_camera_a_sentence_says_what_to_do(
    address: str, launcher, facing: Path
) -> None:
    def trouble(browser: Any, script: str = "") -> str:
        page = browser.new_page()
        page.add_init_script(NO_PRESS + script)
        noise = listened(page, address)
        page.goto(f"{address}/?source=Record")
        settled(page)
        page.get_by_role("button", name="Record a clip").click()
        page.wait_for_selector(f"{RECORDER}[data-state=trouble]")
        assert noise == [] and page.locator(MAIN).inner_text() == "Try again"
        return str(page.locator(f"{RECORDER} [data-part=trouble]").inner_text())

    with with_camera(launcher, None) as browser:
        assert "plug one in" in trouble(browser)
    with with_camera(launcher, facing, "--use-fake-ui-for-media-stream=deny") as browser:
        assert "allow it" in trouble(browser)
        # what a page on http sees that comes from another computer
        insecure = """Object.defineProperty(window, "isSecureContext", { value: false });
            Object.defineProperty(navigator, "mediaDevices", { value: undefined });"""
        assert "http://localhost, or put it behind https" in trouble(browser, insecure)
