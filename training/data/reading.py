"""From a labelled clip to its frames: which ones, how large, and from a cache where there is
one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np

from core.errors import BadInput, EmptyVideo, TooFewFrames
from core.video import cropped, decode_at, digest
from core.video.sampling import (
    MOTION_RATE,
    SAMPLINGS,
    Sampling,
    dense_indices,
    motion_indices,
    too_few,
    uniform_indices,
)
from training.data.cache import Cache
from training.data.labelled import PICTURES, Labelled

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
    short: Short = (
        "refuse"  # a clip of fewer frames: refuse it, repeat its last frame, or add black ones
    )
    size: int | None = None  # pixels; None keeps the clip's own
    shape: Shape = (
        "whole"  # whole = short side is `size`; centre and fit as in core.video, `size` square
    )

    def __post_init__(self) -> None:
        for name in ("frames", "stride", "views", "size"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise BadInput(f"{name} must be at least 1, got {value}")
        for name, known in (
            ("sampling", SAMPLINGS),
            ("short", get_args(Short)),
            ("shape", get_args(Shape)),
        ):
            if (value := getattr(self, name)) not in known:
                raise BadInput(f"{name} {value!r} is not known; choose one of {', '.join(known)}")


def view_indices(
    count: int, frames: int, views: int, sampling: Literal["uniform", "dense"], stride: int = 4
) -> np.ndarray:
    """Indices of `views` clips of `frames` frames out of `count`, (V, T), each ascending (spec
    4.6).

    uniform: V x T segments, of which view v takes every V-th from v; dense: V windows spread from
        the first
    frame to the last, one view being the middle. One view is the choice of `core.video.sampling`.
    """
    if sampling == "uniform":
        return uniform_indices(count, frames * views).reshape(frames, views).T
    middle = dense_indices(count, frames, stride)
    if views == 1:
        return middle[None]
    room = count - 1 - (middle[-1] - middle[0])
    return np.linspace(0, room, views).astype(int)[:, None] + (middle - middle[0])


def read(
    clip: Labelled, plan: Plan, cache: Cache | None = None, take: Take = lambda views: views
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a clip as `plan` says and `take` chooses, shape of the choice + (h, w, 3) uint8
    RGB, and their times in seconds.

    Only what is taken is decoded, or everything at the first visit if there is a cache.
    Raises: VideoError, by the reason.
    """
    if isinstance(clip.source, np.ndarray):
        return _taken(*_from_memory(clip, plan), take)
    if cache is None:
        return _taken(*_decode(clip, plan, take), lambda views: views)
    key = _key(clip, plan)
    found = cache.load(key, take)
    if found is None:
        pool = _decode(clip, plan, lambda views: views)
        cache.store(key, *pool)
        found = _taken(*pool, take)
    return found


def _taken(
    frames: np.ndarray, times: np.ndarray, views: np.ndarray, take: Take
) -> tuple[np.ndarray, np.ndarray]:
    """Place pool frames (P, h, w, 3) where the positions of `take` say; -1 is a black frame at the
    last time.
    """
    at = take(views)
    out = frames[at]
    out[at < 0] = 0
    return out, times[at]


def _key(clip: Labelled, plan: Plan) -> str:
    path = Path(clip.source)
    newest = path.stat()
    return digest(
        str(path.absolute()),
        newest.st_size,
        newest.st_mtime_ns,
        clip.start,
        clip.end,
        *astuple(plan),
    )


def _decode(clip: Labelled, plan: Plan, take: Take) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool frames (P, h, w, 3), their times (P,), and the taken views as positions in the pool."""
    path = Path(clip.source)
    wanted: list[np.ndarray] = []

    def pick(
        seconds: np.ndarray, fps: float, small: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        wanted.append(take(_chosen(clip, plan, seconds, fps, small)))
        return np.unique(wanted[0][wanted[0] >= 0])

    frames, times = (
        _pictures(path, pick, plan)
        if path.is_dir()
        else decode_at(path, pick, shrink=lambda image: _sized(image, plan))
    )
    at = wanted[0]
    return frames, times, np.where(at < 0, -1, np.searchsorted(np.unique(at[at >= 0]), at))


def _chosen(
    clip: Labelled,
    plan: Plan,
    seconds: np.ndarray,
    fps: float,
    small: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Indices of the views, (V, T); -1 for a black frame."""
    low, high = clip.start or 0.0, np.inf if clip.end is None else clip.end
    part = np.flatnonzero((seconds >= low - 1e-6) & (seconds <= high + 1e-6))
    if len(part) < plan.frames:
        if plan.short == "refuse" or not len(part):
            raise TooFewFrames(too_few(clip.name, len(part), plan.frames))
        filled = np.r_[
            part, np.full(plan.frames - len(part), part[-1] if plan.short == "last" else -1)
        ]
        return np.tile(filled, (plan.views, 1))
    if plan.sampling != "motion":
        return part[view_indices(len(part), plan.frames, plan.views, plan.sampling, plan.stride)]
    views = plan.views if len(part) >= plan.views * plan.frames else 1
    interval = max(1, min(round(fps / MOTION_RATE), len(part) // (views * plan.frames)))
    candidates = part[::interval]
    chosen = candidates[motion_indices(small(candidates), views * plan.frames)]
    return np.tile(chosen.reshape(plan.frames, views).T, (plan.views // views, 1))


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
    to = (
        (size, max(size, round(height * scale)))
        if width <= height
        else (max(size, round(width * scale)), size)
    )
    return cv2.resize(image, to, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _pictures(folder: Path, pick: Callable, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """The picked pictures of a folder, in the order of the numbers in their names."""
    paths = sorted(
        (p for p in folder.iterdir() if p.suffix.lower() in PICTURES),
        key=lambda p: ([int(n) for n in re.findall(r"\d+", p.stem)], p.name),
    )
    if not paths:
        raise EmptyVideo(f"{folder}: holds no pictures; expected a folder of {', '.join(PICTURES)}")
    seconds = np.arange(len(paths)) / PICTURE_RATE
    chosen = pick(
        seconds,
        PICTURE_RATE,
        lambda indices: _stacked([_picture(paths[i]) for i in indices], folder),
    )
    return _stacked([_sized(_picture(paths[i]), plan) for i in chosen], folder), seconds[chosen]


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


def _from_memory(clip: Labelled, plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seconds = np.arange(len(clip.source)) / PICTURE_RATE
    views = _chosen(clip, plan, seconds, PICTURE_RATE, lambda indices: clip.source[indices])
    used = np.unique(views[views >= 0])
    at = np.where(views < 0, -1, np.searchsorted(used, views))
    return np.stack([_sized(clip.source[i], plan) for i in used]), seconds[used], at
