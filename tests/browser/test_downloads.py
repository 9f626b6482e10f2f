"""Files from every view, taken as a reader takes them, and opened again."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from core import explain
from tests.browser.test_app import put
from tests.browser.viewer import TITLES, VIEWER, becomes, drawn, middle_of, put_frame, trace_of
from tests.browser.waiting import linked, no_error, settled, taken

pytestmark = pytest.mark.browser
SVG = "{http://www.w3.org/2000/svg}"


def frames_of(data: bytes) -> tuple[str, int]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.name, sum(1 for _ in container.decode(stream))


def menu(page, key: str):
    """The open list of files of a figure."""
    page.locator(f".st-key-download-{key} button").first.click()
    inside = page.locator("[data-testid=stPopoverBody]")
    inside.get_by_text("The numbers").wait_for()
    return inside


@pytest.mark.long
def test_the_viewer_gives_what_it_shows(address: str, chromium, screenshots: Path) -> None:
    trace = trace_of("direcformer")
    page = chromium.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page.goto(f"{address}/?label=carret&seed=13")
    settled(page)
    put(page, "layer", "5")
    put_frame(page, 3)
    page.mouse.click(*middle_of(page, trace, 2, 4))
    becomes(page, "locked", "true")
    keep = page.locator(f"{VIEWER} [data-part=keep]")
    picture = taken(page, keep.get_by_role("button", name="PNG"))
    (screenshots / "kept-viewer.png").write_bytes(picture)
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] > 1600 and image.std() > 20
    svg = taken(page, keep.get_by_role("button", name="SVG"))
    (screenshots / "kept-viewer.svg").write_bytes(svg)
    tree = ET.fromstring(svg)
    words = [node.text for node in tree.iter(f"{SVG}text")]
    for line in (
        "Space × time layer 6, average of heads",
        "patch at row 3, column 5, frame 4 at",
        "Frame to frame layer 6",
        "looked at →",
        f"weights {trace.card.hash}",
        "not an explanation",
    ):
        assert any(line in text for text in words), line
    assert "cannot see" not in words, "the query sees all, and the page does not say it either"
    pictures = [node.get("href") for node in tree.iter(f"{SVG}image")]
    assert sum(picture.startswith("data:image/jpeg") for picture in pictures) == 1 + len(
        trace.clip
    ), "the frames as they were sent"
    assert len(list(tree.iter(f"{SVG}rect"))) > len(trace.clip) ** 2, "the frame map is shapes"
    other = chromium.new_page(viewport={"width": 1500, "height": 1200})
    other.goto((screenshots / "kept-viewer.svg").resolve().as_uri())
    other.screenshot(path=screenshots / "kept-viewer-svg.png")
    other.close()
    numbers = np.load(io.BytesIO(taken(page, keep.get_by_role("button", name="NPZ"))))
    np.testing.assert_allclose(numbers["map"], drawn(page)[1], atol=1e-3)
    seen = page.evaluate(f"[...document.querySelector('{VIEWER}').frameMatrix().values]")
    np.testing.assert_allclose(numbers["frame_map"].ravel(), seen, atol=1e-6)
    assert any(
        line.startswith("frame_map: (T', T') attention from frame (row) to frame (column), time")
        for line in numbers["about"]
    )
    np.testing.assert_array_equal(
        numbers["map"], explain.hover(trace, 5, "mean", (3, 2, 4), "space x time")
    )
    assert frames_of(taken(page, keep.get_by_role("button", name="MP4"))) == (
        "h264",
        len(trace.clip),
    )
    assert frames_of(taken(page, keep.get_by_role("button", name="GIF"))) == (
        "gif",
        len(trace.clip),
    )
    no_error(page)
    link = linked(page, "query:3-2-4", "locked")
    page.close()
    page = chromium.new_page()
    page.goto(link)
    page.get_by_text(
        "patch at frame 4, row 3, column 5 (space x time), mean over heads"
    ).first.wait_for()
    becomes(page, "query", "3,2,4")
    page.close()


@pytest.mark.long
def test_every_figure_gives_files(address: str, chromium, screenshots: Path) -> None:
    trace = trace_of("timesformer")
    page = chromium.new_page(
        viewport={"width": 1440, "height": 900}, accept_downloads=True, color_scheme="dark"
    )
    page.goto(
        f"{address}/?label=carret&seed=13&model={TITLES['timesformer']}"
        "&layer_map=Rollout+up+to+each+layer"
    )
    settled(page)
    inside = menu(page, "layers")
    svg = taken(page, inside.get_by_role("button", name="SVG"))
    tree = ET.fromstring(svg)
    words = " ".join("".join(node.itertext()) for node in tree.iter(f"{SVG}text"))
    weights = trace.card.hash
    assert f"weights {weights}" in words and "not an explanation" in words and "Layer 8" in words
    assert len(list(tree.iter(f"{SVG}image"))) >= 8
    picture = taken(page, inside.get_by_role("button", name="PNG"))
    (screenshots / "kept-layers.png").write_bytes(picture)
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image.std() > 20 and tuple(image[2, 2]) == (0x19, 0x13, 0x0F), "on the page's own colour"
    assert frames_of(taken(page, inside.get_by_role("button", name="MP4"))) == (
        "h264",
        len(trace.clip),
    )
    assert frames_of(taken(page, inside.get_by_role("button", name="GIF"))) == (
        "gif",
        len(trace.clip),
    )
    numbers = np.load(io.BytesIO(taken(page, inside.get_by_role("button", name="NPZ"))))
    np.testing.assert_allclose(
        numbers["maps"], np.stack(list(explain.rollouts(trace, "mean", "cls").values())), atol=1e-6
    )
    assert any(line.startswith("maps: (L, T', h, w)") for line in numbers["about"])
    no_error(page)
    page.close()
