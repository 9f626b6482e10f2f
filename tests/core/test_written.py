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
from typing import Any

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


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from core.world.gestures import render

    path = tmp_path_factory.mktemp("clips") / "up.mp4"
    write_mp4(path, render("up", 1, frames=40, size=(96, 128)).frames, 12)
    return path


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


@pytest.mark.parametrize(
    ("command", "work"),
    [
        ("explain CLIP --out OUT", "core.explain.explanation"),
        ("handout CLIP --out OUT/a.html", "core.draw.handout_command._sheet"),
        ("render --label up --seed 1 --out OUT/a.mp4", "core.world.gestures.render"),
    ],
)
def test_a_command_that_cannot_write_says_so_before_it_works(
    command: str,
    work: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(work, lambda *_, **__: pytest.fail("it worked"))
    (tmp_path / "file").touch()
    words = command.replace("CLIP", str(clip)).replace("OUT", str(tmp_path / "file")).split()
    assert cli.main(words) == 2
    assert "cannot be written into" in capsys.readouterr().err


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
FIT = "direcformer_gesture --stills-clips 0 --clips 4096 --validate-clips 8 --threads 1"
COMMANDS = {
    "render": "core render --label up --seed 1 --frames 3000 --out OUT.mp4",
    "classify": "core classify CLIP CLIP CLIP CLIP --model far",
    "explain": "core explain CLIP --out OUT",
    "order": "core order CLIP --passes 64",
    "explain-set": "core explain-set gestures --clips 500 --out OUT",
    "evaluate": "training evaluate --model rvit --data gestures --clips 500 --report OUT",
    "fit": f"training fit {FIT} --out OUT",
    "tune": f"training tune {FIT} --trials 3 --out OUT",
    "teach": "training teach CLIP --steps 500 --threads 1 --out OUT",
}


def started(words: str, out: Path, clip: Path, before: Callable[[], object]) -> Any:
    words = words.replace("OUT", str(out)).replace("CLIP", str(clip))
    return subprocess.Popen(
        [sys.executable, "-m", *words.split()],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=before,
    )


@pytest.mark.long
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("seed", range(10))
def test_ctrl_c_at_any_time_gives_no_traceback(
    seed: int, words: str, tmp_path: Path, clip: Path
) -> None:
    # what a shell starts in the background would hand on that it ignores Ctrl-C
    process = started(
        words, tmp_path / "out", clip, lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    time.sleep(np.random.default_rng(seed).uniform(0.05, 6))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    last = error.rpartition("\r")[2]  # behind a bar of progress
    is_python = str(ROOT) not in error  # which itself had not begun
    assert is_python if "Traceback" in error else last.count("\n") <= 1
    assert process.returncode in (130, -signal.SIGINT) or is_python
    assert not list(tmp_path.rglob(".*.[0-9]*")), "nothing is left half-written"


@pytest.mark.long
@pytest.mark.parametrize("name", ["render", "explain", "evaluate", "fit", "tune", "teach"])
def test_a_command_on_a_full_disk_says_one_sentence_and_leaves_no_half_file(
    name: str, tmp_path: Path, clip: Path
) -> None:
    words = COMMANDS[name].replace("4096", "48").replace("500", "8").replace("3000", "300")
    # what a worker hands on is a file in memory, which the bound is not meant for
    words = words.replace("--validate-clips 8", "--validate-clips 8 --workers 0")
    most = (2**13, 2**13)  # bytes of any file
    process = started(
        words, tmp_path / "out", clip, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, most)
    )
    _, error = process.communicate(timeout=300)
    assert process.returncode == 2 and "Traceback" not in error, error
    of_its_data_base = "cannot be read or written (OperationalError); look whether there is room"
    says = of_its_data_base if name == "tune" else "cannot be written: there is no room for it"
    assert says in error.splitlines()[-1]
    assert not list(tmp_path.rglob(".*.[0-9]*"))


def test_an_interrupt_that_python_passes_over_comes_again() -> None:
    code = """
import gc, signal, sys, time
from core.__main__ import interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have it ignore
interrupt()
class Callback:
    def __del__(self):
        raise KeyboardInterrupt
try:
    Callback()
    time.sleep(20)
except KeyboardInterrupt:
    sys.exit(130)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (130, "")
