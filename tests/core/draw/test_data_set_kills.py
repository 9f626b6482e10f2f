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
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return table(out)


@contextmanager
def started(weights: Path, out: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The command, which is ended at the latest with the block."""
    words = ["explain-set", "gestures", "--clips", str(CLIPS), "--shuffles", "1", "--json"]
    words += ["--checkpoint", str(weights), "--out", str(out), *more]
    with subprocess.Popen(
        [sys.executable, "-m", "core", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def shards(out: Path) -> int:
    return len(list(out.glob("clips/*.parquet")))


def until(happens: Callable[[], object], driver: subprocess.Popen[str]) -> None:
    """Wait for it, as long as the driver lives."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert driver.poll() is None, f"the job ended before it was killed: {driver.communicate()}"
        assert time.monotonic() < end
        time.sleep(0.02)


def below(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes that a driver started."""
    return psutil.Process(driver.pid).children(recursive=True)


def workers(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """Those that hold a model, or are about to."""
    return [process for process in below(driver) if "ray::Worker" in title(process)]


def title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def check_end(driver: subprocess.Popen[str], out: Path, undisturbed: pa.Table) -> None:
    """It ended well, without a word to the user, and its table is that of the undisturbed job."""
    printed, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, err
    assert err == ""
    assert json.loads(printed)["clips"] == CLIPS
    assert table(out)["number"].to_pylist() == list(range(CLIPS))
    assert differences(undisturbed, table(out)) == []


def moments(seed: int) -> tuple[random.Random, list[int]]:
    """How many shards are there at each kill, drawn by chance, and the chance."""
    chance = random.Random(seed)
    return chance, sorted(chance.sample(range(SHARDS * 3 // 4), KILLS))


def test_a_driver_that_is_killed_five_times_ends_with_the_same_table(
    weights: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    chance, goals = moments(1)
    for goal in goals:
        with started(weights, tmp_path, "--workers", "2") as driver:
            if shards(tmp_path) >= goal:  # while it starts
                time.sleep(chance.uniform(0, 5))
            until(lambda goal=goal: shards(tmp_path) >= goal, driver)
            time.sleep(chance.uniform(0, 0.3))
            children = below(driver)
            assert driver.poll() is None
            driver.kill()
        _, left = psutil.wait_procs(children, timeout=60)
        assert not left, "what a driver started ends with it"
    assert 0 < shards(tmp_path) < SHARDS
    with started(weights, tmp_path, "--workers", "2") as driver:
        check_end(driver, tmp_path, undisturbed)


def test_five_workers_that_are_killed_leave_the_same_table(
    weights: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    chance, goals = moments(2)
    with started(weights, tmp_path, "--workers", "2") as driver:
        for goal in goals:
            until(lambda goal=goal: shards(tmp_path) >= goal and workers(driver), driver)
            time.sleep(chance.uniform(0, 0.3))
            chance.choice(workers(driver)).kill()
        assert shards(tmp_path) < SHARDS, "the job was at work when it was disturbed"
        check_end(driver, tmp_path, undisturbed)
