"""kill -9 at random moments, real Ray, two workers: the table is the one of an undisturbed job."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from tests.core.draw.data_sets import checkpoint, differences, table

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed here"),
]
CLIPS, KILLS = 160, 5
SHARDS = 20
PATIENCE = 1800  # seconds for whatever is waited for, on a machine with other work


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def undisturbed(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The table of one process that nobody disturbs."""
    out = tmp_path_factory.mktemp("undisturbed")
    with started(weights, out) as process:
        assert process.wait(PATIENCE) == 0, said(out, "err")
    return table(out)


@contextmanager
def started(weights: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, which is ended at the latest with the block.

    What it says goes to files: a pipe would stay open as long as any process of Ray.
    """
    words = ["explain-set", "gestures", "--clips", str(CLIPS), "--shuffles", "1", "--json"]
    words += ["--checkpoint", str(weights), "--out", str(out), *more]
    command = [sys.executable, "-m", "core", *words]
    with open(f"{out}.out", "wb") as printed, open(f"{out}.err", "wb") as err:
        process = subprocess.Popen(command, stdout=printed, stderr=err)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def said(out: Path, where: str) -> str:
    """What the last command printed (`out`) or said (`err`)."""
    return Path(f"{out}.{where}").read_text()


def shards(out: Path) -> int:
    return len(list(out.glob("clips/*.parquet")))


def until(happens: Callable[[], object], driver: subprocess.Popen[bytes], out: Path) -> None:
    """Wait for it, as long as the driver lives."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert driver.poll() is None, f"it ended before it was killed: {said(out, 'err')}"
        assert time.monotonic() < end
        time.sleep(0.02)


def below(driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """All processes that a driver started."""
    return psutil.Process(driver.pid).children(recursive=True)


def workers(driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Those that hold a model, or are about to."""
    return [process for process in below(driver) if "ray::Worker" in title(process)]


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def check_end(driver: subprocess.Popen[bytes], out: Path, undisturbed: pa.Table) -> None:
    """It ended well, without a word to the user, and its table is that of the undisturbed job."""
    assert driver.wait(PATIENCE) == 0, said(out, "err")
    assert said(out, "err") == ""
    assert json.loads(said(out, "out"))["clips"] == CLIPS
    assert table(out)["number"].to_pylist() == list(range(CLIPS))
    assert differences(undisturbed, table(out)) == []


def moments(seed: int) -> tuple[random.Random, list[int]]:
    """How many shards are there at each kill, drawn by chance, and the chance."""
    chance = random.Random(seed)
    return chance, sorted(chance.sample(range(SHARDS * 3 // 4), KILLS))


def test_a_driver_that_is_killed_five_times_ends_with_the_same_table(
    weights: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    chance, goals = moments(1)
    children: list[psutil.Process] = []
    for goal in goals:
        with started(weights, out, "--workers", "2") as driver:
            if shards(out) >= goal:  # while it starts
                time.sleep(chance.uniform(0, 5))
            until(lambda goal=goal: shards(out) >= goal, driver, out)
            time.sleep(chance.uniform(0, 0.3))
            children += below(driver)
            assert driver.poll() is None
            driver.kill()
    assert 0 < shards(out) < SHARDS
    with started(weights, out, "--workers", "2") as driver:
        check_end(driver, out, undisturbed)
    # some of Ray's own processes look for the lost one for a minute
    _, left = psutil.wait_procs(children, timeout=180)
    assert not left, "what a driver started ends after it"


def test_five_workers_that_are_killed_leave_the_same_table(
    weights: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    chance, goals = moments(2)
    with started(weights, out, "--workers", "2") as driver:
        for goal in goals:
            until(lambda goal=goal: shards(out) >= goal and workers(driver), driver, out)
            time.sleep(chance.uniform(0, 0.3))
            chance.choice(workers(driver)).kill()
        assert shards(out) < SHARDS, "the job was at work when it was disturbed"
        check_end(driver, out, undisturbed)
