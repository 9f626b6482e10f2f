"""An ordinary 4K clip takes no more memory than a lecturer's laptop has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pages.parts import cached
from pages.parts.sources import VideoFile
from tests.core.video.test_video import write
from tests.pages.test_pages import ROOT

MOST = {"explore": 400, "gradcam": 500, "compare": 500, "am_flow": 400, "frame_order": 400}
"""Megabytes over the idle server, by page: two pages show the clip before several models."""
SCRIPT = """
import gc
import runpy
import sys
from pathlib import Path

import psutil
from streamlit.testing.v1 import AppTest

page, folder = sys.argv[1:]
sys.argv = ["app.py", "--clips", folder]


def run(page):
    import runpy

    import streamlit as st

    from pages.parts.choose import sidebar

    st.session_state["choice"] = sidebar()
    runpy.run_path(page)


app = AppTest.from_function(run, default_timeout=600, kwargs={"page": page})
app.session_state["model"] = "direcformer"
app.run()
gc.collect()
idle = psutil.Process().memory_info().rss
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
app.session_state["source"], app.session_state["frames"] = "folder", 24
app.run()
assert not app.exception and not app.error, [app.exception, app.error]
assert len(app.session_state["choice"].clip) == 24
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
print(round((peak - idle) / 1e6))
"""


def test_a_page_holds_frames_no_larger_than_it_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (7, 66, 88, 3), np.uint8)
    file = VideoFile(write(tmp_path / "noise.mp4", noise), is_upload=False)
    monkeypatch.setattr(cached, "LARGEST", 44)
    clip = cached.clip(file, 5, "uniform", 1, None, None)
    assert clip.size == (33, 44) and clip.seen("fit", 96).shape == (5, 96, 96, 3)
    held = clip.frames.nbytes + sum(view.nbytes for view in clip.views.values())
    assert cached._of_clip_itself(clip) == held, "the budget of the store counts all of it"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is Linux's to say")
@pytest.mark.parametrize("page", MOST)
@pytest.mark.long
def test_24_frames_of_a_4k_clip_fit_in_little_memory(page: str, tmp_path: Path) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (270, 480, 3), np.uint8)
    scene = scene.repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(scene, 16 * t, 1) for t in range(30)])
    write(tmp_path / "uhd.mp4", frames, preset="ultrafast")
    script = tmp_path / "measure.py"  # AppTest reads its source
    script.write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(script), f"pages/{page}.py", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < MOST[page]
