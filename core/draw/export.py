"""Results as files to keep: a video that browsers play, an animation, and the numbers. Each says
what it shows.
"""

from __future__ import annotations

import io
import math
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from core.draw.overlay import frame_rate, write_mp4
from core.errors import BadInput

LINE, BAR = 22, (24, 27, 33)
_ASCII = str.maketrans(
    {"·": "|", "×": "x", "→": "->", "–": "-", "−": "-", "“": '"', "”": '"', "…": "...", "ρ": "rho"}
)
"""OpenCV's letters are ASCII alone."""


def captioned(frames: np.ndarray, lines: Sequence[str], above: bool = False) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 with lines of words on a dark bar below (or above) them, wrapped to
    the width.
    """
    T, _, W, _ = frames.shape
    wrapped = [
        part for line in lines for part in textwrap.wrap(line.translate(_ASCII), max(16, W // 8))
    ]
    bar = np.full((LINE * len(wrapped) + 10, W, 3), BAR, np.uint8)
    for i, text in enumerate(wrapped):
        cv2.putText(
            bar,
            text.encode("ascii", "replace").decode(),
            (8, LINE * (i + 1)),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.44,
            (240, 240, 240),
            1,
            cv2.LINE_AA,
        )
    bars = np.broadcast_to(bar, (T, *bar.shape))
    return np.concatenate([bars, frames] if above else [frames, bars], axis=1)


def tiled(
    clips: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int | None = None
) -> np.ndarray:
    """Clips of one shape (T, H, W, 3) in rows of `columns`, each under its title; what is left of
    the last row stays dark.
    """
    if len({clip.shape for clip in clips}) != 1:
        raise BadInput(
            f"clips side by side need one shape, got {[clip.shape for clip in clips]}; enlarge "
            "them alike first"
        )
    shown = (
        [captioned(clip, [title], above=True) for clip, title in zip(clips, titles, strict=True)]
        if titles
        else list(clips)
    )
    T, _, W, _ = shown[0].shape
    high = max(clip.shape[1] for clip in shown)  # a long title takes two lines
    columns = columns or len(shown)
    sheet = np.full((T, high * math.ceil(len(shown) / columns), W * columns, 3), BAR, np.uint8)
    for i, clip in enumerate(shown):
        row, column = divmod(i, columns)
        sheet[
            :, (row + 1) * high - clip.shape[1] : (row + 1) * high, column * W : (column + 1) * W
        ] = clip
    return sheet


def mp4(frames: np.ndarray, times: np.ndarray, lines: Sequence[str] = ()) -> bytes:
    """Frames at their times (seconds) as H.264 in an MP4 that browsers play, `lines` below the
    picture.
    """
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # its index is moved to the front, which needs a file
        path = Path(folder) / "clip.mp4"
        write_mp4(path, captioned(frames, lines) if lines else frames, frame_rate(times))
        return path.read_bytes()


def gif(frames: np.ndarray, times: np.ndarray, lines: Sequence[str] = ()) -> bytes:
    """The same as a GIF that repeats for ever, in the 256 colours that fit it best."""
    frames = captioned(frames, lines) if lines else frames
    file = io.BytesIO()
    pause = max(2, round(100 / frame_rate(times)))  # hundredths of a second, the unit of the format
    with av.open(file, "w", format="gif", options={"loop": "0"}) as container:
        stream = container.add_stream("gif", rate=Fraction(100, pause))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "pal8"
        for frame in _in_best_colours(frames, Fraction(pause, 100)):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _in_best_colours(frames: np.ndarray, pause: Fraction) -> list[av.VideoFrame]:
    """The frames in one palette made from all of them (FFmpeg's palettegen and paletteuse)."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frames.shape[2], height=frames.shape[1], format="rgb24", time_base=pause
    )
    split, palette, use, sink = (
        graph.add(name) for name in ("split", "palettegen", "paletteuse", "buffersink")
    )
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    for t, image in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = t, pause
        source.push(frame)
    source.push(None)
    return [sink.pull() for _ in frames]


def npz(numbers: Mapping[str, tuple[np.ndarray, str]], source: str) -> bytes:
    """Arrays with what each means, `key -> (array, meaning)`, as an NPZ that also holds `about` (a
    line a key) and `source`.

    Raises: BadInput for a key that the file itself needs.
    """
    if {"about", "source"} & set(numbers):
        raise BadInput(
            f"'about' and 'source' are written by the file itself; name {sorted(numbers)} otherwise"
        )
    file = io.BytesIO()
    about = np.array([f"{key}: {meaning}" for key, (_, meaning) in numbers.items()])
    np.savez_compressed(
        file,
        **{key: array for key, (array, _) in numbers.items()},
        about=about,
        source=np.array(source),
    )
    return file.getvalue()
