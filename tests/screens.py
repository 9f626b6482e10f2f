"""Look at every page with every model as a visitor does: python -m tests.screens [--out DIR].

Starts the app, opens each page at four sizes, light and dark, photographs it into DIR, and checks
by script: clipped text, text over text, what must be above the fold, pictures that are too small,
the console, requests to other hosts, and answers of 404. A line each finding; then the exit code
is 1. It takes minutes, so CI does not run it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import sync_playwright

from app import PAGES
from core.models import spec
from core.weights import embedded
from tests.browser.conftest import CHROMIUM, FLAGS, started
from tests.browser.noise import listened
from tests.browser.waiting import settled

CHECK = Path(__file__).with_name("browser") / "screens.js"
PHONE = (390, 844)
SIZES = [(1280, 720), (1440, 900), (1920, 1080), PHONE]
"""The first is a projector's, and what 1920x1080 shows at 150 %."""
SCHEMES = ("light", "dark")
VIEWER, LAB = "[data-testid=attention-viewer]", "[data-testid=shuffle-lab]"
CHART = ".js-plotly-plot"
"""The first of a page; below pictures stand its slider and its buttons."""
HEADING = [("h1", 1.0)]
FOLD = {
    "explore": [
        *HEADING,
        (f"{VIEWER} [data-part=stage]", 1.0),
        (f"{VIEWER} [data-part=play]", 1.0),
        (f"{VIEWER} [data-part=strip]", 1.0),
    ],
    "am_flow": [*HEADING, (CHART, 0.9)],
    "gradcam": [*HEADING, (CHART, 0.85)],
    "compare": [*HEADING, (CHART, 0.85)],
    "trust": [*HEADING, (CHART, 0.9)],
    "intervene": [*HEADING, (CHART, 0.85)],
    # the lower third of the stage is for the frames in order, which come last
    "frame_order": [
        *HEADING,
        (f"{LAB} [data-part=strip]", 1.0),
        (f"{LAB} [data-part=stage]", 0.66),
    ],
}
"""What share of what is to be above the fold of a desk; elsewhere it is the heading."""
LEAST_PICTURE = 140
"""Pixels, on a phone too."""


class View(NamedTuple):
    """One appearance of a page."""

    page: str
    model: str
    size: tuple[int, int]
    scheme: str

    @property
    def name(self) -> str:
        return f"{self.page}-{self.model}-{self.size[0]}x{self.size[1]}-{self.scheme}"


def views(
    browser: Any, address: str, page_name: str, model: str, wanted: Sequence[tuple[int, int]]
) -> Iterator[tuple[View, Any, list[str]]]:
    """Open a page as a desk and as a phone do; yields each appearance, and what it was heard of."""
    for is_phone in (False, True):
        sizes = [size for size in wanted if (size == PHONE) == is_phone]
        if not sizes:
            continue
        context = browser.new_context(
            viewport={"width": sizes[0][0], "height": sizes[0][1]},
            is_mobile=is_phone,
            has_touch=is_phone,
        )
        page = context.new_page()
        page.set_default_timeout(120_000)
        noise = listened(page, address)
        path = "" if page_name == "explore" else page_name
        page.goto(f"{address}/{path}?model={spec(model).title}&seed=4")
        settled(page, 180)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for size in sizes:
                page.set_viewport_size({"width": size[0], "height": size[1]})
                page.wait_for_timeout(1000)  # the page tells the app how wide it is now
                settled(page, 180)
                yield View(page_name, model, size, scheme), page, noise
        context.close()


def found(page: Any, wanted: dict[str, Any], check: str) -> list[str]:
    """What is wrong with a page as it stands."""
    findings: list[str] = page.evaluate(check, wanted)
    for _ in range(3):  # perhaps a size before the last is still being left, on a busy machine
        if findings:
            page.wait_for_timeout(2000)
            settled(page, 180)
            findings = page.evaluate(check, wanted)
    return findings


def unrolled(page: Any, view: View) -> None:
    """Make the window as high as the page, which grows while its figures come in sight."""
    for _ in range(4):
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        if height <= page.viewport_size["height"]:
            return
        page.set_viewport_size({"width": view.size[0], "height": height + 40})
        settled(page, 180)


def looked_at(page: Any, view: View, check: str, folder: Path | None) -> list[str]:
    """What is wrong with a page as it opens, and with all of it; each is photographed."""
    fold = FOLD.get(view.page, HEADING) if view.size != PHONE else []
    findings = found(page, {"fold": fold, "pictures": LEAST_PICTURE}, check)
    if folder:
        page.screenshot(path=folder / f"{view.name}.png")
    unrolled(page, view)
    findings += found(page, {"fold": [], "pictures": LEAST_PICTURE}, check)
    if folder:
        page.screenshot(path=folder / f"{view.name}-whole.png")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="a folder for the screenshots (none)")
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--models", nargs="+", choices=embedded(), default=list(embedded()))
    names = [f"{width}x{height}" for width, height in SIZES]
    parser.add_argument("--sizes", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    sizes = [size for size, name in zip(SIZES, names, strict=True) if name in arguments.sizes]
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
    check = CHECK.read_text(encoding="utf-8")
    lines: set[str] = set()
    with (
        tempfile.TemporaryDirectory() as runs,
        started(Path(runs)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in arguments.pages:
            # what is learned has nothing to do with the sidebar's model
            models = arguments.models[:1] if name == "training" else arguments.models
            for model in models:
                for view, page, noise in views(browser, address, name, model, sizes):
                    findings = looked_at(page, view, check, arguments.out)
                    for finding in [*findings, *noise]:
                        line = f"{name} {model} {view.size[0]}x{view.size[1]}: {finding}"
                        if line not in lines:
                            print(line, flush=True)
                        lines.add(line)
        browser.close()
    print(f"{len(lines)} findings", file=sys.stderr)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
