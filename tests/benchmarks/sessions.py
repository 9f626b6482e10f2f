"""Visitors who look at the app at the same time: how long they wait, and what memory is left."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from core.world.gestures import LABELS
from tests.visitor import Run, Visitor

ROOT = Path(__file__).parents[2]
THINKS = (15.0, 30.0)
"""Seconds between what a visitor has seen and what they do next, drawn evenly."""
ARRIVING = 30.0
"""Seconds over which they open the app."""
SCROLLS = 1 / 3
"""The part of new clips whose figures further down are looked at too."""
GONE = 150.0
"""Seconds after they left: Streamlit keeps a session for 120, in case its browser comes back."""
ACTS = ("clip", "clip", "order", "shuffle", "shuffle", "back")
"""What a visitor does after opening Explore, again and again."""


@dataclass
class Day:
    """What was seen of all visitors and of the server."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the first visitor, and megabytes of the server."""

    def add(self, act: str, run: Run) -> None:
        self.runs.setdefault(act, []).append(run)

    def waits(self, *acts: str) -> np.ndarray:
        """Seconds to what was asked for: the heat map, the shuffled strip."""
        return np.array([run.first or run.whole for act in acts for run in self.runs.get(act, ())])


@contextmanager
def server(runs: Path, *, for_strangers: bool = True) -> Iterator[tuple[str, psutil.Process]]:
    """A server of its own, and its process; for strangers, unless it is told otherwise."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    flags += ["--server.headless", "true", "--", "--runs", str(runs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *flags],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"AIM_SERVER": str(int(for_strangers)), "AIM_VISITOR_SECONDS": "100000"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def visit(address: str, seed: int, until: float, day: Day) -> None:
    """One visitor, whose clips and shuffles are nobody else's."""
    rng = random.Random(seed)
    await asyncio.sleep(rng.uniform(0, ARRIVING))
    async with Visitor(address) as visitor:
        day.add("open", await visitor.go())
        for turn in range(10**6):
            await asyncio.sleep(rng.uniform(*THINKS))
            if time.monotonic() > until:
                return
            act = ACTS[turn % len(ACTS)]
            if act == "clip":
                label, clip = rng.choice(LABELS), float(rng.randrange(10**9))
                day.add(act, await visitor.set(label=label, seed=clip))
                if rng.random() < SCROLLS:
                    await asyncio.sleep(rng.uniform(2, 5))
                    day.add("scroll", await visitor.scroll())
            elif act == "shuffle":
                day.add(act, await visitor.set(shuffle=float(rng.randrange(10**9))))
            else:
                day.add(act, await visitor.go("frame_order" if act == "order" else ""))


async def _watch(process: psutil.Process, day: Day) -> None:
    """Note the server's memory, with that of its own processes, every second."""
    begin = time.monotonic()
    while True:
        each = [process, *process.children(recursive=True)]
        taken = sum(one.memory_info().rss for one in each if one.is_running())
        day.memory.append((time.monotonic() - begin, taken / 1e6))
        await asyncio.sleep(1)


async def _visits(address: str, process: psutil.Process, visitors: int, minutes: float) -> Day:
    day = Day()
    async with Visitor(address) as first:  # a server that was just used by one, and is left
        await first.go()
        await first.set(seed=7.0)
        await first.go("frame_order")
    await asyncio.sleep(10)
    watching = asyncio.create_task(_watch(process, day))
    await asyncio.sleep(1.5)
    until = time.monotonic() + 60 * minutes
    visits = (visit(address, seed, until, day) for seed in range(visitors))
    await asyncio.gather(*visits)
    await asyncio.sleep(GONE)
    watching.cancel()
    return day


def sessions(visitors: int = 40, minutes: float = 5.0) -> Iterator[tuple[str, float, str]]:
    """So many visitors open Explore, change the clip and shuffle, for so many minutes.

    Aims with 40 for five minutes: no error, 95 % of heat maps within 5 s, at most 100 MB more than
    before once they left. With 5 for an hour: as much memory in the last quarter as in the first.
    """
    with tempfile.TemporaryDirectory() as runs, server(Path(runs)) as (address, process):
        day = asyncio.run(_visits(address, process, visitors, minutes))
        spent = process.cpu_times()
    errors = [error for each in day.runs.values() for run in each for error in run.errors]
    for error in errors[:5]:
        print(error, file=sys.stderr)
    yield "visitors", visitors, ""
    yield "what they did", sum(map(len, day.runs.values())), "acts"
    yield "errors", len(errors), ""
    for name, acts in {
        "heat map": ("open", "clip", "back"),
        "  Explore opened": ("open",),
        "  clip changed": ("clip",),
        "  back to Explore": ("back",),
        "Frame order opened": ("order",),
        "shuffled": ("shuffle",),
        "figures further down": ("scroll",),
    }.items():
        waits = day.waits(*acts)
        if len(waits):
            yield f"{name}, median of {len(waits)}", float(np.median(waits)), "s"
            yield f"{name}, 95 %", float(np.percentile(waits, 95)), "s"
            yield f"{name}, longest", float(waits.max()), "s"
    times, memory = np.array(day.memory).T
    stay = times[-1] - GONE
    yield "processor time of the server", (spent.user + spent.system) / stay, "cores"
    yield "memory before they came", float(memory[0]), "MB"
    yield "memory, most", float(memory.max()), "MB"
    for quarter in range(4):
        inside = (times >= stay * quarter / 4) & (times < stay * (quarter + 1) / 4)
        yield f"memory, quarter {quarter + 1}, median", float(np.median(memory[inside])), "MB"
    yield f"memory {GONE:.0f} s after they left", float(memory[-1]), "MB"
