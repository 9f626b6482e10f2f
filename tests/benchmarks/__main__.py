"""Measure speed: python -m tests.benchmarks [NAME ...]. Prints one line a figure; nothing here passes or fails.

On a shared machine only ratios within one run mean much.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
CLIPS = Path(os.environ.get("AIM_CLIPS", ROOT.parent / "shared" / "clips"))


def best(run: Callable[[], object], repeats: int) -> float:
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def path() -> Iterator[tuple[str, float, str]]:
    """hamiltonian_path on random matrices: aims are 1 ms at T = 8 and 100 ms at T = 16."""
    from core.order import hamiltonian_path

    rng = np.random.default_rng(0)
    for T, repeats in ((8, 200), (16, 7)):
        matrix = rng.standard_normal((T, T))
        hamiltonian_path(matrix)
        yield f"hamiltonian_path T={T}", 1000 * best(lambda matrix=matrix: hamiltonian_path(matrix), repeats), "ms"


def rendering() -> Iterator[tuple[str, float, str]]:
    """Rendered clips a second on one core, scenery already drawn: the aim is 300."""
    import cv2

    from core.gestures import LABELS, render

    cv2.setNumThreads(1)
    for _ in range(2):  # the first round draws the scenery
        start = time.perf_counter()
        for i in range(300):
            render(LABELS[i % 10], i, frames=16, size=(112, 112))
        rate = 300 / (time.perf_counter() - start)
    yield "render, 16 frames at 112 px", rate, "clips/s"


def recording() -> Iterator[tuple[str, float, str]]:
    """Recording against a plain forward of direcformer b, median ratio of 11 alternating pairs: the aim is 1.05."""
    import torch

    from core.models import build
    from core.trace import record

    torch.set_num_threads(2)
    model = build("direcformer", "b")
    video = torch.randn(1, 3, 8, 224, 224)

    def plain() -> None:
        model(video)

    held = {}

    def recorded(dtype: torch.dtype) -> None:
        with record(model, dtype) as attentions:
            model(video)
        held[dtype] = sum(x.untyped_storage().nbytes() for a in attentions for x in (a.q, a.k))

    with torch.inference_mode():
        for dtype in (torch.float32, torch.float16):
            plain(), recorded(dtype)
            ratios = [best(lambda dtype=dtype: recorded(dtype), 1) / best(plain, 1) for _ in range(11)]
            yield f"recording / plain forward, {dtype}", statistics.median(ratios), "x"
            yield f"memory held by a recording, {dtype}", held[dtype] / 1e9, "GB"


def commands() -> Iterator[tuple[str, float, str]]:
    """`order` and `explain` on every file: best of 3, the slowest gesture clip; the aim is 6 s."""
    if not CLIPS.is_dir():
        print(f"skipped commands: no clips at {CLIPS}", file=sys.stderr)
        return
    files = sorted(p for p in CLIPS.rglob("*") if p.suffix in {".mp4", ".webm", ".mkv", ".avi", ".gif"})
    timed = sorted((CLIPS / "gestures").rglob("*.mp4"))[::20]
    with tempfile.TemporaryDirectory() as out:
        for name, extra in (("order", ["--seed", "0"]), ("explain", ["--out", out])):
            def run(file: Path, name: str = name, extra: list[str] = extra) -> None:
                done = subprocess.run([sys.executable, "-m", "core", name, str(file), "--model", "direcformer", "--json", *extra],
                                      cwd=ROOT, capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(f"{name} failed on {file}: {done.stderr}")
                json.loads(done.stdout)

            for file in files:
                run(file)
            yield f"{name} works on", len(files), "files"
            yield f"{name}, slowest of {len(timed)} gesture clips", max(best(lambda f=f: run(f), 3) for f in timed), "s"


BENCHMARKS = {f.__name__: f for f in (path, rendering, recording, commands)}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or BENCHMARKS:
        for label, value, unit in BENCHMARKS[chosen]():
            print(f"{label:55} {value:10.3f} {unit}", flush=True)
