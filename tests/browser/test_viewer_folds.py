"""What unfolds below the strip: a weight taken apart into q and k, and all heads at a glance."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest

from core import explain
from core.draw import packing
from core.draw.packing import HeadOf
from core.trace import Attention
from tests.browser.test_viewer_maths import FOLDER, TRACES, mounted, recorded_divided

pytestmark = pytest.mark.browser
LOAD = """async ([maths, factors, payload]) => {
    const bytes = Uint8Array.from(atob(payload), c => c.charCodeAt(0));
    const load = source => import(URL.createObjectURL(new Blob([source], {type:
      'text/javascript'})));
    window.maths ??= await load(maths);
    window.factors ??= await load(factors);
    window.payload = window.maths.parse(bytes);
}"""
STEPS = """([view, patch, key]) => {
    const {layers, factors: [asked], grid} = window.payload;
    const layer = layers.find(l => l.tap === asked.tap && l.layer === asked.layer);
    return window.factors.stepsTo(asked, layer, view, patch, key, grid)
      .map(({weight, sum, keys, q}) => [weight, sum, keys, q.length]);
}"""


@pytest.fixture(scope="module")
def page(chromium) -> Iterator:
    page = chromium.new_page()
    yield page
    page.close()


def load(page, payload: bytes) -> None:
    sources = [(FOLDER / f"{name}.js").read_text() for name in ("maths", "factors")]
    page.evaluate(LOAD, [*sources, base64.b64encode(payload).decode()])


def sum_of_row(attention: Attention, patch: tuple[int, int, int], head: int) -> float:
    """The sum over all that a patch's row gives to, of which fillers get nothing."""
    return float(attention.rows(patch, head)[0].sum())


@pytest.mark.parametrize("kind", TRACES)
def test_a_weight_taken_apart_is_the_one_that_core_computes(page, kind: str) -> None:
    """The product of the steps is the weight of the view, and each row's sum is that of core."""
    trace = TRACES[kind]()
    steps, h, w = trace.grid
    compared = 0
    for tap in packing.space_taps(trace):
        attention = explain.over_space(trace, tap)[-1]
        for head in (0, attention.heads - 1):
            load(page, packing.pack(trace, factors=HeadOf(tap, attention.layer, head)))
            for view in explain.views(trace, tap):
                for patch in ((0, 0, 0), (steps - 1, h - 1, 1)):
                    heat = explain.hover(trace, attention.layer, head, patch, view, tap)
                    scale = max(1.0, float(np.nanmax(np.abs(heat))))
                    for key in ((0, 0, 1), (steps - 1, h - 1, 1), (1, 1, w - 1)):
                        made = page.evaluate(STEPS, [view, patch, key])
                        assert (made == []) == np.isnan(heat[key])
                        if made:
                            weight = np.prod([weight for weight, *_ in made])
                            assert weight == pytest.approx(heat[key], abs=1e-3 * scale)
                            compared += 1
                        if made and view in ("joint", "space", "space x time"):
                            total = sum_of_row(attention, patch, head)
                            assert made[0][1] == pytest.approx(total, rel=1e-3, abs=1e-3)
    assert compared >= 4


def test_the_weight_of_a_kept_patch_is_asked_for_once_and_reckoned_in_words(chromium) -> None:
    trace = recorded_divided("direcformer")
    layer = explain.over_space(trace)[-1].layer
    with_head = [packing.pack(trace, [], factors=HeadOf("space", layer, head)) for head in (0, 1)]
    page = mounted(chromium, [packing.pack(trace), *with_head])
    page.wait_for_selector("[data-ready=true]")
    fold = page.locator("[data-part=weight]")
    page.get_by_text("From pixels to a weight").click()
    assert "Click a patch to keep it" in fold.inner_text()
    page.locator("[data-control=head] select").select_option(label="2")
    page.locator("[data-part=stage]").click(position={"x": 5, "y": 5})
    page.wait_for_function("() => window.asked.length === 1")
    need = {"factors": {"tap": "space", "layer": layer, "head": 1}}
    assert page.evaluate("window.asked") == [["need", need]]
    page.evaluate("window.send(2)")
    page.get_by_text("Both multiplied").wait_for()
    words = fold.inner_text()
    assert "softmax divides by the sum" in words and "a cosine has a sign" in words
    assert "weights sum to 1:" in words
    key, weights = page.evaluate(
        """() => { const {key, steps} = document.querySelector('section').arithmetic();
        return [key, steps.map(step => step.weight)]; }"""
    )
    t = int(page.locator("section").get_attribute("data-query").split(",")[0])
    expected = explain.hover(trace, layer, 1, (t, 0, 0), "space x time")
    assert np.prod(weights) == pytest.approx(expected[tuple(key)], abs=1e-3)
    page.locator(".av-thumb canvas").first.hover(position={"x": 100, "y": 60})
    pointed = page.evaluate("document.querySelector('section').arithmetic().key")
    assert pointed[0] == 0 and len(page.evaluate("window.asked")) == 1
    page.close()


def test_all_heads_are_drawn_and_a_click_opens_one(chromium) -> None:
    trace = TRACES["groups that do not see each other"]()
    page = mounted(chromium, [packing.pack(trace)])
    page.wait_for_selector("[data-ready=true]")
    page.get_by_text("All heads at a glance").click()
    cells = page.locator(".av-cell")
    for tap, heads in (("global", 3), ("local", 2)):
        page.locator("[data-control=tap] select").select_option(tap)
        page.wait_for_function(
            "count => document.querySelectorAll('.av-cell').length === count", arg=heads + 1
        )
        assert page.locator(".av-cell[aria-pressed=true]").count() == 1
    cells.nth(1).click()
    page.wait_for_selector("section[data-head='1']")
    page.wait_for_function(
        "() => document.querySelectorAll('.av-cell')[1].getAttribute('aria-pressed') === 'true'"
    )
    page.close()
