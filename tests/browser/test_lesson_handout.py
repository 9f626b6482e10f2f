"""A lesson to take home in a real browser: from disk, with the network off, by keyboard alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.draw.handout import lesson_document
from core.draw.lesson import Lesson, lessons
from tests.browser.accessibility import barriers
from tests.browser.viewer import VIEWER

pytestmark = pytest.mark.browser
MAIN = "[data-testid=lesson-page]"
LAB = "[data-testid=shuffle-lab]"
KINDS = {"explore": "viewer", "backbones": "designs", "am_flow": "flow"}
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def opened(chromium: Any, file: Path, width: int = 1280, height: int = 720) -> Any:
    """The page from disk with the network off; what it asked for and complained of."""
    page = chromium.new_context(
        viewport={"width": width, "height": height}, offline=True
    ).new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(f"{MAIN}[data-at='0']")
    return page


def shows(page: Any, lesson: Lesson, number: int) -> None:
    """The figure beside a step is what its file says."""
    step = lesson.steps[number]
    page.wait_for_selector(f"{MAIN}[data-at='{number}']")
    assert page.locator(".le-step-text:visible h2").inner_text() == step.title
    kind = KINDS.get(step.page)
    if kind:
        assert page.locator(f"[data-kind={kind}]").is_visible()
    if kind == "viewer":
        page.wait_for_selector(f"{VIEWER}[data-ready=true]")
        query = page.locator(VIEWER).get_attribute("data-query")
        wanted = dict(
            entry.split(":", 1) for entry in step.parameters["v"].split(",") if ":" in entry
        )
        assert query == wanted["query"].replace("-", ","), "who asks"
        layer = wanted["layer"]
        assert layer == "last" or page.locator(VIEWER).get_attribute("data-layer") == layer
    if step.page == "frame_order" and "lab" in step.parameters:
        page.wait_for_selector(f"{LAB}:visible")
        entries = step.parameters["lab"].split(",")
        wanted = next(entry for entry in entries if entry.startswith("step:"))
        page.wait_for_selector(f"{LAB}[data-step='{wanted.removeprefix('step:')}']")
        answers = "shown" if "answers" in entries else "hidden"
        assert page.locator(LAB).get_attribute("data-answers") == answers
    assert page.locator(".le-figure > :visible").count() >= 1, step.title
    assert not page.evaluate(OVERFLOWS)


def followed(page: Any, lesson: Lesson, screenshots: Path) -> None:
    for number, step in enumerate(lesson.steps):
        shows(page, lesson, number)
        page.wait_for_timeout(50)
        name = f"lesson-{lesson.number}-{number + 1}-handed-out.png"
        page.screenshot(path=screenshots / name)
        if step.question:
            answer = page.locator(".le-step-text:visible .le-answer")
            assert answer.evaluate("node => getComputedStyle(node).visibility") == "hidden"
            page.keyboard.press("2")
            page.wait_for_selector(f"{MAIN}[data-answered='1']")
            assert answer.evaluate("node => getComputedStyle(node).visibility") == "visible"
        page.keyboard.press("ArrowRight" if number % 2 else "PageDown")


def all_of(chromium: Any, lesson: Lesson, file: Path, screenshots: Path) -> None:
    file.write_text(lesson_document(lesson), encoding="utf-8")
    page = opened(chromium, file)
    followed(page, lesson, screenshots)
    assert barriers(page) == []
    page.keyboard.press("PageUp")
    page.wait_for_selector(f"{MAIN}[data-at='{len(lesson.steps) - 2}']")
    own = {address.split("?")[0] for address in page.asked}
    assert {address for address in own if not address.startswith(("data:", "blob:"))} == {
        file.as_uri()
    }, "it asked for something"
    assert page.complaints == []
    page.context.close()


def test_a_lesson_is_followed_from_disk_by_keys_and_asks_nobody(
    chromium: Any, tmp_path: Path, screenshots: Path
) -> None:
    """A step of the viewer, one with a question, one of the lab, and one of the drawings."""
    viewed, drawn = lessons()[2].steps, lessons()[4].steps
    steps = (viewed[2], viewed[3], drawn[3], viewed[-1])
    assert steps[1].question is not None
    lesson = replace(lessons()[2], steps=steps)
    all_of(chromium, lesson, tmp_path / "lesson.html", screenshots)


@pytest.mark.long
@pytest.mark.parametrize("number", lessons())
def test_every_lesson_is_followed_from_disk(
    chromium: Any, number: int, tmp_path: Path, screenshots: Path
) -> None:
    all_of(chromium, lessons()[number], tmp_path / "lesson.html", screenshots)
