"""A video file is opened, or refused, and its frames are decoded one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from core.errors import BadInput, EmptyVideo, MissingVideo, NotAVideo, NoVideoStream, OverLimit
from core.video.boxes import check_boxes
from core.video.limits import Limits
from core.video.pictures import HDR, pixel_aspect, squared

KINDS = "mp4, webm, mkv, avi, mov or gif"
"""The containers that are named to users."""
SUFFIXES = (
    *("mp4", "webm", "mkv", "avi", "mov", "gif", "m4v", "3gp", "mpg", "mpeg", "ts", "m2ts", "mts"),
    *("3g2", "f4v", "qt", "mj2", "ogv", "flv", "wmv", "asf", "vob", "divx"),
    *("avif", "webp", "apng", "zip", "tar", "tgz", "gz"),
)
"""The endings of files that the app offers; the command line reads a file whatever it is called."""

# These hold one video and open no other file: no playlists, no text "videos", no still images.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,mpegts,mpeg,ogg,flv,asf"
_NO_FILM = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_PICTURES = ("mjpeg", "png", "bmp", "webp", "tiff")
"""Codecs of covers, by FFmpeg's names."""
_UNSAID = 2  # of a colour, in ITU-T H.273
_LEAST_SIDE = 8  # pixels
_LONGEST_SHAPE = 16  # the longer side over the shorter


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside is the file's fault: NotAVideo, in one line."""
    try:
        yield
    except (BadInput, Unfit):
        raise
    except Exception as error:
        # FFmpeg's errors are of many classes, and some files break PyAV itself
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise NotAVideo(
            f"{path.name}: its pictures cannot be decoded ({reason}); convert it to mp4 (H.264)"
        ) from None


class Unfit(Exception):
    """The frames are not those that the packets promised."""


class Film(NamedTuple):
    """An open file, and the stream in it that is the video."""

    container: InputContainer
    stream: VideoStream
    hdr: tuple[int, int, int] | None = None
    """Transfer, primaries and matrix (ITU-T H.273) of a stream that its container calls HDR."""


MOST_SAMPLES = 4_000_000
"""Of a file of which only a part is read: a day of film, whose tables take some 100 MB."""


@contextmanager
def opened(path: Path, limits: Limits, most_samples: int = 0) -> Iterator[Film]:
    """The file, ready to be demuxed; it claims `most_samples` or, by default, `limits.frames`.

    Raises: VideoError, by the reason.
    """
    _check_file(path, limits)
    check_boxes(path, most_samples or limits.frames)
    with _container(path) as container:
        candidates = _films(container, path.name)
        counts: dict[int, int] = {}
        if len(candidates) > 1:
            counts = _packets(path, limits)
            candidates.sort(
                key=lambda stream: (
                    counts[stream.index] < 2,
                    not stream.disposition & Disposition.default,
                    -stream.width * stream.height,
                )
            )
        stream = candidates[0]
        context = stream.codec_context
        # a cover that is not called one is a stream of a single picture
        if container.streams.audio and context.name in _PICTURES:
            counts = counts or _packets(path, limits)
            if counts[stream.index] < 2:
                raise _only(path.name, "sound and a picture")
        check_size(path.name, context.width, context.height, limits, pixel_aspect(stream))
        context.options = {"max_pixels": str(2 * limits.pixels)}
        stream.thread_type = "AUTO"
        hdr = (int(context.color_trc), int(context.color_primaries), int(context.colorspace))
        yield Film(container, stream, hdr if hdr[0] in HDR else None)


def _check_file(path: Path, limits: Limits) -> None:
    if not path.exists():
        raise MissingVideo(f"{path}: no such file; give the path of a video ({KINDS})")
    if not path.is_file():
        raise MissingVideo(
            f"{path}: this is a folder, not a video; give the path of one file ({KINDS}), or a "
            "folder of pictures"
        )
    size = path.stat().st_size
    if size == 0:
        raise EmptyVideo(f"{path.name}: the file is empty (0 bytes); copy or record it again")
    if size > limits.megabytes * 1e6:
        raise OverLimit(
            f"{path.name}: {size / 1e6:.0f} MB is over the limit of {limits.megabytes:.0f} MB; cut "
            "or compress it"
        )


def _container(path: Path) -> InputContainer:
    try:
        # An absolute path: FFmpeg would read "name:rest" as a protocol.
        return av.open(
            str(path.absolute()),
            options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
        )
    except (FFmpegError, ValueError, OSError):
        raise NotAVideo(
            f"{path.name}: not a video that can be read; expected {KINDS}; convert it or choose "
            "another file"
        ) from None


def _films(container: InputContainer, name: str) -> list[VideoStream]:
    """The streams that may be the video. Raises: NoVideoStream, NotAVideo."""
    streams = list(container.streams.video)
    if not streams:
        raise NoVideoStream(
            f"{name}: holds no pictures, only sound or data; choose a file with a video track"
        )
    moving = [stream for stream in streams if not stream.disposition & _NO_FILM]
    if not moving:
        raise _only(name, "sound and a picture" if container.streams.audio else "a still picture")
    known = [stream for stream in moving if stream.codec_context is not None]
    if not known:
        raise NotAVideo(
            f"{name}: its pictures are coded in a way that FFmpeg does not know; convert it to "
            "mp4 (H.264)"
        )
    return known


def _only(name: str, what: str) -> NoVideoStream:
    return NoVideoStream(f"{name}: holds no video, only {what}; choose a file with a video track")


def _packets(path: Path, limits: Limits) -> dict[int, int]:
    """The number of packets of each stream of pictures: one that has a single one is a picture."""
    with _container(path) as container:
        counts = {stream.index: 0 for stream in container.streams.video}
        try:
            for packet in container.demux(*container.streams.video):
                if packet.size:  # an empty one, which ends a stream, may not say of which it is
                    counts[packet.stream_index] += 1
                if max(counts.values()) > limits.frames:
                    break
        except FFmpegError:
            pass  # damaged or cut short: what was read so far counts
    return counts


def check_size(
    name: str, width: int, height: int, limits: Limits, aspect: Fraction = Fraction(1)
) -> None:
    """Of pictures whose pixels have this aspect, the size that they are shown in.

    Raises: OverLimit for pictures that are too large, or too narrow to be shown.
    """
    width, height = squared(width, height, aspect)
    if width * height > limits.pixels:
        raise OverLimit(
            f"{name}: frames of {width}x{height} are over the limit of "
            f"{limits.pixels / 1e6:.1f} million pixels; scale it down"
        )
    short, long = sorted((width, height))
    if short and (short < _LEAST_SIDE or long > _LONGEST_SHAPE * short):
        raise OverLimit(
            f"{name}: frames of {width}x{height} are too narrow; give a video whose sides are at "
            f"least {_LEAST_SIDE} pixels and no more than 1:{_LONGEST_SHAPE}"
        )


def too_many_frames(name: str, limits: Limits) -> OverLimit:
    """The refusal of a file that goes on and on."""
    return OverLimit(f"{name}: more than {limits.frames} frames; cut it shorter")


def decoded(film: Film, name: str, limits: Limits) -> Iterator[av.VideoFrame]:
    """Frames in order; damaged packets are passed over.

    Raises: OverLimit for what is larger than its header said, or has no end.
    """
    context = _with_alpha(film.stream)
    aspect = pixel_aspect(film.stream)
    packets = film.container.demux(film.stream)
    read = 0
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # damaged or cut short: what was read so far counts
            return
        if packet is None:
            return
        read += 1
        if read > limits.frames + 1:
            raise too_many_frames(name, limits)
        try:
            frames = context.decode(packet if packet.size else None) if context else packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                check_size(name, frame.width, frame.height, limits, aspect)
                if film.hdr and frame.color_trc == _UNSAID:  # which its decoder has not kept
                    frame.color_trc, frame.color_primaries, frame.colorspace = film.hdr
                yield frame


def _with_alpha(stream: VideoStream) -> VideoCodecContext | None:
    """A decoder that knows the transparency of VP8 and VP9, where there is any.

    FFmpeg's own leave it out.
    """
    decoders = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
    name = decoders.get(stream.codec_context.name)
    if stream.metadata.get("alpha_mode") != "1" or name not in av.codecs_available:
        return None
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = stream.codec_context.extradata
    return context
