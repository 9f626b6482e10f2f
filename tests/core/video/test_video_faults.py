"""Files that other programs write and that were once read wrongly, each with what is right.

The files of the folder of faults are not in this repository: tests of them are skipped without it.
"""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from core.cli import main
from core.errors import BadInput, EmptyVideo, NotAVideo, OverLimit
from core.video import Clip, Limits, decode, decoder, pictures, probe, stills
from core.video.timeline import rising
from tests.core.video.test_video import levels, ramp, write

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
    monkeypatch.setattr(pictures, "_rgb", broken)
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
    assert ["top" in entry for entry in entries] == [True, False, True]
    assert printed.err == f"error: {entries[1]['error']}\n"
    assert entries[1]["error"].startswith(f"{bad}: ")
    assert main(["classify", good, bad, good]) == 2
    printed = capsys.readouterr()
    assert [line.split(": ")[0] for line in printed.out.splitlines()] == [good, good]
    assert printed.err.startswith(f"error: {bad}: ")


def numbers(clip: Clip) -> list[int]:
    """The number drawn into each frame: eight cells along the top, the lowest bit on the left."""
    height, width = clip.size
    row, cell = height // 12, width / 8
    middles = [int((bit + 0.5) * cell) for bit in range(8)]
    return [
        sum(1 << b for b, x in enumerate(middles) if f[row, x].mean() > 128) for f in clip.frames
    ]


EVERY = list(range(48))
READ: dict[str, list[int]] = {
    "editlist_midgop.mp4": list(range(17, 48)),
    "cut_start.ts": list(range(12, 48)),
    "joined_clock_back.ts": EVERY,
    "cover_first.mkv": EVERY,
    "two_streams.mp4": EVERY,
    "hflip.mp4": EVERY,
    "transverse.mp4": EVERY,
    "hdr_hlg.mp4": EVERY,
    "sar_narrow.mp4": EVERY,
    "interlaced.mp4": EVERY[::2],
    "b.mpg": EVERY,
    "h264.m2ts": EVERY,
    "vp9_alpha.webm": EVERY,
    "ya8.mkv": EVERY,
}


@pytest.mark.parametrize("name", READ)
def test_each_odd_file_gives_its_very_frames(name: str, faults: Path) -> None:
    wanted = READ[name]
    assert probe(faults / name).frames == len(wanted)
    clip = decode(faults / name, frames=len(wanted))
    assert clip.size == (240, 320)
    assert numbers(clip) == wanted
    steps = (np.array(wanted) - wanted[0]) / 24
    np.testing.assert_allclose(clip.times, steps, atol=0.002)
    some = decode(faults / name, frames=5)  # not all: what lies between is passed over
    assert [wanted[round(t * len(wanted) / (steps[-1] + steps[1]))] for t in some.times] == numbers(
        some
    )


@pytest.mark.parametrize(
    ("name", "changed"),
    {
        "hflip.mp4": "mirrored",
        "transverse.mp4": "mirrored",
        "interlaced.mp4": "deinterlaced",
        "hdr_hlg.mp4": "tone-mapped from HLG",
        "sar_narrow.mp4": "stretched to square pixels",
    }.items(),
)
def test_what_is_changed_of_a_file_is_said_and_its_mark_is_lower_left(
    name: str, changed: str, faults: Path
) -> None:
    assert probe(faults / name).changed == (changed,)
    red, green, blue = decode(faults / name, frames=1).frames[0].astype(int).transpose(2, 0, 1)
    mark = np.argwhere((red > 150) & (green < 100) & (blue > 150))
    assert mark[:, 0].min() > 200 and mark[:, 1].max() < 80


def test_hdr_shows_the_colours_of_the_scene(faults: Path) -> None:
    pixels = decode(faults / "hdr_hlg.mp4", frames=1).frames[0, 40:].reshape(-1, 3).astype(int)
    scene = [(200, 30, 30), (30, 180, 40), (40, 50, 200), (230,) * 3, (128,) * 3, (224, 172, 140)]
    for colour in scene:
        assert (np.abs(pixels - colour).mean(1) <= 10).sum() > 300, colour


def test_the_transparency_of_vp9_shows_white(faults: Path) -> None:
    assert decode(faults / "vp9_alpha.webm", frames=1).frames[0, 143:157].min() > 245


@pytest.mark.parametrize("pixels", ["ya8", "rgba64le", "yuva420p", "yuva444p10le", "gbrap10le"])
def test_transparency_shows_white_in_every_pixel_format(pixels: str, tmp_path: Path) -> None:
    rgba = np.zeros((3, 48, 64, 4), np.uint8)
    rgba[:, :, 32:] = (90, 90, 90, 255)  # left: transparent black, right: grey
    frame = decode(write(tmp_path / "a.mkv", rgba, "ffv1", pixels, source="rgba"), frames=1).frames[
        0
    ]
    assert frame[:, :30].min() >= 254
    assert np.abs(frame[:, 34:].astype(int) - 90).max() <= 2


def test_a_trim_inside_one_long_group_is_read(faults: Path) -> None:
    assert probe(faults / "trim_longgop_1080.mp4").frames == 237
    clip = decode(faults / "trim_longgop_1080.mp4", frames=3, end=0.1)
    assert numbers(clip) == [13, 14, 15]


@pytest.mark.parametrize(
    ("name", "reason"),
    {
        "audio_cover.mp4": "holds no video, only sound and a picture",
        "unknown_codec.avi": "FFmpeg does not know",
        "g_2048x1.gif": "too narrow",
        "stsz_80000000.mp4": "claims 80000000 samples",
        "1265.mp4": "frames a second, which cannot be",
    }.items(),
)
def test_what_cannot_be_used_is_refused_at_once(name: str, reason: str, faults: Path) -> None:
    assert reason in refusal(faults / name)


def test_equal_time_stamps_cost_no_memory(faults: Path) -> None:
    clip = decode(faults / "nots_4k_42.mkv", frames=2)
    assert probe(faults / "nots_4k_42.mkv").frames == 42
    assert (np.diff(clip.times) > 0).all()


def test_times_rise_however_the_clock_goes() -> None:
    """The three cases by hand: a clock set back, a jump ahead, equal and missing stamps."""
    back = rising(np.array([5.0, 5.1, 5.2, 1.0, 1.1]), 0.1, np.inf)
    np.testing.assert_allclose(back, [0, 0.1, 0.2, 0.3, 0.4])
    ahead = rising(np.array([5.0, 5.1, 95000.0, 95000.1]), 0.1, 10)
    np.testing.assert_allclose(ahead, [0, 0.1, 0.2, 0.3])
    twice = np.r_[np.arange(20), np.arange(20)] / 24  # two recordings of less than a second
    np.testing.assert_allclose(rising(twice, 1 / 24, 10), np.arange(40) / 24)
    np.testing.assert_allclose(rising(np.array([0, 0, 2, 2.0]), 1, 10), [0, 1, 2, 3])
    np.testing.assert_allclose(rising(np.array([0, np.nan, np.nan, 3]), 1, 10), [0, 1, 2, 3])
    np.testing.assert_allclose(rising(np.full(3, np.nan), 0.5, 10), [0, 0.5, 1])
    np.testing.assert_allclose(rising(np.array([0, 0.2, 0.1, 0.3]), 0.1, 10), [0, 0.1, 0.2, 0.3])


def test_a_picture_larger_than_the_header_says_is_refused(tmp_path: Path) -> None:
    small, large = ramp(3), ramp(3, 400, 400)
    path = tmp_path / "grows.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        packets = [pictures_of(frames) for frames in (small, large)]
        for place, data in enumerate([*packets[0], *packets[1]]):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, place, place
            packet.time_base = Fraction(1, 10)
            container.mux(packet)
    limits = Limits(pixels=120_000)
    with pytest.raises(BadInput, match="400x400"):
        decode(path, frames=6, limits=limits)
    assert len(decode(path, frames=6)) == 6


def pictures_of(frames: np.ndarray) -> list[bytes]:
    """Each frame as JPEG."""
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


def test_more_frames_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "long.avi", ramp(20), "mjpeg", "yuvj420p")
    with pytest.raises(OverLimit, match="more than 10 frames"):
        probe(path, Limits(frames=10))


def test_encrypted_pictures_are_refused_as_encrypted(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", ramp(5))
    path.write_bytes(path.read_bytes().replace(b"avc1\0\0\0\0\0\0", b"encv\0\0\0\0\0\0"))
    assert "encrypted" in refusal(path)


def test_a_folder_or_an_archive_of_pictures_is_a_clip(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    with (
        zipfile.ZipFile(tmp_path / "clip.zip", "w") as archive,
        tarfile.open(tmp_path / "clip.tar", "w") as tape,
        tarfile.open(tmp_path / "clip.tar.gz", "w:gz") as packed,
    ):
        for number, frame in enumerate(ramp(12), 1):
            picture = cv2.imencode(".png", frame)[1].tobytes()
            (folder / f"{number}.png").write_bytes(picture)  # 10.png after 9.png
            archive.writestr(f"clip/{number}.png", picture)
            for each in (tape, packed):
                each.add(folder / f"{number}.png", f"clip/{number}.png")
    for path in (folder, *(tmp_path / f"clip.{end}" for end in ("zip", "tar", "tar.gz"))):
        assert (probe(path).frames, probe(path).fps) == (12, 12)
        assert levels(decode(path, frames=12)) == list(range(1, 13))
    (folder / "7.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"clip/7\.png: not a picture"):
        decode(folder, frames=12)


def test_an_archive_is_read_within_bounds_and_leads_nowhere(tmp_path: Path) -> None:
    """Links are no pictures; a picture is measured before it is unpacked; names are in order."""
    huge = tmp_path / "huge.png"
    Image.new("1", (20_000, 20_000)).save(huge)
    assert huge.stat().st_size < 10**5
    with zipfile.ZipFile(tmp_path / "huge.zip", "w") as archive:
        archive.write(huge, "1.png")
        archive.write(huge, "2.png")
    with pytest.raises(OverLimit, match=r"1.png: a picture far over the limit of 9.4 million"):
        decode(tmp_path / "huge.zip", frames=2)
    Image.new("1", (4000, 4000)).save(huge)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        archive.write(huge, "1.png")
        archive.write(huge, "2.png")
    with pytest.raises(OverLimit, match=r"1.png: frames of 4000x4000 are over the limit"):
        decode(tmp_path / "large.zip", frames=2)
    link = tarfile.TarInfo("1.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "link.tar", "w") as tape:
        tape.addfile(link)
    with pytest.raises(EmptyVideo, match="holds no pictures"):
        probe(tmp_path / "link.tar")
    whole = (tmp_path / "link.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:300] + whole[:100])
    assert "\n" not in refusal(tmp_path / "cut.tar")
    numbers = ["9" * 5000, "1" + "0" * 4999, "007", "10", "9"]
    assert stills.in_order(numbers) == ["007", "9", "10", "1" + "0" * 4999, "9" * 5000]
    with pytest.raises(OverLimit, match="over the limit of 0 MB; pack fewer"):
        probe(_packed(tmp_path), Limits(megabytes=0.0001))


def _packed(folder: Path) -> Path:
    """Two pictures of noise, which are larger than the limit that they are read with."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    with tarfile.open(folder / "noise.tgz", "w:gz") as tape:
        for number, frame in enumerate(noise):
            (folder / "n.png").write_bytes(cv2.imencode(".png", frame)[1].tobytes())
            tape.add(folder / "n.png", f"{number}.png")
    return folder / "noise.tgz"


@pytest.mark.parametrize("ending", ["webp", "apng"])
def test_an_animated_picture_is_a_clip(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "apng":
        write(path, ramp(8), "apng", "rgb24")
    else:
        animation = cv2.Animation()
        animation.frames = list(ramp(8))
        animation.durations = np.full(8, 100, np.int32)
        assert cv2.imwriteanimation(str(path), animation)
    assert probe(path).frames == 8
    clip = decode(path, frames=8)
    assert levels(clip) == list(range(1, 9))
    np.testing.assert_allclose(clip.times, np.arange(8) / 10, atol=0.011)


def test_more_pictures_than_memory_may_hold_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "clip.mp4", ramp(8))
    monkeypatch.setattr(decoder, "_HELD_BYTES", 4 * 48 * 64 * 3)
    assert len(decode(path, frames=4)) == 4
    with pytest.raises(OverLimit, match="ask for fewer frames"):
        decode(path, frames=5)
