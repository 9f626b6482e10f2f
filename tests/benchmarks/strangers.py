"""What one visitor's files cost a server that others use too: time, memory and disk.

A second of processor time is what a page took of the server and of its decoders, whatever else the
machine did; memory is the most that all of them held over the idle server.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tests.benchmarks.sessions import GONE, server
from tests.core.video.test_video import ramp, write
from tests.visitor import Visitor

Figure = tuple[str, float, str]
CLICKS = 10
CLAIMED = 80_000_000
"""Samples that a file of some kilobytes claims to hold."""
PADDING, UPLOADS = 100_000_000, 8


class Meter:
    """What a server takes from one moment on."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.idle = self._memory()
        self.most, self._spent, self._began = self.idle, self._seconds(), time.perf_counter()

    def _memory(self) -> float:
        total = 0
        for each in (self._process, *self._process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.Error:
                continue
        return total / 1e6

    def _seconds(self) -> float:
        return float(sum(self._process.cpu_times()[:4]))  # with those of its decoders that ended

    async def watch(self) -> None:
        """Note the most memory, until it is cancelled."""
        while True:
            self.most = max(self.most, self._memory())
            await asyncio.sleep(0.05)

    def figures(self, what: str, *, acts: int = 1) -> Iterator[Figure]:
        yield f"{what}, processor time", (self._seconds() - self._spent) / acts, "s"
        yield f"{what}, on the clock", (time.perf_counter() - self._began) / acts, "s"
        yield f"{what}, memory over idle", self.most - self.idle, "MB"


@asynccontextmanager
async def metered(process: psutil.Process) -> AsyncIterator[Meter]:
    meter = Meter(process)
    watching = asyncio.create_task(meter.watch())
    try:
        yield meter
    finally:
        watching.cancel()


async def _uploaded(visitor: Visitor, name: str, content: bytes, page: str = "") -> None:
    """Bring a file, open a page on it, and say what the server answers."""
    run = await visitor.upload("Video", name, content)
    errors = run.errors
    if page:
        errors = errors + (await visitor.go(page)).errors
    for line in errors:
        print(f"  {line}")


async def _small(address: str, process: psutil.Process, folder: Path) -> list[Figure]:
    """A GIF of 400 x 1 pixels, and an mp4 that claims to be very long, clicked again and again."""
    gif = folder / "narrow.gif"
    still = Image.new("P", (400, 1))
    still.save(gif, save_all=True, append_images=[Image.new("P", (400, 1), 1)])
    claims = bytearray(write(folder / "claims.mp4", ramp(9)).read_bytes())
    at = claims.index(b"stsz") + 8
    claims[at : at + 8] = (1).to_bytes(4, "big") + CLAIMED.to_bytes(4, "big")
    figures: list[Figure] = []
    for name, content in (("narrow.gif", gif.read_bytes()), ("claims.mp4", bytes(claims))):
        async with Visitor(address) as visitor:
            await visitor.go(source="Upload")
            async with metered(process) as meter:
                await _uploaded(visitor, name, content)
                figures += meter.figures(f"{name}, {len(content)} bytes")
            async with metered(process) as meter:
                for _ in range(CLICKS):
                    await visitor.go()
                figures += meter.figures(f"{name}, another click", acts=CLICKS)
    return figures


async def _large(address: str, process: psutil.Process, folder: Path) -> list[Figure]:
    """Four seconds of 4K."""
    scene = np.random.default_rng(0).integers(0, 256, (135, 240, 3), np.uint8)
    scene = scene.repeat(16, 0).repeat(16, 1)
    frames = np.stack([np.roll(scene, 16 * t, 1) for t in range(24)])
    content = write(folder / "uhd.mp4", frames, rate=6, preset="ultrafast").read_bytes()
    figures: list[Figure] = []
    for count in (8, 24):
        for page in ("", "gradcam", "compare"):
            async with Visitor(address) as visitor:
                await visitor.go(source="Upload", frames=str(count))
                async with metered(process) as meter:
                    await _uploaded(visitor, f"{count}-{page}.mp4", content, page)
                    if not page:
                        await visitor.scroll()
                    figures += meter.figures(f"4K, {count} frames, {page or 'explore'}")
    return figures


def _on_disk(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


async def _many(address: str, process: psutil.Process, folder: Path) -> list[Figure]:
    """Uploads of 100 MB one after the other; then the visitor leaves, then the server is killed."""
    clip = write(folder / "clip.mp4", ramp(24)).read_bytes()
    free = PADDING.to_bytes(4, "big") + b"free" + bytes(PADDING - 16)
    place = folder / "tmp"
    figures: list[Figure] = []
    async with Visitor(address) as visitor, metered(process) as meter:
        await visitor.go(source="Upload")
        for number in range(UPLOADS):
            await _uploaded(visitor, f"{number}.mp4", clip + free + number.to_bytes(8, "big"))
        figures += meter.figures(f"an upload of {PADDING / 1e6:.0f} MB", acts=UPLOADS)
        figures.append((f"on disk after {UPLOADS} of them", _on_disk(place), "MB"))
    await asyncio.sleep(GONE)
    figures.append(("on disk after the visitor left", _on_disk(place), "MB"))
    figures.append(("memory over idle then", process.memory_info().rss / 1e6 - meter.idle, "MB"))
    async with Visitor(address) as visitor:
        await visitor.go(source="Upload")
        await _uploaded(visitor, "last.mp4", clip + free + bytes(8))
        process.send_signal(signal.SIGKILL)
        process.wait()
    figures.append(("on disk after kill -9", _on_disk(place), "MB"))
    return figures


async def _again(address: str, folder: Path) -> list[Figure]:
    """The first upload to the next server."""
    async with Visitor(address) as visitor:
        await visitor.go(source="Upload")
        await _uploaded(visitor, "clip.mp4", (folder / "clip.mp4").read_bytes())
        return [("on disk after the next server's first upload", _on_disk(folder / "tmp"), "MB")]


async def _idle(address: str) -> None:
    """A server is idle once it has been used."""
    async with Visitor(address) as visitor:
        await visitor.go()
        await visitor.set(seed=7.0)


def strangers() -> Iterator[Figure]:
    """Aims: each file refused at once or under 400 MB, and nothing of it left on the disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for inner in ("runs", "tmp"):
            (folder / inner).mkdir()
        os.environ["TMPDIR"] = str(folder / "tmp")  # of the servers
        for part in (_small, _large, _many):
            with server(folder / "runs", for_strangers=False) as (address, process):
                asyncio.run(_idle(address))
                yield from asyncio.run(part(address, process, folder))
        with server(folder / "runs", for_strangers=False) as (address, _):
            yield from asyncio.run(_again(address, folder))
