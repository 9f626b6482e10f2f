"""Whole data sets: against a plain loop over transformers, and two workers against one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
LOOPED = int(os.environ.get("AIM_BENCH_LOOPED", "20"))
"""Clips before both models of VideoMAE-B's size."""
EXPLAINED = int(os.environ.get("AIM_BENCH_EXPLAINED", "2000"))
"""Rendered clips of each run of the command."""


def looped() -> Iterator[tuple[str, float, str]]:
    """A plain loop over transformers' VideoMAE-B with `output_attentions`, against our rows.

    The loop gets each clip's class and the entropy of every layer. Ours has these and all other
    columns that need no shuffle. Same weights, same clips, each clip by all in turn. The aim is 2.
    """
    import torch
    import transformers

    from core.draw.data_set.explainer import Clips, rows
    from core.draw.data_set.job import PRECISIONS
    from core.draw.data_set.wanted import Wanted, read_wanted, wanted_set
    from core.explain.where import entropy
    from core.models import build
    from core.observe import to_input
    from core.weights import Card, Model
    from core.weights.public import load_public

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    config = transformers.VideoMAEConfig(num_labels=400)
    theirs = transformers.VideoMAEForVideoClassification(config).eval()
    theirs.set_attn_implementation("eager")
    net = build("videomae", "b").eval()
    load_public(net, theirs.state_dict())
    half = (0.5, 0.5, 0.5)
    labels = tuple(f"class {i}" for i in range(400))
    card = Card("videomae", "b", labels, half, half, 224, 16, "uniform", "fit", "nothing")
    model, wanted = Model(net, card), wanted_set("gestures", LOOPED).clips

    def by_library(each: Wanted) -> tuple[str, list[float]]:
        video = to_input(card, read_wanted(each, card)[0])[1]
        with torch.inference_mode():
            output = theirs(video.transpose(1, 2), output_attentions=True)
        maps = [a.mean(1).mean(1).view(8, 14, 14).numpy() for a in output.attentions]
        return labels[int(output.logits.argmax())], [entropy(heat) for heat in maps]

    def by_us(each: Wanted, precision: str) -> tuple[str, list[float]]:
        net.forward = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")(exact)
        (row,) = rows(model, [each], Clips(0, 0))
        return row["prediction"], row["entropy_by_layer"]

    exact = net.forward
    ways = {"transformers": by_library} | {p: partial(by_us, precision=p) for p in PRECISIONS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    says: dict[str, list[tuple[str, list[float]]]] = {name: [] for name in ways}
    for each in (wanted[0], *wanted):  # the first warms up
        for name, way in ways.items():
            start = time.perf_counter()
            says[name].append(way(each))
            seconds[name].append(time.perf_counter() - start)
    yield (
        "transformers in a loop, VideoMAE-B",
        1 / np.median(seconds["transformers"][1:]),
        "clips/s",
    )
    for name in PRECISIONS:
        pairs = list(zip(says["transformers"], says[name], strict=True))
        ratios = np.divide(seconds["transformers"], seconds[name])[1:]
        off = [np.abs(np.subtract(own, other)).max() for (_, own), (_, other) in pairs]
        same = [own == other for (own, _), (other, _) in pairs]
        name = f"explain-set, {name}"
        yield f"{name} / transformers, median of {len(ratios)} clips", float(np.median(ratios)), "x"
        yield f"{name}, largest difference of an entropy", 1000 * float(max(off)), "/ 1000"
        yield f"{name}, classes that are the same", float(np.mean(same)), ""


def bfloat16() -> Iterator[tuple[str, float, str]]:
    """What bfloat16 changes of each included model on 20 rendered clips, one shuffle each.

    A map's difference is in parts of its largest weight.
    """
    import torch

    from core.draw.data_set.wanted import read_wanted, wanted_set
    from core.explain import spatial, temporal
    from core.observe import observe
    from core.order import Affinity, read
    from core.order.trials import permutation_of
    from core.video import Clip
    from core.weights import Model, embedded, load

    torch.set_num_threads(THREADS)

    def shown(model: Model, clip: Clip, name: str) -> tuple[Any, ...]:
        trace = observe(model, clip)
        permutation = permutation_of(name, len(clip) // model.unit, 0)
        order = read(model, clip, permutation, Affinity.of(model.card)).order
        says = (int(trace.probabilities.argmax()), order.verdict, tuple(order.path))
        return trace.probabilities, spatial(trace), temporal(trace), *says

    for name in embedded():
        model, pairs = load(name), []
        exact = model.net.forward
        half = torch.autocast("cpu", torch.bfloat16)
        for wanted in wanted_set("gestures", 20).clips:
            clip, _ = read_wanted(wanted, model.card)
            model.net.forward = exact
            plain = shown(model, clip, wanted.name)
            model.net.forward = half(exact)
            pairs.append((plain, shown(model, clip, wanted.name)))
        for place, what in enumerate(("probability", "map over space", "frame matrix")):
            largest = [1.0 if place == 0 else np.abs(one[place]).max() for one, _ in pairs]
            far = [np.abs(one[place] - other[place]).max() for one, other in pairs]
            yield f"{name}, largest difference, {what}", float(np.divide(far, largest).max()), ""
        for place, what in enumerate(("class", "verdict", "order"), 3):
            alike = sum(one[place] == other[place] for one, other in pairs)
            yield f"{name}, {what} that stays, of {len(pairs)}", alike, "clips"


def workers() -> Iterator[tuple[str, float, str]]:
    """`explain-set gestures` with one process, the same on one core, and with two workers.

    The first rate counts from the first shard to the last, the second from the first clip that is
    asked for, workers' start included. The aim is 1.7 on two cores. One process reads clips beside
    its model, so that it keeps more than one core busy; held to one core it does not.
    """
    kinds = {"one process": [], "one process, one core": [], "two workers": ["--workers", "2"]}
    rates, whole = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, flags) in enumerate(kinds.items()):
            is_held = name.endswith("one core")
            result, memory, seconds = _run(Path(folder, str(number)), flags, is_held=is_held)
            whole[name] = result["clips_now"] / result["seconds"]
            files = sorted(Path(folder, str(number), "clips").iterdir(), key=_written)
            rates[name] = _rate(files)
            yield name, rates[name], "clips/s"
            yield f"{name}, with its start", whole[name], "clips/s"
            yield f"{name}, memory a process", memory, "MB"
            if not flags:
                yield f"{name}, cores that it keeps busy", seconds / result["seconds"], ""
            size = sum(file.stat().st_size for file in files) / result["clips"]
            yield f"{name}, written a clip", size, "bytes"
    for name in list(kinds)[:2]:
        yield f"two workers / {name}", rates["two workers"] / rates[name], "x"
        yield "with their start", whole["two workers"] / whole[name], "x"


def _written(file: Path) -> float:
    return file.stat().st_mtime


def _rate(files: list[Path]) -> float:
    """Clips a second from the first of these shards to the last."""
    clips = sum(pq.read_metadata(file).num_rows for file in files[1:])
    return clips / (_written(files[-1]) - _written(files[0]))


def _run(out: Path, flags: list[str], *, is_held: bool) -> tuple[dict[str, Any], float, float]:
    """What the command prints, the most MB of one process with a model, and its seconds of a core.

    `is_held`: to one core.
    """
    command = [sys.executable, "-m", "core", "explain-set", "gestures", "--json"]
    command += ["--clips", str(EXPLAINED), "--out", str(out), *flags]
    largest, seconds = 0, 0.0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if is_held:
            psutil.Process(process.pid).cpu_affinity([0])
        while process.poll() is None:
            for each in [psutil.Process(process.pid), *_workers(process.pid)]:
                try:
                    is_one = not flags or each.pid != process.pid
                    largest = max(largest, each.memory_full_info().uss) if is_one else largest
                    if each.pid == process.pid:
                        seconds = sum(each.cpu_times()[:2])
                except psutil.Error:
                    continue
            time.sleep(1)
        assert process.stdout is not None
        return json.loads(process.stdout.read()), largest / 2**20, seconds


def _workers(pid: int) -> list[psutil.Process]:
    try:
        below = psutil.Process(pid).children(recursive=True)
        return [p for p in below if "ray::Worker" in " ".join(p.cmdline())]
    except psutil.Error:
        return []
