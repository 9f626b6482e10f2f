"""A page to take home in a real browser: from disk, with the network off."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from core import explain
from core.draw import handout
from core.observe import Trace, observe
from core.video import crop_box, subclip
from core.weights import embedded, load
from core.world.gestures import render, rendered_clip
from tests.browser.viewer import VIEWER, becomes, drawn, press, put_frame
from tests.browser.waiting import settled, taken

pytestmark = pytest.mark.browser
MODELS = ("direcformer", "rvit", "am_flow")
MARKUP = "</script><img src=x onerror=\"document.title='broken'\">.mp4"
LAB = "[data-testid=shuffle-lab]"
HOVER = """([viewer, times]) => {
    const stage = document.querySelector(`${viewer} [data-part=stage]`);
    const {left, top, width, height} = stage.getBoundingClientRect();
    const spent = [];
    for (let i = 0; i < times; i++) {
        const at = {clientX: left + width * (0.05 + 0.9 * (i * 7 % times) / times),
                    clientY: top + height * (0.05 + 0.9 * (i * 11 % times) / times)};
        const before = performance.now();
        stage.dispatchEvent(new PointerEvent('pointermove', {...at, bubbles: true}));
        document.querySelector(viewer).attentionRow();
        spent.push(performance.now() - before);
    }
    return spent;
}"""


def traced(*names: str) -> dict[str, Trace]:
    """What these models see of a clip with a wicked name."""
    gesture = rendered_clip(render("carret", 13, frames=16))
    traces = {}
    for name in names:
        model = load(name)
        card = model.card
        clip = subclip(gesture, frames=card.frames, sampling=card.sampling)
        traces[name] = observe(model, replace(clip, source=MARKUP))
    return traces


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return traced(*MODELS)


@pytest.fixture(scope="module")
def file(traces: dict[str, Trace], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(traces, tmp_path_factory.mktemp("handout"))


def written(traces: dict[str, Trace], folder: Path) -> Path:
    """The page of these models."""
    sheets = [
        handout.sheet(load(name), trace.clip, MARKUP, trace=trace) for name, trace in traces.items()
    ]
    path = folder / "page.html"
    path.write_text(handout.document(sheets, again=MARKUP), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(chromium, file: Path) -> Iterator[Any]:
    with opened(chromium, file) as page:
        yield page


@contextmanager
def opened(chromium: Any, file: Path) -> Iterator[Any]:
    """The page from disk with the network off; what it asked for and complained of."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(f"{VIEWER}[data-ready=true]")
    yield page
    context.close()


def tab(page: Any, name: str) -> None:
    title = load(name).spec.title
    page.get_by_role("tab", name=title, exact=True).click()
    page.wait_for_selector(f"[role=tab][aria-selected=true]:text-is('{title}')")
    page.wait_for_function(
        "title => document.querySelector('[data-part=keep]') && "
        "[...document.querySelectorAll('.ho-sees')].some(node => node.offsetParent && "
        "node.textContent.startsWith(title))",
        arg=title,
    )
    page.wait_for_timeout(150)


def test_every_model_shows_the_rows_of_core_and_asks_nobody(page, file, traces) -> None:
    shows_the_rows_of_core(page, traces)
    own = {address for address in page.asked if not address.startswith(("data:", "blob:"))}
    assert own == {file.as_uri()}, "it asked for something"
    assert page.complaints == []


@pytest.mark.long
def test_the_other_included_models_show_the_rows_of_core(chromium, tmp_path: Path) -> None:
    others = traced(*(name for name in embedded() if name not in MODELS))
    assert len(others) == 3
    with opened(chromium, written(others, tmp_path)) as page:
        shows_the_rows_of_core(page, others)


def shows_the_rows_of_core(page: Any, traces: dict[str, Trace]) -> None:
    for name, trace in traces.items():
        tab(page, name)
        _, h, w = trace.grid
        for patch in ((0, 0, 0), (trace.grid[0] - 1, h - 1, 1), (2, 1, w - 1)):
            frame = patch[0] * (len(trace.clip) // trace.grid[0])
            put_frame(page, frame)
            box = page.locator(f"{VIEWER} [data-part=stage]").bounding_box()
            top, left, high, wide = explain_box(trace)
            x = box["x"] + box["width"] * (left + wide * (patch[2] + 0.5) / w)
            y = box["y"] + box["height"] * (top + high * (patch[1] + 0.5) / h)
            page.mouse.move(x, y)
            becomes(page, "query", ",".join(map(str, patch)))
            view, row = drawn(page)
            layer = int(page.locator(VIEWER).get_attribute("data-layer"))
            expected = explain.hover(trace, layer, "mean", patch, view)
            np.testing.assert_array_equal(np.isnan(row), np.isnan(expected))
            np.testing.assert_allclose(row, expected, atol=1e-3, err_msg=name)
        page.mouse.move(2, 2)


def explain_box(trace: Trace) -> tuple[float, float, float, float]:
    """What the model saw of the frame, in parts of it."""
    height, width = trace.clip.size
    top, left, high, wide = crop_box(height, width, trace.card.crop)
    return top / height, left / width, high / height, wide / width


def test_hovering_takes_less_than_a_frame_of_the_screen(page) -> None:
    for name in ("direcformer", "rvit"):
        tab(page, name)
        spent = page.evaluate(HOVER, [VIEWER, 60])
        assert np.median(spent) < 16, f"{name}: {np.median(spent):.1f} ms"


def test_keys_lock_step_and_play(page) -> None:
    tab(page, "direcformer")
    put_frame(page, 3)
    page.locator(f"{VIEWER} [data-part=stage]").click(position={"x": 40, "y": 40})
    becomes(page, "locked", "true")
    page.keyboard.press("ArrowRight")
    becomes(page, "frame", 4)
    kept = page.locator(VIEWER).get_attribute("data-query")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector(f"{VIEWER}:not([data-query='{kept}'])")
    page.keyboard.press("Escape")
    becomes(page, "locked", "false")
    page.keyboard.press("Home")
    becomes(page, "frame", 0)
    page.keyboard.press("Space")
    page.wait_for_selector(f"{VIEWER}:not([data-frame='0'])")
    page.keyboard.press("Space")
    page.locator("[role=tab][aria-selected=true]").focus()
    page.keyboard.press("End")
    page.wait_for_selector("[role=tab][aria-selected=true]:text-is('AM Flow')")


def test_layers_heads_and_every_gradcam_are_in_the_file(page, traces) -> None:
    tab(page, "direcformer")
    layer = page.locator("[data-control=layer] input")
    for at in range(int(layer.get_attribute("max")) + 1):
        layer.evaluate(
            "(node, at) => { node.value = at; node.dispatchEvent(new Event('input')); }", at
        )
        page.wait_for_selector(f"{VIEWER}[data-ready=true][data-layer='{at}']")
    page.locator("[data-control=head] select").select_option("0")
    becomes(page, "head", 0)
    press(page, "GradCAM")
    for target, label in enumerate(traces["direcformer"].card.labels):
        page.locator("[data-control=target] select").select_option(str(target))
        page.wait_for_selector(f"{VIEWER}[data-ready=true]")
        assert f"“{label}”" in page.locator(f"{VIEWER} [data-part=title]").inner_text()
    assert page.locator("[data-part=weight]").is_hidden()
    kinds = page.locator(".av-keep button:visible").all_inner_texts()
    assert kinds == ["PNG", "SVG"], "what would have to be asked for is not offered"
    press(page, "Summary")


def test_the_order_is_stepped_through_for_each_shuffle_and_no_frame_moves(page) -> None:
    tab(page, "direcformer")
    lab = page.locator(LAB)
    orders = []
    for choice in ("0", "1", "2"):
        page.locator("[data-ho=shuffle]").select_option(choice)
        page.wait_for_function(
            "([lab, before]) => document.querySelector(lab).dataset.order !== before",
            arg=[LAB, orders[-1] if orders else ""],
        )
        orders.append(lab.get_attribute("data-order"))
    assert orders[2] == "7,6,5,4,3,2,1,0" and len(set(orders)) == 3
    assert page.locator(".ho-verdict").is_hidden(), "first the question"
    lab.locator("[data-part=stage]").focus()
    page.keyboard.press("End")
    page.wait_for_selector(f"{LAB}[data-step='9'][data-answers=shown]")
    frame = lab.locator(".lab-frame").first
    frame.press("ArrowRight")
    x, y = page.evaluate(
        "([lab]) => { const {x, y} = document.querySelector(lab).spot(0, 1); return [x, y]; }",
        [LAB],
    )
    page.mouse.click(x, y)
    page.wait_for_timeout(100)
    assert lab.get_attribute("data-waiting") == "false", "nobody is there to answer"
    assert lab.get_attribute("data-order") == orders[2]
    assert "forbid" not in lab.locator("[data-part=readout]").inner_text()
    assert page.locator("[data-ho=verdict]").inner_text() in (
        "Direction known.",
        "Known up to direction.",
        "Not identifiable.",
    )


def test_am_flow_is_shown_pair_by_pair_and_only_where_it_is(page) -> None:
    tab(page, "rvit")
    assert page.locator("[data-ho=change]").is_hidden()
    tab(page, "am_flow")
    flow = page.locator("[data-ho=flow]")
    assert flow.locator("img").count() == 3
    flow.locator("input[type=range]").press("Home")
    page.wait_for_selector("[data-ho=flow][data-pair='0']")
    first = flow.locator("img").first.get_attribute("src")
    flow.locator("input[type=range]").press("ArrowRight")
    page.wait_for_selector("[data-ho=flow][data-pair='1']")
    assert flow.locator("img").first.get_attribute("src") != first
    assert flow.locator("output").inner_text() == "frames 2 → 3"
    box = flow.locator("svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 10)
    page.wait_for_selector("[data-ho=flow][data-pair='6']")


def test_names_with_markup_stay_names(page) -> None:
    assert page.locator("h1").inner_text() == MARKUP
    assert page.title() == f"{MARKUP}: Attention in Motion"
    assert page.locator("img[src=x]").count() == 0


def test_it_is_light_or_dark_as_the_system_says_until_the_reader_chooses(
    page, screenshots: Path
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    white, dark = "rgb(255, 255, 255)", "rgb(15, 19, 25)"
    tab(page, "direcformer")
    assert page.evaluate(ground) == white
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == dark
    page.screenshot(path=screenshots / "handout-1280x720-dark.png")
    page.locator("[data-ho=theme]").click()
    assert page.evaluate(ground) == white
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == white
    page.screenshot(path=screenshots / "handout-1280x720-light.png")
    bottom = page.locator(".av-strip").bounding_box()
    assert bottom["y"] + bottom["height"] <= 720, "the strip is in the first window"
    page.emulate_media(media="print")
    assert page.locator(".ho-tools").is_hidden() and page.locator(".av-bar").is_hidden()
    page.emulate_media(media="screen")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(chromium, file, screenshots) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, offline=True, has_touch=True, color_scheme="dark"
    )
    phone = context.new_page()
    phone.goto(file.as_uri())
    phone.wait_for_selector(f"{VIEWER}[data-ready=true]")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.locator(f"{VIEWER} [data-part=stage]").tap(position={"x": 60, "y": 60})
    becomes(phone, "locked", "true")
    phone.screenshot(path=screenshots / "handout-390x844-dark.png", full_page=True)
    context.close()


@pytest.mark.long
def test_the_button_of_a_page_gives_the_file_and_the_figures(
    address: str, chromium, screenshots: Path, tmp_path: Path
) -> None:
    """What the app hands out opens from disk; its figures are one ZIP that Python can read."""
    page = chromium.new_page(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    page.goto(f"{address}/?model=rvit&label=circle&seed=3")
    settled(page)
    page.get_by_role("button", name="Hand out").click()
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Download")
    button.wait_for()
    page.screenshot(path=screenshots / "handout-dialog.png")
    file = tmp_path / "page.html"
    file.write_bytes(taken(page, button))
    with opened(chromium, file) as handed:
        assert handed.locator("h1").inner_text() == "rendered circle, seed 3"
        assert handed.locator("[role=tab]").count() == 1 and handed.complaints == []
    dialog.get_by_text("Figures for slides").click()
    button = dialog.get_by_role("button", name="Save the figures")
    button.wait_for()
    with ZipFile(io.BytesIO(taken(page, button))) as figures:
        assert figures.testzip() is None
        names = figures.namelist()
        about = figures.read("figures.txt").decode()
        assert {"attention.png", "attention.svg", "figures.txt"} <= set(names)
        charts = {name.rpartition(".")[0] for name in names if name.endswith(".npz")}
        assert "attention-classes" in charts
        for name in charts:
            assert {f"{name}.png", f"{name}.svg"} <= set(names) and name in about
            assert figures.read(f"{name}.png").startswith(b"\x89PNG")
            ET.fromstring(figures.read(f"{name}.svg"))
        probabilities = np.load(io.BytesIO(figures.read("attention-classes.npz")))["probabilities"]
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-5)
    page.close()
