"""The real command on two processes that share each batch over gloo."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
import torch

from tests.training.tiny import TINY, assert_alike, rows
from training.__main__ import main

pytestmark = pytest.mark.usefixtures("tiny")
ROOT = Path(__file__).parents[2]
FLAGS = {
    "stills-clips": 0,
    "lr": 5e-3,
    "warmup": 0,
    "precision": "float32",
    "permutations": "random",
    "workers": 0,
    "threads": 1,
    "ordered": 0.75,
    "shuffled": 0.75,
    "order": 1.0,
    "directed-from": 0,
}
SIZES = {k: v for k, v in TINY["direcformer"].items() if k not in ("classes", "time", "space")} | {
    "drop_path": 0.0
}


def command(**flags: object) -> list[str]:
    """Arguments of `python -m training` for a tiny DirecFormer."""
    found = [
        "fit",
        "direcformer_gesture",
        *(f"--{k.replace('_', '-')}={v}" for k, v in (FLAGS | flags).items()),
    ]
    return found + [word for key, value in SIZES.items() for word in ("--set", f"{key}={value}")]


def on_two_processes(arguments: list[str], out: Path) -> list[tuple[str, str]]:
    """What each process wrote to stdout and stderr; every step is reported."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    places = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
    }
    run = [
        sys.executable,
        "-c",
        "import sys; from training import fit, __main__; fit.reporting = lambda steps: 1; "
        "sys.exit(__main__.main())",
        *arguments,
        "--out",
        str(out),
    ]
    started = [
        subprocess.Popen(
            run,
            cwd=ROOT,
            env=os.environ | places | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    finished = [process.communicate(timeout=300) for process in started]
    assert [p.returncode for p in started] == [0, 0], finished
    return finished


@pytest.mark.long
def test_two_processes_give_the_losses_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.fit.reporting", lambda steps: 1)
    arguments = command(batch=4, clips=12)
    finished = on_two_processes(arguments, tmp_path / "two")
    assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
    assert [out.strip() for out, _ in finished] == [
        str(tmp_path / "two" / "model.safetensors"),
        "",
    ], "the first one speaks"
    assert len(rows(tmp_path / "two")) == 3, "and writes"
    assert_alike(rows(tmp_path / "one"), rows(tmp_path / "two"))


@pytest.mark.long
def test_a_run_on_two_processes_keeps_the_bad_files_that_either_met(
    clips: Path, tmp_path: Path
) -> None:
    """So that a resume, which gives a file to another process, need not meet them again."""
    root = tmp_path / "data"
    copytree(clips, root)
    bad = [root / label / f"{number}.mp4" for label in ("clap", "tap left") for number in (6, 7, 8)]
    for path in bad:
        path.write_text("bad")
    told = [
        err
        for _, err in on_two_processes(
            command(batch=4, clips=20, data="folder", root=root), tmp_path / "run"
        )
    ]
    met = [{path for path in bad if f"{path.parent.name}/{path.name}" in err} for err in told]
    assert all(met) and met[0] != met[1], "each process met some that the other did not"
    in_all = len(met[0] | met[1])
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["bad"].sum() == in_all
    assert f"skipped: {in_all} files" in told[0] and "in all" not in told[1]
