"""The viewer's numbers for every kind of attention, in a page without the app.

The traces are hand-made and tiny.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from assets import ASSETS
from core import explain
from core.draw import packing
from core.draw.bundle import bundle, styles
from core.draw.viewer_help import VIEWER_HELP
from core.observe import Trace
from core.trace import Attention, Axis, Kernel, Layout, record
from core.video import Clip
from core.weights import Card
from tests.core.models import am_flow_nets, nets, rvit_nets

pytestmark = pytest.mark.browser
T, H, W = 3, 3, 5
FOLDER = ASSETS / "viewer"
LOAD = """async ([source, payload]) => {
    const bytes = Uint8Array.from(atob(payload), c => c.charCodeAt(0));
    window.maths ??= await import(URL.createObjectURL(new Blob([source], {type:
      'text/javascript'})));
    window.payload = window.maths.parse(bytes);
}"""
ROW = """([tap, layer, view, head, patch]) => {
    const found = window.payload.layers.find(l => l.tap === tap && l.layer === layer);
    return [...window.maths.patchRow(found, view, patch, head, window.payload.grid)];
}"""
HARNESS = """async ([source, payloads]) => {
    const {default: mount} = await import(URL.createObjectURL(new Blob([source], {type:
      'text/javascript'})));
    const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
    window.asked = [];
    window.send = index => mount({parentElement: document.body, data: bytes(payloads[index]),
                                  setTriggerValue: (name, value) => window.asked.push([name,
                                    value])});
    window.send(0);
}"""


@pytest.fixture(scope="module")
def page(chromium) -> Iterator:
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    yield page
    page.close()


def trace_of(model: str, *attentions: Attention, unit: int = 1) -> Trace:
    """These attentions on a noise clip."""
    steps, _h, _w = attentions[0].grid
    card = Card(
        model,
        "tiny",
        ("a", "b"),
        (0.5,) * 3,
        (0.25,) * 3,
        35,
        steps * unit,
        "uniform",
        "fit",
        "nothing",
    )
    frames = np.random.default_rng(0).integers(0, 255, (steps * unit, 40, 60, 3), np.uint8)
    times = np.arange(steps * unit) / 4
    token_times = times.reshape(-1, unit).mean(1)
    return Trace(
        model,
        card,
        Clip(frames, times, "noise", "0"),
        frames,
        token_times,
        np.array([0.0, 1.0], np.float32),
        attentions,
    )


def joint(kernel: Kernel, width: int, heads: int = 3, seed: int = 0) -> Attention:
    """Every token of the clip sees every token."""
    tokens = torch.arange(T * H * W)[None]
    q, k = torch.randn(2, 1, heads, T * H * W, width, generator=torch.Generator().manual_seed(seed))
    return Attention("global", 0, Axis.JOINT, kernel, 2 * q, k, Layout(tokens, tokens, (T, H, W)))


def checkerboard(kernel: Kernel, width: int) -> Attention:
    """Attention over the two colours of a checkerboard.

    The second colour has T tokens less, and is filled up with -2, which a key channel hides.
    """
    tokens = torch.arange(T * H * W)
    odd = (tokens // W % H + tokens % W) % 2 == 1
    even, odd = tokens[~odd], tokens[odd]
    groups = torch.stack([even, torch.nn.functional.pad(odd, (0, len(even) - len(odd)), value=-2)])
    q, k = torch.randn(2, 2, 2, len(even), width, generator=torch.Generator().manual_seed(1))
    hide = torch.where(groups == -2, -1e4, 0.0)[:, None, :, None].expand(-1, 2, -1, -1)
    return Attention(
        "local",
        0,
        Axis.JOINT,
        kernel,
        torch.cat([q, torch.ones_like(hide)], -1),
        torch.cat([k, hide], -1),
        Layout(groups, groups, (T, H, W)),
    )


def recorded(model: torch.nn.Module, name: str) -> Trace:
    """A tiny net's trace on noise."""
    with torch.inference_mode(), record(model) as attentions:
        model(nets.clip(1))
    first = next(a for a in attentions if a.name in ("gate", "vit"))
    return trace_of(name, first, *(a for a in attentions if a is not first))


TRACES: dict[str, Any] = {
    "joint softmax, factors": lambda: trace_of("far", joint(Kernel("softmax", 0.4), 7), unit=2),
    "joint softmax, map": lambda: trace_of("far", joint(Kernel("softmax", 0.2), 61), unit=2),
    "groups that do not see each other": lambda: trace_of(
        "far", joint(Kernel("softmax", 0.4), 5), checkerboard(Kernel("softmax", 0.4), 5)
    ),
    "joint linear": lambda: trace_of("far", joint(Kernel("linear"), 5)),
    "joint linear, normalised": lambda: trace_of(
        "far", joint(Kernel("linear", normalised=True), 5)
    ),
    "joint cosine": lambda: trace_of("far", joint(Kernel("cosine"), 5)),
    "rvit": lambda: recorded(rvit_nets.rvit(), "rvit"),
    "rvit, normalised": lambda: recorded(rvit_nets.rvit(gate="linear_norm"), "rvit"),
    "am_flow": lambda: recorded(am_flow_nets.net(), "am_flow"),
    "am_flow, aligned, attention over time": lambda: recorded(
        am_flow_nets.net(aligning=True, temporal_module="transformer"), "am_flow"
    ),
    "direcformer": lambda: recorded_divided("direcformer"),
    "direcformer, cosine in time and space": lambda: recorded_divided(
        "direcformer", time="cosine", space="cosine"
    ),
    "timesformer": lambda: recorded_divided("timesformer", time="softmax", space="softmax"),
}


def recorded_divided(name: str, **settings: object) -> Trace:
    model = nets.net(**settings)
    with torch.inference_mode(), record(model) as attentions:
        model(nets.clip(1))
    return trace_of(name, *attentions)


@pytest.mark.parametrize("kind", TRACES)
def test_the_browser_computes_the_rows_that_core_computes(page, kind: str) -> None:
    trace = TRACES[kind]()
    page.evaluate(
        LOAD, [(FOLDER / "maths.js").read_text(), base64.b64encode(packing.pack(trace)).decode()]
    )
    steps, h, w = trace.grid
    compared = 0
    for tap in packing.space_taps(trace):
        for attention in explain.over_space(trace, tap):
            for view in explain.views(trace, tap):
                for head in (0, attention.heads - 1, "mean", "max"):
                    for patch in ((0, 0, 0), (steps - 1, h - 1, 1), (1, 1, w - 1)):
                        expected = explain.hover(trace, attention.layer, head, patch, view, tap)
                        found = np.array(
                            page.evaluate(ROW, [tap, attention.layer, view, head, patch])
                        ).reshape(trace.grid)
                        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
                        # Unnormalised rows are of any size.
                        scale = max(1.0, float(np.nanmax(np.abs(expected))))
                        np.testing.assert_allclose(found, expected, atol=1e-3 * scale)
                        compared += 1
    assert compared >= 12


def test_the_mass_and_extent_of_a_row_by_hand(page) -> None:
    page.evaluate(
        LOAD,
        [
            (FOLDER / "maths.js").read_text(),
            base64.b64encode(packing.pack(TRACES["joint cosine"]())).decode(),
        ],
    )
    result = page.evaluate("""() => {
        const {massCut, extent, shares} = window.maths;
        const row = Float32Array.from([0.5, -0.25, NaN, 0.125, 0.125, 0]);
        return [[1, 0.9, 0.75, 0.5, 0.1].map(share => massCut(row, share)), extent(row),
          [...shares(row, 2)],
                massCut(Float32Array.from([0, 0]), 0.5), extent(Float32Array.from([NaN]))];
    }""")
    cuts, extent, shares, none, unseen = result
    assert cuts == [0, 0.125, 0.25, 0.5, 0.5] and none == 0
    assert extent == {"low": -0.25, "high": 0.5, "top": 0.5} and unseen == {
        "low": 0,
        "high": 0,
        "top": 0,
    }
    np.testing.assert_allclose(shares, [0.75, 0.25])


def mounted(chromium, payloads: list[bytes]):
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.set_content(
        (FOLDER / "viewer.html").read_text() + f"<style>{styles(FOLDER / 'viewer.css')}</style>"
    )
    encoded = [base64.b64encode(p).decode() for p in payloads]
    page.evaluate(HARNESS, [bundle(FOLDER / "viewer.js"), encoded])
    page.wait_for_selector("[data-testid=attention-viewer][data-layer]")
    return page


def explained(trace: Trace) -> bytes:
    """A payload with the texts that the app sends."""
    return packing.pack(trace, help_texts=VIEWER_HELP)


def test_a_layer_is_asked_for_once_and_then_kept(chromium) -> None:
    trace = recorded(rvit_nets.rvit(), "rvit")
    page = mounted(chromium, [packing.pack(trace, layers) for layers in ([1], [0], [])])
    page.wait_for_selector("[data-ready=true]")
    layer = page.locator("[data-control=layer] input")
    move = "(node, at) => { node.value = at; node.dispatchEvent(new Event('input')); }"
    layer.evaluate(move, 0)
    page.wait_for_selector("[data-ready=false]")
    assert page.locator("[data-part=wait]").inner_text() == "Fetching layer 1 …"
    assert page.evaluate("window.asked") == [["need", {"layer": 0}]]
    page.evaluate("window.send(1)")
    page.wait_for_selector("[data-ready=true]")
    for at in (1, 0, 1, 0):
        layer.evaluate(move, at)
    page.evaluate("window.send(2)")  # a rerun sends the clip alone: nothing is lost
    page.wait_for_timeout(200)
    assert page.evaluate("window.asked") == [["need", {"layer": 0}]]
    values = page.evaluate(
        "[...document.querySelector('[data-testid=attention-viewer]').attentionRow().values]"
    )
    expected = explain.spatial(trace, 0)
    np.testing.assert_allclose(
        np.array(values).reshape(trace.grid), expected, atol=1e-3 * expected.max()
    )
    page.close()


def test_gradcam_follows_the_best_class_from_clip_to_clip_until_one_is_chosen(chromium) -> None:
    """Class "b" is the best of the first clip, "a" of the second."""
    first = recorded_divided("direcformer")
    second = replace(first, logits=first.logits[::-1].copy())
    cams = [explain.GradCam(np.ones(first.grid, np.float32), target, 0.5) for target in (0, 1)]
    other = replace(second, card=replace(second.card, labels=("c", "d")), logits=second.logits * 2)
    page = mounted(
        chromium, [packing.pack(trace, gradcams=cams) for trace in (first, second, other)]
    )
    title, clips = page.locator("[data-part=title]"), iter((1, 0, 1, 2))
    page.locator("[data-control=query] button[data-value=gradcam]").click()
    assert "evidence for “b”" in title.inner_text()
    for best in ("a", "b"):
        page.evaluate("window.send", next(clips))
        page.wait_for_function(
            "best => document.querySelector('[data-part=title]').innerText.includes(best)",
            arg=f"evidence for “{best}”",
        )
    page.locator("[data-control=target] select").select_option("1")
    page.evaluate("window.send", next(clips))
    page.wait_for_function("document.querySelector('[data-control=target] select').value === '1'")
    page.wait_for_timeout(300)
    assert "evidence for “b”" in title.inner_text(), "what was chosen stays"
    page.evaluate("window.send", next(clips))
    # The choice is not taken over among other classes.
    page.wait_for_function(
        "document.querySelector('[data-part=title]').innerText.includes('evidence for “c”')"
    )
    assert page.evaluate("window.asked") == []
    page.close()


def test_views_and_queries_explain_themselves_with_the_equation_at_hand(chromium) -> None:
    softmax, cosine = "a = softmax(q·kᵀ / √d)", "a = q·k / (‖q‖ ‖k‖)"
    page = mounted(chromium, [explained(recorded_divided("direcformer"))])
    tip = "node => getComputedStyle(node, '::after').content"
    expected = {
        "space x time": (f"space: {softmax}", f"time: {cosine}"),
        "time": (cosine,),
        "space": (softmax,),
        "cls": ("the class token looks",),
        "mean": ("on average",),
        "patch": ("Escape",),
        "gradcam": ("∂y/∂A",),
        "no": ("own colour",),
        "yes": ("blended",),
    }
    for name, parts in expected.items():
        button = page.locator(f".av-bar button[data-value='{name}']")
        button.hover()
        shown = button.evaluate(tip)
        assert all(part in shown for part in parts), shown
        assert page.get_by_role("button", name=button.inner_text(), exact=True).count() == 1, (
            "the tip is no part of its name"
        )
    for name in ("opacity", "colours", "scale", "mass"):
        assert page.locator(f"[data-control={name}] [data-tip]").count() == 1
    assert f"the class is read.\n{softmax}" in page.locator(
        "[data-part=title] strong"
    ).get_attribute("data-tip")
    page.close()
    for kernel, words in (
        (Kernel("linear"), "not normalised"),
        (Kernel("linear", normalised=True), "its row’s sum"),
    ):
        page = mounted(chromium, [explained(trace_of("far", joint(kernel, 5)))])
        page.locator("[data-part=stage]").click(position={"x": 5, "y": 5})
        shown = page.locator("[data-part=title] strong").get_attribute("data-tip")
        assert (
            "all patches of all frames" in shown and "φ(x) = ELU(x) + 1" in shown and words in shown
        )
        page.close()


def test_groups_are_drawn_as_what_cannot_be_seen_and_tokens_cover_two_frames(
    chromium, screenshots
) -> None:
    kernel = Kernel("softmax", 0.4)
    page = mounted(
        chromium, [packing.pack(trace_of("far", joint(kernel, 5), checkerboard(kernel, 5), unit=2))]
    )
    assert page.locator("[data-control=view]").count() == 0, "joint attention has one view"
    assert page.locator(".av-thumb").count() == 2 * T
    page.locator("[data-control=tap] select").select_option("local")
    page.locator(".av-thumb canvas").nth(3).click(position={"x": 5, "y": 5})
    assert page.locator("section").get_attribute("data-query") == "1,0,0"
    title = page.locator("[data-part=title] p").all_inner_texts()
    assert title == [
        "Joint layer 1, average of heads",
        "patch at row 1, column 1, frames 3–4 · 0.50–0.75 s",
    ]
    values = np.array(
        page.evaluate("[...document.querySelector('section').attentionRow().values]")
    ).reshape(T, H, W)
    assert np.isnan(values[:, 0, 1]).all() and np.isnan(values).sum() == T * (H * W // 2)
    assert page.locator("[data-part=unseen]").is_visible()
    when = page.locator("[data-part=values] > div").nth(2)
    assert when.locator("dd").inner_text() == "frames 3–4, 0.50–0.75 s"
    assert when.get_attribute("title") == "token 15"
    page.screenshot(path=screenshots / "viewer-groups.png")
    page.close()


def test_models_without_places_in_time_ask_each_frame_and_choose_their_frame_map(
    chromium, screenshots
) -> None:
    trace = recorded(rvit_nets.rvit(), "rvit")
    page = mounted(chromium, [packing.pack(trace)])
    page.wait_for_selector("[data-ready=true]")
    made = page.locator("[data-part=matrix-title] p").all_inner_texts()[1]
    assert made == "by memory, computed beside the network, after the clip"
    page.locator("[data-control=times] select").select_option("space_frames")
    matrix = page.evaluate("[...document.querySelector('section').frameMatrix().values]")
    np.testing.assert_allclose(
        np.array(matrix).reshape(nets.T, nets.T),
        explain.temporal(trace, tap="space_frames"),
        atol=1e-5,
    )
    page.locator("[data-part=stage]").click(position={"x": 5, "y": 5})
    assert page.locator("[data-part=raw]").inner_text().endswith("rows do not sum to 1"), (
        "a linear gate is not normalised"
    )
    title = page.locator("[data-part=title] p").all_inner_texts()
    assert title[0].startswith("Each frame separately") and title[1].startswith(
        "patch at row 1, column 1"
    )
    page.screenshot(path=screenshots / "viewer-each-frame.png")
    page.close()


def test_colours_are_neutral_at_zero_and_stand_for_the_scale_that_is_chosen(chromium) -> None:
    """One key is attracted, one repelled, one neither.

    At full opacity they are painted red, blue and grey.
    """
    tokens = torch.arange(3)[None]
    q, k = (
        torch.tensor([[[[1.0, 0.0]] * 3]]),
        torch.tensor([[[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]]]),
    )
    attention = Attention(
        "global", 0, Axis.JOINT, Kernel("cosine"), q, k, Layout(tokens, tokens, (1, 1, 3))
    )
    page = mounted(chromium, [packing.pack(trace_of("far", attention, unit=2))])
    page.locator("[data-control=opacity] input").evaluate(
        "(node) => { node.value = 1; node.dispatchEvent(new Event('input')); }"
    )
    page.locator("[data-control=query] button[data-value=mean]").click()
    pixels = page.evaluate("""() => {
        const stage = document.querySelector('[data-part=stage]');
        return [1, 3, 5].map(part => [...stage.getContext('2d').getImageData(stage.width * part /
          6, stage.height / 2, 1, 1).data]);
    }""")
    (red, _, less_blue, _), (less_red, _, blue, _), _ = pixels
    assert red > less_blue + 80 and blue > less_red + 80
    assert (
        page.locator("[data-part=low]").inner_text() == "−1"
        and page.locator("[data-part=high]").inner_text() == "1"
    )
    page.close()
