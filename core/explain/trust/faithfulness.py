"""Whether a map names what the answer hangs on: take places away and see the score fall.

Deletion and insertion are of Petsiuk et al., BMVC 2018, here over the cells of the model's grid,
tubes of space and time. Sensitivity-n is of Ancona et al., ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from core.explain.scores import correlation
from core.observe import check_fits, softmax, to_input
from core.video import Clip
from core.weights import Model

Fill = Literal["mean", "blur"]
FILLS: tuple[Fill, ...] = ("mean", "blur")
"""What stands where a cell is taken away: the training data's mean colour, or the clip blurred."""
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
    return _curve(model, clip, target, heat.ravel(), heat.shape, fill, steps, insert=False)


def insertion(
    model: Model,
    clip: Clip,
    target: int,
    heat: Real[np.ndarray, "T h w"],
    fill: Fill,
    steps: int = 12,
) -> Curve:
    """Begin with the fill, and put cells in, hottest first. Raises: BadInput as `deletion`."""
    return _curve(model, clip, target, heat.ravel(), heat.shape, fill, steps, insert=True)


def _curve(
    model: Model,
    clip: Clip,
    target: int,
    heat: Real[np.ndarray, " cells"],
    grid: tuple[int, ...],
    fill: Fill,
    steps: int,
    *,
    insert: bool,
) -> Curve:
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    order = np.argsort(-np.nan_to_num(heat), kind="stable")
    counts = np.round(np.linspace(0, len(order), steps + 1)).astype(int)
    gone = np.zeros((len(counts), len(order)), bool)
    for row, count in zip(gone, counts, strict=True):
        row[order[:count]] = True
    logits = _outputs(model, video, ~gone if insert else gone, grid, fill)
    return Curve(counts / len(order), softmax(logits)[:, target].astype(np.float64))


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


def random_heats(
    grid: tuple[int, int, int], count: int = 5, seed: int = 0
) -> Float[np.ndarray, "count T h w"]:
    """Heats of random orders, which a map must beat."""
    return np.random.default_rng(seed).random((count, *grid))
