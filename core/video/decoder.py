"""From a video file to a `Clip`: probing, sampling, decoding, cropping, and every refusal of bad
input.

Sizes are pixels, times are seconds from the first frame, frames are uint8 RGB.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from core.errors import (
    EmptyVideo,
    MissingVideo,
    NotAVideo,
    NoVideoStream,
    OverLimit,
    TooFewFrames,
)
from core.video.clip import Clip, digest
from core.video.sampling import Sampling, choose, too_few

KINDS = "mp4, webm, mkv, avi, mov or gif"

# Demuxers that hold one video and open no other file: no playlists, no text "videos", no still
# images.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,ogg,flv,asf"


@dataclass(frozen=True)
class Limits:
    """What is accepted. Each can be set."""

    megabytes: float = 500.0
    seconds: float = 900.0
    pixels: int = 4096 * 2304  # of one frame


@dataclass(frozen=True)
class Probe:
    """What a file holds: size after rotation, frames, true duration and mean rate."""

    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    codec: str


@dataclass(frozen=True)
class _Index:
    pts: list[int]  # presentation order
    keyframes: list[int]  # their presentation times, ascending


def _open(path: Path, limits: Limits) -> InputContainer:
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
        context = container.streams.video[0].codec_context
        if context.width * context.height > limits.pixels:
            raise OverLimit(
                f"{name}: frames of {context.width}x{context.height} are over the limit of "
                f"{limits.pixels / 1e6:.1f} million pixels; scale it down"
            )
    except BaseException:
        container.close()
        raise
    container.streams.video[0].thread_type = "AUTO"
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
    pts, keyframes = [], []
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


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 (H, W, 3), transparency over white, turned as the file's metadata says."""
    if frame.format.name in (
        "pal8",
        "rgba",
        "bgra",
        "argb",
        "abgr",
    ) or frame.format.name.startswith("yuva"):
        rgba = frame.to_ndarray(format="rgba").astype(np.uint16)
        alpha = rgba[..., 3:]
        image = ((rgba[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    else:
        image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


@dataclass(frozen=True)
class _Timeline:
    """Every frame of a file: when it is shown, and its picture where all had to be decoded."""

    index: _Index
    seconds: np.ndarray
    frames: dict[int, np.ndarray] | None

    @property
    def fps(self) -> float:
        span = float(self.seconds[-1]) if len(self.seconds) > 1 else 0.0
        return (len(self.seconds) - 1) / span if span > 0 else 0.0


def _timeline(path: Path, limits: Limits, wanted: int = 1) -> _Timeline:
    with _open(path, limits) as container:
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
    if len(seconds) < wanted:
        raise TooFewFrames(too_few(path.name, len(seconds), wanted))
    return _Timeline(index, seconds, frames)


_HELD_PIXELS = 4e8  # when every frame must be decoded, at most this many pixels are kept


def _decode_everything(path: Path, limits: Limits) -> tuple[_Index, dict[int, np.ndarray]]:
    """For files whose packets carry no usable times: decode all, and invent times where none are
    given.
    """
    frames: dict[int, np.ndarray] = {}
    with _open(path, limits) as container:
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


def probe(path: str | Path, limits: Limits = Limits()) -> Probe:
    """Describe a file; one frame is decoded to be sure that it can be.

    Raises: VideoError, by the reason.
    """
    path = Path(path)
    timeline = _timeline(path, limits)
    picture = next(_pictures(path, timeline, [0], limits), None)
    if picture is None:
        raise EmptyVideo(
            f"{path.name}: not one frame can be decoded; the file is damaged: copy or record it "
            "again"
        )
    with _open(path, limits) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        rate = float(stream.average_rate or 0)
    n = len(timeline.seconds)
    fps = timeline.fps or rate
    seconds = float(timeline.seconds[-1]) + (1 / fps if fps else 0.0)
    return Probe(picture.shape[1], picture.shape[0], n, round(seconds, 6), round(fps, 6), codec)


# Elsewhere frames are counted: a seek in mpeg-ts lands past its target, and avi stamps B-frames in
# the order of coding.
_SEEKABLE = ("mov,", "matroska,")


def _pictures(
    path: Path, timeline: _Timeline, wanted: list[int], limits: Limits
) -> Iterator[np.ndarray]:
    """The frames at these ascending indices, seeking over whatever need not be decoded.

    A frame that cannot be decoded is replaced by the next one that can.
    """
    if timeline.frames is not None:
        yield from (timeline.frames[timeline.index.pts[i]] for i in wanted)
        return
    targets = [timeline.index.pts[i] for i in wanted]
    keyframes = timeline.index.keyframes
    with _open(path, limits) as container:
        stream = container.streams.video[0]
        frames = _decoded(container)
        current: av.VideoFrame | None = None
        if not container.format.name.startswith(_SEEKABLE):
            at = -1
            for i in wanted:
                while at < i and (following := next(frames, None)) is not None:
                    current, at = following, at + 1
                if current is None:
                    return
                yield _rgb(current)
            return
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


def decode(
    path: str | Path,
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    start: float | None = None,
    end: float | None = None,
    limits: Limits = Limits(),
) -> Clip:
    """Read `frames` frames of the part from `start` to `end` seconds.

    Args:
        sampling: uniform = middles of equal segments; dense = `stride` frames apart around the
            middle; motion = the informative frames of spec 1.5, out of five a second.

    Raises: VideoError by the reason; BadInput for settings that make no sense.
    """
    path = Path(path)
    timeline = _timeline(path, limits)
    chosen = choose(
        path.name,
        timeline.seconds,
        timeline.fps,
        frames,
        sampling,
        stride,
        start,
        end,
        lambda indices: _read(path, timeline, indices, limits, width=160),
    )
    pictures = _read(path, timeline, chosen, limits)
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return Clip(pictures, timeline.seconds[chosen], path.name, digest(content, chosen.tolist()))


def decode_at(
    path: str | Path,
    pick: Callable[[np.ndarray, float, Callable[[np.ndarray], np.ndarray]], np.ndarray],
    *,
    shrink: Callable[[np.ndarray], np.ndarray] | None = None,
    limits: Limits = Limits(),
) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames that `pick` names, for callers with a choice of their own.

    Args:
        pick: called with the times of all frames (n,) in seconds, the mean rate and a function that
            reads small pictures at ascending indices; returns the ascending indices to read.
        shrink: applied to each picture (H, W, 3) as it is decoded, so that large ones are never
            held together.

    Returns: frames (P, h, w, 3) uint8 RGB and their times (P,). Raises: VideoError by the reason.
    """
    path = Path(path)
    timeline = _timeline(path, limits)
    chosen = pick(
        timeline.seconds,
        timeline.fps,
        lambda indices: _read(path, timeline, indices, limits, width=160),
    )
    return _read(path, timeline, chosen, limits, shrink=shrink), timeline.seconds[chosen]


def subclip(
    clip: Clip,
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    start: float | None = None,
    end: float | None = None,
) -> Clip:
    """The same choice of frames as `decode`, from a clip in memory."""
    span = float(clip.times[-1] - clip.times[0])
    fps = (len(clip) - 1) / span if span > 0 else 0.0
    chosen = choose(
        clip.source,
        clip.times,
        fps,
        frames,
        sampling,
        stride,
        start,
        end,
        lambda indices: clip.frames[indices],
    )
    return Clip(
        clip.frames[chosen], clip.times[chosen], clip.source, digest(clip.id, chosen.tolist())
    )


def _read(
    path: Path,
    timeline: _Timeline,
    wanted: np.ndarray,
    limits: Limits,
    width: int | None = None,
    shrink: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The wanted frames as one array; `width` or `shrink` scales them down while reading, to hold
    many.
    """
    import cv2

    pictures: list[np.ndarray] = []
    for picture in _pictures(path, timeline, wanted.tolist(), limits):
        picture = shrink(picture) if shrink else picture
        if pictures or width:
            size = (
                (width, max(1, picture.shape[0] * width // picture.shape[1]))
                if width
                else pictures[0].shape[1::-1]
            )
            if picture.shape[1::-1] != size:  # some files change size on the way
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        pictures.append(picture)
    if len(pictures) < len(wanted):
        raise TooFewFrames(
            too_few(path.name, len(pictures), len(wanted), "the part that can be decoded")
        )
    return np.stack(pictures)
