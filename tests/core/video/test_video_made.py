"""Clips made in many ways, each frame of which holds its number: what is read is what is there.

40 clips by default; AIM_MADE_CLIPS=500 makes more. Each follows from its seed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import BadInput
from core.video import decode, probe

FFMPEG = shutil.which("ffmpeg")
CLIPS = int(os.environ.get("AIM_MADE_CLIPS", "40"))
CELL = 16  # pixels: eight cells in a row, bit b of the number in cell b from the left
HEIGHT, WIDTH = 32, 8 * CELL
CODECS = {
    "libx264": ("mp4", "mkv", "mov", "ts", "m2ts", "avi", "flv"),
    "libx265": ("mp4", "mkv", "ts"),
    "libvpx-vp9": ("webm", "mkv"),
    "mpeg4": ("avi", "mp4", "mkv"),
    "mpeg2video": ("mpg", "ts", "mkv"),
    "mjpeg": ("avi", "mov"),
    "ffv1": ("mkv", "avi"),
}


def pictures(count: int) -> bytes:
    """Raw grey frames that show their number."""
    frames = np.full((count, HEIGHT, WIDTH), 16, np.uint8)
    for number, frame in enumerate(frames):
        for bit in range(8):
            frame[:, bit * CELL : (bit + 1) * CELL] = 235 if number >> bit & 1 else 16
    return frames.tobytes()


def numbers(frames: np.ndarray) -> list[int]:
    """The number that each frame (n, H, W, 3) shows."""
    middles = CELL // 2 + CELL * np.arange(8)
    lit = frames[:, HEIGHT // 2, middles].mean(-1) > 128
    return (lit @ (1 << np.arange(8))).tolist()


def made(seed: int, folder: Path) -> Path:
    """A clip whose codec, groups, B-frames, container, rate, offset and trim follow from a seed."""
    rng = np.random.default_rng(seed)
    codec = str(rng.choice(list(CODECS)))
    ending = str(rng.choice(CODECS[codec]))
    count = int(rng.integers(20, 60))
    rate = int(rng.choice([12, 24, 25, 30]))
    options = ["-g", str(rng.choice([1, 5, 12, 250])), "-c:v", codec]
    if codec in ("libx264", "libx265"):
        options += ["-preset", "ultrafast", "-bf", str(rng.integers(4))]
        bounds = f"scenecut=0:open-gop={rng.integers(2)}"
        options += [f"-{codec[3:]}-params", bounds + (":log-level=none" if "5" in codec else "")]
    elif codec in ("mpeg4", "mpeg2video"):
        options += ["-bf", str(rng.integers(3)), "-q:v", "2"]
        rate = 25
    elif codec == "libvpx-vp9":
        options += ["-deadline", "realtime", "-cpu-used", "8"]
    path = folder / f"made.{ending}"
    source = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(rate)]
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    offset = ["-output_ts_offset", str(rng.integers(100))] if rng.random() < 0.3 else []
    run([*source, "-i", "-", *options, "-pix_fmt", pixels, *offset, str(path)], pictures(count))
    if rng.random() < 0.6:
        start, length = rng.uniform(0, 0.6), rng.uniform(0.4, 1)
        cut = folder / f"cut.{rng.choice(CODECS[codec])}"
        run(["-ss", f"{start:.3f}", "-i", str(path), "-t", f"{length:.3f}", "-c", "copy", str(cut)])
        return cut
    return path


def run(arguments: list[str], data: bytes = b"") -> None:
    """Run ffmpeg; what it cannot make is left out."""
    assert FFMPEG is not None
    command = [FFMPEG, "-v", "error", "-y", "-threads", "1", *arguments]
    subprocess.run(command, input=data, check=False, capture_output=True, timeout=60)


def in_sequence(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every frame as the plainest decoding gives it, and its seconds from the first."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    images = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    times = np.array([frame.time if frame.time is not None else np.nan for frame in frames], float)
    return images, times - times[0]


@pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed: it makes these clips")
@pytest.mark.parametrize("seed", range(CLIPS))
def test_every_frame_of_a_made_clip_has_its_number_and_time(seed: int, tmp_path: Path) -> None:
    path = made(seed, tmp_path)
    try:
        images, times = in_sequence(path)
    except (av.FFmpegError, ValueError, IndexError):  # no such codec in such a file, or none left
        with pytest.raises(BadInput):
            probe(path)
        return
    wanted = numbers(images)
    assert probe(path).frames == len(wanted)
    clip = decode(path, frames=len(wanted))
    assert numbers(clip.frames) == wanted
    if (np.diff(times) > 0).all():
        np.testing.assert_allclose(clip.times, times, atol=1e-6)
    some = decode(path, frames=min(4, len(wanted)))
    places = [int(np.abs(clip.times - time).argmin()) for time in some.times]
    assert numbers(some.frames) == [wanted[place] for place in places]
    np.testing.assert_array_equal(some.frames, images[places])
