"""Results as files to keep: a video, an animation, the numbers. Each says what it shows."""

from __future__ import annotations

import io
import math
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.filter
import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.draw.overlay import frame_rate, write_mp4
from core.errors import BadInput

LINE = 22  # pixels of a line of words
BAR = (24, 27, 33)  # the ground behind them
WORDS = (240, 240, 240)
_ASCII = str.maketrans(
    {"·": "|", "×": "x", "→": "->", "–": "-", "−": "-", "“": '"', "”": '"', "…": "...", "ρ": "rho"}
)
"""OpenCV's letters are ASCII alone."""


def captioned(
    frames: UInt8[np.ndarray, "T H W 3"], lines: Sequence[str], above: bool = False
) -> UInt8[np.ndarray, "T _H W 3"]:
    """Frames (T, H, W, 3) uint8 with lines of words on a dark bar below (or above) them.

    Lines that are too long for the width are wrapped.
    """
    T, _, W, _ = frames.shape
    most = max(16, W // 8)  # letters that fit
    wrapped = [text for line in lines for text in textwrap.wrap(line.translate(_ASCII), most)]
    bar = np.full((LINE * len(wrapped) + 10, W, 3), BAR, np.uint8)
    for i, text in enumerate(wrapped):
        cv2.putText(
            bar,
            text.encode("ascii", "replace").decode(),
            (8, LINE * (i + 1)),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.44,
            WORDS,
            1,
            cv2.LINE_AA,
        )
    bars = np.broadcast_to(bar, (T, *bar.shape))
    return np.concatenate([bars, frames] if above else [frames, bars], axis=1)


def tiled(
    clips: Sequence[UInt8[np.ndarray, "_T _H _W 3"]],
    titles: Sequence[str] = (),
    columns: int | None = None,
) -> UInt8[np.ndarray, "T H W 3"]:
    """Clips of one shape (T, H, W, 3) in rows of `columns`, each under its title.

    What is left of the last row stays dark.

    Raises: BadInput if the clips differ in shape.
    """
    if len({clip.shape for clip in clips}) != 1:
        raise BadInput(
            f"clips side by side need one shape, got {[clip.shape for clip in clips]}; enlarge "
            "them alike first"
        )
    tiles = list(clips)
    if titles:
        named = zip(clips, titles, strict=True)
        tiles = [captioned(clip, [title], above=True) for clip, title in named]
    T, _, W, _ = tiles[0].shape
    high = max(tile.shape[1] for tile in tiles)  # a long title takes two lines
    columns = columns or len(tiles)
    sheet = np.full((T, high * math.ceil(len(tiles) / columns), W * columns, 3), BAR, np.uint8)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, columns)
        bottom, left = (row + 1) * high, column * W
        sheet[:, bottom - tile.shape[1] : bottom, left : left + W] = tile
    return sheet


def mp4(
    frames: UInt8[np.ndarray, "T H W 3"], times: Float[np.ndarray, " T"], lines: Sequence[str] = ()
) -> bytes:
    """Frames at their times (seconds) as H.264 that browsers play, `lines` below the picture."""
    # its index is moved to the front, which needs a file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, captioned(frames, lines) if lines else frames, frame_rate(times))
        return path.read_bytes()


def gif(
    frames: UInt8[np.ndarray, "T H W 3"], times: Float[np.ndarray, " T"], lines: Sequence[str] = ()
) -> bytes:
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
    height, width = frames.shape[1:3]
    colours: Any = "rgb24"  # PyAV's types ask for a VideoFormat, but its code takes the name too
    source = graph.add_buffer(width=width, height=height, format=colours, time_base=pause)
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
    return [cast(av.VideoFrame, sink.pull()) for _ in frames]


Numbers = Mapping[str, tuple[np.ndarray, str]]
"""Key in the NPZ -> the array and what it means, with its shape and unit."""


def npz(numbers: Numbers, source: str) -> bytes:
    """Arrays with what each means, as an NPZ that also holds `about` (a line a key) and `source`.

    Raises: BadInput for a key that the file itself needs.
    """
    if {"about", "source"} & set(numbers):
        raise BadInput(
            f"'about' and 'source' are written by the file itself; name {sorted(numbers)} otherwise"
        )
    file = io.BytesIO()
    arrays: dict[str, Any] = {key: array for key, (array, _) in numbers.items()}
    about = [f"{key}: {meaning}" for key, (_, meaning) in numbers.items()]
    np.savez_compressed(file, **arrays, about=np.array(about), source=np.array(source))
    return file.getvalue()
