"""Every model in the viewer: the rows that are drawn are those of core.

This holds whatever the kernel, the tap and the query.
"""

from __future__ import annotations

import numpy as np
import pytest

from core import explain
from core.draw import packing
from core.draw.viewer_help import VIEWER_HELP
from core.models import available
from core.observe import Trace, observe
from core.world.gestures import render, rendered_clip
from tests.browser.test_viewer_maths import mounted
from tests.browser.viewer import becomes, drawn, middle_of
from tests.core.tiny import random_model

pytestmark = pytest.mark.browser


def random_trace(name: str) -> Trace:
    """A model of the size that is shipped, with random weights, on a rendered clip."""
    model = random_model(name)
    return observe(model, rendered_clip(render("tick", 3, frames=model.card.frames)))


SET = """([name, value]) => {
    const node = document.querySelector(`[data-control=${name}]`)?.querySelector('select, input');
    if (!node) return;
    node.value = value;
    for (const kind of ['input', 'change']) node.dispatchEvent(new Event(kind, {bubbles: true}));
}"""


@pytest.mark.parametrize(
    "name", ["am_flow", "direcformer", "far", "rvit", "timesformer", "videomae"]
)
def test_rows_of_every_model_are_those_of_core(chromium, name: str) -> None:
    assert name in available()
    trace = random_trace(name)
    page = mounted(chromium, [packing.pack(trace, help_texts=VIEWER_HELP)])
    page.wait_for_selector("[data-ready=true]")
    _T, h, _w = trace.grid
    tip = page.locator("[data-part=matrix-title] strong").get_attribute("data-tip")
    assert ("is no attention" in tip) == (not packing.time_taps(trace)) == (name == "am_flow"), tip
    assert page.locator("[data-part=matrix]").get_attribute("aria-label") == tip
    for tap in packing.space_taps(trace):
        page.evaluate(SET, ["tap", tap])
        attention = explain.over_space(trace, tap)[-1]
        for at, head in ((0, 0), (len(explain.over_space(trace, tap)) - 1, "mean"), (0, "max")):
            layer = explain.over_space(trace, tap)[at].layer
            page.evaluate(SET, ["layer", str(at)])
            page.evaluate(SET, ["head", str(head)])
            for query in ["cls"] * explain.has_class_token(attention) + ["mean"]:
                page.locator(f"[data-control=query] button[data-value={query}]").click()
                same(drawn(page)[1], explain.spatial(trace, layer, head, query, tap))
            page.locator("[data-part=frame]").evaluate(
                "(node) => { node.value = 0; node.dispatchEvent(new Event('input')); }"
            )
            page.mouse.click(*middle_of(page, trace, h - 1, 1))
            becomes(page, "query", f"0,{h - 1},1")
            view, values = drawn(page)
            assert view == explain.views(trace, tap)[0]
            same(values, explain.hover(trace, layer, head, (0, h - 1, 1), view, tap))
            page.keyboard.press("Escape")
    page.close()


def same(drawn: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(expected))
    scale = max(1.0, float(np.nanmax(np.abs(expected))))  # unnormalised rows are of any size
    np.testing.assert_allclose(drawn, expected, atol=1e-3 * scale)
