"""The app as a user meets it: a real Chromium, a real clip, every number that of core."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from core import explain
from core.draw.overlay import write_mp4
from core.observe import observe
from core.order import order_accuracy, order_matrix, recover_order
from core.video import decode, shuffled
from core.weights import load
from core.world.gestures import render
from tests.browser.accessibility import barriers
from tests.browser.waiting import (
    SIZES,
    appearances,
    contains,
    drawn,
    eventually,
    linked,
    no_error,
    photographed,
    settled,
)

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real clip where the clips are at hand, else a rendered one written to a file."""
    real = (
        Path(os.environ.get("AIM_CLIPS", ROOT.parent / "shared" / "clips"))
        / "gestures"
        / "star"
        / "star_4.mp4"
    )
    if real.exists():
        return real
    path = tmp_path_factory.mktemp("clip") / "star.mp4"
    write_mp4(path, render("star", 4, frames=40).frames, 12)
    return path


def heatmap(page) -> np.ndarray:
    """The values of the viewer's frame-to-frame map."""
    rows = page.evaluate("""() => {
        const viewer = document.querySelector('[data-testid=attention-viewer]');
        const {shape: [T], values} = viewer.frameMatrix();
        return Array.from({length: T}, (_, t) => [...values.subarray(t * T, (t + 1) * T)]);
    }""")
    return np.array(rows)


def shows(page, expected: np.ndarray) -> None:
    """The heat map becomes `expected`."""

    def check() -> None:
        seen = heatmap(page)
        assert seen.shape == expected.shape
        np.testing.assert_allclose(seen, expected, atol=1e-5)

    eventually(page, check)


def put(page, name: str, value: str) -> None:
    """Give a control of the viewer a value."""
    control = page.locator(f"[data-testid=attention-viewer] [data-control={name}]").locator(
        "select, input"
    )
    control.evaluate(
        """(node, value) => {
        node.value = value;
        for (const name of ['input', 'change']) node.dispatchEvent(new Event(name, {bubbles:
          true}));
    }""",
        value,
    )


def upload(page, path: Path) -> None:
    """Give the app a video file."""
    page.get_by_text("Upload", exact=True).first.click()
    page.locator("[data-testid=stFileUploader]:has-text('Video') input[type=file]").set_input_files(
        str(path)
    )


def test_the_app_opens_on_a_result(address: str, chromium) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    drawn(page, 3)
    no_error(page)
    assert page.get_by_test_id("attention-viewer").count() == 1
    assert page.get_by_text("not why it decides").count() == 1
    page.close()


def test_an_uploaded_clip_shows_what_core_computes(address: str, chromium, clip_file: Path) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    settled(page)
    upload(page, clip_file)
    # The file is named by its content.
    linked(page, f"upload={hashlib.sha256(clip_file.read_bytes()).hexdigest()[:12]}")
    settled(page)
    model = load("direcformer")
    card = model.card
    clip = decode(clip_file, frames=card.frames, sampling=card.sampling)
    trace = observe(model, clip)
    best = int(trace.probabilities.argmax())
    page.get_by_text(f"{100 * trace.probabilities[best]:.1f} %").first.wait_for()
    shows(page, explain.temporal(trace))

    put(page, "layer", "1")
    shows(page, explain.temporal(trace, layer=1))
    put(page, "head", "2")
    shows(page, explain.temporal(trace, layer=1, head=2))
    row = np.array(
        page.evaluate(
            "[...document.querySelector('[data-testid=attention-viewer]').attentionRow().values]"
        )
    )
    np.testing.assert_allclose(
        row.reshape(trace.grid), explain.spatial(trace, layer=1, head=2), atol=1e-3
    )
    no_error(page)

    page.get_by_role("link", name="Frame order").click()
    page.get_by_test_id("shuffle-lab").wait_for()
    settled(page)
    for seed in (0, 5):
        box = page.get_by_role("spinbutton", name="Shuffle seed")
        box.fill(str(seed))
        box.press("Enter")
        permutation = np.random.default_rng(seed).permutation(card.frames)
        matrix = order_matrix(model, shuffled(clip, permutation))
        found = recover_order(matrix, card.direction_threshold)
        lab = page.locator(
            f"[data-testid=shuffle-lab][data-order='{','.join(map(str, permutation))}']"
            "[data-waiting=false]"
        )
        lab.wait_for()
        assert lab.get_attribute("data-path") == ",".join(map(str, found.path))
        for t, u, weight in lab.evaluate("lab => lab.shown().edges"):
            assert weight == pytest.approx(matrix[t, u], abs=1e-5)
        accuracy = (
            f"{order_accuracy(found.path, permutation):.1f} %"
            if found.verdict != "unknown"
            else "—"
        )
        contains(page, "[data-testid=stMetric]", accuracy)
    no_error(page)
    page.close()


def test_a_bad_upload_is_refused_in_one_line_and_nothing_is_lost(
    address: str, chromium, tmp_path: Path
) -> None:
    bad = tmp_path / "holiday.mp4"
    bad.write_text("not a video")
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/?label=tick&seed=3&source=Upload&upload=0123456789ab")
    settled(page)
    page.get_by_text("choose the same file again").wait_for()  # a link cannot bring an upload along
    upload(page, bad)
    page.get_by_text("not the video of the link").wait_for()
    page.get_by_text("holiday.mp4: not a video that can be read").wait_for()
    drawn(page, 3)
    assert page.get_by_test_id("attention-viewer").is_visible()
    page.get_by_text("rendered tick, seed 3").first.wait_for()
    page.close()


def test_a_link_reopens_the_same_clip_and_settings(address: str, chromium) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/?label=circle&seed=8&frames=6&v=layer:2")
    settled(page)
    no_error(page)
    page.get_by_text("rendered circle, seed 8, 6 frames").first.wait_for()
    contains(page, "[data-part=title] p", "Summary layer 3, average of heads")
    page.close()


@pytest.mark.long
def test_an_attribution_can_be_stopped_and_started_again(address: str, chromium) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    # What is computed is kept for all: a clip that no other test looks at.
    page.goto(f"{address}/?seed=5")
    settled(page)
    page.get_by_role("link", name="GradCAM").click()
    page.get_by_text("Other attributions").wait_for()
    drawn(page, 3)
    page.get_by_role("button", name="Compute").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop").wait_for(state="detached")
    drawn(page, 3)
    page.get_by_text("computed when asked").wait_for()
    page.get_by_role("button", name="Compute").click()
    drawn(page, 4, seconds=120)
    no_error(page)
    page.close()


WRONG = [
    "label=../../etc/passwd&seed=-5&model=file:/etc/passwd&v=query:9-9-9,view:nothing,tap:../..",
    *(
        pytest.param(query, marks=pytest.mark.long)
        for query in (
            "seed=abc&frames=0",
            "v=query:9-9-9,view:nothing,tap:../..,locked",
            "v=layer:99,head:x,frame:-1,opacity:7",
            "v=%00,:,,query:1-2",
        )
    ),
]


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_link_falls_back_to_what_exists(address: str, chromium, query: str) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/?{query}")
    drawn(page, 3)
    no_error(page)
    assert page.get_by_test_id("attention-viewer").is_visible()
    page.close()


@pytest.mark.parametrize(
    ("name", "charts"),
    [("explore", 3), ("frame_order", 1), ("am_flow", 3), ("gradcam", 3), ("compare", 3)],
)
@pytest.mark.long
def test_every_page_is_complete_and_is_photographed(
    address: str, chromium, screenshots: Path, name: str, charts: int
) -> None:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/{name.replace('explore', '')}?label=carret&seed=13")
    drawn(page, charts)
    page.wait_for_function(
        f"() => document.querySelectorAll('[class*=st-key-download-]').length === {charts}"
    )
    for size, ending in appearances(page):
        no_error(page)
        assert size != SIZES[0] or barriers(page) == [], (
            f"{ending}: cannot be read or used by everyone"
        )
        photographed(page, screenshots / f"{name}-{ending}", size)
    page.close()
