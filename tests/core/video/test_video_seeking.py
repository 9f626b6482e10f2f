"""Skipping to a frame gives that very frame: compared with a plain PyAV decode of everything.

Every container at hand is tried.
"""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from core.video import decode, probe

FRAMES = 61
FILES = {
    "h264 with B-frames": ("a.mp4", "libx264", "yuv420p", {"g": "7", "bf": "2"}),
    "h264 with open groups": (
        "a.mkv",
        "libx264",
        "yuv420p",
        {"x264-params": "keyint=7:min-keyint=7:open-gop=1:bframes=3:scenecut=0"},
    ),
    "h264 with one keyframe": ("a.mov", "libx264", "yuv420p", {"g": "999"}),
    "h264 stream": ("a.ts", "libx264", "yuv420p", {"g": "7", "bf": "2"}),
    "vp9 with hidden frames": (
        "a.webm",
        "libvpx-vp9",
        "yuv420p",
        {"g": "11", "auto-alt-ref": "1", "lag-in-frames": "9"},
    ),
    "vp8": ("b.webm", "libvpx", "yuv420p", {"g": "11", "deadline": "realtime"}),
    "mpeg4": ("a.avi", "mpeg4", "yuv420p", {"g": "7"}),
    "mpeg4 with B-frames": ("b.avi", "mpeg4", "yuv420p", {"g": "7", "bf": "2"}),
    "motion jpeg": ("c.avi", "mjpeg", "yuvj420p", {}),
    "flash video": ("a.flv", "libx264", "yuv420p", {"g": "7"}),
    "gif": ("a.gif", "gif", "rgb8", {}),
    "animation in mov": ("b.mov", "qtrle", "argb", {}),
    "lossless": ("b.mkv", "ffv1", "bgr0", {"g": "5"}),
}


def moving(count: int = FRAMES, height: int = 36, width: int = 52) -> np.ndarray:
    """A bright bar that moves over noise, so that no two frames are the same."""
    frames = np.random.default_rng(0).integers(0, 120, (count, height, width, 3), np.uint8)
    for i, frame in enumerate(frames):
        frame[:, i * 3 % width : i * 3 % width + 9] += 120
    return frames


def write(
    path: Path,
    codec: str,
    pixels: str,
    options: dict[str, str],
    frames: np.ndarray | None = None,
    source: str = "rgb24",
) -> Path:
    frames = moving() if frames is None else frames
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=20, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=source)))
        container.mux(stream.encode())
    return path


def everything(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Every frame, and its seconds from the first, read in the plainest way."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        images = [frame.to_ndarray(format="rgb24") for frame in frames]
    # An avi with B-frames stamps frames in the order of coding.
    times = np.array(sorted(float(frame.time) for frame in frames))
    return images, times - times[0]


def assert_exact(
    path: Path, images: list[np.ndarray], times: np.ndarray, counts: tuple[int, ...]
) -> None:
    for count in counts:
        clip = decode(path, frames=count)
        for image, time in zip(clip.frames, clip.times, strict=True):
            nearest = int(np.abs(times - time).argmin())
            assert abs(times[nearest] - time) < 1e-3, (path.name, count)
            np.testing.assert_array_equal(
                image, images[nearest], err_msg=f"{path.name}, {count} frames, at {time:.3f} s"
            )


@pytest.mark.parametrize("kind", FILES)
def test_sampled_frames_are_the_very_frames_of_the_file(kind: str, tmp_path: Path) -> None:
    name, codec, pixels, options = FILES[kind]
    path = write(tmp_path / name, codec, pixels, options)
    images, times = everything(path)
    assert len(images) == FRAMES == probe(path).frames
    assert probe(path).fps == pytest.approx(20, rel=0.01)
    assert_exact(path, images, times, (1, 3, 13, FRAMES))
    excerpt = decode(path, frames=2, start=2.0, end=2.5)
    assert excerpt.times.min() >= 2 - 1e-6 and excerpt.times.max() <= 2.5 + 1e-6
    np.testing.assert_array_equal(
        excerpt.frames[0], images[int(np.abs(times - excerpt.times[0]).argmin())]
    )


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_each_turn_of_the_display_matrix_is_applied(turns: int, tmp_path: Path) -> None:
    path = write(tmp_path / "phone.mp4", "libx264", "yuv420p", {})
    upright = decode(path, frames=3).frames
    one = 1 << 16
    # The numbers a, b, c, d of clockwise quarter turns.
    matrix = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[turns]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    assert struct.unpack(">i", data[start : start + 4])[0] == one
    data[start : start + 36] = struct.pack(
        ">9i", matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30
    )
    path.write_bytes(data)
    np.testing.assert_array_equal(decode(path, frames=3).frames, np.rot90(upright, -turns, (1, 2)))


def test_a_gif_that_starts_transparent_shows_white(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gif", "gif", "rgb8", {}, np.zeros((3, 36, 52, 3), np.uint8))
    data = bytearray(path.read_bytes())
    start = data.index(b"\x21\xf9\x04")  # graphic control: flags, delay, transparent colour
    clear = path.with_name("clear.gif")
    data[start + 3] |= 1  # this frame has a transparent colour: 0, the black that fills it
    data[start + 6] = 0
    clear.write_bytes(data)
    assert decode(path, frames=1, end=0.0).frames.max() == 0
    assert decode(clear, frames=1, end=0.0).frames.min() == 255


def test_real_clips_give_their_very_frames(clips: Path) -> None:
    odd, demo, gestures = (
        sorted(clips.glob(pattern)) for pattern in ("odd/*", "demo/*.mp4", "gestures/*/*_7.mp4")
    )
    assert odd and demo and gestures
    for path in [*odd, *demo[::6], *gestures[:3]]:
        # Gifs are drawn over white here, over black by PyAV; large files are slow to read whole.
        if path.suffix == ".gif" or path.stat().st_size > 1e6:
            continue
        images, times = everything(path)
        assert probe(path).frames == len(images), path
        if not probe(path).changed:  # such as a pixel that is no square
            assert_exact(path, images, times, (8,))
