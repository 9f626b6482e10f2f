"""A video file is opened, or refused, and its frames are found and decoded.

Times are seconds from the first frame, pictures are uint8 RGB (H, W, 3).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from core.errors import BadInput, EmptyVideo, MissingVideo, NotAVideo, NoVideoStream, OverLimit

KINDS = "mp4, webm, mkv, avi, mov or gif"
"""The containers that are named to users."""

# These hold one video and open no other file: no playlists, no text "videos", no still images.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,ogg,flv,asf"


@dataclass(frozen=True)
class Limits:
    """What is accepted. Each can be set."""

    megabytes: float = 500.0
    seconds: float = 900.0
    pixels: int = 4096 * 2304  # of one frame


@dataclass(frozen=True)
class _Index:
    """When frames are shown, in units of the stream's time base."""

    pts: list[int]  # presentation times of all frames, ascending
    keyframes: list[int]  # those of the frames that need no other, ascending


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault: NotAVideo, in one line."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        # FFmpeg's errors are of many classes, and some files break PyAV itself
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotAVideo(
            f"{path.name}: its pictures cannot be decoded ({reason}); convert it to mp4 (H.264)"
        ) from None


def opened(path: Path, limits: Limits) -> InputContainer:
    """The file, ready to be demuxed; the caller closes it. Raises: VideoError, by the reason."""
    name = path.name
    if not path.exists():
        raise MissingVideo(f"{path}: no such file; give the path of a video ({KINDS})")
    if not path.is_file():
        raise MissingVideo(
            f"{path}: this is a folder, not a video; give the path of one file ({KINDS})"
        )
    size = path.stat().st_size
    if size == 0:
        raise EmptyVideo(f"{name}: the file is empty (0 bytes); copy or record it again")
    if size > limits.megabytes * 1e6:
        raise OverLimit(
            f"{name}: {size / 1e6:.0f} MB is over the limit of {limits.megabytes:.0f} MB; cut or "
            "compress it"
        )
    try:
        # An absolute path: FFmpeg would read "name:rest" as a protocol.
        container = av.open(
            str(path.absolute()),
            options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
        )
    except (FFmpegError, ValueError, OSError):
        raise NotAVideo(
            f"{name}: not a video that can be read; expected {KINDS}; convert it or choose "
            "another file"
        ) from None
    try:
        if not container.streams.video:
            raise NoVideoStream(
                f"{name}: holds no pictures, only sound or data; choose a file with a video track"
            )
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise NotAVideo(
                f"{name}: its pictures are coded in a way that FFmpeg does not know; convert it "
                "to mp4 (H.264)"
            )
        if context.width * context.height > limits.pixels:
            raise OverLimit(
                f"{name}: frames of {context.width}x{context.height} are over the limit of "
                f"{limits.pixels / 1e6:.1f} million pixels; scale it down"
            )
    except BaseException:
        container.close()
        raise
    stream.thread_type = "AUTO"
    return container


def _decoded(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Frames in order; damaged packets are passed over."""
    stream = container.streams.video[0]
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # damaged or cut short: what was read so far counts
            return
        if packet is None:
            return
        try:
            yield from (frame for frame in packet.decode() if isinstance(frame, av.VideoFrame))
        except FFmpegError:
            continue


def _index(container: InputContainer) -> _Index | None:
    """Presentation times from the packets alone, without decoding; None if they do not say."""
    stream = container.streams.video[0]
    pts: list[int] = []
    keyframes: list[int] = []
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None or packet.is_corrupt:
                return None
            pts.append(packet.pts)
            if packet.is_keyframe:
                keyframes.append(packet.pts)
    except FFmpegError:
        return None
    if not keyframes or len(set(pts)) != len(pts):
        return None
    return _Index(sorted(pts), sorted(keyframes))


_TRANSPARENT = ("pal8", "rgba", "bgra", "argb", "abgr")
"""Pixel formats with an alpha channel, beside the yuva ones."""


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 (H, W, 3), transparency over white, turned as the file's metadata says."""
    kind = frame.format.name
    if kind in _TRANSPARENT or kind.startswith("yuva"):
        rgba = frame.to_ndarray(format="rgba").astype(np.uint16)
        alpha = rgba[..., 3:]
        over_white = (rgba[..., :3] * alpha + 255 * (255 - alpha)) // 255
        image: np.ndarray = over_white.astype(np.uint8)
    else:
        image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


@dataclass(frozen=True)
class Timeline:
    """Every frame of a file: when it is shown, and its picture where all had to be decoded."""

    index: _Index
    seconds: np.ndarray  # (n,) from the first frame
    frames: dict[int, np.ndarray] | None  # by presentation time

    @property
    def fps(self) -> float:
        """The mean rate; 0 where the times do not say."""
        span = float(self.seconds[-1]) if len(self.seconds) > 1 else 0.0
        return (len(self.seconds) - 1) / span if span > 0 else 0.0


def timeline_of(path: Path, limits: Limits) -> Timeline:
    """Raises: VideoError, by the reason."""
    with readable(path):
        return _timeline(path, limits)


def _timeline(path: Path, limits: Limits) -> Timeline:
    with opened(path, limits) as container:
        stream = container.streams.video[0]
        base = float(stream.time_base or 1 / 1000)
        if container.duration and container.duration / 1e6 > limits.seconds:
            raise OverLimit(
                f"{path.name}: {container.duration / 1e6:.0f} s is over the limit of "
                f"{limits.seconds:.0f} s; cut it shorter"
            )
        index = _index(container)
    frames = None
    if index is None:
        index, frames = _decode_everything(path, limits)
    if not index.pts:
        raise EmptyVideo(
            f"{path.name}: not one frame can be decoded; the file is damaged: copy or record it "
            "again"
        )
    seconds = (np.array(index.pts, np.float64) - index.pts[0]) * base
    if seconds[-1] > limits.seconds:
        raise OverLimit(
            f"{path.name}: {seconds[-1]:.0f} s is over the limit of {limits.seconds:.0f} s; cut "
            "it shorter"
        )
    return Timeline(index, seconds, frames)


_HELD_PIXELS = 4e8
"""When every frame must be decoded, at most this many pixels are kept."""


def _decode_everything(path: Path, limits: Limits) -> tuple[_Index, dict[int, np.ndarray]]:
    """All frames of a file whose packets carry no usable times; missing times are invented."""
    frames: dict[int, np.ndarray] = {}
    with opened(path, limits) as container:
        stream = container.streams.video[0]
        step = 1
        if stream.average_rate and stream.time_base:
            step = max(1, round(1 / float(stream.average_rate) / float(stream.time_base)))
        last = -step
        held = 0
        for frame in _decoded(container):
            pts = frame.pts if frame.pts is not None and frame.pts > last else last + step
            frames[pts] = _rgb(frame)
            last = pts
            held += frames[pts].size // 3
            if held > _HELD_PIXELS:
                raise OverLimit(
                    f"{path.name}: it has no usable time stamps and is too long to read whole; "
                    "convert it to mp4 first"
                )
    order = sorted(frames)
    return _Index(order, order[:1]), frames


# Elsewhere frames are counted: a seek in mpeg-ts lands past its target, and avi stamps B-frames in
# the order of coding.
_SEEKABLE = ("mov,", "matroska,")


def pictures_at(
    path: Path, timeline: Timeline, indices: list[int], limits: Limits
) -> Iterator[np.ndarray]:
    """The frames at these ascending indices, uint8 RGB (H, W, 3).

    A frame that cannot be decoded is replaced by the next one that can. The iterator ends early
    where none follows. Raises: VideoError, by the reason.
    """
    with readable(path):
        yield from _pictures(path, timeline, indices, limits)


def _pictures(
    path: Path, timeline: Timeline, indices: list[int], limits: Limits
) -> Iterator[np.ndarray]:
    targets = [timeline.index.pts[i] for i in indices]
    if timeline.frames is not None:
        yield from (timeline.frames[target] for target in targets)
        return
    with opened(path, limits) as container:
        if container.format.name.startswith(_SEEKABLE):
            yield from _sought(container, targets, timeline.index.keyframes)
        else:
            yield from _counted(container, indices)


def _counted(container: InputContainer, indices: list[int]) -> Iterator[np.ndarray]:
    """The frames at these ascending indices, by decoding all before them."""
    frames = _decoded(container)
    current: av.VideoFrame | None = None
    position = -1
    for index in indices:
        while position < index and (following := next(frames, None)) is not None:
            current, position = following, position + 1
        if current is None:
            return
        yield _rgb(current)


def _sought(
    container: InputContainer, targets: list[int], keyframes: list[int]
) -> Iterator[np.ndarray]:
    """The frames at these ascending presentation times, seeking over what need not be decoded."""
    stream = container.streams.video[0]
    frames = _decoded(container)
    current: av.VideoFrame | None = None
    for target in targets:
        entry = keyframes[max(0, bisect_right(keyframes, target) - 1)]
        behind = keyframes[0] if current is None or current.pts is None else current.pts
        if entry > behind:
            container.seek(entry, stream=stream)
            frames = _decoded(container)
            current = None
        while current is None or current.pts is None or current.pts < target:
            following = next(frames, None)
            if following is None:
                break
            current = following
        if current is None:
            return
        yield _rgb(current)
