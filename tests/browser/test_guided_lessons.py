"""Guided lessons in a real Chromium, from the first step to the last by keyboard alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.draw.lesson import FIRST_PAGE, Lesson, Step, lessons
from tests.browser.accessibility import barriers
from tests.browser.noise import listened
from tests.browser.waiting import eventually, no_error, settled

pytestmark = pytest.mark.browser

STRIP = "[data-testid=lesson-strip]"
PROJECTOR = {"width": 1280, "height": 720}
IN_SIGHT = """node => {
  const { top, bottom, left, right, height } = node.getBoundingClientRect();
  const strip = document.querySelector('.st-key-lesson').getBoundingClientRect();
  const header = document.querySelector('[data-testid=stHeader]').getBoundingClientRect();
  const room = strip.top - header.bottom;
  const across = left >= -1 && right <= innerWidth + 1;
  return across && (height > room ? top < strip.top - 80 && bottom > header.bottom + 80
    : top >= header.bottom - 1 && bottom <= strip.top + 1);
}"""
"""Whether a node is between the header and the strip; one that is higher fills most of it."""
SHOWN = """() => Object.fromEntries(['attention-viewer', 'shuffle-lab'].map(name =>
  [name, document.querySelector(`[data-testid=${name}]`)?.dataset ?? null]))"""


def at(page: Any, step: int) -> None:
    """Wait until the strip and the app show a step."""
    page.wait_for_selector(f"{STRIP}[data-step='{step}']", state="attached")
    settled(page)


def shows(page: Any, lesson: Lesson, number: int) -> None:
    """The page, its controls and its components are as the step's file says."""
    step = lesson.steps[number - 1]
    url = urlsplit(page.url)
    assert url.path == ("/" if step.page == FIRST_PAGE else f"/{step.page}")
    query = {key: values[-1] for key, values in parse_qs(url.query).items()}
    assert (query.pop("lesson"), query.pop("step")) == (str(lesson.number), str(number))
    for name, value in step.parameters.items():
        if name == "v":
            assert set(value.split(",")) <= set(query["v"].split(",")), f"step {number}: {query}"
        elif name in query:  # a default is not written out
            assert query[name] == value, f"step {number}: {query}"
    others = query.keys() - step.parameters.keys() - {"v", "lab"}
    assert not others, f"step {number} is not as it opens: {others}"
    _components(page, step)


def _components(page: Any, step: Step) -> None:
    """What a default or a component's own state would hide from the address."""
    shown = page.evaluate(SHOWN)
    lab = shown["shuffle-lab"]
    if lab is not None:
        standing = step.parameters.get("lab", "step:0").split(",")
        assert f"step:{lab['step']}" in standing or lab["step"] == "0"
        assert (lab["answers"] == "shown") == ("answers" in standing)
    for name in ("label", "seed", "model"):
        if name in step.parameters:
            caption = page.locator("[data-testid=stSidebar]").text_content()
            title, _, random = step.parameters[name].partition(" (")
            assert title in caption or name == "seed"
            assert not random or "Random weights" in caption


def looked_at(page: Any, step: Step) -> None:
    """What the step rings is in sight."""
    if step.look:
        node = page.locator(step.look).first
        node.wait_for()
        eventually(page, lambda: _assert(node.evaluate(IN_SIGHT), f"{step.look} is out of sight"))


def _assert(met: bool, what: str) -> None:
    assert met, what


def followed(page: Any, lesson: Lesson) -> None:
    """Go through a lesson by the key of a clicker, and look at each step."""
    at(page, 1)
    for number, step in enumerate(lesson.steps, 1):
        at(page, number)
        eventually(page, lambda number=number: shows(page, lesson, number))
        looked_at(page, step)
        if "random" not in step.parameters.get("model", ""):  # of which a red line warns
            no_error(page)
        assert page.get_by_text("The link asks for what is not here").count() == 0, f"step {number}"
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        strip = page.locator(".st-key-lesson")
        assert strip.evaluate("node => node.scrollHeight <= node.clientHeight + 1"), "cut"
        if step.question:
            answer = page.locator(".st-key-lesson-answer")
            assert not answer.is_visible()
            page.keyboard.press("1")
            answer.wait_for(state="visible")
            assert page.locator(STRIP).get_attribute("data-answered") == "0"
            assert strip.evaluate("node => node.scrollHeight <= node.clientHeight + 1"), "cut"
        if number < len(lesson.steps):
            page.keyboard.press("PageDown")


def each() -> list[object]:
    """One lesson, over two pages, in every run; the others where time is asked for."""
    return [
        pytest.param(
            lesson,
            id=str(lesson.number),
            marks=[] if lesson.number == 3 else [pytest.mark.long],
        )
        for lesson in lessons().values()
    ]


@pytest.mark.parametrize("lesson", each())
def test_a_lesson_is_followed_from_a_link_to_its_end_by_keyboard_alone(
    address: str, chromium, lesson: Lesson
) -> None:
    page = chromium.new_page(viewport=PROJECTOR)
    noise = listened(page, address)
    page.goto(f"{address}/?lesson={lesson.number}&step=1")
    followed(page, lesson)
    assert barriers(page) == []
    page.keyboard.press("PageDown")
    page.locator(STRIP).wait_for(state="detached")
    settled(page)
    assert "lesson=" not in page.url and "step=" not in page.url
    assert noise == []
    page.close()
