"""The hands of a visitor of the attention viewer, and what core computes for what he sees."""

from __future__ import annotations

import numpy as np

from core.observe import Trace, observe
from core.video import subclip
from core.weights import load
from core.world.gestures import render, rendered_clip
from tests.browser.waiting import settled

VIEWER = "[data-testid=attention-viewer]"
ROW = (
    f"() => {{ const row = document.querySelector('{VIEWER}').attentionRow(); return [row.view, "
    "row.shape, [...row.values]]; }"
)
TITLES = {"direcformer": "DirecFormer", "timesformer": "TimeSformer"}


def trace_of(model: str, label: str = "carret", seed: int = 13) -> Trace:
    """What the app shows for this model and rendered gesture."""
    loaded = load(model)
    card = loaded.card
    whole = rendered_clip(render(label, seed, frames=48))
    return observe(loaded, subclip(whole, frames=card.frames, sampling=card.sampling))


def opened(chromium, address: str, query: str = "", **settings: object):
    page = chromium.new_page(**{"viewport": {"width": 1440, "height": 900}} | settings)
    page.goto(f"{address}/?{query}")
    settled(page)
    return page


def drawn(page) -> tuple[str, np.ndarray]:
    view, shape, values = page.evaluate(ROW)
    return view, np.array(values, np.float32).reshape(shape)


def attribute(page, name: str) -> str:
    return page.locator(VIEWER).get_attribute(f"data-{name}")


def becomes(page, name: str, value: object) -> None:
    page.wait_for_selector(f"{VIEWER}[data-{name}='{value}']")


def middle_of(page, trace: Trace, row: int, col: int) -> tuple[float, float]:
    """Where the middle of a patch of the large frame is on the screen.

    The whole frame is what these models see.
    """
    box = page.locator("[data-part=stage]").bounding_box()
    _, h, w = trace.grid
    return box["x"] + box["width"] * (col + 0.5) / w, box["y"] + box["height"] * (row + 0.5) / h


def press(page, name: str) -> None:
    page.locator(VIEWER).get_by_role("button", name=name, exact=True).click()


def put_frame(page, frame: int) -> None:
    page.locator("[data-part=frame]").evaluate(
        "(node, t) => { node.value = t; node.dispatchEvent(new Event('input')); }", frame
    )
    becomes(page, "frame", frame)
