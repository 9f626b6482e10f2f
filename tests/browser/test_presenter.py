"""The presenter view, the black screen and the list of keys, in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from app import PAGES
from core.draw.lesson import Lesson, Step, lessons
from tests.browser.accessibility import barriers
from tests.browser.lab import LAB
from tests.browser.noise import listened
from tests.browser.test_guided_lessons import at
from tests.browser.viewer import VIEWER
from tests.browser.waiting import contains, eventually, settled

pytestmark = pytest.mark.browser


def often(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """Two pages in every run, one with a figure and one without; the others where time is asked."""
    return () if name in ("live", "lessons") else (pytest.mark.long,)


PROJECTOR = {"width": 1280, "height": 720}
PRESENTED = "[data-presented]"
NOTHING = ("gestures", "lessons", "training")
"""Pages without a figure."""
RINGED = """selector => {
  const alone = document.querySelector('[data-presented]');
  const ringed = document.querySelector(selector);
  if (!alone || !ringed) return 'nothing is presented';
  if (!alone.contains(ringed)) return 'something else is presented';
  if (!ringed.checkVisibility({visibilityProperty: true})) return 'it is hidden';
  if (alone.scrollHeight > alone.clientHeight || alone.scrollWidth > alone.clientWidth)
    return 'it is cut';
  const {left, top, right, bottom} = ringed.getBoundingClientRect();
  const end = document.querySelector('.st-key-lesson').getBoundingClientRect().top;
  return left >= 0 && top >= 0 && right <= innerWidth && bottom <= end + 1 ? '' : 'it is beyond';
}"""
"""What is wrong with how a lesson's step shows what it rings, in the presenter view."""
SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"


def on(page: Any, name: str) -> bool:
    return bool(page.evaluate(f"document.documentElement.hasAttribute('data-{name}')"))


def box(page: Any, selector: str) -> tuple[float, float, float, float]:
    bounds = page.locator(selector).first.bounding_box()
    return bounds["x"], bounds["y"], bounds["width"], bounds["height"]


def test_p_shows_the_viewer_alone_and_escape_leaves_to_exactly_where_one_was(
    address: str, chromium
) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    noise = listened(page, address)
    page.goto(f"{address}/?label=tick&seed=5")
    settled(page)
    page.evaluate("window.dispatchEvent(new Event('resize'))")  # the sentence above came later
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 333)")
    before, place = page.url, page.evaluate(SCROLLED)
    stage = box(page, f"{VIEWER} [data-part=stage]")
    page.keyboard.press("p")
    page.wait_for_selector(f"{PRESENTED} [data-testid=attention-viewer]")

    def fills_the_screen() -> None:
        x, y, width, height = box(page, PRESENTED)
        assert (x, y, width, height) == (0, 0, 1280, 720)
        inside = page.locator(PRESENTED).evaluate("node => node.scrollHeight <= node.clientHeight")
        assert inside, "nothing is cut"
        assert box(page, f"{VIEWER} [data-part=stage]")[3] > 1.2 * stage[3], "it is larger"

    eventually(page, fills_the_screen)
    assert "present=1" in page.url
    assert not page.get_by_test_id("stSidebar").is_visible()
    assert not page.locator(".av-bar").is_visible()
    # of who waits for a model on a busy machine; Streamlit gives it no name
    page.get_by_test_id("stToast").wait_for(state="detached")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    assert not on(page, "present")
    eventually(page, lambda: _equal(page.evaluate(SCROLLED), place))
    assert page.url == before
    assert box(page, f"{VIEWER} [data-part=stage]") == pytest.approx(stage, abs=1)
    assert noise == []
    page.close()


def _equal(one: object, other: object) -> None:
    assert one == other


@pytest.mark.parametrize("name", [pytest.param(name, marks=often(name)) for name in PAGES])
def test_no_page_is_blank_in_the_presenter_view(address: str, chromium, name: str) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    page.goto(f"{address}/{'' if name == 'explore' else name}")
    settled(page)
    page.keyboard.press("p")
    if name in NOTHING:
        contains(page, "[data-testid=presenter] [data-part=note]", "Nothing on this page")
        assert (
            page.locator(".head h1").is_visible() and page.get_by_test_id("stSidebar").is_visible()
        )
    else:
        page.wait_for_selector(PRESENTED)
        eventually(page, lambda: _equal(box(page, PRESENTED), (0, 0, 1280, 720)))
        figure = f"{PRESENTED} :is(canvas, .main-svg)"
        eventually(page, lambda: _above(box(page, figure)[3], 200))
        contains(page, "[data-testid=presenter] [data-part=words]", " ")
        assert not page.get_by_test_id("stSidebar").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".head h1").is_visible()
    assert page.locator(PRESENTED).count() == 0
    page.close()


def _above(value: float, least: float) -> None:
    assert value > least


def shows_what_is_ringed(page: Any, step: Step) -> None:
    eventually(
        page, lambda: _equal((step.title, page.evaluate(RINGED, step.look)), (step.title, ""))
    )


def test_in_a_lesson_the_presenter_view_shows_what_the_step_rings(address: str, chromium) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    lesson = lessons()[4]
    page.goto(f"{address}/{lesson.address(5)}")
    at(page, 5)
    stage = box(page, lesson.steps[4].look)
    page.keyboard.press("p")
    shows_what_is_ringed(page, lesson.steps[4])
    assert box(page, lesson.steps[4].look)[2] > 1.2 * stage[2], "it is larger"
    page.keyboard.press("PageDown")
    at(page, 6)
    assert lesson.steps[5].look == ".st-key-answer-verdict"
    shows_what_is_ringed(page, lesson.steps[5])
    words = page.get_by_text("No other path ties")
    assert words.evaluate("node => node.getBoundingClientRect().height / node.offsetHeight") > 1.5
    assert not page.locator(LAB).is_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    assert not on(page, "present") and page.locator(LAB).is_visible()
    at(page, 6)
    page.close()


@pytest.mark.long
@pytest.mark.parametrize(
    "lesson", [pytest.param(each, id=str(each.number)) for each in lessons().values()]
)
def test_every_step_of_a_lesson_is_presented_from_its_link_to_its_end(
    address: str, chromium, lesson: Lesson
) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    noise = listened(page, address)
    page.goto(f"{address}/?lesson={lesson.number}&step=1&present=1")
    for number, step in enumerate(lesson.steps, 1):
        at(page, number)
        shows_what_is_ringed(page, step)
        if step.question:
            page.keyboard.press("1")
            shows_what_is_ringed(page, step)
        page.keyboard.press("PageDown")
    page.locator("[data-testid=lesson-strip]").wait_for(state="detached")
    assert on(page, "present"), "the lesson is over, presenting is not"
    assert noise == []
    page.close()


@pytest.mark.long
def test_a_link_opens_the_lab_presented_and_b_makes_the_screen_black(
    address: str, chromium
) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    page.goto(f"{address}/frame_order?label=tick&seed=5&present=1")
    page.wait_for_selector(f"{PRESENTED} {LAB}[data-waiting=false]")
    settled(page)
    inside = page.locator(PRESENTED).evaluate("node => node.scrollHeight <= node.clientHeight")
    assert inside, "nothing is cut"
    page.keyboard.press("b")
    assert on(page, "black")
    assert box(page, "[data-testid=presenter] [data-part=black]") == (0, 0, 1280, 720)
    page.keyboard.press("PageDown")
    assert not on(page, "black"), "any key brings the picture back"
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    keys.wait_for()
    assert "black screen" in keys.inner_text() and "step through the frames" in keys.inner_text()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    assert on(page, "present"), "Escape leaves one thing at a time"
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("place", ["compare", "am_flow", "backbones", "results"])
def test_a_chart_fills_the_screen_and_the_arrow_keys_turn_to_the_others(
    address: str, chromium, place: str, size: tuple[int, int]
) -> None:
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"{address}/{place}?present=1")
    page.wait_for_selector(f"{PRESENTED} .js-plotly-plot")
    settled(page)

    def fills() -> None:
        assert box(page, PRESENTED) == (0, 0, *size)
        _, _, width, height = box(page, f"{PRESENTED} .js-plotly-plot")
        assert max(width / size[0], height / size[1]) > 0.85, (width, height)
        assert width <= size[0] and height <= size[1]

    eventually(page, fills)
    first = page.locator(PRESENTED).get_attribute("class")
    page.keyboard.press("ArrowDown")
    eventually(page, lambda: _differs(page.locator(PRESENTED).get_attribute("class"), first))
    page.keyboard.press("ArrowUp")
    eventually(page, lambda: _equal(page.locator(PRESENTED).get_attribute("class"), first))
    page.close()


def _differs(one: object, other: object) -> None:
    assert one != other
