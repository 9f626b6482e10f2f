"""Results as files to keep: a video, an animation, the numbers. Each says what it shows."""

from __future__ import annotations

import io
import math
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import av
import av.filter
import numpy as np
from jaxtyping import Float, UInt8

from core.draw import lettering
from core.draw.overlay import frame_rate, write_mp4
from core.errors import BadInput

LINE, LETTERS = 22, 13
"""Pixels of a line of words, and the size of its letters."""
BAR = (24, 27, 33)  # the ground behind them
WORDS = (240, 240, 240)
_FONTS = (
    "notosanscjk",
    "pingfang",
    "hiragino",
    "msyh",  # Microsoft YaHei
    "yugoth",
    "malgun",
    "arialuni",
    "wqy",
    "droidsansfallback",
)
"""How files of fonts begin that have the letters that Matplotlib's own lacks, such as Chinese."""


def captioned(
    frames: UInt8[np.ndarray, "T H W 3"], lines: Sequence[str], above: bool = False
) -> UInt8[np.ndarray, "T _H W 3"]:
    """Frames (T, H, W, 3) uint8 with lines of words on a dark bar below (or above) them.

    Lines that are too long for the width are broken.
    """
    T, _, W, _ = frames.shape
    broken = [piece for line in lines for piece in lettering.broken(line, W - 16, LETTERS)]
    bar = _written(broken, W)
    bars = np.broadcast_to(bar, (T, *bar.shape))
    return np.concatenate([bars, frames] if above else [frames, bars], axis=1)


def _written(lines: Sequence[str], width: int) -> UInt8[np.ndarray, "_H _W 3"]:
    """Lines of words, one below the other, on a bar of this width in pixels.

    By Matplotlib, since OpenCV has the letters of ASCII alone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, dots = LINE * len(lines) + 10, 72  # dots an inch: a point is a pixel
    size = ((width + 0.01) / dots, (height + 0.01) / dots)  # whole pixels are rounded down
    figure = Figure(size, dots, facecolor=_colour(BAR))
    for i, line in enumerate(lines):
        figure.text(
            8 / width,
            1 - LINE * (i + 1) / height,
            line,
            color=_colour(WORDS),
            fontsize=LETTERS,
            family=["DejaVu Sans", *_fonts_here()],
            parse_math=False,
        )
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():  # of a letter that no font here has, which becomes a box
        warnings.simplefilter("ignore", UserWarning)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _colour(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """The same in 0..1."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


@lru_cache(maxsize=1)
def _fonts_here() -> list[str]:
    """The families of those of _FONTS that this computer has.

    They are looked for anew: Matplotlib's own list may be older than the fonts.
    """
    from matplotlib.font_manager import findSystemFonts, fontManager, get_font

    files = [file for file in findSystemFonts() if Path(file).name.lower().startswith(_FONTS)]
    for file in files:
        fontManager.addfont(file)
    return sorted({get_font(file).family_name for file in files})


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

    What programs may read has the hyphen for a minus.

    Raises: BadInput for a key that the file itself needs.
    """
    if {"about", "source"} & set(numbers):
        raise BadInput(
            f"'about' and 'source' are written by the file itself; name {sorted(numbers)} otherwise"
        )
    file = io.BytesIO()
    arrays: dict[str, Any] = {key: array for key, (array, _) in numbers.items()}
    about = [f"{key}: {meaning}" for key, (_, meaning) in numbers.items()]
    np.savez_compressed(
        file, **arrays, about=np.array(about), source=np.array(lettering.typed(source))
    )
    return file.getvalue()
