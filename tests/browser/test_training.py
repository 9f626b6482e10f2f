"""The Training page in a real Chromium.

What is tested: the history, a run from start to use, and the comparison of runs.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.runs import is_claimed
from core.weights import embedded, file_hash
from tests.browser.accessibility import barriers
from tests.browser.test_downloads import menu, taken
from tests.browser.waiting import SIZES, appearances, drawn, go_to, linked, photographed, settled

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def clean(runs_folder: Path) -> Iterator[None]:
    yield
    shutil.rmtree(runs_folder, ignore_errors=True)


def opened(chromium, address: str):
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.get_by_role("heading", name="What it sees").wait_for()
    settled(page)
    go_to(page, "Training")
    page.get_by_text("Train a model").wait_for()
    settled(page)
    return page


def a_run(
    folder: Path, name: str, clips: int, seen: int, rate: float, files: dict[str, str]
) -> None:
    """A run folder as `python -m training fit` leaves it."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "recipe.json").write_text(
        json.dumps({"name": "direcformer_gesture", "clips": clips, "stills_clips": 0, "seed": 0})
    )
    rows = []
    for at in range(1200, seen + 1, 1200):
        learned = 1 - math.exp(-at * rate)
        wave = 0.03 * math.sin(at / 700)
        rows.append(
            {
                "stage": "video",
                "step": at // 24,
                "clips": at,
                "lr": 3e-4 * (1 + math.cos(math.pi * at / clips)),
                "clips_per_second": 20 + 3 * math.sin(at / 900),
                "loss": 7 - 4 * learned + wave,
                "top1": 0.1 + 0.85 * learned + wave,
                "directed_last": -0.45 * learned**2 + wave,
                "rank": 2.08 - 1.3 * learned,
                "order": 6.9 - 0.3 * learned,
                "fingertip_hit": 0.1 + 0.7 * learned + wave,
            }
        )
        if at % 4800 == 0:
            rows.append(
                {
                    "stage": "video",
                    "step": at // 24,
                    "clips": at,
                    "validation_top1": 0.1 + 0.8 * learned,
                }
            )
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for file, text in files.items():
        (path / file).write_text(text)
    for file in path.iterdir():
        os.utime(file, (time.time(), time.time() - 60 * len(name)))


def pictures(page, path: Path, name: str) -> None:
    for size, ending in appearances(page):
        assert size != SIZES[0] or barriers(page) == [], (
            f"{ending}: cannot be read or used by everyone"
        )
        photographed(page, path / f"{name}-{ending}", size)


@pytest.mark.long
def test_the_page_is_complete_with_runs_and_without(
    address: str, chromium, screenshots: Path, runs_folder: Path
) -> None:
    page = opened(chromium, address)
    page.get_by_text("No run yet").wait_for()
    page.locator("[data-testid=stDataFrame] >> visible=true").nth(1).wait_for()
    pictures(page, screenshots, "training-history")
    page.close()

    a_run(runs_folder, "cosine", 48_000, 48_000, 6e-5, {"model.safetensors": ""})
    a_run(runs_folder, "wide_batch", 48_000, 31_200, 3e-5, {})
    a_run(
        runs_folder,
        "too_fast_a_rate",
        48_000,
        9_600,
        9e-5,
        {
            "end.json": json.dumps(
                {
                    "state": "failed",
                    "error": "the loss is not finite at step 412 (clips 9888 to 9911, learning "
                    "rate 6.00e-01); try a lower --lr",
                }
            )
        },
    )
    page = opened(chromium, address)
    drawn(page, 8, within="[class*=st-key-curve-]")
    names = page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-curve-] .js-plotly-plot')]"
        ".map(p => p._fullData.map(d => d.name))"
    )
    assert all({"cosine", "wide_batch", "too_fast_a_rate"} <= set(traces) for traces in names)
    page.get_by_text("the loss is not finite").wait_for()
    assert page.get_by_role("button", name="Resume").count() == 2
    pictures(page, screenshots, "training")
    assert page.locator("[class*=st-key-download-curve-]").count() == 8, "every curve gives files"
    inside = menu(page, "curve-top1")
    assert taken(page, inside.get_by_role("button", name="PNG"))[:4] == b"\x89PNG"
    numbers = np.load(io.BytesIO(taken(page, inside.get_by_role("button", name="NPZ"))))
    np.testing.assert_array_equal(numbers["cosine_x"], np.arange(1200, 48_001, 1200))
    assert {"wide_batch_y", "cosine_held_out_y"} <= set(
        numbers
    ) and "run cosine: recipe direcformer_gesture" in str(numbers["source"])
    page.close()


@pytest.mark.long
def test_a_finished_run_opens_in_the_other_pages(address: str, chromium, runs_folder: Path) -> None:
    a_run(runs_folder, "done", 2_400, 2_400, 6e-5, {})
    shutil.copy(embedded()["timesformer"], runs_folder / "done" / "model.safetensors")
    page = opened(chromium, address)
    page.get_by_role("button", name="Open in the other pages").click()
    page.get_by_role("heading", name="What it sees").wait_for()
    linked(page, "model=own:+done")
    page.get_by_text(file_hash(embedded()["timesformer"])).first.wait_for()
    page.close()


@pytest.mark.long
def test_a_run_that_is_started_on_the_page_goes_on_without_it_and_can_be_stopped(
    address: str, chromium, screenshots: Path, runs_folder: Path
) -> None:
    page = opened(chromium, address)
    for label, value in (("Name of the run", "quick"), ("Still clips", "0")):
        box = page.get_by_label(label, exact=True)
        box.fill(value)
        box.press("Enter")
        settled(page)
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.screenshot(path=screenshots / "training-running.png")
    page.close()
    page = opened(chromium, address)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for()
    assert not is_claimed(runs_folder / "quick")
    page.close()
