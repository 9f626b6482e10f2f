"""From a video file to a `Clip`: probing it, choosing frames, reading them.

Sizes are pixels, times are seconds from the first frame, frames are uint8 RGB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import EmptyVideo, TooFewFrames
from core.video.clip import Clip, digest
from core.video.container import Limits, Timeline, opened, pictures_at, timeline_of
from core.video.sampling import Sampling, choose, too_few

_SMALL = 160
"""Pixels across the pictures that are only read to choose among them."""


@dataclass(frozen=True)
class Probe:
    """What a file holds: size after rotation, frames, true duration and mean rate."""

    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    codec: str


def probe(path: str | Path, limits: Limits = Limits()) -> Probe:
    """Describe a file; one frame is decoded to be sure that it can be.

    Raises: VideoError, by the reason.
    """
    path = Path(path)
    timeline = timeline_of(path, limits)
    picture = next(pictures_at(path, timeline, [0], limits), None)
    if picture is None:
        raise EmptyVideo(
            f"{path.name}: not one frame can be decoded; the file is damaged: copy or record it "
            "again"
        )
    with opened(path, limits) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context.name
        rate = float(stream.average_rate or 0)
    n = len(timeline.seconds)
    fps = timeline.fps or rate
    seconds = float(timeline.seconds[-1]) + (1 / fps if fps else 0.0)
    return Probe(picture.shape[1], picture.shape[0], n, round(seconds, 6), round(fps, 6), codec)


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
        start, end: None for the first and the last frame.

    Raises: VideoError by the reason; BadInput for settings that make no sense.
    """
    path = Path(path)
    timeline = timeline_of(path, limits)
    indices = choose(
        path.name,
        timeline.seconds,
        timeline.fps,
        frames,
        sampling,
        stride,
        start,
        end,
        lambda candidates: _read(path, timeline, candidates, limits, width=_SMALL),
    )
    pictures = _read(path, timeline, indices, limits)
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return Clip(pictures, timeline.seconds[indices], path.name, digest(content, indices.tolist()))


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

    Returns: frames (P, h, w, 3) uint8 RGB and their times (P,).

    Raises: VideoError by the reason.
    """
    path = Path(path)
    timeline = timeline_of(path, limits)
    indices = pick(
        timeline.seconds,
        timeline.fps,
        lambda candidates: _read(path, timeline, candidates, limits, width=_SMALL),
    )
    return _read(path, timeline, indices, limits, shrink=shrink), timeline.seconds[indices]


def subclip(
    clip: Clip,
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    start: float | None = None,
    end: float | None = None,
) -> Clip:
    """The same choice of frames as `decode`, from a clip in memory.

    Raises: TooFewFrames; BadInput for settings that make no sense.
    """
    span = float(clip.times[-1] - clip.times[0])
    fps = (len(clip) - 1) / span if span > 0 else 0.0
    indices = choose(
        clip.source,
        clip.times,
        fps,
        frames,
        sampling,
        stride,
        start,
        end,
        lambda candidates: clip.frames[candidates],
    )
    identity = digest(clip.id, indices.tolist())
    return Clip(clip.frames[indices], clip.times[indices], clip.source, identity)


def _read(
    path: Path,
    timeline: Timeline,
    indices: np.ndarray,
    limits: Limits,
    width: int | None = None,
    shrink: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The frames at ascending indices as one array, uint8 RGB (n, h, w, 3).

    `width` or `shrink` scales them down while reading, to hold many; all get the size of the first.
    Raises: TooFewFrames where fewer can be decoded.
    """
    import cv2

    pictures: list[np.ndarray] = []
    for picture in pictures_at(path, timeline, indices.tolist(), limits):
        if shrink is not None:
            picture = shrink(picture)
        size = picture.shape[1::-1]
        if width:
            size = (width, max(1, picture.shape[0] * width // picture.shape[1]))
        elif pictures:  # some files change size on the way
            size = pictures[0].shape[1::-1]
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        pictures.append(picture)
    if len(pictures) < len(indices):
        raise TooFewFrames(
            too_few(path.name, len(pictures), len(indices), "the part that can be decoded")
        )
    return np.stack(pictures)
