"""From a decoded frame to the picture that the file wants to be shown.

Pictures are uint8 RGB (H, W, 3): transparency over white, HDR tone-mapped, square pixels, upright.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.stream import VideoStream

_THREADS = 1
"""Of a conversion: a forked loader would wait for ever for threads that only its parent has."""
Orientation = tuple[bool, bool, bool]
"""Swap the axes, then flip x, then flip y."""
_HLG, _PQ = 18, 16  # transfer characteristics of ITU-T H.273
HDR = {_HLG: "HLG", _PQ: "PQ"}
"""Transfer characteristics whose pictures are tone-mapped, and what they are called."""
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""From BT.2020 primaries to those of BT.709, both linear (BT.2087)."""
_HLG_WHITE = 0.265  # scene light of SDR white, a signal of 75 % (BT.2408)
_PQ_WHITE = 203 / 10_000  # the same in units of 10,000 cd/m2
_KNEE = 0.85  # linear light above which highlights are compressed
_MOST = 12.0  # the brightest linear light that is told apart; 1 is SDR white


class Reel:
    """Decoded frames in order, one of which is current; its neighbours can be looked at."""

    def __init__(self, frames: Iterator[av.VideoFrame], stream: VideoStream) -> None:
        self._frames, self._ahead = frames, list[av.VideoFrame]()
        self.before: av.VideoFrame | None = None
        self.current: av.VideoFrame | None = None
        self.aspect = pixel_aspect(stream)
        self._turn: Orientation | None = None

    def step(self) -> bool:
        """Go on to the next frame; False where there is none."""
        following = self._peek()
        if following is None:
            return False
        self._ahead.clear()
        self.before, self.current = self.current, following
        return True

    def _peek(self) -> av.VideoFrame | None:
        if not self._ahead:
            self._ahead.extend(frame for frame in [next(self._frames, None)] if frame is not None)
        return self._ahead[0] if self._ahead else None

    def picture(self) -> np.ndarray:
        """The current frame as it is to be shown."""
        frame = self.current
        assert frame is not None
        if frame.interlaced_frame:
            frame = _deinterlaced(self.before, frame, self._peek())
        return upright(_square(_rgb(frame), self.aspect), self._orientation())

    def _orientation(self) -> Orientation:
        """That of the first picture that is asked for, since a file has one display matrix."""
        if self._turn is None:
            assert self.current is not None
            self._turn = _orientation(self.current)
        return self._turn

    def changes(self) -> tuple[str, ...]:
        """What is changed of the current frame to show it, in words."""
        frame = self.current
        assert frame is not None
        changed = []
        if frame.interlaced_frame:
            changed.append("deinterlaced")
        if frame.color_trc in HDR:
            changed.append(f"tone-mapped from {HDR[int(frame.color_trc)]}")
        if self.aspect != 1:
            changed.append("stretched to square pixels")
        swaps, flip_x, flip_y = self._orientation()
        if swaps != (flip_x != flip_y):
            changed.append("mirrored")
        return tuple(changed)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width of a pixel over its height; 1 where it is not said, next to 1 or absurd."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or not Fraction(1, 5) <= aspect <= 5 or abs(aspect - 1) <= Fraction(1, 100):
        return Fraction(1)
    return Fraction(aspect)


def _deinterlaced(
    before: av.VideoFrame | None, frame: av.VideoFrame, after: av.VideoFrame | None
) -> av.VideoFrame:
    """The frame with its second field filled in from the first and the frames about it (bwdif)."""
    near = [
        each
        for each in (before, frame, after)
        if each is not None
        and (each.width, each.height, each.format.name)
        == (frame.width, frame.height, frame.format.name)
    ]
    graph = av.filter.Graph()
    graph.threads = _THREADS
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 100),
    )
    filtered = graph.add("bwdif", "mode=send_frame:parity=auto:deint=all")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    stamps = [(each, each.pts, each.time_base) for each in near]
    for place, each in enumerate(near):
        each.pts, each.time_base = place, Fraction(1, 100)
        source.push(each)
    source.push(None)
    for each, pts, base in stamps:
        each.pts, each.time_base = pts, base
    for _ in range(near.index(frame)):
        sink.pull()
    filled_in = sink.pull()
    assert isinstance(filled_in, av.VideoFrame)
    return filled_in


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 (H, W, 3), transparency over white, HDR tone-mapped."""
    if frame.color_trc in HDR:
        return _tone_mapped(frame)
    kind = frame.format
    if kind.has_palette or any(part.is_alpha for part in kind.components):
        rgba = frame.to_ndarray(format="rgba", threads=_THREADS).astype(np.uint16)
        alpha = rgba[..., 3:]
        over_white = (rgba[..., :3] * alpha + 255 * (255 - alpha)) // 255
        return over_white.astype(np.uint8)
    return frame.to_ndarray(format="rgb24", threads=_THREADS)


def _tone_mapped(frame: av.VideoFrame) -> np.ndarray:
    """An HDR frame as SDR: its light in BT.709 primaries, highlights compressed into white."""
    import cv2

    to_light, to_grey = _tables(int(frame.color_trc))
    light = to_light[frame.to_ndarray(format="rgb48le", threads=_THREADS)]
    if frame.color_primaries == 9:  # BT.2020
        light = cv2.transform(light, _TO_BT709)
    places = (np.clip(light, 0, _MOST) * (65535 / _MOST) + 0.5).astype(np.uint16)
    return to_grey[places]


@cache
def _tables(transfer: int) -> tuple[np.ndarray, np.ndarray]:
    """From a signal of 16 bits to light, SDR white being 1; from light x 65535 / _MOST to uint8."""
    signal = np.arange(65536) / 65535
    if transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = scene / _HLG_WHITE
    else:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = signal ** (1 / m2)
        light = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) / _PQ_WHITE
    linear = np.arange(65536) * (_MOST / 65535)
    room = 1 - _KNEE
    soft = _KNEE + room * (1 - np.exp(-np.maximum(linear - _KNEE, 0) / room))
    shown = np.where(linear <= _KNEE, linear, soft)
    grey = 255 * np.where(shown < 0.018, 4.5 * shown, 1.099 * shown**0.45 - 0.099)  # BT.709
    return light.astype(np.float32), grey.round().astype(np.uint8)


def _square(image: np.ndarray, aspect: Fraction) -> np.ndarray:
    """The picture with square pixels; the shorter side of a pixel is stretched."""
    import cv2

    if aspect == 1:
        return image
    size = squared(image.shape[1], image.shape[0], aspect)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def squared(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height of a picture once its pixels of this aspect are square."""
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def _orientation(frame: av.VideoFrame) -> Orientation:
    """What the display matrix of a frame asks for.

    A frame keeps the side data that it is asked for, which keeps the frame and with it the pictures
    of its decoder, of 4K some 40 MB, until the garbage is collected: so it is not asked.
    """
    made: Any = SideDataContainer  # which PyAV's types do not know how to make
    matrix = made(frame).get("DISPLAYMATRIX")
    return (False, False, False) if matrix is None else orientation(bytes(matrix))


def orientation(matrix: bytes) -> Orientation:
    """What a display matrix of FFmpeg asks for, nine numbers of 32 bits: a, b, _, c, d, ...

    A point (x, y) is shown at (a x + c y, b x + d y). A matrix that squeezes the picture to nothing
    is wrong, and nothing is done for it.
    """
    a, b, _, c, d = np.frombuffer(matrix, "=i4")[:5].astype(float)
    if abs(a * d) > abs(b * c):
        return False, bool(a < 0), bool(d < 0)
    if abs(b * c) > abs(a * d):
        return True, bool(c < 0), bool(b < 0)
    return False, False, False


def upright(image: np.ndarray, orientation: Orientation) -> np.ndarray:
    """The picture (H, W, 3) with its axes swapped and flipped as its orientation says."""
    swaps, flip_x, flip_y = orientation
    if swaps:
        image = image.swapaxes(0, 1)
    if flip_x:
        image = image[:, ::-1]
    if flip_y:
        image = image[::-1]
    return np.ascontiguousarray(image)
