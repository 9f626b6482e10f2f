"""What a lesson is: its settings, the clips to be learned, and the windows of frames cut from them.

A clip's frames are split into those that are learned from and those that the trials are held on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.models import VideoModel
from core.order.learned import WINDOWS
from core.order.trials import Shuffles, joined, permutations_of, shuffle_model, shuffle_pixels
from core.video import Clip, cropped, decode_at, digest
from core.weights import UNCALIBRATED, Card, Model
from training.augment import resized_crop
from training.windows import Split, draw, split

MOST_FRAMES = 300  # of a clip; a longer one is thinned evenly
SHUFFLES = 24  # of all held-out windows of a kind together, in a trial, at least


@dataclass(frozen=True)
class Lesson:
    """Everything that decides a lesson."""

    seed: int = 0
    windows: int = WINDOWS  # after which it ends
    # The most of learning, the trials included: a slow computer ends here, with fewer windows.
    seconds: float = 900.0
    steps: int = 0  # where given, nothing else ends it
    threads: int = 2  # at most; a busy computer takes one, unless `steps` is given
    batch: int = 6  # windows a step
    lr: float = 1e-3
    frozen: int = 1  # first blocks, and the embeddings, that stay as they are
    pairs: float = 1.0  # weight of the cross-entropy of each pair of frames, in the last layer
    directed: float = 0.5  # weight of L_self, in the last layer
    ema: float = 0.98
    weight_decay: float = 0.01
    # least part of a window's area that is seen; less varies what is seen, and is learned more
    # slowly
    area: float = 1.0
    brightness: float = 0.15  # of a window, plus or minus this part of the whole range


@dataclass(frozen=True)
class Subject:
    """A clip to be learned, at the model's size."""

    name: str
    frames: np.ndarray  # (N, S, S, 3) uint8
    times: np.ndarray  # (N,) seconds
    parts: Split

    def windows(self, indices: tuple[np.ndarray, ...]) -> list[Clip]:
        """The frames at each array of indices, as a clip."""
        return [
            Clip(self.frames[i], self.times[i], self.name, digest(self.name, i.tolist()))
            for i in indices
        ]

    def described(self) -> dict[str, Any]:
        """The clip as it stands in recipe.json."""
        return {
            "name": self.name,
            "frames": len(self.frames),
            "seconds": round(float(self.times[-1]), 3),
            "parts": self.parts.described(len(self.frames)),
        }


def read_subject(path: Path, card: Card, seed: int) -> Subject:
    """Every frame of a file, thinned evenly to MOST_FRAMES, and which of them are held out.

    Raises: BadInput for a file that cannot be read, or is too short.
    """

    def evenly(seconds: np.ndarray, fps: float, pictures: Any) -> np.ndarray:
        count = min(MOST_FRAMES, len(seconds))
        return np.unique(np.linspace(0, len(seconds) - 1, count).round().astype(int))

    def shrink(picture: np.ndarray) -> np.ndarray:
        return cropped(picture[None], card.crop, card.size)[0]

    frames, times = decode_at(path, evenly, shrink=shrink)
    return Subject(path.name, frames, times, split(len(frames), card.frames, seed, path.name))


class Trial:
    """The same shuffles of the same held-out windows at every trial, each a clip of its own."""

    def __init__(self, subjects: list[Subject], card: Card) -> None:
        # The frames are cut already. What was calibrated are the weights before the lesson.
        self.card = replace(card, crop="fit", direction_threshold=UNCALIBRATED, hash="")
        self.windows: dict[str, list[Clip]] = {}
        for kind in ("blocks", "interleaved"):
            by_subject = [s.windows(getattr(s.parts, kind)) for s in subjects]
            windows = [window for windows in by_subject for window in windows]
            if windows:
                self.windows[kind] = windows

    def permutations(self, kind: str, window: int) -> np.ndarray:
        """The shuffles of a window, (n, T)."""
        each = -(-SHUFFLES // len(self.windows[kind]))
        return permutations_of(range(window * each, (window + 1) * each), self.card.frames)

    def pixels(self) -> dict[str, list[Shuffles]]:
        """What the path through the most similar frames recovers of each window."""
        return {
            kind: [
                shuffle_pixels(clip, self.permutations(kind, i)) for i, clip in enumerate(windows)
            ]
            for kind, windows in self.windows.items()
        }

    def run(self, net: VideoModel) -> dict[str, list[Shuffles]]:
        """What a network recovers of each window."""
        model = Model(net, self.card)
        return {
            kind: [
                shuffle_model(model, clip, self.permutations(kind, i))
                for i, clip in enumerate(windows)
            ]
            for kind, windows in self.windows.items()
        }


def figures(results: dict[str, list[Shuffles]], prefix: str = "") -> dict[str, Any]:
    """Means in percent over all windows of a kind, and `_each` of them, as in metrics.jsonl."""
    row: dict[str, Any] = {}
    for kind, windows in results.items():
        shuffles = joined(windows)
        row[f"{prefix}{kind}"] = round(shuffles.mean, 3)
        row[f"{prefix}{kind}_either_way"] = round(float(shuffles.either_way.mean()), 3)
        row[f"{prefix}{kind}_each"] = [round(window.mean, 1) for window in windows]
    return row


def varied(video: Tensor, lesson: Lesson, rng: np.random.Generator) -> Tensor:
    """A window (T, 3, S, S), 0..1, varied: a part of it, mirrored or not, its light and contrast.

    All frames alike, so that nothing but what changes in the clip tells them apart.
    """
    if rng.random() < 0.5:
        video = video.flip(3)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    video = resized_crop(video, video.shape[-1], generator, (lesson.area, 1.0))
    mean, most = video.mean(), lesson.brightness
    contrast = 1 + rng.uniform(-most, most)
    brightness = rng.uniform(-most, most)
    return ((video - mean) * contrast + mean + brightness).clamp(0, 1)


def batches(subjects: list[Subject], card: Card, lesson: Lesson) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled windows without end.

    Each batch is normalised video (B, 3, T, S, S), and o (B, T), the place in time of each slot.
    """
    mean, std = (torch.tensor(channels)[:, None, None] for channels in (card.mean, card.std))
    for step in range(sys.maxsize):
        rng = np.random.default_rng([lesson.seed, step])
        videos, orders = [], []
        for _ in range(lesson.batch):
            subject = subjects[int(rng.integers(len(subjects)))]
            window = draw(subject.parts.train, card.frames, rng)
            order = rng.permutation(card.frames)
            frames = torch.from_numpy(subject.frames[window[order]])
            video = frames.permute(0, 3, 1, 2).float() / 255
            videos.append(((varied(video, lesson, rng) - mean) / std).transpose(0, 1))
            orders.append(torch.from_numpy(order))
        yield torch.stack(videos), torch.stack(orders)
