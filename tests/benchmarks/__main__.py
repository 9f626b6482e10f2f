"""Measure speed: python -m tests.benchmarks [NAME ...] [--visitors N] [--minutes M].

It prints one line a figure; nothing here passes or fails. On a shared machine only
ratios within one run mean much.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.attributions import attributions
from tests.benchmarks.data_set import bfloat16, looped, workers
from tests.benchmarks.sessions import sessions
from tests.benchmarks.strangers import strangers
from tests.benchmarks.training import training
from tests.benchmarks.uploads import uploads
from tests.benchmarks.viewer import viewer, viewer_large

ROOT = Path(__file__).parents[2]
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
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
        yield (
            f"hamiltonian_path T={T}",
            1000 * best(lambda matrix=matrix: hamiltonian_path(matrix), repeats),
            "ms",
        )


def rendering() -> Iterator[tuple[str, float, str]]:
    """Rendered clips a second on one core, scenery already drawn: the aim is 300."""
    import cv2

    from core.world.gestures import LABELS, render

    cv2.setNumThreads(1)
    for _ in range(2):  # the first round draws the scenery
        start = time.perf_counter()
        for i in range(300):
            render(LABELS[i % 10], i, frames=16, size=(112, 112))
        rate = 300 / (time.perf_counter() - start)
    yield "render, 16 frames at 112 px", rate, "clips/s"


def recording() -> Iterator[tuple[str, float, str]]:
    """Recording against a plain forward pass: the median ratio of 11 alternating pairs.

    Aims: 1.05 (direcformer) and 1.10.
    """
    import torch

    from core.models import build
    from core.trace import record

    torch.set_num_threads(THREADS)
    held = {}
    for name, preset, dtypes in (
        ("direcformer", "b", (torch.float32, torch.float16)),
        ("far", "b", (torch.float16,)),
        ("am_flow", "dinov2_b", (torch.float16,)),
    ):
        model = build(name, preset)
        video = torch.randn(1, 3, model.frames, model.size, model.size)

        def plain(model: torch.nn.Module = model, video: torch.Tensor = video) -> None:
            model(video)

        def recorded(
            dtype: torch.dtype, model: torch.nn.Module = model, video: torch.Tensor = video
        ) -> None:
            with record(model, dtype) as attentions:
                model(video)
            held["bytes"] = sum(
                x.untyped_storage().nbytes() for a in attentions for x in (a.q, a.k)
            )

        with torch.inference_mode():
            for dtype in dtypes:
                plain(), recorded(dtype)
                ratios = [
                    best(lambda dtype=dtype, run=recorded: run(dtype), 1) / best(plain, 1)
                    for _ in range(11)
                ]
                kind = f"{name} {preset}, {str(dtype).removeprefix('torch.')}"
                yield f"recording / plain forward, {kind}", statistics.median(ratios), "x"
                yield f"memory held by a recording, {kind}", held["bytes"] / 1e9, "GB"


def library() -> Iterator[tuple[str, float, str]]:
    """All layers recorded and the last mean map computed, against transformers' VideoMAE.

    There `output_attentions` is on, and every map is written to memory: 1.4 GB. Same weights and
    clip. In bfloat16 are the products of the network, as with `explain-set --precision`.

    Aims: 2.5 x faster and 0.3 x the extra memory.
    """
    import torch
    import transformers

    from core.models import build
    from core.trace import record
    from core.weights.public import load_public

    torch.set_num_threads(THREADS)
    theirs = transformers.VideoMAEForVideoClassification(
        transformers.VideoMAEConfig(num_labels=400)
    ).eval()
    theirs.set_attn_implementation("eager")
    ours = build("videomae", "b")
    report = load_public(ours, theirs.state_dict())
    if report.missing or report.mismatched:
        raise SystemExit(f"the weights do not fit: {report.missing} {report.mismatched}")
    video = torch.randn(1, 3, 16, 224, 224)
    kept, maps = {}, {}

    def in_half(precision: str) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def library_way(precision: str) -> None:
        with in_half(precision):
            attentions = theirs(video.transpose(1, 2), output_attentions=True).attentions
        kept[precision] = sum(a.untyped_storage().nbytes() for a in attentions)
        maps["theirs", precision] = attentions[-1].mean(1).mean(1)[0]

    def our_way(precision: str) -> None:
        with record(ours, torch.float16) as attentions, in_half(precision):
            ours(video)
        kept["ours"] = sum(x.untyped_storage().nbytes() for a in attentions for x in (a.q, a.k))
        maps["ours", precision] = attentions[-1].map("mean")[0].mean(0)

    both = ("float32", "bfloat16")
    with torch.inference_mode():
        rounds = [
            {
                (way.__name__, precision): best(partial(way, precision), 1)
                for way in (library_way, our_way)
                for precision in both
            }
            for _ in range(6)  # the first warms up
        ]
    for theirs_in, ours_in in (both[:1] * 2, both, both[1:] * 2):
        ratio = statistics.median(
            times["library_way", theirs_in] / times["our_way", ours_in] for times in rounds[1:]
        )
        yield f"output_attentions in {theirs_in} / ours recorded in {ours_in}", ratio, "x"
    exact = maps["theirs", "float32"]
    for precision in both:
        far = ((maps["ours", precision] - exact).abs() / exact).max()
        yield f"largest difference of a mean weight, {precision}", 1000 * float(far), "/ 1000"
    yield "memory of our factors / of their maps", kept["ours"] / kept["float32"], "x"


def computation() -> Iterator[tuple[str, float, str]]:
    """FAR's claim of less computation: operations counted, and wall time against VideoMAE.

    Aims: 1.10 and 1.35.
    """
    import torch

    from core.models import build
    from core.models.count import count

    torch.set_num_threads(THREADS)
    for name in ("videomae", "far"):
        yield f"{name} b, operations", count(name, "b", classes=174).macs / 1e9, "GMAC"
    base = build("videomae", "b", classes=174)
    bare, full = build("far", "b", classes=174, interaction="none"), build("far", "b", classes=174)
    video = torch.randn(1, 3, 16, 224, 224)
    with torch.inference_mode():
        for model in (base, bare, full):
            model(video)
        rows = [[best(lambda m=m: m(video), 1) for m in (base, bare, full)] for _ in range(7)]
    yield (
        "far b without interaction / videomae b",
        statistics.median(b / a for a, b, _ in rows),
        "x",
    )
    yield "far b with interaction / videomae b", statistics.median(c / a for a, _, c in rows), "x"
    yield (
        "share of the interaction in far b",
        statistics.median((c - b) / c for _, b, c in rows),
        "",
    )
    with torch.inference_mode(), torch.profiler.profile() as profile:
        full(video)
    spent = {e.key: e.self_cpu_time_total for e in profile.key_averages()}
    moved = sum(v for k, v in spent.items() if k.startswith(("aten::index", "aten::gather")))
    yield "share of the gathers in far b", moved / sum(spent.values()), ""


def gradcam() -> Iterator[tuple[str, float, str]]:
    """GradCAM against one forward and backward: the aim is 1.1."""
    import torch

    from core.explain import gradcam as cam
    from core.observe import to_input
    from core.weights import load
    from core.world.gestures import render, rendered_clip

    torch.set_num_threads(THREADS)
    model = load("direcformer")
    card = model.card
    clip = rendered_clip(render("tick", 0, frames=card.frames))
    video = to_input(card, clip)[1]

    def both() -> None:
        x = model.net(video)
        torch.autograd.grad(
            x[0, 2], [p for p in model.parameters() if p.requires_grad], allow_unused=True
        )

    both(), cam(model, clip, 2)
    ratios = [best(lambda: cam(model, clip, 2), 1) / best(both, 1) for _ in range(11)]
    yield "GradCAM / forward and backward", statistics.median(ratios), "x"


def commands() -> Iterator[tuple[str, float, str]]:
    """`order` and `explain` on every file: best of 3, the slowest gesture clip; the aim is 6 s."""
    if not CLIPS.is_dir():
        print(f"skipped commands: no clips at {CLIPS}", file=sys.stderr)
        return
    files = sorted(
        p for p in CLIPS.rglob("*") if p.suffix in {".mp4", ".webm", ".mkv", ".avi", ".gif"}
    )
    timed = sorted((CLIPS / "gestures").rglob("*.mp4"))[::20]
    with tempfile.TemporaryDirectory() as out:
        for name, extra in (("order", ["--seed", "0"]), ("explain", ["--out", out])):

            def run(file: Path, name: str = name, extra: list[str] = extra) -> None:
                command = [sys.executable, "-m", "core", name, str(file), "--json", *extra]
                ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
                if ran.returncode:
                    raise SystemExit(f"{name} failed on {file}: {ran.stderr}")
                json.loads(ran.stdout)

            for file in files:
                run(file)
            yield f"{name} works on", len(files), "files"
            yield (
                f"{name}, slowest of {len(timed)} gesture clips",
                max(best(lambda f=f: run(f), 3) for f in timed),
                "s",
            )


def plainly(file: Path, frames: int, size: int) -> list[np.ndarray]:
    """Evenly spaced frames by the plainest decoding: all of them, one after the other."""
    import av
    import cv2

    with av.open(str(file)) as container:
        every = list(container.decode(video=0))
    chosen = [every[(2 * i + 1) * len(every) // (2 * frames)] for i in range(frames)]
    return [
        cv2.resize(frame.to_ndarray(format="rgb24"), (size, size), interpolation=cv2.INTER_AREA)
        for frame in chosen
    ]


def folders() -> Iterator[tuple[str, float, str]]:
    """A clip of a folder, read for training, against the plainest decoding: the aim is 1.

    Training reads in its own processes; only uploads to the app are decoded apart. The median of 60
    clips, or of a rendered one where there are no real ones.
    """
    import cv2

    from core.draw.overlay import write_mp4
    from core.video import decode_at
    from core.video.sampling import uniform_indices
    from core.world.gestures import render

    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "star.mp4"
        write_mp4(rendered, render("star", 4, frames=48, size=(240, 320)).frames, 12)
        real = sorted((CLIPS / "gestures").rglob("*.mp4"))[:60] if CLIPS.is_dir() else []

        def shrunk(image: np.ndarray) -> np.ndarray:
            return cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)

        def read(file: Path) -> object:
            return decode_at(file, lambda t, _, __: uniform_indices(len(t), 8), shrink=shrunk)

        for name, files in (("rendered", [rendered] * 15), ("real", real)):
            ratios = [
                best(lambda file=file: read(file), 3)
                / best(lambda file=file: plainly(file, 8, 112), 3)
                for file in files
            ]
            if ratios:
                yield (
                    f"clips of a folder, {name} / decoding plainly",
                    statistics.median(ratios),
                    "x",
                )


def apart() -> Iterator[tuple[str, float, str]]:
    """What it costs to probe and decode a file in a process of its own: medians of 15."""
    from core.draw.overlay import write_mp4
    from core.video import decode, probe
    from core.video.apart import _spares, decode_apart, keep_ready, probe_apart
    from core.world.gestures import render

    def median(run: Callable[[], object]) -> float:
        times = []
        for _ in range(15):
            keep_ready()
            time.sleep(1.5)  # the process that waits has been read by then, as between two clicks
            times.append(best(run, 1))
        return 1000 * statistics.median(times)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "star.mp4"
        write_mp4(file, render("star", 4, frames=48, size=(480, 640)).frames, 12)
        yield "probe, 640 x 480", median(lambda: probe(file)), "ms"
        yield "probe apart", median(lambda: probe_apart(file)), "ms"
        yield "decode 8 frames", median(lambda: decode(file)), "ms"
        yield "decode 8 frames apart", median(lambda: decode_apart(file)), "ms"
        while not _spares.empty():
            _spares.get().kill()
        yield "probe apart, no process ready", 1000 * best(lambda: probe_apart(file), 1), "ms"


BENCHMARKS = {
    f.__name__: f
    for f in (
        path,
        rendering,
        recording,
        library,
        computation,
        gradcam,
        attributions,
        looped,
        bfloat16,
        workers,
        commands,
        apart,
        folders,
        training,
        viewer,
        viewer_large,
        sessions,
        uploads,
        strangers,
    )
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(BENCHMARKS))
    parser.add_argument("--visitors", type=int, default=40, help="of sessions (40)")
    parser.add_argument("--minutes", type=float, default=5.0, help="of sessions (5)")
    given = parser.parse_args()
    BENCHMARKS["sessions"] = partial(sessions, given.visitors, given.minutes)
    for benchmark in given.names or BENCHMARKS:
        for label, value, unit in BENCHMARKS[benchmark]():
            print(f"{label:55} {value:10.3f} {unit}", flush=True)
