"""The Training page in a real Chromium: the history, a run from start to use, and the comparison of runs."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.lock import is_claimed
from core.weights import embedded, file_hash
from tests.browser.accessibility import barriers

pytestmark = pytest.mark.browser
SIZES = [(1440, 900), (1920, 1080)]
SCHEMES = ["light", "dark"]


@pytest.fixture(autouse=True)
def clean(runs_folder: Path) -> Iterator[None]:
    yield
    shutil.rmtree(runs_folder, ignore_errors=True)


def opened(chromium, address: str, size: tuple[int, int] = (1440, 900), scheme: str = "light"):
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(address)
    page.get_by_role("heading", name="What it sees").wait_for(timeout=60_000)
    page.get_by_role("link", name="Training").click()
    page.get_by_text("Train a model").wait_for(timeout=60_000)
    settled(page)
    return page


def settled(page) -> None:
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    page.wait_for_timeout(900)
    assert page.locator("[data-testid=stException]").count() == 0


def photographed(page, path: Path, size: tuple[int, int]) -> None:
    assert size != SIZES[0] or barriers(page) == [], "the page cannot be read or used by everyone"
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size[0], "height": max(size[1], height + 40)})
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "the page scrolls sideways"
    page.screenshot(path=path)


def a_run(folder: Path, name: str, clips: int, seen: int, rate: float, files: dict[str, str]) -> None:
    """A run folder as `python -m training fit` leaves it."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "recipe.json").write_text(json.dumps({"name": "direcformer_gesture", "clips": clips, "stills_clips": 0, "seed": 0}))
    rows = []
    for at in range(1200, seen + 1, 1200):
        learned = 1 - math.exp(-at * rate)
        wave = 0.03 * math.sin(at / 700)
        rows.append({"stage": "video", "step": at // 24, "clips": at, "lr": 3e-4 * (1 + math.cos(math.pi * at / clips)),
                     "clips_per_second": 20 + 3 * math.sin(at / 900), "loss": 7 - 4 * learned + wave, "top1": 0.1 + 0.85 * learned + wave,
                     "directed_last": -0.45 * learned ** 2 + wave, "rank": 2.08 - 1.3 * learned, "order": 6.9 - 0.3 * learned,
                     "fingertip_hit": 0.1 + 0.7 * learned + wave})
        if at % 4800 == 0:
            rows.append({"stage": "video", "step": at // 24, "clips": at, "validation_top1": 0.1 + 0.8 * learned})
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file, text in files.items():
        (path / file).write_text(text)
    for file in path.iterdir():
        os.utime(file, (time.time(), time.time() - 60 * len(name)))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_page_is_complete_with_runs_and_without(address: str, chromium, screenshots: Path, runs_folder: Path, size: tuple[int, int],
                                                    scheme: str) -> None:
    page = opened(chromium, address, size, scheme)
    page.get_by_text("No run yet").wait_for()
    page.locator("[data-testid=stDataFrame]").nth(1).wait_for()
    photographed(page, screenshots / f"training-history-{size[0]}x{size[1]}-{scheme}.png", size)
    page.close()

    a_run(runs_folder, "cosine", 48_000, 48_000, 6e-5, {"model.safetensors": ""})
    a_run(runs_folder, "wide_batch", 48_000, 31_200, 3e-5, {})
    a_run(runs_folder, "too_fast_a_rate", 48_000, 9_600, 9e-5, {
        "log.txt": "error: the loss is not finite at step 412 (clips 9888 to 9911, learning rate 6.00e-01); try a lower --lr\n"})
    page = opened(chromium, address, size, scheme)
    page.wait_for_selector(".js-plotly-plot .main-svg")
    settled(page)
    assert page.locator(".js-plotly-plot").count() == 8
    names = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(p => p._fullData.map(d => d.name))")
    assert all({"cosine", "wide_batch", "too_fast_a_rate"} <= set(traces) for traces in names)
    assert page.get_by_text("the loss is not finite").count() == 1 and page.get_by_role("button", name="Resume").count() == 2
    photographed(page, screenshots / f"training-{size[0]}x{size[1]}-{scheme}.png", size)
    page.close()


def test_a_finished_run_opens_in_the_other_pages(address: str, chromium, runs_folder: Path) -> None:
    a_run(runs_folder, "done", 2_400, 2_400, 6e-5, {})
    shutil.copy(embedded()["timesformer"], runs_folder / "done" / "model.safetensors")
    page = opened(chromium, address)
    page.get_by_role("button", name="Open in the other pages").click()
    page.get_by_role("heading", name="What it sees").wait_for(timeout=60_000)
    settled(page)
    assert "model=own%3A+done" in page.url and page.get_by_text(file_hash(embedded()["timesformer"])).count() >= 1
    page.close()


def test_a_run_that_is_started_on_the_page_goes_on_without_it_and_can_be_stopped(address: str, chromium, screenshots: Path,
                                                                                 runs_folder: Path) -> None:
    page = opened(chromium, address)
    for label, value in (("Name of the run", "quick"), ("Still clips", "0")):
        box = page.get_by_label(label, exact=True)
        box.fill(value)
        box.press("Enter")
        settled(page)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Stop").wait_for(timeout=30_000)
    page.screenshot(path=screenshots / "training-running.png")
    page.close()
    page = opened(chromium, address)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=30_000)
    assert not is_claimed(runs_folder / "quick")
    page.close()
