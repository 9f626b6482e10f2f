"""Damaged files in one running server, by its own way of uploading: what memory they leave."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from tests.benchmarks.sessions import GONE, server
from tests.test_fuzz import damaged, sound_checkpoints, sound_clips
from tests.visitor import Visitor

FILES = 500
A_VISITOR = 20
"""Files that one visitor brings."""


async def _uploads(address: str, process: psutil.Process, folder: Path) -> dict[str, float]:
    """Upload them, and note megabytes of the server and what else was seen."""
    clips, checkpoints = sound_clips(folder), sound_checkpoints(folder)
    seen = dict.fromkeys(("heat maps", "refusals", "tracebacks", "longest", "most"), 0.0)

    def taken() -> float:
        return process.memory_info().rss / 1e6

    for begin in range(-A_VISITOR, FILES, A_VISITOR):  # the first is to warm up
        async with Visitor(address) as visitor:
            await visitor.go(source="Upload")
            if begin < 0:  # PyTorch imports its compiler, 50 MB, when it counts the first network
                for field, sound in (("Video", clips), ("Its files", checkpoints)):
                    for path in sound:
                        await visitor.upload(field, path.name, path.read_bytes())
            refused: set[str] = set()  # what a field said before still stands there
            for seed in range(begin, begin + A_VISITOR):
                rng = np.random.default_rng(abs(seed))
                originals, field = (clips, "Video") if seed % 2 else (checkpoints, "Its files")
                path = originals[seed // 2 % len(originals)]
                content = damaged(path.read_bytes(), rng)
                started = time.perf_counter()
                run = await visitor.upload(field, f"damaged{path.suffix}", content)
                if begin < 0:
                    continue
                seen["longest"] = max(seen["longest"], time.perf_counter() - started)
                seen["heat maps"] += run.first is not None
                seen["refusals"] += len(set(run.errors) - refused)
                refused = set(run.errors)
                seen["tracebacks"] += sum("Traceback" in each for each in run.errors)
                seen["most"] = max(seen["most"], taken())
        if begin < 0:
            await asyncio.sleep(GONE)
            seen["before"] = taken()
    await asyncio.sleep(GONE)
    seen["after"] = taken()
    return seen


def uploads() -> Iterator[tuple[str, float, str]]:
    """500 damaged videos and checkpoints: the aim is at most 50 MB more than before."""
    with tempfile.TemporaryDirectory() as folder:
        (runs := Path(folder, "runs")).mkdir()
        with server(runs, for_strangers=False) as (address, process):
            seen = asyncio.run(_uploads(address, process, Path(folder)))
    yield "files uploaded", FILES, ""
    yield "a heat map after it", seen["heat maps"], ""
    yield "refused in a line", seen["refusals"], ""
    yield "tracebacks", seen["tracebacks"], ""
    yield "longest", seen["longest"], "s"
    yield "memory of the server before", seen["before"], "MB"
    yield "memory, most", seen["most"], "MB"
    yield f"memory {GONE:.0f} s after the last left", seen["after"], "MB"
