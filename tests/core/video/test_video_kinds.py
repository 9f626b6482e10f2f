"""More files of the kinds that were once read wrongly, each made here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from core.errors import NoVideoStream, OverLimit
from core.video import SUFFIXES, Limits, decode, probe
from tests.core.video.test_video import ramp

HLG, BT2020 = 18, 9  # of ITU-T H.273


def film(
    path: Path,
    frames: np.ndarray,
    codec: str,
    pixels: str = "yuv420p",
    container: str | None = None,
    *,
    has_sound: bool = False,
    has_cover: bool = False,
    movflags: str = "",
    **of_stream: object,
) -> Path:
    """Encode frames at 25 a second; before them come sound and a cover, where there are any.

    All else is set of their encoder.
    """
    options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        sound = file.add_stream("aac", rate=8000) if has_sound else None
        cover = file.add_stream("mjpeg", rate=25) if has_cover else None
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        for name, value in of_stream.items():
            setattr(stream.codec_context, name, value)
        if isinstance(cover, VideoStream):
            cover.height, cover.width, cover.pix_fmt = 48, 64, "yuvj420p"
            picture = av.VideoFrame.from_ndarray(ramp(1)[0], format="rgb24")
            file.mux([*cover.encode(picture), *cover.encode()])
        for image in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
        if isinstance(sound, AudioStream):
            silence = AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            file.mux(sound.encode(silence))
            file.mux(sound.encode())
    return path


def test_a_size_is_checked_as_it_is_shown_with_square_pixels(tmp_path: Path) -> None:
    wide = film(tmp_path / "a.mp4", ramp(3), "libx264", sample_aspect_ratio=Fraction(5))
    assert decode(wide, frames=2).size == (48, 320)
    with pytest.raises(OverLimit, match="320x48 are over the limit"):
        probe(wide, Limits(pixels=10_000))
    narrow = film(tmp_path / "b.mp4", ramp(3, 48, 320), "libx264", sample_aspect_ratio=Fraction(5))
    with pytest.raises(OverLimit, match="1600x48 are too narrow"):
        probe(narrow)


def test_sound_with_a_cover_that_is_not_called_one_is_no_video(tmp_path: Path) -> None:
    cover = film(tmp_path / "a.mka", ramp(1), "mjpeg", "yuvj420p", "matroska", has_sound=True)
    with pytest.raises(NoVideoStream, match="only sound and a picture"):
        probe(cover)
    moving = film(tmp_path / "a.mkv", ramp(5), "mjpeg", "yuvj420p", has_sound=True)
    assert probe(moving).frames == 5
    both = film(tmp_path / "b.mkv", ramp(7), "libx264", has_sound=True, has_cover=True)
    assert probe(both).frames == 7


def test_a_fragment_that_claims_more_samples_than_it_has_is_refused_before_room_is_made(
    tmp_path: Path,
) -> None:
    path = film(tmp_path / "a.mp4", ramp(6), "libx264", movflags="frag_keyframe+empty_moov")
    assert probe(path).frames == 6
    content = bytearray(path.read_bytes())
    at = content.index(b"trun") + 8
    content[at : at + 4] = (80_000_000).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(OverLimit, match="claims 80000000 samples"):
        probe(path)


def test_hdr_that_the_container_alone_says_is_tone_mapped(tmp_path: Path) -> None:
    says = {"color_trc": HLG, "color_primaries": BT2020, "colorspace": BT2020}
    path = film(tmp_path / "a.mov", ramp(9), "prores_ks", "yuv422p10le", **says)
    with av.open(str(path)) as file:
        assert next(file.decode(video=0)).color_trc != HLG, "its decoder does not keep it"
    assert probe(path).changed == ("tone-mapped from HLG",)
    # BT.2100: a signal E of 90 / 255 is light of E**2 / 3, whose SDR white is 0.265
    light = (90 / 255) ** 2 / 3 / 0.265
    shown = 255 * (1.099 * light**0.45 - 0.099)  # BT.709
    assert shown == pytest.approx(96.5, abs=0.1)
    assert decode(path, frames=9).frames[8].mean() == pytest.approx(shown, abs=2)


@pytest.mark.parametrize(
    ("ending", "codec", "container"),
    [
        ("3g2", "libx264", None),
        ("divx", "mpeg4", "avi"),
        ("flv", "flv", None),
        ("m4v", "libx264", "mp4"),
        ("mts", "libx264", "mpegts"),
        ("ogv", "libvpx", "ogg"),
        ("qt", "libx264", "mov"),
        ("vob", "mpeg2video", None),
        ("wmv", "wmv2", None),
    ],
)
def test_the_app_offers_what_the_command_line_reads(
    ending: str, codec: str, container: str | None, tmp_path: Path
) -> None:
    path = film(tmp_path / f"a.{ending}", ramp(6), codec, container=container)
    assert probe(path).frames == 6 and ending in SUFFIXES
