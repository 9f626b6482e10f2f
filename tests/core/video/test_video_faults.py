"""Files that other programs write and that were once read wrongly, each with what is right.

The files of the folder of faults are not in this repository: tests of them are skipped without it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import BadInput, NotAVideo
from core.video import container, decode, probe
from tests.core.video.test_video import ramp, write

FAULTS = Path(
    os.environ.get("AIM_FAULTS") or Path(__file__).parents[3] / ".." / "shared" / "faults"
).resolve()


@pytest.fixture(scope="session")
def faults() -> Path:
    """The folder of files that were read wrongly."""
    if not FAULTS.is_dir():
        pytest.skip(f"no folder of odd files at {FAULTS}: set AIM_FAULTS to it")
    return FAULTS


def unknown_codec(folder: Path) -> Path:
    """An avi whose pictures are coded in a way that nobody knows."""
    path = write(folder / "unknown.avi", ramp(12), "mjpeg", "yuvj420p")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"QQQQ"))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        decode(path, frames=2)
    with pytest.raises(type(caught.value)):
        probe(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_codec_that_nobody_knows_is_refused_in_a_line(tmp_path: Path) -> None:
    assert "FFmpeg does not know" in refusal(unknown_codec(tmp_path))


def test_the_unknown_codec_at_hand_is_refused_in_a_line(faults: Path) -> None:
    assert "FFmpeg does not know" in refusal(faults / "unknown_codec.avi")


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), KeyError("x"), MemoryError()])
def test_whatever_breaks_in_decoding_is_the_one_line_error_of_the_file(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    path = write(tmp_path / "clip.mp4", ramp(5))
    monkeypatch.setattr(container, "_rgb", broken)
    with pytest.raises(NotAVideo, match=r"clip\.mp4: its pictures cannot be decoded") as caught:
        decode(path, frames=2)
    assert "\n" not in str(caught.value)


def test_a_list_goes_on_after_a_file_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = str(write(tmp_path / "good.mp4", np.repeat(ramp(16), 2, 0)))
    bad = str(unknown_codec(tmp_path))
    assert main(["probe", good, bad, good, "--json"]) == 2
    entries = json.loads(capsys.readouterr().out)
    assert [entry["ok"] for entry in entries] == [True, False, True]
    assert entries[1]["error"].startswith(f"{bad}: ")  # two folders may hold one name
    assert main(["classify", good, bad, good, "--json"]) == 2
    printed = capsys.readouterr()
    entries = json.loads(printed.out)
    assert [list(entry) for entry in entries] == [
        ["clip", "top"],
        ["clip", "error"],
        ["clip", "top"],
    ]
    assert printed.err == f"error: {entries[1]['error']}\n"
    assert entries[1]["error"].startswith(f"{bad}: ")
    assert main(["classify", good, bad, good]) == 2
    printed = capsys.readouterr()
    assert [line.split(": ")[0] for line in printed.out.splitlines()] == [good, good]
    assert printed.err.startswith(f"error: {bad}: ")
