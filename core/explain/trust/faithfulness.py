"""Whether a map names what the answer hangs on: take places away and see the score fall.

Deletion and insertion are of Petsiuk et al., BMVC 2018, here over the cells of the model's grid,
tubes of space and time. Sensitivity-n is of Ancona et al., ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Real, UInt8
from torch import Tensor

from core.explain.scores import correlation
from core.observe import check_fits, softmax, to_input
from core.video import Clip
from core.weights import Model

Fill = Literal["mean", "blur"]
FILLS: tuple[Fill, ...] = ("mean", "blur")
"""What stands where a cell is taken away: the training data's mean colour, or the clip blurred."""
Way = Literal["deletion", "insertion"]
WAYS: tuple[Way, ...] = ("deletion", "insertion")
Progress = Callable[[float], object]
BLUR = 1 / 8
"""The standard deviation of the blur, in parts of the picture's side."""
AT_ONCE = 4
"""Clips of one pass."""


@dataclass(frozen=True)
class Curve:
    """The probability of a class while cells are taken away or put in, most important first."""

    shares: Float[np.ndarray, " steps"]
    """The share of cells that is gone (deletion) or there (insertion), 0 to 1."""
    probabilities: Float[np.ndarray, " steps"]

    @property
    def area(self) -> float:
        """The area under the curve, by trapezes: low is good for deletion, high for insertion."""
        return float(np.trapezoid(self.probabilities, self.shares))


def deletion(
    model: Model,
    clip: Clip,
    target: int,
    heat: Real[np.ndarray, "T h w"],
    fill: Fill,
    steps: int = 12,
) -> Curve:
    """Take cells away, hottest first. Raises: BadInput if the clip does not fit."""
    (curve,) = deletions(model, clip, target, [heat], fill, steps)
    return curve


def insertion(
    model: Model,
    clip: Clip,
    target: int,
    heat: Real[np.ndarray, "T h w"],
    fill: Fill,
    steps: int = 12,
) -> Curve:
    """Begin with the fill, and put cells in, hottest first. Raises: BadInput as `deletion`."""
    (curve,) = insertions(model, clip, target, [heat], fill, steps)
    return curve


Curves = dict[tuple[Way, Fill], Curve]
"""Of one order: deletion and insertion, with each fill."""


def curves(
    model: Model,
    clip: Clip,
    target: int,
    heat: Real[np.ndarray, "T h w"],
    progress: Progress = lambda done: None,
    steps: int = 12,
) -> Curves:
    """Deletion and insertion of a map with each fill.

    After each curve `progress(share done, 0..1)` is called; what that raises ends the work.

    Raises: BadInput if the clip does not fit.
    """
    results: Curves = {}
    for way in WAYS:
        for fill in FILLS:
            measure = deletion if way == "deletion" else insertion
            results[way, fill] = measure(model, clip, target, heat, fill, steps)
            progress(len(results) / (len(WAYS) * len(FILLS)))
    return results


def random_curves(
    model: Model,
    clip: Clip,
    target: int,
    grid: tuple[int, int, int],
    progress: Progress = lambda done: None,
    steps: int = 12,
) -> list[Curves]:
    """The same of `random_heats`, whose spread says what an order is worth that knows nothing.

    Their insertion is that of the order backwards: to put back what deletion took last is to go
    its way back, so the same passes of the model give both.

    Raises: BadInput if the clip does not fit.
    """
    heats = random_heats(grid)
    results: list[Curves] = []
    for heat in heats:
        own: Curves = {}
        for fill in FILLS:
            curve = deletion(model, clip, target, heat, fill, steps)
            own["deletion", fill] = curve
            own["insertion", fill] = Curve(1 - curve.shares[::-1], curve.probabilities[::-1])
            progress((len(results) * len(FILLS) + len(own) / len(WAYS)) / (len(heats) * len(FILLS)))
        results.append(own)
    return results


def removal_order(heat: Real[np.ndarray, "T h w"]) -> np.ndarray:
    """The cells of a map, counted along its grid, hottest first; of a tie the first comes first."""
    return np.argsort(-np.nan_to_num(heat.ravel()), kind="stable")


def deletions(
    model: Model,
    clip: Clip,
    target: int,
    heats: Sequence[Real[np.ndarray, "T h w"]],
    fill: Fill,
    steps: int = 12,
) -> list[Curve]:
    """`deletion` of several maps. What two orders have in common is asked of the model once."""
    return _curves(model, clip, target, heats, fill, steps, insert=False)


def insertions(
    model: Model,
    clip: Clip,
    target: int,
    heats: Sequence[Real[np.ndarray, "T h w"]],
    fill: Fill,
    steps: int = 12,
) -> list[Curve]:
    """`insertion` of several maps, as `deletions`."""
    return _curves(model, clip, target, heats, fill, steps, insert=True)


def _curves(
    model: Model,
    clip: Clip,
    target: int,
    heats: Sequence[Real[np.ndarray, "T h w"]],
    fill: Fill,
    steps: int,
    *,
    insert: bool,
) -> list[Curve]:
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    cells = heats[0].size
    counts = np.round(np.linspace(0, cells, steps + 1)).astype(int)
    gone = np.zeros((len(heats), len(counts), cells), bool)
    for heat, rows in zip(heats, gone, strict=True):
        order = removal_order(heat)
        for row, count in zip(rows, counts, strict=True):
            row[order[:count]] = True
    asked = (~gone if insert else gone).reshape(-1, cells)
    distinct, places = np.unique(asked, axis=0, return_inverse=True)
    logits = _outputs(model, video, distinct, heats[0].shape, fill)
    probabilities = softmax(logits)[:, target].astype(np.float64)[places.reshape(len(heats), -1)]
    return [Curve(counts / cells, each) for each in probabilities]


def _outputs(
    model: Model, video: Tensor, gone: np.ndarray, grid: tuple[int, ...], fill: Fill
) -> np.ndarray:
    """The logits of clips without some cells (n, cells), (n, C)."""
    background = filled(video, fill)
    logits: list[Tensor] = []
    with model.lock, torch.inference_mode():
        for start in range(0, len(gone), AT_ONCE):
            masks = [_pixels(row, grid, video) for row in gone[start : start + AT_ONCE]]
            clips = torch.where(torch.stack(masks)[:, None], background, video)
            logits.append(model.net(clips))
    return torch.cat(logits).double().numpy()


def _pixels(cells: np.ndarray, grid: tuple[int, ...], video: Tensor) -> Tensor:
    """Which pixels (T, H, W) cells of the grid (T', h, w) cover."""
    mask = torch.from_numpy(cells.reshape(grid))
    for axis, (pixels, count) in enumerate(zip(video.shape[2:], grid, strict=True)):
        mask = mask.repeat_interleave(pixels // count, axis)
    return mask


def filled(video: Float[Tensor, "1 3 T H W"], fill: Fill) -> Float[Tensor, "1 3 T H W"]:
    """What stands where cells are taken away: zeros, the mean colour, or the clip blurred."""
    if fill == "mean":
        return torch.zeros_like(video)
    sigma = BLUR * video.shape[-1]
    frames = video[0].permute(1, 2, 3, 0).numpy()
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])
    return torch.from_numpy(blurred).permute(3, 0, 1, 2)[None]


def blurred(model: Model, clip: Clip) -> UInt8[np.ndarray, "T S S 3"]:
    """What stands where cells are taken away from a clip with the fill `blur`, as pictures."""
    _, video = to_input(model.card, clip)
    mean, std = (
        torch.tensor(each).view(1, 3, 1, 1, 1) for each in (model.card.mean, model.card.std)
    )
    pixels = (255 * (filled(video, "blur") * std + mean)).round().clip(0, 255)
    return pixels[0].permute(1, 2, 3, 0).byte().numpy()


@dataclass(frozen=True)
class Subsets:
    """Random sets of cells, and how far the logit of a class falls without each."""

    gone: Bool[np.ndarray, "n cells"]
    falls: Float[np.ndarray, " n"]


def subsets(
    model: Model,
    clip: Clip,
    target: int,
    grid: tuple[int, int, int],
    fill: Fill,
    *,
    size: int,
    sets: int = 32,
    seed: int = 0,
) -> Subsets:
    """Take away `sets` random sets of `size` cells. Raises: BadInput if the clip does not fit."""
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    cells = int(np.prod(grid))
    rng = np.random.default_rng(seed)
    gone = np.zeros((sets, cells), bool)
    for row in gone:
        row[rng.choice(cells, size, replace=False)] = True
    with model.lock, torch.inference_mode():
        full = float(model.net(video)[0, target])
    logits = _outputs(model, video, gone, grid, fill)[:, target]
    return Subsets(gone, full - logits)


def sensitivity_n(heat: Real[np.ndarray, "T h w"], subsets: Subsets) -> float:
    """Pearson's r of the heat of each set and the fall of the score without it, -1..1.

    1: the heat of a set says how far the score falls. NaN where either does not vary.
    """
    sums = subsets.gone @ np.nan_to_num(heat.ravel()).astype(np.float64)
    return correlation(sums, subsets.falls)


def infidelity(heat: Real[np.ndarray, "T h w"], subsets: Subsets) -> float:
    """The mean square of (heat of a set - fall of the score without it); 0 is perfect.

    Yeh et al., NeurIPS 2019. The heat is multiplied by the factor that fits best, as Captum does
    with `normalize`, so that maps of any unit compare.
    """
    sums = subsets.gone @ np.nan_to_num(heat.ravel()).astype(np.float64)
    power = float(sums @ sums)
    factor = float(sums @ subsets.falls) / power if power else 0.0
    return float(np.mean((factor * sums - subsets.falls) ** 2))


@dataclass(frozen=True)
class Beside:
    """A score of a map beside the same score of random orders."""

    own: float
    others: tuple[float, ...]
    higher_is_better: bool

    @property
    def beaten(self) -> int:
        """How many of the random orders the map beats."""
        if self.higher_is_better:
            return sum(self.own > other for other in self.others)
        return sum(self.own < other for other in self.others)

    @property
    def beats_all(self) -> bool:
        """Whether the map is better than every random order. False for NaN."""
        return self.beaten == len(self.others)


Score = Literal["deletion", "insertion", "sensitivity", "infidelity"]


def beside_random(
    heat: Real[np.ndarray, "T h w"],
    own: Curves,
    others: Sequence[Curves],
    sets: dict[Fill, Subsets],
) -> dict[tuple[Score, Fill], Beside]:
    """Every score of a map with each fill, beside those of random orders.

    `own` are the map's curves and `others` those of `random_curves`; `sets` are those of each fill.
    """
    results: dict[tuple[Score, Fill], Beside] = {}
    heats = random_heats(_grid(heat), len(others))
    for fill in FILLS:
        for way in WAYS:
            areas = tuple(each[way, fill].area for each in others)
            results[way, fill] = Beside(own[way, fill].area, areas, way == "insertion")
        taken = sets[fill]
        results["sensitivity", fill] = Beside(
            sensitivity_n(heat, taken), tuple(sensitivity_n(each, taken) for each in heats), True
        )
        results["infidelity", fill] = Beside(
            infidelity(heat, taken), tuple(infidelity(each, taken) for each in heats), False
        )
    return results


def _grid(heat: Real[np.ndarray, "T h w"]) -> tuple[int, int, int]:
    T, h, w = heat.shape
    return T, h, w


def random_heats(
    grid: tuple[int, int, int], count: int = 5, seed: int = 0
) -> Float[np.ndarray, "count T h w"]:
    """Heats of random orders, which a map must beat."""
    return np.random.default_rng(seed).random((count, *grid))
