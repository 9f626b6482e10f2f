"""A film as it runs, picture by picture: of a file, of a pipe, or of a camera.

Pictures are uint8 RGB (H, W, 3); times are seconds from the first one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from core.errors import MissingVideo, NotAVideo
from core.video.container import Film, Unfit, check_size, decoded, readable
from core.video.limits import Limits, limits_here
from core.video.pictures import Reel
from core.video.stills import stills_of
from core.video.timeline import pictures_at, scanned, timeline_of

PIPE, CAMERA = "-", "camera:"
Picture = tuple[float, np.ndarray]


def running(source: str, limits: Limits | None = None) -> Iterator[Picture]:
    """Every picture of a file, of standard input (`-`) or of a camera (`camera:0`), as it comes.

    Raises: VideoError, by the reason.
    """
    within = limits or limits_here()
    if source == PIPE:
        return _of_pipe(within)
    if source.startswith(CAMERA) and not Path(source).exists():
        return _of_camera(source.removeprefix(CAMERA), within)
    return _of_file(Path(source), within)


def thinned(pictures: Iterable[Picture], rate: float) -> Iterator[Picture]:
    """At most `rate` pictures a second, as evenly as they come; 0 keeps all."""
    due = 0.0
    for seconds, picture in pictures:
        if rate and seconds < due - 1e-6:
            continue
        yield seconds, picture
        due = max(due + 1 / rate, seconds) if rate else 0.0


def _of_file(path: Path, limits: Limits) -> Iterator[Picture]:
    timeline = stills_of(path, limits) or timeline_of(path, limits)
    shown = 0
    try:
        for picture in pictures_at(path, timeline, list(range(len(timeline.seconds))), limits):
            yield float(timeline.seconds[shown]), picture
            shown += 1
    except Unfit:
        timeline = scanned(path, limits)
        rest = list(range(shown, len(timeline.seconds)))
        for index, picture in zip(rest, pictures_at(path, timeline, rest, limits), strict=False):
            yield float(timeline.seconds[index]), picture


def _of_pipe(limits: Limits) -> Iterator[Picture]:
    """A pipe cannot be wound back, so nothing is known of the film but its newest picture."""
    name = Path("standard input")
    with readable(name):
        try:
            container = av.open(sys.stdin.buffer, "r")
        except (FFmpegError, ValueError, OSError):
            raise NotAVideo(
                "standard input: not a video that can be read from a pipe; send webm, mkv or "
                "mpegts, as an mp4 has its index at the end"
            ) from None
        with container:
            if not container.streams.video:
                raise NotAVideo("standard input: holds no pictures; send a video")
            stream = container.streams.video[0]
            reel = Reel(decoded(Film(container, stream), name.name, limits), stream)
            first = None
            while reel.step():
                assert reel.current is not None
                seconds = float(reel.current.time or 0.0)
                first = seconds if first is None else first
                yield seconds - first, reel.picture()


def _of_camera(number: str, limits: Limits) -> Iterator[Picture]:
    import cv2

    cv2.utils.logging.setLogLevel(0)  # else it prints a page about a camera that is not there
    camera = cv2.VideoCapture(int(number)) if number.isdecimal() else None
    if camera is None or not camera.isOpened():
        raise MissingVideo(
            f"{CAMERA}{number}: there is no such camera; give {CAMERA}0 for the first one, and "
            "close other programs that use it"
        )
    try:
        began = time.monotonic()
        while True:
            is_there, picture = camera.read()
            if not is_there:
                return
            check_size(f"{CAMERA}{number}", picture.shape[1], picture.shape[0], limits)
            yield time.monotonic() - began, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()
