"""A classifier from a few clips: ridge regression on what a network makes of them anyway.

The network is not changed. Each clip is also read in VARIATIONS other ways (`core.video.varied`).
How strongly the regression is held back is chosen by leaving each clip out in turn, and how often
it is right is counted on clips that decided nothing: neither its weights nor that choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from core.models.taught import Taught
from core.observe import softmax
from core.video import cropped, decode_at
from core.video.varied import middles, varied
from core.weights import Card, Model

Features = tuple[np.ndarray, ...]
"""Of one clip, in the blocks of `Taught`, each (1 + VARIATIONS, F): as it is, and varied."""
VARIATIONS = 6
MOST_FRAMES = 64
"""Of a clip that is learned from; a longer one is thinned evenly."""
STRENGTHS = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
"""How strongly the regression may be held back, in units of a clip's mean squared distance from the
mean of all."""
SHARES = (0.1, 0.5, 0.9)
"""What the first block may give of the likeness of two clips; the others give the rest."""
SCALES = tuple(float(2**power) for power in np.arange(0, 6.5, 0.5))
"""What the regression's answers may be multiplied by to become logits."""
_MOST_ROWS = 210  # clips times variations; more would take seconds to leave out one by one
_OFFSET = 100.0  # a constant feature, so large that it is hardly held back: the intercept
_EVEN = 0.1  # of the mean spread is added to each, so that what hardly varies is not blown up


def read_frames(path: Path, card: Card) -> np.ndarray:
    """The frames of a file as a model would see them, (N, S, S, 3) uint8, N at most MOST_FRAMES.

    Raises: BadInput for a file that cannot be read.
    """

    def evenly(seconds: np.ndarray, fps: float, pictures: Any) -> np.ndarray:
        count = min(MOST_FRAMES, len(seconds))
        return np.unique(np.linspace(0, len(seconds) - 1, count).round().astype(int))

    def shrink(picture: np.ndarray) -> np.ndarray:
        return cropped(picture[None], card.crop, card.size)[0]

    frames, _ = decode_at(path, evenly, shrink=shrink)
    return frames


def example_features(model: Model, frames: np.ndarray, variations: int = VARIATIONS) -> Features:
    """What a network makes of a clip's frames (N, S, S, 3), S its size, as they are and varied.

    Raises: BadInput for a model that does not say what its classifier reads.
    """
    card, rng = model.card, np.random.default_rng(0)
    clips = [middles(frames, card.frames)]
    clips += [varied(frames, card.frames, rng) for _ in range(variations)]
    video = torch.from_numpy(np.stack(clips)).float().div(255)
    video = (video - torch.tensor(card.mean)) / torch.tensor(card.std)
    with model.lock, torch.inference_mode():
        reader = model.net if isinstance(model.net, Taught) else Taught(model.net, 1)
        blocks, _ = reader.blocks(video.permute(0, 4, 1, 2, 3).contiguous())
    return tuple(block.numpy() for block in blocks)


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier of C classes, and what leaving each of its n clips out says of it."""

    weight: Float[np.ndarray, "C F"]
    bias: Float[np.ndarray, " C"]
    strength: float
    """One of STRENGTHS."""
    share: float
    """One of SHARES."""
    held_out: Float[np.ndarray, "n C"]
    """Probabilities of each clip by a classifier that was learned without it."""
    truth: Int[np.ndarray, " n"]

    @property
    def right(self) -> int:
        """How many of the clips are named right by a classifier learned without them."""
        return int((self.held_out.argmax(1) == self.truth).sum())

    @property
    def numbers(self) -> dict[str, Any]:
        """For a report; shares in percent."""
        return {
            **share_right(self.right, len(self.truth)),
            "chance": round(100 * chance(self.truth), 2),
            "strength": self.strength,
            "share": self.share,
        }


def share_right(right: int, clips: int) -> dict[str, Any]:
    """`right` of `clips` in percent, with the 95 % interval."""
    low, high = wilson(right, clips)
    return {
        "right": right,
        "clips": clips,
        "accuracy": round(100 * right / clips, 2),
        "interval": [round(100 * low, 2), round(100 * high, 2)],
    }


def learned_head(clips: Sequence[Features], truth: Sequence[int], classes: int) -> Head:
    """The classifier of clips whose classes are `truth`, each 0..classes - 1.

    Ridge regression of the classes, one-hot, all counting alike whatever their numbers of clips.
    Its strength, and the share of its blocks, are those with which the clips, left out one by one,
    are named best.
    """
    kept = max(1, min(len(clips[0][0]), _MOST_ROWS // len(clips)))
    blocks = tuple(
        np.stack([block[:kept] for block in each]).astype(np.float64)
        for each in zip(*clips, strict=True)
    )
    labels = np.asarray(truth)
    answers = np.empty((len(labels), classes))
    for clip in range(len(labels)):
        others = np.arange(len(labels)) != clip
        fit = _best(tuple(block[others] for block in blocks), labels[others], classes)
        weight, bias = fit.linear()
        answers[clip] = weight @ np.concatenate([block[clip, 0] for block in blocks]) + bias
    fit = _best(blocks, labels, classes)
    weight, bias = fit.linear()
    scale = _scale(answers, labels)
    return Head(
        (scale * weight).astype(np.float32),
        (scale * bias).astype(np.float32),
        fit.strength,
        fit.share,
        softmax(scale * answers),
        labels,
    )


def chance(truth: Int[np.ndarray, " n"]) -> float:
    """How often guessing the most frequent class is right, 0..1."""
    return float(np.bincount(truth).max() / len(truth))


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share 0..1, `right` of `total` trials (Wilson, 1927)."""
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, eq=False)
class _Ridge:
    """A ridge regression in its dual form: a weight for each clip and not for each feature."""

    scaled: tuple[np.ndarray, ...]
    """Each block (rows, F) centred and scaled, so that a row's squared length is 1 on average."""
    centres: tuple[np.ndarray, ...]
    scales: tuple[np.ndarray, ...]
    shares: tuple[float, ...]
    """What each block gives of the kernel."""
    dual: np.ndarray
    """(rows, C)."""
    strength: float
    share: float

    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """The same as weights (C, F) and bias (C,) of the features as they come."""
        weight = np.concatenate(
            [
                share * scale[:, None] * (scaled.T @ self.dual)
                for share, scale, scaled in zip(self.shares, self.scales, self.scaled, strict=True)
            ]
        ).T
        bias = _OFFSET * self.dual.sum(0) - weight @ np.concatenate(self.centres)
        return weight, bias


def _best(blocks: Sequence[np.ndarray], truth: np.ndarray, classes: int) -> _Ridge:
    """The regression with which these n clips, left out one by one, are named best.

    Each block is (n, rows of a clip, F). Of those that name as many right, the one whose answers
    are nearest to the truth.
    """
    clips, rows = blocks[0].shape[:2]
    scaling = [_scaled(block.reshape(clips * rows, -1)) for block in blocks]
    scaled, centres, scales = (tuple(each) for each in zip(*scaling, strict=True))
    kernels = [block @ block.T for block in scaled]
    target = np.eye(classes)[np.repeat(truth, rows)]
    counts = np.bincount(truth, minlength=classes)
    # each class counts alike: a clip of a class of few is held back less
    ease = np.repeat(counts[truth] * np.count_nonzero(counts) / clips, rows) * rows
    best: tuple[tuple[float, float], _Ridge] | None = None
    for share, strength in product(SHARES if len(blocks) > 1 else (1.0,), STRENGTHS):
        shares = (share, *[(1 - share) / max(1, len(blocks) - 1)] * (len(blocks) - 1))
        kernel = sum((s * k for s, k in zip(shares, kernels, strict=True)), start=_OFFSET)
        inverse = np.linalg.inv(kernel + np.diag(strength * ease))
        dual = inverse @ target
        left_out = target[::rows] - _left_out(inverse, dual, rows)
        right = float((left_out.argmax(1) == truth).mean())
        score = (right, -float(((left_out - target[::rows]) ** 2).mean()))
        if best is None or score > best[0]:
            best = score, _Ridge(scaled, centres, scales, shares, dual, strength, share)
    assert best is not None
    return best[1]


def _left_out(inverse: np.ndarray, dual: np.ndarray, rows: int) -> np.ndarray:
    """What the truth is above the answer for each clip, left out with all its rows, (n, C).

    For the clip's rows g of inverse G: (G_gg)^-1 dual_g, exact for ridge regression; of the clip as
    it is, which stands first.
    """
    clips = len(dual) // rows
    index = np.arange(clips)
    own = inverse.reshape(clips, rows, clips, rows)[index, :, index]
    errors: np.ndarray = np.linalg.solve(own, dual.reshape(clips, rows, -1))[:, 0]
    return errors


def _scaled(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, F) centred and scaled, with the centre and the scale of each feature, (F,)."""
    centre, spread = rows.mean(0), rows.std(0)
    scale = 1 / (spread + _EVEN * spread.mean() + 1e-9)
    scale = scale / max(np.sqrt((((rows - centre) * scale) ** 2).sum(1).mean()), 1e-9)
    return (rows - centre) * scale, centre, scale


def _scale(answers: np.ndarray, truth: np.ndarray) -> float:
    """The one of SCALES with which the answers, as logits, make the truth most probable."""
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(scale * answers)[rows, truth] + 1e-6).mean() for scale in SCALES]
    return SCALES[int(np.argmin(losses))]
