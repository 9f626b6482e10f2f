"""From a video file to a `Clip`: probing it, choosing frames, reading them.

Sizes are pixels, times are seconds from the first frame, frames are uint8 RGB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.errors import OverLimit, TooFewFrames
from core.video.clip import Clip, View, cropped, digest, shrunk
from core.video.container import Unfit
from core.video.limits import Limits, limits_here
from core.video.part import length_over, no_part, part_of
from core.video.progress import Progress, silent
from core.video.sampling import Sampling, choose, choose_of, too_few
from core.video.stills import stills_of
from core.video.timeline import Timeline, first_of, pictures_at, scanned, timeline_of

T = TypeVar("T")
_A_LOOK = 1.0
"""Seconds that are read of a long film to describe it."""
_SMALL = 160
"""Pixels across the pictures that are only read to choose among them."""
_HELD_BYTES = 4e9
"""The most that the pictures of one clip may take."""


@dataclass(frozen=True)
class Probe:
    """What a file holds: size after rotation, frames, true duration and mean rate."""

    width: int
    height: int
    frames: int
    seconds: float
    fps: float
    codec: str
    changed: tuple[str, ...] = ()
    """What is changed of the pictures to show them as the file wants."""


def probe(path: str | Path, limits: Limits | None = None, *, however_long: bool = False) -> Probe:
    """Describe a file; one frame is decoded to be sure that it can be.

    `limits` are by default those of `limits_here`. A film that is longer is refused, or, with
    `however_long`, described as its header and its first second say, if a part of it can be read.

    Raises: VideoError, by the reason.
    """
    path, within = Path(path), limits or limits_here()
    long = length_over(path, within) if however_long else None
    part = (None, None) if long is None else (0.0, _A_LOOK)
    return _tried(path, within, lambda timeline: _probe(path, timeline, within, long), part)


def _probe(path: Path, timeline: Timeline, limits: Limits, long: float | None) -> Probe:
    first = first_of(path, timeline, limits)
    n = len(timeline.seconds)
    fps = timeline.fps or first.rate
    seconds = float(timeline.seconds[-1]) + (1 / fps if fps else 0.0)
    if long is not None:
        seconds, n = long, round(long * fps)
    height, width = first.picture.shape[:2]
    return Probe(width, height, n, round(seconds, 6), round(fps, 6), first.codec, first.changed)


def _tried(
    path: Path,
    limits: Limits,
    work: Callable[[Timeline], T],
    part: tuple[float | None, float | None] = (None, None),
) -> T:
    """What `work` makes of a file: by its packets, or by its frames where these are others.

    Of a film that is too long only the `part` is read, from start to end in seconds.
    """
    timeline = stills_of(path, limits) or part_of(path, limits, *part) or timeline_of(path, limits)
    try:
        return work(timeline)
    except Unfit:
        if not timeline.begins_at_start:
            raise no_part(path.name, limits) from None
        return work(scanned(path, limits))


def decode(
    path: str | Path,
    *,
    frames: int = 8,
    sampling: Sampling = "uniform",
    stride: int = 4,
    rate: float = 0.0,
    start: float | None = None,
    end: float | None = None,
    limits: Limits | None = None,
    largest: int | None = None,
    views: Sequence[View] = (),
    progress: Progress = silent,
) -> Clip:
    """Read `frames` frames of the part from `start` to `end` seconds.

    Args:
        sampling: uniform = middles of equal segments; dense = `stride` frames apart around the
            middle; motion = the informative frames of spec 1.5, out of five a second.
        rate: frames a second that the stride counts; 0 = those of the file.
        start, end: None for the first and the last frame.
        largest: pixels of a frame's longer side up to which it is held as it is; None for any. Of a
            larger one, which is shrunk as it is read, what the `views` show is kept beside it.
        progress: called again and again while many pictures are read to choose among them, with the
            part of them that was read, 0..1; what it raises ends that.

    Of a film that is longer than accepted, a part is read as if it were the film.

    Raises: VideoError by the reason; BadInput for settings that make no sense.
    """
    path, within = Path(path), limits or limits_here()

    def chosen(timeline: Timeline) -> Clip:
        indices = choose(
            path.name,
            timeline.seconds,
            timeline.fps,
            frames,
            sampling,
            stride,
            start,
            end,
            lambda candidates: _read(
                path, timeline, candidates, within, width=_SMALL, progress=progress
            ),
            rate,
        )
        shrinking = None if largest is None else _Shrinking(largest, views)
        pictures = _read(path, timeline, indices, within, shrink=shrinking)
        begins_at = () if timeline.begins_at_start else (float(timeline.seconds[0]),)
        identity = digest(_content(path, pictures), indices.tolist(), *begins_at)
        kept = shrinking.views if shrinking else {}
        return Clip(pictures, timeline.seconds[indices], path.name, identity, kept)

    return _tried(path, within, chosen, (start, end))


class _Shrinking:
    """Shrinks pictures as they are decoded, and keeps what models see of the large ones."""

    def __init__(self, largest: int, views: Sequence[View]) -> None:
        self.largest = largest
        self._seen: dict[View, list[np.ndarray]] = {view: [] for view in views}
        self._size: tuple[int, int] | None = None
        """(height, width) of the first picture, which all get."""

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        import cv2

        self._size = self._size or (picture.shape[0], picture.shape[1])
        if picture.shape[:2] != self._size:
            picture = cv2.resize(picture, self._size[::-1], interpolation=cv2.INTER_AREA)
        if max(self._size) > self.largest:
            for (crop, size), seen in self._seen.items():
                seen.append(cropped(picture[None], crop, size)[0])
        return shrunk(picture, self.largest)

    @property
    def views(self) -> dict[View, np.ndarray]:
        """What was kept, (T, size, size, 3) each; nothing where the pictures were small enough."""
        return {view: np.stack(seen) for view, seen in self._seen.items() if seen}


def _content(path: Path, pictures: np.ndarray) -> str:
    """What tells the file from any other; of a folder, its pictures."""
    if path.is_dir():
        return hashlib.sha256(pictures.tobytes()).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def decode_at(
    path: str | Path,
    pick: Callable[[np.ndarray, float, Callable[[np.ndarray], np.ndarray]], np.ndarray],
    *,
    shrink: Callable[[np.ndarray], np.ndarray] | None = None,
    limits: Limits | None = None,
    part: tuple[float | None, float | None] = (None, None),
) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames that `pick` names, for callers with a choice of their own.

    Args:
        pick: called with the times of all frames (n,) in seconds, the mean rate and a function that
            reads small pictures at ascending indices; returns the ascending indices to read. It is
            called again where the file turns out to hold other frames than it said.
        shrink: applied to each picture (H, W, 3) as it is decoded, so that large ones are never
            held together.
        part: from start to end in seconds, all that is read of a film that is too long.

    Returns: frames (P, h, w, 3) uint8 RGB and their times (P,).

    Raises: VideoError by the reason.
    """
    path, within = Path(path), limits or limits_here()

    def picked(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
        indices = pick(
            timeline.seconds,
            timeline.fps,
            lambda candidates: _read(path, timeline, candidates, within, width=_SMALL),
        )
        pictures = _read(path, timeline, indices, within, shrink=shrink)
        return pictures, timeline.seconds[indices]

    return _tried(path, within, picked, part)


def subclip(clip: Clip, **how: Any) -> Clip:
    """The same choice of frames as `decode`, from a clip in memory.

    `how` is what `choose_of` takes: frames, sampling, stride, rate, start and end.

    Raises: TooFewFrames; BadInput for settings that make no sense.
    """
    indices = choose_of(clip.source, clip.times, lambda candidates: clip.frames[candidates], **how)
    identity = digest(clip.id, indices.tolist())
    return replace(clip.picked(indices, identity), times=clip.times[indices])


def _read(
    path: Path,
    timeline: Timeline,
    indices: np.ndarray,
    limits: Limits,
    width: int | None = None,
    shrink: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """The frames at ascending indices as one array, uint8 RGB (n, h, w, 3).

    `width` or `shrink` scales them down while reading, to hold many; all get the size of the first.
    Raises: TooFewFrames where fewer can be decoded.
    """
    import cv2

    # filled as they come: a list that is stacked at the end would hold large ones twice
    pictures = np.empty((len(indices), 0, 0, 3), np.uint8)
    count = 0
    for picture in pictures_at(path, timeline, indices.tolist(), limits):
        if shrink is not None:
            picture = shrink(picture)
        size = picture.shape[1::-1]
        if count:  # some files change size on the way
            size = pictures.shape[2:0:-1]
        elif width:
            size = (width, max(1, picture.shape[0] * width // picture.shape[1]))
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if not count:
            if len(indices) * picture.size > _HELD_BYTES:
                raise OverLimit(
                    f"{path.name}: {len(indices)} frames of {size[0]}x{size[1]} are over "
                    f"{_HELD_BYTES / 1e9:.0f} GB; ask for fewer frames"
                )
            pictures = np.empty((len(indices), *picture.shape), np.uint8)
        pictures[count] = picture
        count += 1
        progress(count / len(indices))
    if count < len(indices):
        raise TooFewFrames(too_few(path.name, count, len(indices), "the part that can be decoded"))
    return pictures
