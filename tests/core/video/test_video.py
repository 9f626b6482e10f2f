"""Video files made here with PyAV, and the real ones where they are at hand."""

from __future__ import annotations

import struct
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import (
    BadInput,
    EmptyVideo,
    MissingVideo,
    NotAVideo,
    NoVideoStream,
    OverLimit,
    TooFewFrames,
    VideoError,
)
from core.video import Clip, Limits, crop_box, cropped, decode, probe, subclip
from core.video.sampling import (
    dense_at,
    dense_indices,
    motion_indices,
    motion_scores,
    uniform_indices,
)


def ramp(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames whose grey level says which frame it is: 10, 20, 30, ..."""
    return np.stack([np.full((height, width, 3), 10 * (i + 1), np.uint8) for i in range(count)])


def write(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    rate: int = 10,
    source: str = "rgb24",
    **options: str,
) -> Path:
    """Encode frames; `times` are presentation times in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format=source)
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def levels(clip: Clip) -> list[int]:
    """Which frame of a ramp each frame of a clip is, from 1."""
    return np.round(clip.frames.mean((1, 2, 3)) / 10).astype(int).tolist()


CONTAINERS = [
    ("a.mp4", "libx264", "yuv420p"),
    ("a.mkv", "libx264", "yuv420p"),
    ("a.mov", "libx264", "yuv420p"),
    ("a.webm", "libvpx-vp9", "yuv420p"),
    ("a.avi", "mpeg4", "yuv420p"),
    ("a.gif", "gif", "rgb8"),
]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"), CONTAINERS, ids=lambda v: v if "." in v else ""
)
def test_every_container_gives_its_frames_sizes_and_times(
    tmp_path: Path, name: str, codec: str, pixels: str
) -> None:
    frames = np.repeat(ramp(12)[:, :, :, :1], 3, 3)
    if pixels == "rgb8":  # a palette of 256 colours holds these levels only roughly
        frames = np.stack([np.full_like(f, 255 * (i % 2)) for i, f in enumerate(frames)])
    path = write(tmp_path / name, frames, codec, pixels)
    file = probe(path)
    assert (file.width, file.height, file.frames) == (64, 48, 12)
    assert file.fps == pytest.approx(10, rel=0.01)
    assert file.seconds == pytest.approx(1.2, rel=0.01)
    clip = decode(path, frames=4)
    assert clip.frames.shape == (4, 48, 64, 3)
    np.testing.assert_allclose(clip.times, [0.1, 0.4, 0.7, 1.0], atol=0.011)
    if pixels != "rgb8":
        assert levels(clip) == [2, 5, 8, 11]


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    times = [0, 40, 80, 500, 540, 2000]
    path = write(tmp_path / "vfr.mkv", ramp(6), times=times, bf="0")
    clip = decode(path, frames=6)
    np.testing.assert_allclose(clip.times, np.array(times) / 1000, atol=0.002)
    np.testing.assert_allclose(
        decode(path, frames=2, start=0.3, end=0.6).times, [0.5, 0.54], atol=0.002
    )


def test_seeking_gives_the_frames_that_decoding_everything_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (90, 32, 32, 3), np.uint8)
    path = write(tmp_path / "long.mp4", noise, g="7", bf="2")
    with av.open(str(path)) as container:
        everything = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(everything) == 90
    clip = decode(path, frames=5, start=3.0)
    wanted = [round(t * 10) for t in clip.times]
    assert wanted == [36, 48, 60, 72, 83] or wanted[0] >= 30
    for frame, index in zip(clip.frames, wanted, strict=True):
        np.testing.assert_array_equal(frame, everything[index])


def test_odd_sizes_and_grey_are_handled(tmp_path: Path) -> None:
    odd = write(tmp_path / "odd.mkv", ramp(5, 35, 53), "ffv1", "bgr0")
    assert decode(odd, frames=5).frames.shape == (5, 35, 53, 3)
    grey = write(tmp_path / "grey.mkv", ramp(5)[..., 0], "ffv1", "gray", source="gray")
    clip = decode(grey, frames=5)
    assert clip.frames.shape == (5, 48, 64, 3) and levels(clip) == [1, 2, 3, 4, 5]


def test_transparency_shows_white(tmp_path: Path) -> None:
    rgba = np.zeros((5, 48, 64, 4), np.uint8)
    rgba[:, :, 32:, 0], rgba[:, :, 32:, 3] = 200, 255  # left: transparent black, right: opaque red
    path = write(tmp_path / "alpha.mkv", rgba, "ffv1", "bgra", source="rgba")
    frame = decode(path, frames=1).frames[0]
    assert (frame[:, :32] == 255).all() and (frame[:, 32:] == [200, 0, 0]).all()


def test_rotation_metadata_is_applied(tmp_path: Path) -> None:
    frames = np.zeros((4, 48, 64, 3), np.uint8)
    frames[:, :8, :] = 250  # a bright bar along the top
    path = write(tmp_path / "phone.mp4", frames)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version 0: the display matrix is 40 bytes into the box
    assert struct.unpack(">i", data[start : start + 4])[0] == 65536
    # Shown turned by 90 degrees clockwise.
    data[start : start + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    assert (probe(path).width, probe(path).height) == (48, 64)
    frame = decode(path, frames=1).frames[0]
    assert frame.shape == (64, 48, 3)
    # The top of the picture is now on the right.
    assert frame[:, -6:].mean() > 200 and frame[:, :30].mean() < 40


def refused(kind: type[VideoError], path: Path, **settings: object) -> str:
    with pytest.raises(kind) as caught:
        decode(path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_video_is_refused_by_its_reason_in_one_line(tmp_path: Path) -> None:
    assert "no such file" in refused(MissingVideo, tmp_path / "none.mp4")
    assert "folder" in refused(MissingVideo, tmp_path)
    empty, text, picture, sound = (
        tmp_path / n for n in ("empty.mp4", "text.mp4", "picture.png", "sound.wav")
    )
    empty.write_bytes(b"")
    assert "0 bytes" in refused(EmptyVideo, empty)
    text.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n")
    assert "not a video" in refused(NotAVideo, text)
    write(picture, ramp(1), "png", "rgb24")
    refused(NotAVideo, picture)
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    refused(NotAVideo, playlist)
    with wave.open(str(sound), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16000))
    refused(VideoError, sound)


def test_sound_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 4096), np.float32), format="flt", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "no pictures" in refused(NoVideoStream, path)


def test_a_cut_file_gives_what_can_be_read_or_a_clear_refusal(tmp_path: Path) -> None:
    complete = write(
        tmp_path / "whole.mkv",
        np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8),
        g="5",
    )
    data = complete.read_bytes()
    half = tmp_path / "half.mkv"
    half.write_bytes(data[: len(data) // 2])
    assert decode(half, frames=4).frames.shape == (4, 48, 64, 3)
    stub = tmp_path / "stub.mkv"
    stub.write_bytes(data[:200])
    refused(VideoError, stub, frames=4)
    header = write(tmp_path / "whole.mp4", ramp(10)).read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(header[: len(header) // 2])
    refused(VideoError, broken, frames=4)


def test_too_few_frames_says_how_many_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "short.mp4", ramp(5))
    message = refused(TooFewFrames, path, frames=8)
    assert "5 frames" in message and "8 needed" in message
    assert "2 frames" in refused(TooFewFrames, path, frames=4, start=0.3)


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", ramp(20))
    assert "MB" in refused(OverLimit, path, limits=Limits(megabytes=0.0001))
    assert "1 s" in refused(OverLimit, path, limits=Limits(seconds=1))
    assert "64x48" in refused(OverLimit, path, limits=Limits(pixels=64 * 48 - 1))
    decode(path, limits=Limits(seconds=2.5, pixels=64 * 48))


@pytest.mark.parametrize(
    "name",
    [
        "a: b.mp4",
        "with space.mp4",
        "%03d.mp4",
        "naïve ☂.mp4",
        "-dash.mp4",
        "http:x.mp4",
        "a'b\"c.mp4",
    ],
)
def test_odd_names_are_only_names(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "plain.mp4", ramp(5)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert levels(decode(name, frames=5)) == [1, 2, 3, 4, 5]


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", ramp(8))
    wrong = [
        {"frames": 0},
        {"sampling": "best"},
        {"stride": 0},
        {"start": -1.0},
        {"start": 0.5, "end": 0.2},
        {"end": float("nan")},
    ]
    for settings in wrong:
        with pytest.raises(BadInput) as caught:
            decode(path, **settings)
        assert "\n" not in str(caught.value)


def test_uniform_sampling_takes_the_middle_of_equal_segments() -> None:
    assert uniform_indices(16, 4).tolist() == [2, 6, 10, 14]
    assert uniform_indices(8, 8).tolist() == list(range(8))
    for count in range(8, 60):
        assert (np.diff(uniform_indices(count, 8)) > 0).all()


def test_dense_sampling_keeps_its_stride_and_shrinks_it_for_short_clips() -> None:
    assert dense_indices(13, 3, 4).tolist() == [2, 6, 10]
    assert dense_indices(7, 3, 4).tolist() == [0, 3, 6]
    assert dense_indices(3, 3, 4).tolist() == [0, 1, 2]


@pytest.mark.parametrize("rate", [12, 25, 30, 50, 60])
def test_dense_sampling_steps_by_the_models_rate_whatever_the_files(rate: int) -> None:
    """TimeSformer: eight frames, 32/30 s apart, in the middle of twelve seconds."""
    seconds = np.arange(12 * rate) / rate
    times = seconds[dense_at(seconds, 8, 32 / 30)]
    np.testing.assert_allclose(np.diff(times), 32 / 30, atol=1.01 / rate)
    np.testing.assert_allclose(times[0] + times[-1], seconds[-1], atol=2.01 / rate)
    if rate == 30:
        assert dense_at(seconds, 8, 32 / 30).tolist() == dense_indices(360, 8, 32).tolist()


def test_dense_sampling_takes_each_frame_where_they_are_further_apart_than_the_step() -> None:
    assert dense_at(np.arange(10) / 5, 4, 0.1).tolist() == [3, 4, 5, 6]
    assert dense_at(np.arange(7) / 10, 3, 9.0).tolist() == [0, 3, 6]
    assert dense_at(np.zeros(1), 1, 1.0).tolist() == [0]


def test_a_file_is_sampled_densely_at_the_models_rate(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", ramp(20))  # ten frames a second
    assert levels(decode(path, frames=3, sampling="dense", stride=4, rate=20)) == [8, 10, 12]
    assert levels(decode(path, frames=3, sampling="dense", stride=4)) == [6, 10, 14]


def test_motion_scores_are_strict_at_the_threshold() -> None:
    """Spec 8.12: a mean difference of 40 is kept, exactly 30 is not."""
    moving = np.zeros((2, 2, 2, 3), np.uint8)
    moving[1] = np.array([[100, 20], [0, 40]], np.uint8)[..., None]
    still = np.zeros((2, 2, 2, 3), np.uint8)
    still[1] = np.array([[100, 20], [0, 0]], np.uint8)[..., None]
    assert motion_scores(moving).tolist() == [0, 40] and motion_scores(still).tolist() == [0, 30]
    assert motion_indices(np.concatenate([moving, moving[1:]]), 1).tolist() == [1]
    both = np.concatenate([still, still[:1], moving])  # scores 0, 30, 30, 0, 40
    assert motion_indices(both, 1).tolist() == [4]


def test_motion_sampling_takes_five_frames_a_second_and_those_that_move(tmp_path: Path) -> None:
    frames = np.zeros((60, 48, 64, 3), np.uint8)
    frames[24:36:12] = 255  # at 30 frames a second every sixth frame is looked at: frame 24 flashes
    frames[25:30] = 255
    clip = decode(
        write(tmp_path / "flash.mkv", frames, "ffv1", "bgr0", rate=30), frames=2, sampling="motion"
    )
    assert np.round(clip.times * 30).astype(int).tolist() == [24, 30]


def test_a_part_of_a_clip_in_memory_is_chosen_like_a_part_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", ramp(20))
    every_frame = decode(path, frames=20)
    for settings in (
        {"frames": 5},
        {"frames": 3, "sampling": "dense"},
        {"frames": 4, "start": 0.5, "end": 1.5},
    ):
        np.testing.assert_array_equal(
            subclip(every_frame, **settings).frames, decode(path, **settings).frames
        )
    assert subclip(every_frame, frames=5).id != subclip(every_frame, frames=6).id


def test_the_crop_is_the_central_square_or_the_whole_frame() -> None:
    assert crop_box(48, 64, "centre") == (0, 8, 48, 48)
    assert crop_box(64, 48, "centre") == (8, 0, 48, 48)
    assert crop_box(48, 64, "fit") == (0, 0, 48, 64)
    frames = np.zeros((2, 48, 64, 3), np.uint8)
    frames[:, :, :8] = 255
    assert cropped(frames, "centre", 24).shape == (2, 24, 24, 3)
    assert cropped(frames, "centre", 24).max() == 0 and cropped(frames, "fit", 24).max() == 255


def test_every_real_clip_is_read(clips: Path) -> None:
    files = sorted(
        p for p in clips.rglob("*") if p.suffix in {".mp4", ".webm", ".mkv", ".avi", ".gif"}
    )
    assert len(files) > 100
    for path in files[::6] + [p for p in files if p.parent.name == "odd"]:
        file = probe(path)
        clip = decode(path, frames=8)
        assert clip.size == (file.height, file.width) and (np.diff(clip.times) > 0).all(), path
