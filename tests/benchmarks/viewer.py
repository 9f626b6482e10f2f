"""The viewer in a real Chromium: how soon it paints, what it sends, what it holds."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.browser.conftest import CHROMIUM, FLAGS, started

VIEWER = "[data-testid=attention-viewer]"
WORK = """async ([selector, kind, times]) => {
    const root = document.querySelector(selector);
    const part = name => root.querySelector(name);
    const [stage, frame] = [part('[data-part=stage]'), part('[data-part=frame]')];
    const [layer, head] = [part('[data-control=layer] input'), part('[data-control=head] select')];
    const {left, top, width, height} = stage.getBoundingClientRect();
    const set = (node, value, name) => { node.value = value; node.dispatchEvent(new Event(name)); };
    const spent = [];
    for (let i = 0; i < times; i++) {
        const began = performance.now();
        if (kind === 'hover') stage.dispatchEvent(new PointerEvent('pointermove', {bubbles: true,
            clientX: left + width * ((i * 7) % 14 + 0.5) / 14, clientY: top + height * ((i * 5) %
              13 + 0.5) / 13}));
        if (kind === 'layer') set(layer, i % (Number(layer.max) + 1), 'input');
        if (kind === 'head') { head.selectedIndex = i % head.length; head.dispatchEvent(new
          Event('change')); }
        if (kind === 'frame') set(frame, i % (Number(frame.max) + 1), 'input');
        // painted, not queued
        for (const canvas of root.querySelectorAll('canvas'))
          canvas.getContext('2d').getImageData(0, 0, 1, 1);
        spent.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    return spent;
}"""
NEW_CLIP = """() => {
    const root = document.querySelector('[data-testid=attention-viewer]');
    const before = root.attentionRow().values;
    window.painted = new Promise(done => document.addEventListener('keydown', event => {
        if (event.key !== 'Enter') return;
        const began = performance.now();
        const look = () => {
            const now = document.querySelector('[data-testid=attention-viewer]');
            const row = now?.attentionRow?.();
            if (row && row.values !== before && now.dataset.ready === 'true')
              done(performance.now() - began);
            else requestAnimationFrame(look);
        };
        look();
    }, {once: true, capture: true}));
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of our own."""
    if CHROMIUM is None:
        raise SystemExit("no Chromium here: install the package 'chromium'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def ready(page: Any) -> None:
    page.wait_for_selector(f"{VIEWER}[data-ready=true]", timeout=120_000)


def viewer() -> Iterator[tuple[str, float, str]]:
    """The shipped models in the app.

    Aims: start 10 s; clip 1.5 s; hover 16 ms, 95 % 33 ms; layer, head, frame 50 ms; no message.
    """
    with tempfile.TemporaryDirectory() as runs, chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        sent: list[object] = []
        page.on(
            "websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame))
        )
        began = time.perf_counter()
        with started(Path(runs)) as address:
            page.goto(f"{address}/?label=carret&seed=13")
            ready(page)
            yield (
                "cold start of the app to the first painted heat map",
                time.perf_counter() - began,
                "s",
            )
            page.get_by_text("Through space and time").wait_for(timeout=60_000)
            page.wait_for_timeout(3000)
            waits = []
            for seed in (101, 102, 103, 104, 105):
                box = page.get_by_role("spinbutton", name="Seed")
                box.fill(str(seed))
                page.evaluate(NEW_CLIP)
                box.press("Enter")
                waits.append(page.evaluate("window.painted") / 1000)
                page.wait_for_timeout(3000)
            yield (
                "new clip chosen to its first painted heat map, median",
                statistics.median(waits),
                "s",
            )
            yield "new clip chosen to its first painted heat map, longest", max(waits), "s"
            sent.clear()
            for kind, times in (("hover", 300), ("layer", 60), ("head", 60), ("frame", 60)):
                spent = page.evaluate(WORK, [VIEWER, kind, times])
                yield f"{kind} to painted row, median", statistics.median(spent), "ms"
                yield f"{kind} to painted row, 95 %", float(np.percentile(spent, 95)), "ms"
            page.wait_for_timeout(500)
            yield "messages sent to the server meanwhile", len(sent), ""


def viewer_large() -> Iterator[tuple[str, float, str]]:
    """FAR in the paper's size, 1568 tokens.

    Aims: hover 50 ms; 6 MB a layer; with all layers, 200 MB over the empty page.
    """
    import torch

    from assets import ASSETS
    from core.draw import packing
    from core.draw.bundle import bundle, styles
    from core.models import build
    from core.observe import observe
    from core.weights import Card, Model
    from core.world.gestures import LABELS, render, rendered_clip

    torch.manual_seed(0)
    net = build("far", "b", classes=len(LABELS))
    card = Card(
        "far",
        "b",
        LABELS,
        (0.5,) * 3,
        (0.5,) * 3,
        net.size,
        net.frames,
        "uniform",
        "fit",
        "nothing",
    )
    trace = observe(
        Model(net, card), rendered_clip(render("star", 3, frames=net.frames)), torch.float16
    )
    layers = packing.layers_of(trace)
    bare = len(packing.pack(trace, []))
    payloads = [packing.pack(trace), *(packing.pack(trace, [layer]) for layer in layers[:-1])]
    yield "largest layer", (max(map(len, payloads)) - bare) / 1e6, "MB"
    yield "first payload", len(payloads[0]) / 1e6, "MB"
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        html = f"<style>{styles(ASSETS / 'viewer/viewer.css')}</style><main></main>"
        page.route(
            "http://viewer.test/**",
            lambda route: route.fulfill(body=html, content_type="text/html"),
        )
        page.route(
            "http://viewer.test/*.bin",
            lambda route: route.fulfill(body=payloads[int(Path(route.request.url).stem)]),
        )
        page.goto("http://viewer.test/")
        session = page.context.new_cdp_session(page)

        def held() -> float:
            session.send("HeapProfiler.collectGarbage")
            found = session.send("Runtime.getHeapUsage")
            return (
                found["usedSize"]
                + found.get("backingStorageSize", 0)
                + found.get("embedderHeapUsedSize", 0)
            ) / 1e6

        empty = held()
        page.evaluate(
            """async ([html, source]) => {
            document.querySelector('main').innerHTML = html;
            const {default: mount} = await import(URL.createObjectURL(new Blob([source], {type:
              'text/javascript'})));
            const bytes = async index => (await fetch(`/${index}.bin`)).arrayBuffer();
            window.send = async index => mount({parentElement: document.body,
                setTriggerValue: () => {}, data: new Uint8Array(await bytes(index))});
        }""",
            [(ASSETS / "viewer/viewer.html").read_text(), bundle(ASSETS / "viewer/viewer.js")],
        )
        page.evaluate("window.send(0)")
        ready(page)
        spent = page.evaluate(WORK, [VIEWER, "hover", 100])
        yield "hover to painted row, median", statistics.median(spent), "ms"
        yield "hover to painted row, 95 %", float(np.percentile(spent, 95)), "ms"
        yield "heap and array buffers over the empty page, one layer", held() - empty, "MB"
        for index in range(1, len(payloads)):
            page.evaluate("index => window.send(index)", index)
            page.wait_for_timeout(200)
        page.evaluate(WORK, [VIEWER, "layer", len(layers)])
        yield (
            f"heap and array buffers over the empty page, all {len(layers)} layers",
            held() - empty,
            "MB",
        )
