"""A part of a film that is longer than what is accepted: only that part is read.

Where a part is asked of such a file, the packets before and behind it are passed over by a seek.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from core.errors import OverLimit
from core.video.container import MOST_SAMPLES, Film, opened, readable, too_many_frames
from core.video.limits import Limits
from core.video.sampling import check_part
from core.video.stills import stills_of
from core.video.timeline import SEEKABLE, Timeline, times_of

_AT_THE_START = 64
"""Packets among which that of the first frame is: pictures are coded in another order."""


def part_of(path: Path, limits: Limits, start: float | None, end: float | None) -> Timeline | None:
    """The frames from `start` to `end` seconds of a long film; None for any other file.

    Raises: VideoError, by the reason; BadInput for a part that makes no sense.
    """
    if start is None and end is None:
        return None
    with readable(path), opened(path, limits, MOST_SAMPLES) as film:
        seconds = _seconds(film)
        if seconds <= limits.seconds:
            return None
        low, high = check_part(path.name, start, end, seconds)
        if not film.container.format.name.startswith(SEEKABLE):
            raise OverLimit(
                f"{path.name}: {seconds:.0f} s is over the limit of {limits.seconds:.0f} s, and a "
                "part cannot be read alone of this kind of file; convert it to mp4 (H.264)"
            )
        if high - low > limits.seconds:
            raise OverLimit(
                f"{path.name}: the part from {low:g} s to {high:g} s is over the limit of "
                f"{limits.seconds:.0f} s; give a shorter one"
            )
        timeline = _part(film, path.name, low, high, limits)
        if timeline is None:
            raise no_part(path.name, limits)
        return timeline


def no_part(name: str, limits: Limits) -> OverLimit:
    """The refusal of a long film whose packets are not what they say."""
    return OverLimit(
        f"{name}: it is over the limit of {limits.seconds:.0f} s, and its time stamps do not say "
        "where the part is; convert it to mp4 (H.264), or cut it shorter"
    )


def length_over(path: Path, limits: Limits) -> float | None:
    """The seconds of a film that is longer than accepted; None for any other file.

    Raises: VideoError, by the reason.
    """
    if stills_of(path, limits):
        return None
    with readable(path), opened(path, limits, MOST_SAMPLES) as film:
        seconds = _seconds(film)
        return seconds if seconds > limits.seconds else None


def _seconds(film: Film) -> float:
    """How long a film says that it lasts; 0 where it does not say."""
    return (film.container.duration or 0) / 1e6


def _part(film: Film, name: str, low: float, high: float, limits: Limits) -> Timeline | None:
    """What the packets of a part say; None where they do not make sense."""
    container, stream = film.container, film.stream
    base = float(stream.time_base or 1 / 1000)
    first = _first_pts(film)
    if first is None:
        return None
    last = first + int(high / base + 0.5)
    container.seek(first + int(low / base), stream=stream)
    pts: list[int] = []
    keyframes: list[int] = []
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.pts is None or packet.is_discard or packet.is_corrupt:
            return None
        if packet.dts is not None and packet.dts > last:
            break
        if packet.is_keyframe:
            keyframes.append(packet.pts)
        pts.append(packet.pts)
        if len(pts) > limits.frames:
            raise too_many_frames(name, limits)
    keyframes.sort()
    # what is shown before the entry point needs frames that are not read
    pts = sorted(stamp for stamp in pts if keyframes and keyframes[0] <= stamp <= last)
    if not pts or any(later <= stamp for stamp, later in pairwise(pts)):
        return None
    return Timeline(times_of(pts, first, base), tuple(pts), tuple(keyframes), begins_at_start=False)


def _first_pts(film: Film) -> int | None:
    """When the first frame of the file is shown, in the units of its stream."""
    stamps = []
    for packet in film.container.demux(film.stream):
        if packet.size and not packet.is_discard and packet.pts is not None:
            stamps.append(packet.pts)
        if len(stamps) == _AT_THE_START:
            break
    return min(stamps, default=None)
