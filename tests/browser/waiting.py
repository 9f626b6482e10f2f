"""How a test waits for the app, and photographs it.

It waits for what it expects, and never for a time in the hope that it is over by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from app import MENUS

IDLE = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    // before its first run it is idle too
    const begun = document.querySelector('[data-testid=stMain] [data-testid=stElementContainer]');
    // code of an element still on its way
    const loaded = !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]');
    const drawn = [...document.querySelectorAll('[data-testid=attention-viewer]')].every(viewer =>
      viewer.dataset.ready === 'true');
    const fresh = !document.querySelector('[data-stale=true]');
    const idle = app?.dataset.testScriptState === 'notRunning' && begun && loaded && drawn && fresh;
    if (!idle) window.idleSince = undefined;
    else window.idleSince ??= performance.now();
    return idle && performance.now() - window.idleSince > 400;
}"""


def settled(page: Any, seconds: float = 90) -> None:
    """Wait until the app has not been running for a while, with every element and viewer drawn.

    Then there must be no traceback on it. A click's run may not have begun yet: assert what a click
    leads to with `eventually`.
    """
    page.evaluate("window.idleSince = undefined")
    page.wait_for_function(IDLE, timeout=1000 * seconds)
    assert page.locator("[data-testid=stException]").all_inner_texts() == []


def go_to(page: Any, title: str) -> None:
    """Click on a page's title, on top of the app or in the menu there that holds it."""
    bar = page.get_by_test_id("stTopNav")
    menu = next((name for name, pages in MENUS.items() if title in dict(pages.values())), None)
    if menu is None:
        bar.get_by_role("link", name=title, exact=True).click()
    else:
        bar.get_by_role("button", name=menu, exact=True).click()
        page.get_by_role("menuitem", name=title, exact=True).click()


def drawn(page: Any, charts: int, seconds: float = 90, within: str = "") -> None:
    """Wait until so many charts are drawn, below elements `within`, and the app is not running."""
    plots = (
        f"[...document.querySelectorAll('{within} .js-plotly-plot')].filter(plot => "
        "plot.querySelector('.main-svg')).length"
    )
    page.wait_for_function(f"() => {plots} === {charts}", timeout=1000 * seconds)
    settled(page, seconds)


def eventually(page: Any, check: Callable[[], object], seconds: float = 30) -> None:
    """Call `check` until it no longer raises AssertionError.

    After so many seconds its error is the test's.
    """
    for _ in range(int(5 * seconds)):
        try:
            check()
            return
        except AssertionError:
            page.wait_for_timeout(200)
    check()


def contains(page: Any, selector: str, text: str, seconds: float = 30) -> None:
    """Wait until the first element of `selector` shows `text`."""

    def check() -> None:
        shown = page.locator(selector).first.inner_text()
        assert text in shown, f"{text!r} is not in {shown!r}"

    eventually(page, check, seconds)


def linked(page: Any, *parts: str) -> str:
    """The address, once it holds all of these."""

    def check() -> None:
        assert [part for part in parts if part not in unquote(page.url)] == [], (
            f"missing in {page.url}"
        )

    eventually(page, check)
    return page.url


SIZES, SCHEMES = [(1440, 900), (1920, 1080)], ["light", "dark"]


def appearances(page: Any) -> Iterator[tuple[tuple[int, int], str]]:
    """Show the open page, which is light, in both sizes, in light and in dark.

    Yields: the size, and a file name's end.
    """
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # the system's own, which an open page follows
        page.wait_for_function(
            "scheme => getComputedStyle(document.querySelector('[data-testid=stApp]'))"
            ".colorScheme === scheme",
            arg=scheme,
        )
        for size in SIZES:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            settled(page)
            yield size, f"{size[0]}x{size[1]}-{scheme}.png"


def photographed(page: Any, path: Path, size: tuple[int, int], live: bool = False) -> None:
    """The whole page in one picture, as wide as `size`; it must not scroll sideways.

    A `live` page never settles.
    """
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size[0], "height": max(size[1], height + 40)})
    page.wait_for_timeout(900) if live else settled(page)
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    ), "the page scrolls sideways"
    page.screenshot(path=path)


def taken(page: Any, button: Any) -> bytes:
    """The file that a button gives."""
    with page.expect_download() as waiting:
        button.click()
    return Path(waiting.value.path()).read_bytes()


def no_error(page: Any) -> None:
    assert page.locator("[data-testid=stException]").all_inner_texts() == []
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
