"""A part of a film that is too long: the same frames, and nothing else of the file is read."""

from __future__ import annotations

import shutil
import subprocess
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from core import cli
from core.errors import BadInput, OverLimit
from core.video import Limits, decode, probe, progress
from core.video.part import part_of
from tests.core.video.test_video import levels, ramp, write

SHORT = Limits(seconds=1.0)
KINDS = [
    ("a.mp4", {"codec": "libx264", "g": "4", "bf": "2"}),
    ("b.mkv", {"codec": "libx264", "g": "4", "bf": "2", "x264-params": "open-gop=1"}),
    ("c.webm", {"codec": "libvpx-vp9", "g": "5"}),
    ("d.mov", {"codec": "mjpeg", "pixels": "yuvj420p"}),
]


@pytest.mark.parametrize(("name", "how"), KINDS, ids=[name for name, _ in KINDS])
def test_a_part_of_a_long_film_is_what_it_is_of_the_whole(
    name: str, how: dict[str, str], tmp_path: Path
) -> None:
    path = write(tmp_path / name, ramp(24), **how)
    identities = set()
    for start, end in ((0.0, 0.6), (0.85, 1.55), (1.7, None)):
        asked = {"start": start, "end": end, "frames": 5}
        whole, part = decode(path, **asked), decode(path, limits=SHORT, **asked)
        assert levels(part) == levels(whole)
        np.testing.assert_array_equal(part.times, whole.times)
        identities.add(part.id)
    assert len(identities) == 3, "frames of two parts are counted from where each begins"
    timeline = part_of(path, SHORT, 0.85, 1.55)
    assert timeline is not None
    assert 7 <= len(timeline.seconds) <= 12 and timeline.seconds[0] > 0.3


def test_a_part_that_cannot_be_is_refused_in_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", ramp(24))
    with pytest.raises(OverLimit, match="2 s is over the limit of 1 s; give the start and end of"):
        decode(path, limits=SHORT)
    with pytest.raises(OverLimit, match=r"from 0.5 s to 2.25 s is over the limit of 1 s"):
        decode(path, limits=SHORT, start=0.5, end=2.25)
    with pytest.raises(BadInput, match="is empty"):
        decode(path, limits=SHORT, start=7.0)
    tape = write(tmp_path / "a.ts", ramp(24))
    with pytest.raises(OverLimit, match=r"a part cannot be read alone .*; convert it to mp4"):
        decode(tape, limits=SHORT, start=0.5, end=1.0)
    assert part_of(path, SHORT, None, None) is None and part_of(path, Limits(), 0.5, 1.0) is None


def test_a_long_film_is_described_where_a_part_of_it_can_be_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", ramp(24))
    with pytest.raises(OverLimit):
        probe(path, SHORT)
    assert probe(path, SHORT, however_long=True) == probe(path)
    assert probe(path, however_long=True) == probe(path)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes the film")
def test_ten_seconds_of_half_an_hour_cost_what_they_cost_alone(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    source = "testsrc=size=160x120:rate=10:duration=1800"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-preset", "ultrafast"]
    subprocess.run([*command, "-threads", "1", str(path)], check=True)
    begin = time.process_time()
    clip = decode(path, start=1500, end=1510)
    assert time.process_time() - begin < 1
    assert len(clip) == 8 and 1500 <= clip.times[0] < clip.times[-1] <= 1510


def test_a_search_for_motion_says_how_far_it_is_and_can_be_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", ramp(24))
    shares: list[float] = []
    decode(path, sampling="motion", frames=4, progress=shares.append)
    assert shares == [(place + 1) / 12 for place in range(12)], "five a second of 2.4 s"

    def leave(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(path, sampling="motion", frames=4, progress=leave)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "words"), [(Terminal(), "seeking: 50 %"), (StringIO(), "")])
def test_only_a_terminal_is_told(
    stderr: StringIO, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr(progress, "_SOON", 0.0)
    tell = progress.on_terminal("seeking")
    for share in (0.2, 0.5):
        time.sleep(0.11)  # it writes ten times a second at most
        tell(share)
    tell(1.0)
    assert words in stderr.getvalue() and bool(words) == bool(stderr.getvalue())


def test_ctrl_c_while_a_command_looks_for_motion_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.mp4", ramp(24))

    def interrupted(what: str) -> progress.Progress:
        def tell(share: float) -> None:
            raise KeyboardInterrupt

        return tell

    monkeypatch.setattr(progress, "on_terminal", interrupted)
    assert cli.main(["classify", str(path), "--sampling", "motion"]) == 130
    assert capsys.readouterr().err == "stopped; what was written before is whole\n"
