"""When every frame of a file is shown, and the pictures of some of them.

The packets of a file say quickly which frames to expect. That is believed only as far as the
decoder's own frames agree: at the first that does not, everything is decoded once to see what there
really is (`scanned`). Times are seconds from the first frame, pictures are uint8 RGB (H, W, 3).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.error import FFmpegError

from core.errors import EmptyVideo, NotAVideo, OverLimit
from core.video.container import (
    MOST_SAMPLES,
    Film,
    Unfit,
    decoded,
    opened,
    readable,
    too_many_frames,
)
from core.video.limits import Limits
from core.video.pictures import Reel

# A clock may start again here, as where two recordings are joined.
_CLOCK_RESTARTS = ("mpegts", "mpeg")
_RESTART = 10.0  # seconds; a gap that long is taken for one
_BACKWARDS = 1.0  # seconds; frames less too early are only out of order, if they are few
_REORDERED = 16  # frames that any codec holds back
# Elsewhere a seek lands past its target, or frames are stamped in the order of coding.
SEEKABLE = ("mov,", "matroska,")
_MOST_RATE = 1000.0  # frames a second
_USUAL_RATE = 25.0


@dataclass(frozen=True)
class Timeline:
    """Every frame of a file: when it is shown, and how it is found."""

    seconds: np.ndarray  # (n,) from the first frame
    pts: tuple[int, ...] | None = None  # as the packets say; None: by counting what is decoded
    keyframes: tuple[int, ...] = ()  # presentation times to seek to, ascending; none: no seeking
    read: Callable[[int], np.ndarray] | None = None  # for what is no film: one picture
    begins_at_start: bool = True  # of the file; else the first frame is to be sought too

    @property
    def fps(self) -> float:
        """The mean rate; 0 where the times do not say."""
        span = float(self.seconds[-1] - self.seconds[0]) if len(self.seconds) > 1 else 0.0
        return (len(self.seconds) - 1) / span if span > 0 else 0.0


def timeline_of(path: Path, limits: Limits) -> Timeline:
    """What the packets say where that can be believed, else what the decoder says.

    Raises: VideoError, by the reason.
    """
    with readable(path):
        with opened(path, limits) as film:
            guess = _guess(film, path.name, limits)
        if guess is None or not _starts(path, guess, limits):
            return scanned(path, limits)
        return guess


def _guess(film: Film, name: str, limits: Limits) -> Timeline | None:
    """The times of the packets, without decoding; None where they do not make sense."""
    container, stream = film.container, film.stream
    base = float(stream.time_base or 1 / 1000)
    restarts = container.format.name in _CLOCK_RESTARTS
    if not restarts and container.duration:
        _check_length(name, container.duration / 1e6, limits)
    pts: list[int] = []
    keyframes: list[int] = []
    discards = False
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if packet.pts is None or packet.is_corrupt:
                return None
            if packet.is_discard:
                discards = True
                continue
            pts.append(packet.pts)
            if packet.is_keyframe:
                keyframes.append(packet.pts)
            if len(pts) > limits.frames:
                raise too_many_frames(name, limits)
            if not restarts:
                _check_length(name, (packet.pts - pts[0]) * base, limits)
    except FFmpegError:
        return None
    pts.sort()
    keyframes.sort()
    steps = np.diff(pts)
    if not pts or (steps <= 0).any() or (restarts and (steps * base > _RESTART).any()):
        return None
    seconds = _checked(times_of(pts, pts[0], base), name, limits)
    # packets that are not shown, as an edit list has them, may be needed by those that are
    if discards or not container.format.name.startswith(SEEKABLE):
        keyframes = []
    return Timeline(seconds, tuple(pts), tuple(keyframes))


def times_of(pts: list[int], first: int, base: float) -> np.ndarray:
    """Seconds from the first frame, of presentation times in units of `base` seconds."""
    return (np.array(pts, np.float64) - first) * base


def _starts(path: Path, guess: Timeline, limits: Limits) -> bool:
    """Whether the first frame is the one expected: a file may begin with what needs earlier ones.

    Of a file with an entry point as its first frame this is known.
    """
    assert guess.pts is not None
    if guess.keyframes and guess.keyframes[0] == guess.pts[0]:
        return True
    with opened(path, limits) as film:
        first = next(decoded(film, path.name, limits), None)
        return first is not None and first.pts == guess.pts[0]


def _check_length(name: str, seconds: float, limits: Limits) -> None:
    if seconds > limits.seconds:
        raise OverLimit(
            f"{name}: {seconds:.0f} s is over the limit of {limits.seconds:.0f} s; give the start "
            "and end of a part, or cut it shorter"
        )


def _checked(seconds: np.ndarray, name: str, limits: Limits) -> np.ndarray:
    """Times of frames. Raises: OverLimit, and NotAVideo for a rate that no camera has."""
    span = float(seconds[-1])
    _check_length(name, span, limits)
    if len(seconds) > 1 and span * _MOST_RATE < len(seconds) - 1:
        raise NotAVideo(
            f"{name}: its time stamps say {(len(seconds) - 1) / span:.0f} frames a second, which "
            "cannot be; convert it to mp4 with a true rate"
        )
    return seconds


def scanned(path: Path, limits: Limits) -> Timeline:
    """The frames that a decoder makes of a file, from first to last, and their times.

    Raises: VideoError, by the reason.
    """
    state = path.stat()
    return _scanned(path.absolute(), (state.st_size, state.st_mtime_ns), limits)


@lru_cache(maxsize=64)
def _scanned(path: Path, version: tuple[int, int], limits: Limits) -> Timeline:
    with readable(path), opened(path, limits) as film:
        stream = film.stream
        base = float(stream.time_base or 1 / 1000)
        rate = float(stream.average_rate or 0)
        stamps = [
            float(frame.pts) * base if frame.pts is not None else np.nan
            for frame in decoded(film, path.name, limits)
        ]
        if not stamps:
            raise EmptyVideo(
                f"{path.name}: not one frame can be decoded; the file is damaged: copy or record "
                "it again"
            )
        restarts = film.container.format.name in _CLOCK_RESTARTS
        usual = 1 / (rate if 0 < rate <= _MOST_RATE else _USUAL_RATE)
        seconds = rising(np.array(stamps), usual, _RESTART if restarts else np.inf)
    return Timeline(_checked(seconds, path.name, limits))


def rising(stamps: np.ndarray, usual: float, restart: float) -> np.ndarray:
    """Times that rise from 0, of frames in the order in which a decoder gives them.

    Frames a little out of order are stamped in order; where the clock goes back, by a second or by
    more frames than a codec reorders, or jumps by `restart` seconds, it goes on; frames that share
    a stamp share the time to the next.

    Args:
        stamps: (n,) seconds, NaN where there is none.
        usual: the time from frame to frame where nothing says it.

    Returns: (n,) seconds.
    """
    times = _filled(stamps, usual)
    steps = np.diff(times)
    by_many = np.zeros(len(steps), bool)
    by_many[_REORDERED:] = times[_REORDERED + 1 :] < times[: -_REORDERED - 1]
    goes_back = (steps < -_BACKWARDS) | ((steps < 0) & by_many)
    jumps = np.flatnonzero((steps > restart) | goes_back) + 1
    joined: list[np.ndarray] = []
    for part in np.split(times, jumps):
        part = np.sort(part)
        offset = joined[-1][-1] + usual - part[0] if joined else -part[0]
        joined.append(part + offset)
    together = np.concatenate(joined)
    distinct, counts = np.unique(together, return_counts=True)
    ends = np.r_[distinct[1:], distinct[-1] + usual * counts[-1]]
    return np.concatenate(
        [
            start + (end - start) * np.arange(count) / count
            for start, end, count in zip(distinct, ends, counts, strict=True)
        ]
    )


def _filled(stamps: np.ndarray, usual: float) -> np.ndarray:
    """The stamps, those that are missing a usual step after the one before."""
    missing = np.isnan(stamps)
    if not missing.any():
        return stamps
    places = np.arange(len(stamps))
    if missing.all():
        return places * usual
    known = np.maximum.accumulate(np.where(missing, -1, places))
    first = int(np.argmin(missing))
    since = places - np.where(known < 0, first, known)
    return stamps[np.where(known < 0, first, known)] + since * usual


def pictures_at(
    path: Path, timeline: Timeline, indices: list[int], limits: Limits
) -> Iterator[np.ndarray]:
    """The frames at these ascending indices, uint8 RGB (H, W, 3).

    Raises: Unfit where the file does not hold what the timeline says; VideoError, by the reason.
    """
    with readable(path):
        if timeline.read is not None:
            yield from map(timeline.read, indices)
            return
        with _opened_for(path, timeline, limits) as film:
            for reel in _found(film, path.name, timeline, indices, limits):
                yield reel.picture()


def _opened_for(path: Path, timeline: Timeline, limits: Limits) -> AbstractContextManager[Film]:
    """The file, which may hold more than is accepted where the timeline is of a part."""
    return opened(path, limits, 0 if timeline.begins_at_start else MOST_SAMPLES)


class First(NamedTuple):
    """The first frame of a file, and what is known of its stream."""

    picture: np.ndarray
    changed: tuple[str, ...]
    codec: str
    rate: float  # frames a second, as the file says; 0 where it does not


def first_of(path: Path, timeline: Timeline, limits: Limits) -> First:
    """Raises: Unfit as `pictures_at`; VideoError, by the reason."""
    with readable(path):
        if timeline.read is not None:
            return First(timeline.read(0), (), "pictures", 0.0)
        with _opened_for(path, timeline, limits) as film:
            for reel in _found(film, path.name, timeline, [0], limits):
                codec, rate = film.stream.codec_context.name, film.stream.average_rate
                return First(reel.picture(), reel.changes(), codec, float(rate or 0))
    raise EmptyVideo(
        f"{path.name}: not one frame can be decoded; the file is damaged: copy or record it again"
    )


def _found(
    film: Film, name: str, timeline: Timeline, indices: list[int], limits: Limits
) -> Iterator[Reel]:
    """A reel that stands at each of these frames in turn."""
    if timeline.pts is None:
        reel = Reel(decoded(film, name, limits), film.stream)
        position = -1
        for index in indices:
            while position < index:
                if not reel.step():
                    return
                position += 1
            yield reel
        return
    yield from _at_times(film, name, timeline, [timeline.pts[i] for i in indices], limits)


def _at_times(
    film: Film, name: str, timeline: Timeline, targets: list[int], limits: Limits
) -> Iterator[Reel]:
    """A reel at each of these presentation times, seeking over what need not be decoded.

    Raises: Unfit unless each frame on the way is the one that the packets promise.
    """
    pts, keyframes = timeline.pts, timeline.keyframes
    assert pts is not None
    reel = Reel(decoded(film, name, limits), film.stream)
    position, entry = -1, pts[0]
    for target in targets:
        place = bisect_right(keyframes, target) - 1
        is_nearer = place > 0 and keyframes[place] > pts[max(position, 0)]
        if is_nearer or (position < 0 and not timeline.begins_at_start):
            entry = keyframes[place]
            film.container.seek(entry, stream=film.stream)
            reel = Reel(decoded(film, name, limits), film.stream)
            position = bisect_left(pts, entry) - 1
        while position < 0 or pts[position] < target:
            if not reel.step() or reel.current is None or reel.current.pts is None:
                raise Unfit
            if reel.current.pts < entry:  # the seek went further back than was asked
                continue
            position += 1
            if reel.current.pts != pts[position]:
                raise Unfit
        yield reel
