"""The hands of a visitor of the shuffle lab: open it, wait for it, read what it shows."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.browser.waiting import settled

LAB = "[data-testid=shuffle-lab]"
CLIP = "label=carret&seed=13"


def opened(chromium, address: str, query: str = CLIP, **settings: object):
    page = chromium.new_page(**{"viewport": {"width": 1440, "height": 900}} | settings)
    page.goto(f"{address}/frame_order?{query}")
    page.wait_for_selector(f"{LAB}[data-waiting=false][data-step]")
    settled(page)
    return page


def attribute(page, name: str) -> str:
    return page.locator(LAB).get_attribute(f"data-{name}")


def becomes(page, name: str, value: object) -> None:
    page.wait_for_selector(f"{LAB}[data-{name}='{value}']")


def answered(page) -> None:
    """Wait until the server has answered what was done last."""
    becomes(page, "waiting", "false")
    settled(page)


def order(page) -> list[int]:
    return [int(frame) for frame in attribute(page, "order").split(",")]


def frame(page, number: int):
    """The button of a frame of the true clip, counted from 0."""
    return page.locator(f"{LAB} .lab-frame[data-frame='{number}']")


def links(page, wanted: dict[str, list[str]]) -> None:
    linked = parse_qs(urlsplit(page.url).query)
    assert {name: linked.get(name, []) for name in wanted} == wanted
