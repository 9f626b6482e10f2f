"""Decoding in another process: the same frames, and whatever a file does ends only that process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core.errors import BadInput, MissingVideo, NotAVideo, OverLimit, TooFewFrames
from core.video import Limits, apart, decode, limits_here, probe
from core.video.apart import decode_apart, probe_apart
from core.video.limits import Work, work_here
from tests.core.video.test_video import ramp, write

pytestmark = pytest.mark.skipif(not apart.CAN_DO, reason="this system bounds no process")


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """Every test ends with the processes that it began with, but for the one that waits."""
    yield
    while not apart._spares.empty():
        process = apart._spares.get()
        process.kill()
        process.communicate()
    running = [child for child in psutil.Process().children() if "apart" in str(child.cmdline())]
    assert not running


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", ramp(24))


def test_a_clip_is_the_same_from_another_process(video: Path) -> None:
    assert probe_apart(video) == probe(video)
    how = {"frames": 5, "sampling": "motion", "start": 0.2, "end": 0.9}
    here, there = decode(video, **how), decode_apart(video, **how)
    np.testing.assert_array_equal(there.frames, here.frames)
    np.testing.assert_array_equal(there.times, here.times)
    assert (there.source, there.id) == (here.source, here.id)
    there.frames[0] = 0  # it belongs to whoever asked


def test_what_models_see_of_large_frames_comes_along(video: Path) -> None:
    views = (("fit", 11), ("centre", 7))
    here = decode(video, frames=3, largest=32, views=views)
    there = decode_apart(video, frames=3, largest=32, views=views)
    assert set(there.views) == set(views) == set(here.views)
    for view in views:
        np.testing.assert_array_equal(there.seen(*view), here.seen(*view))
    np.testing.assert_array_equal(there.frames, here.frames)


def test_an_error_of_the_file_is_the_same_error(video: Path, tmp_path: Path) -> None:
    with pytest.raises(TooFewFrames, match=r"clip.mp4: 24 frames in the file, 60 needed"):
        decode_apart(video, frames=60)
    with pytest.raises(BadInput, match="sampling 'often' is not known"):
        decode_apart(video, frames=3, sampling="often")
    with pytest.raises(MissingVideo):
        probe_apart(tmp_path / "nothing.mp4")


def hostile(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the other process do this in place of decoding, with its bounds already set."""
    body = f"from core.video import apart\ndef bad(request):\n    {code}\napart._done = bad\n"
    started = subprocess.Popen

    def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        return started([command[0], "-c", f"{body}apart._main()"], **how)

    monkeypatch.setattr(apart.subprocess, "Popen", start)


def test_how_far_it_is_comes_before_the_answer(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "apart._GLANCE = -1; tell = apart._Telling(); tell(0.25); tell(9)"
    hostile(monkeypatch, f"{told}; return {{'error': 'OverLimit', 'message': 'a line'}}, []")
    shares: list[float] = []
    with pytest.raises(OverLimit, match="a line"):
        decode_apart(video, progress=shares.append, frames=3, sampling="motion")
    assert shares == [0.0, 0.25, 1.0]


ENDS = {
    "crash": ("import os; os.abort()", NotAVideo, "they end the decoder"),
    "fault": ("import ctypes; ctypes.string_at(0)", NotAVideo, "they end the decoder"),
    "loop": ("while True: pass", OverLimit, "takes more than 1 seconds of work"),
    "memory": ("import numpy; numpy.ones(10**9)", OverLimit, "takes more than 200 MB of memory"),
    "writes": ("open('x', 'wb').write(b'12'); open('x').close()", NotAVideo, "end the decoder"),
    "nonsense": ("print('x' * 9, flush=True); import time; time.sleep(9)", NotAVideo, "decoder"),
    "too much": ("return {'shapes': [[10**9]]}, []", NotAVideo, "they end the decoder"),
}


@pytest.mark.parametrize(("code", "error", "words"), ENDS.values(), ids=ENDS)
def test_whatever_a_file_does_to_its_decoder_is_one_sentence(
    code: str,
    error: type[BadInput],
    words: str,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIM_MAX_CPU_SECONDS", "1")
    monkeypatch.setenv("AIM_MAX_MEMORY_MEGABYTES", "200")
    monkeypatch.setattr(apart, "_WAITS", 60)  # a machine may be busy
    hostile(monkeypatch, code)
    with pytest.raises(error, match=words) as caught:
        decode_apart(video, frames=3)
    assert str(caught.value).startswith("clip.mp4: ") and "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists() or not (tmp_path / "x").stat().st_size


def test_who_leaves_ends_the_work(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class LeaveError(Exception):
        pass

    def leave() -> None:
        raise LeaveError

    hostile(monkeypatch, "import time; time.sleep(60)")
    begin = time.monotonic()
    with pytest.raises(LeaveError):
        probe_apart(video, leave)
    assert time.monotonic() - begin < 10


def test_a_process_that_was_ended_while_it_waited_is_replaced(video: Path) -> None:
    apart.keep_ready()
    waiting = apart._spares.get()
    os.kill(waiting.pid, signal.SIGKILL)
    waiting.wait()
    apart._spares.put(waiting)
    assert probe_apart(video).frames == 24


def test_limits_come_from_the_environment(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits_here() == Limits() and work_here() == Work()
    monkeypatch.setenv("AIM_MAX_FRAMES", "20")
    monkeypatch.setenv("AIM_MAX_CPU_SECONDS", "7.5")
    assert limits_here() == Limits(frames=20) and work_here() == Work(cpu_seconds=7.5)
    for read in (probe, probe_apart):
        with pytest.raises(OverLimit, match="limit of 20"):
            read(video)
    for odd in ("x", "-1", "0", "nan", "inf"):
        monkeypatch.setenv("AIM_MAX_SECONDS", odd)
        with pytest.raises(BadInput, match=f"AIM_MAX_SECONDS is '{odd}'; set it to a number"):
            probe(video)
