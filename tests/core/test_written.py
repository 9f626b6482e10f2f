"""What is written is whole under its name or not there, and other people may read it."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core import cli
from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.runs import check_writable, write_arrays, write_atomically, write_text

NOISE = np.random.default_rng(0).integers(0, 256, (12, 240, 320, 3), np.uint8)
WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda path: write_text(path, "x" * 10**6),
    "arrays": lambda path: write_arrays(path, {"noise": NOISE}),
    "video": lambda path: write_mp4(path, NOISE, 10),
    "torch": lambda path: write_atomically(
        path, lambda temporary: torch.save(torch.rand(10**6), temporary)
    ),
    "safetensors": lambda path: write_atomically(
        path, lambda temporary: save_file({"a": torch.rand(10**6)}, temporary)
    ),
}


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files of this process cannot grow beyond 64 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_one_sentence_and_the_file_from_before_stays(
    write: Callable[[Path], None], tmp_path: Path, little_room: None
) -> None:
    path = tmp_path / "result"
    path.write_text("from before")
    with pytest.raises(BadInput, match=r"result cannot be written: there is no room for it"):
        write(path)
    assert path.read_text() == "from before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_what_is_written_has_the_permissions_of_any_new_file(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "usual").touch()
    write(tmp_path / "result")
    usual, result = (stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("usual", "result"))
    assert result == usual


def test_any_other_error_leaves_no_file_and_is_raised_as_it_is(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        write_atomically(tmp_path / "result", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"file cannot be written into"):
        check_writable(tmp_path / "file")


def test_an_error_is_one_line_whatever_the_name_of_its_file_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"a\nb\r\x1b[31m\xff\xe2\x80\xa8.mp4")
    (tmp_path / name).write_bytes(b"no video")
    assert cli.main(["classify", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.splitlines() == [error.rstrip("\n")]
    assert r"a\nb\r\x1b[31m\udcff\u2028.mp4: not a video that can be read" in error


def test_a_command_that_is_interrupted_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._COMMANDS, "models", interrupted)
    assert cli.main(["models"]) == 130
    assert capsys.readouterr() == ("", "stopped; what was written before is whole\n")


ROOT = Path(__file__).parents[2]
RENDER = "core render --label up --seed 1 --frames 3000 --out up.mp4"
EVALUATE = "training evaluate assets/checkpoints/rvit.safetensors --clips 500"


@pytest.mark.long
@pytest.mark.parametrize("words", [RENDER, EVALUATE])
@pytest.mark.parametrize("after", [0.2, 0.5, 1.0, 2.0, 3.0, 4.0])
def test_ctrl_c_at_any_time_gives_no_traceback(after: float, words: str, tmp_path: Path) -> None:
    words = words.replace("up.mp4", str(tmp_path / "up.mp4"))
    command = [sys.executable, "-m", *words.split()]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # what a shell starts in the background would hand on that it ignores Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    last = error.rpartition("\r")[2]  # behind a bar of progress
    is_python = str(ROOT) not in error  # which itself had not begun
    assert is_python if "Traceback" in error else last.count("\n") <= 1
    assert process.returncode in (130, -signal.SIGINT)
    assert list(tmp_path.iterdir()) == []
