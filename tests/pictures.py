"""Make the README's pictures again: python -m tests.pictures [moving] [pages].

`moving` draws docs/pictures/moving.webp from a rendered clip; `pages` starts the app, opens each
page in Chromium and photographs it. The notebook is run again with `notebook`.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core import explain
from core.draw.overlay import coloured, enlarged, overlay
from core.observe import observe
from core.order import read
from core.video import shuffled, subclip
from core.weights import load
from core.world.gestures import render, rendered_clip

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
LABEL, SEED, SHUFFLE = "star", 1, 3

SIZE = (960, 452)
INK, PAPER, FAINT, ACCENT = "#15181E", "#FFFFFF", "#D4D7DD", "#A93A1B"
CLIP = (360, 270)
CLIP_AT = (24, 56)
MATRIX = 270
MATRIX_AT = (420, 56)
STEP, TILE = 114, (106, 80)
TILES_AT = (24, 356)
PAUSE = 100  # milliseconds a picture


class Scene:
    """A clip, what DirecFormer sees in it, and the order that it finds of the shuffled frames."""

    def __init__(self) -> None:
        model = load("direcformer")
        rendered = rendered_clip(render(LABEL, SEED, frames=48))
        clip = subclip(rendered, frames=model.card.frames, sampling="uniform", stride=1)
        trace = observe(model, clip)
        self.permutation = np.random.default_rng(SHUFFLE).permutation(len(clip))
        mixed = shuffled(clip, self.permutation)
        reading = read(model, clip, self.permutation)
        self.matrix, self.order, self.accuracy = reading.matrix, reading.order, reading.accuracy
        shown = overlay(enlarged(clip.frames, CLIP[1]), explain.spatial(trace), opacity=0.75)
        self.heated = [Image.fromarray(cv2.resize(frame, CLIP)) for frame in shown]
        self.tiles = [
            Image.fromarray(cv2.resize(frame, TILE, interpolation=cv2.INTER_AREA))
            for frame in mixed.frames
        ]
        top = np.abs(self.matrix).max()
        cells = coloured(np.clip(self.matrix / top, -1, 1) / 2 + 0.5, signed=True)
        side = (MATRIX, MATRIX)
        self.map = Image.fromarray(cv2.resize(cells, side, interpolation=cv2.INTER_NEAREST))


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def eased(share: float) -> float:
    """0..1 to 0..1, slow at both ends."""
    return share * share * (3 - 2 * share)


def drawn(scene: Scene, picture: Image.Image, edges: int, moved: float, words: str) -> Image.Image:
    """One picture: the clip, the matrix with the first edges of the path, and the strip of frames.

    `moved` 0 leaves each frame in its slot, 1 has put all of them in order.
    """
    canvas = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((24, 16), words, INK, font(20, bold=True))
    canvas.paste(picture, CLIP_AT)
    canvas.paste(scene.map, MATRIX_AT)
    T = len(scene.tiles)
    cell, (left, top) = MATRIX / T, MATRIX_AT
    for t, u in list(pairwise(scene.order.path))[:edges]:
        x, y = left + u * cell, top + t * cell
        pen.rectangle((x + 1, y + 1, x + cell - 2, y + cell - 2), outline=INK, width=4)
    for line, text in enumerate(MATRIX_WORDS):
        pen.text((left + MATRIX + 18, top + 2 + 26 * line), text, INK, font(17))
    places = {slot: place for place, slot in enumerate(scene.order.path)}
    for slot, tile in enumerate(scene.tiles):
        x = TILES_AT[0] + STEP * (slot + (places[slot] - slot) * eased(moved))
        y = TILES_AT[1] - (14 * np.sin(np.pi * moved) if places[slot] != slot else 0)
        canvas.paste(tile, (round(x), round(y)))
        reached = edges > 0 and slot in scene.order.path[: edges + 1]
        corner = (round(x), round(y), round(x) + TILE[0] - 1, round(y) + TILE[1] - 1)
        pen.rectangle(corner, outline=ACCENT if reached else FAINT, width=3 if reached else 1)
    return canvas


MATRIX_WORDS = (
    "How much each frame",
    "(row) looks at each",
    "other (column):",
    "red attracted,",
    "blue repelled.",
    "",
    "Framed: the heaviest",
    "path through all eight.",
)


def pictures(scene: Scene) -> Iterator[Image.Image]:
    """Every picture of the loop."""
    step = 0

    def clip() -> Image.Image:
        nonlocal step
        step += 1
        return scene.heated[step // 4 % len(scene.heated)]

    for _ in range(32):
        yield drawn(scene, clip(), 0, 0, "Where DirecFormer looks; below, the same frames shuffled")
    for edges in range(1, len(scene.tiles)):
        for _ in range(4):
            yield drawn(scene, clip(), edges, 0, "The heaviest path grows, edge by edge")
    for share in np.linspace(0, 1, 16):
        yield drawn(scene, clip(), len(scene.tiles) - 1, share, "The frames slide into place")
    words = f"Put back in order: {scene.accuracy:.0f} % of the frames stand right"
    for _ in range(24):
        yield drawn(scene, clip(), len(scene.tiles) - 1, 1, words)


def moving() -> None:
    first, *others = pictures(Scene())
    path = FOLDER / "moving.webp"
    first.save(
        path, save_all=True, append_images=others, duration=PAUSE, loop=0, quality=70, method=6
    )
    print(path.relative_to(ROOT), path.stat().st_size)


def pages() -> None:
    """Photograph five pages of the app on its own clip, as wide as a document shows them."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import CHROMIUM, FLAGS, started
    from tests.browser.waiting import settled

    assert CHROMIUM, "no Chromium here"
    with (
        tempfile.TemporaryDirectory() as runs,
        started(Path(runs)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        for name, link in PAGES.items():
            page.goto(f"{address}/{link}")
            settled(page)
            page.wait_for_timeout(1500)
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            image = image.resize((1200, 750), Image.Resampling.LANCZOS)
            path = FOLDER / f"{name}.webp"
            image.save(path, quality=70, method=6)
            print(path.relative_to(ROOT), path.stat().st_size)
        browser.close()


PAGES = {
    "explore": "",
    "frame_order": "frame_order?lab=step:9",
    "am_flow": "am_flow?model=AM+Flow",
    "gradcam": "gradcam",
    "compare": "compare",
}


def notebook() -> None:
    """Run docs/python.ipynb and keep what its cells show."""
    import nbformat
    from nbclient import NotebookClient

    path = ROOT / "docs" / "python.ipynb"
    cells = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(cells, timeout=300, resources={"metadata": {"path": folder}})
        client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    for cell in cells.cells:  # what differs from machine to machine is not kept
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    nbformat.write(cells, path)
    print(path.relative_to(ROOT), path.stat().st_size)


MADE: dict[str, Callable[[], None]] = {"moving": moving, "pages": pages, "notebook": notebook}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for wanted in sys.argv[1:] or ["moving", "pages"]:
        MADE[wanted]()
