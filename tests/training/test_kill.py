"""kill -9 of the command itself, in the middle of a checkpoint's write.

It goes on as if nothing had happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.training.tiny import rows

SIZES = {"width": 10, "heads": 5, "depth": 2, "size": 24, "patch": 8}
COMMAND = [
    sys.executable,
    "-m",
    "training",
    "fit",
    "direcformer_gesture",
    "--stills-clips",
    "0",
    "--clips",
    "60",
    "--batch",
    "1",
    "--warmup",
    "2",
    "--checkpoint-seconds",
    "0",
    "--permutations",
    "random",
    "--directed-from",
    "0",
    "--frozen",
    "0",
    "--threads",
    "1",
    "--workers",
    "0",
    *(part for key, value in SIZES.items() for part in ("--set", f"{key}={value}")),
]


@contextmanager
def started(out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, which is killed at the end of the block unless it has ended by itself."""
    with (
        open(out.with_suffix(".log"), "ab") as log,
        subprocess.Popen(
            [*COMMAND, "--out", str(out)],
            stdout=log,
            stderr=log,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()  # SIGKILL


def ended(process: subprocess.Popen[bytes], out: Path) -> None:
    assert process.wait(300) == 0, out.with_suffix(".log").read_text()


def killed_in_a_write(out: Path, least: int) -> None:
    """Start the command, and kill it while it writes a checkpoint.

    That is after `least` steps at the earliest.
    """
    until = time.monotonic() + 300
    with started(out) as process:
        while not (steps_in(out) >= least and list(out.glob(".state.pt.*"))):
            assert process.poll() is None and time.monotonic() < until, out.with_suffix(
                ".log"
            ).read_text()
            time.sleep(0.001)  # a write takes longer, and the run needs this core


def steps_in(out: Path) -> int:
    return (
        rows(out)[-1]["step"]
        if (out / "metrics.jsonl").exists() and (out / "metrics.jsonl").stat().st_size
        else 0
    )


@pytest.mark.long
def test_a_run_killed_while_it_writes_a_checkpoint_goes_on_with_the_same_losses(
    tmp_path: Path,
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    with started(whole) as undisturbed:
        killed_in_a_write(run, least=0)
        if (run / "state.pt").exists():
            torch.load(run / "state.pt", weights_only=True)  # never half a file
        killed_in_a_write(run, least=50)
        assert 49 <= torch.load(run / "state.pt", weights_only=True)["step"] < 60
        ended(undisturbed, whole)
    with started(run) as last:
        ended(last, run)
    assert rows(run) == rows(whole)
    assert [row["step"] for row in rows(run)] == list(range(3, 61, 3)), "20 reports a stage"
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not list(run.glob(".state.pt.*")), "what the kills cut short is cleared away"
