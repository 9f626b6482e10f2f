"""From a labelled clip to its frames: which ones, how large, and from a cache if there is one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

import cv2
import numpy as np

from core.errors import BadInput, EmptyVideo, TooFewFrames
from core.video.clip import cropped, digest
from core.video.decoder import decode_at
from core.video.sampling import (
    MOTION_RATE,
    SAMPLINGS,
    Sampling,
    dense_at,
    dense_indices,
    motion_indices,
    nearest,
    too_few,
    uniform_indices,
)
from core.video.sets.labelled import PICTURES, Labelled

Short = Literal["refuse", "last", "zero"]
Shape = Literal["whole", "centre", "fit"]
Take = Callable[[np.ndarray], np.ndarray]
"""From the views (V, T) of `view_indices` to the frames that are wanted, integers of any shape."""
PICTURE_RATE = 12.0  # frames a second of a folder of pictures: Jester's


@dataclass(frozen=True)
class Plan:
    """How clips are read: all that decides the frames, and so the key of the cache."""

    frames: int  # T
    sampling: Sampling = "uniform"
    stride: int = 4  # of dense sampling
    views: int = 1  # V: temporal views, or candidates that training draws from
    # a clip of fewer frames: refuse it, repeat its last frame, or add black ones
    short: Short = "refuse"
    size: int | None = None  # pixels; None keeps the clip's own
    # whole = short side is `size`; centre and fit as in core.video, `size` square
    shape: Shape = "whole"
    rate: float = 0.0  # frames a second that the stride counts; 0 = those of each clip

    def __post_init__(self) -> None:
        for name in ("frames", "stride", "views", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        choices = {"sampling": SAMPLINGS, "short": get_args(Short), "shape": get_args(Shape)}
        for name, known in choices.items():
            value = getattr(self, name)
            if value not in known:
                raise BadInput(f"{name} {value!r} is not known; choose one of {', '.join(known)}")


class Cache(Protocol):
    """Where decoded frames may be kept (`training.data.cache`)."""

    def load(self, key: str, take: Take) -> tuple[np.ndarray, np.ndarray] | None:
        """The frames and times that `take` chooses; None where they are not kept."""

    def store(self, key: str, frames: np.ndarray, times: np.ndarray, views: np.ndarray) -> bool:
        """Keep the parts of a `Pool`; False if there is no room."""


class Pool(NamedTuple):
    """The distinct frames that some views show."""

    frames: np.ndarray  # (P, h, w, 3) uint8 RGB
    times: np.ndarray  # (P,) seconds
    views: np.ndarray  # (V, T), or as they were taken: positions in the pool, -1 for a black frame


def view_indices(
    count: int, frames: int, views: int, sampling: Literal["uniform", "dense"], stride: int = 4
) -> np.ndarray:
    """Indices of `views` clips of `frames` frames out of `count` (spec 4.6).

    uniform: V x T segments, of which view v takes every V-th from v. dense: V windows spread from
    the first frame to the last, one view being the middle. One view is the choice of
    `core.video.sampling`.

    Returns: (V, T), each row ascending.
    """
    if sampling == "uniform":
        return uniform_indices(count, frames * views).reshape(frames, views).T
    middle = dense_indices(count, frames, stride)
    if views == 1:
        return middle[None]
    room = count - 1 - (middle[-1] - middle[0])
    return np.linspace(0, room, views).astype(int)[:, None] + (middle - middle[0])


def view_indices_at(seconds: np.ndarray, frames: int, views: int, step: float) -> np.ndarray:
    """The dense windows of `view_indices` among frames at these times, `step` seconds apart.

    One view is the choice of `core.video.sampling.dense_at`; where frames are further apart than
    the step they are taken one after the other.

    Returns: (V, T), each row ascending.
    """
    if views == 1:
        return dense_at(seconds, frames, step)[None]
    span = float(seconds[-1] - seconds[0])
    step = min(step, span / max(1, frames - 1))
    starts = seconds[0] + np.linspace(0, span - step * (frames - 1), views)
    rows = np.stack([nearest(seconds, start + step * np.arange(frames)) for start in starts])
    if (np.diff(rows) > 0).all():
        return rows
    return view_indices(len(seconds), frames, views, "dense", 1)


def everything(views: np.ndarray) -> np.ndarray:
    """Take all views."""
    return views


def read(
    clip: Labelled, plan: Plan, cache: Cache | None = None, take: Take = everything
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a clip as `plan` says and `take` chooses, and their times in seconds.

    Only what is taken is decoded, or everything at the first visit if there is a cache.

    Returns: uint8 RGB, the shape of the choice + (h, w, 3), and times of that shape.

    Raises: VideoError, by the reason.
    """
    if isinstance(clip.source, np.ndarray):
        return _taken(_from_memory(clip, clip.source, plan), take)
    if cache is None:
        return _taken(_decode(clip, clip.source, plan, take), everything)
    key = _key(clip, clip.source, plan)
    kept = cache.load(key, take)
    if kept is not None:
        return kept
    pool = _decode(clip, clip.source, plan, everything)
    cache.store(key, *pool)
    return _taken(pool, take)


def _taken(pool: Pool, take: Take) -> tuple[np.ndarray, np.ndarray]:
    """The frames and times that `take` chooses; a black frame has the last time."""
    places = take(pool.views)
    frames = pool.frames[places]
    frames[places < 0] = 0
    return frames, pool.times[places]


def _key(clip: Labelled, path: Path, plan: Plan) -> str:
    state = path.stat()
    return digest(
        str(path.absolute()),
        state.st_size,
        state.st_mtime_ns,
        clip.start,
        clip.end,
        *astuple(plan),
    )


def _decode(clip: Labelled, path: Path, plan: Plan, take: Take) -> Pool:
    """The frames of a video or of a folder of pictures that `take` chooses."""
    wanted: list[np.ndarray] = []

    def pick(
        seconds: np.ndarray, fps: float, small: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        wanted.append(take(_views(clip, plan, seconds, fps, small)))
        return np.unique(wanted[-1][wanted[-1] >= 0])

    if path.is_dir():
        frames, times = _pictures(path, pick, plan)
    else:
        frames, times = decode_at(path, pick, shrink=lambda image: _sized(image, plan))
    return Pool(frames, times, _positions(wanted[-1]))


def _from_memory(clip: Labelled, source: np.ndarray, plan: Plan) -> Pool:
    seconds = np.arange(len(source)) / PICTURE_RATE
    views = _views(clip, plan, seconds, PICTURE_RATE, lambda indices: source[indices])
    used = np.unique(views[views >= 0])
    frames = np.stack([_sized(source[index], plan) for index in used])
    return Pool(frames, seconds[used], _positions(views))


def _positions(views: np.ndarray) -> np.ndarray:
    """From indices of a clip's frames to positions among those that are used; -1 stays."""
    used = np.unique(views[views >= 0])
    return np.where(views < 0, -1, np.searchsorted(used, views))


def _views(
    clip: Labelled,
    plan: Plan,
    seconds: np.ndarray,
    fps: float,
    small: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Indices of the views among a file's frames, (V, T); -1 for a black frame.

    Args:
        seconds: of each frame.
        small: from indices to small pictures of these frames.
    """
    low, high = clip.start or 0.0, np.inf if clip.end is None else clip.end
    part = np.flatnonzero((seconds >= low - 1e-6) & (seconds <= high + 1e-6))
    if len(part) < plan.frames:
        if plan.short == "refuse" or not len(part):
            raise TooFewFrames(too_few(clip.name, len(part), plan.frames))
        filler = part[-1] if plan.short == "last" else -1
        filled = np.r_[part, np.full(plan.frames - len(part), filler)]
        return np.tile(filled, (plan.views, 1))
    if plan.sampling == "dense" and plan.rate:
        step = plan.stride / plan.rate
        return part[view_indices_at(seconds[part], plan.frames, plan.views, step)]
    if plan.sampling != "motion":
        return part[view_indices(len(part), plan.frames, plan.views, plan.sampling, plan.stride)]
    views = plan.views if len(part) >= plan.views * plan.frames else 1
    interval = max(1, min(round(fps / MOTION_RATE), len(part) // (views * plan.frames)))
    candidates = part[::interval]
    moving = candidates[motion_indices(small(candidates), views * plan.frames)]
    return np.tile(moving.reshape(plan.frames, views).T, (plan.views // views, 1))


def _sized(image: np.ndarray, plan: Plan) -> np.ndarray:
    if plan.size is None:
        return image
    if plan.shape != "whole":
        return cropped(image[None], plan.shape, plan.size)[0]
    return short_side(image, plan.size)


def short_side(image: np.ndarray, size: int) -> np.ndarray:
    """A picture (H, W, 3) scaled so that its shorter side has `size` pixels."""
    height, width = image.shape[:2]
    scale = size / min(height, width)
    if scale == 1:
        return image
    if width <= height:
        shape = (size, max(size, round(height * scale)))
    else:
        shape = (max(size, round(width * scale)), size)
    filtered = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, shape, interpolation=filtered)


def _pictures(folder: Path, pick: Callable, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The picked pictures of a folder, in the order of the numbers in their names."""
    paths = sorted(
        (path for path in folder.iterdir() if path.suffix.lower() in PICTURES),
        key=lambda path: ([int(n) for n in re.findall(r"\d+", path.stem)], path.name),
    )
    if not paths:
        raise EmptyVideo(f"{folder}: holds no pictures; expected a folder of {', '.join(PICTURES)}")

    def small(indices: np.ndarray) -> np.ndarray:
        return _stacked([_picture(paths[index]) for index in indices], folder)

    seconds = np.arange(len(paths)) / PICTURE_RATE
    picked = pick(seconds, PICTURE_RATE, small)
    frames = [_sized(_picture(paths[index]), plan) for index in picked]
    return _stacked(frames, folder), seconds[picked]


def _stacked(pictures: list[np.ndarray], folder: Path) -> np.ndarray:
    if len({picture.shape for picture in pictures}) > 1:
        raise EmptyVideo(f"{folder}: its pictures differ in size; expected the frames of one clip")
    return np.stack(pictures)


def _picture(path: Path) -> np.ndarray:
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise EmptyVideo(
            f"{path.parent.name}/{path.name}: not a picture that can be read; copy it again"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
