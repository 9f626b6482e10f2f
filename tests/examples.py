"""Draw the pictures of the examples: python -m tests.examples [NAME...]; needs Chromium.

Each is cut from the middle of what its example shows, as a small JPEG beside examples.toml.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from core.draw.lesson import address
from pages.guide.examples import FILE, FOLDER, picture_of
from tests.browser.conftest import CHROMIUM, FLAGS, started
from tests.browser.waiting import settled

SIZE = (240, 160)
QUALITY = 72


def thumbnail(shot: bytes) -> Image.Image:
    """The middle of a screenshot in the shape of a card."""
    image = Image.open(BytesIO(shot)).convert("RGB")
    wide = min(image.width, image.height * SIZE[0] // SIZE[1])
    high = wide * SIZE[1] // SIZE[0]
    left, top = (image.width - wide) // 2, (image.height - high) // 2
    return image.crop((left, top, left + wide, top + high)).resize(SIZE)


def main(names: list[str]) -> None:
    examples = tomllib.loads(FILE.read_text(encoding="utf-8"))
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder) / "runs") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in names or examples:
            about = examples[name]
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.goto(f"{url}/{address(about['page'], about['set'])}")
            page.locator(about["of"]).first.wait_for(timeout=60_000)
            settled(page)
            shot = page.locator(about["of"]).first.screenshot()
            thumbnail(shot).save(picture_of(name), quality=QUALITY, optimize=True)
            page.close()
        browser.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.jpg"))
    print(f"{total / 1000:.0f} kB in all")


if __name__ == "__main__":
    main(sys.argv[1:])
