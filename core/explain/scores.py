"""How well heat finds the hand: energy inside its mask and ROC AUC, and the ranks they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Real


@dataclass(frozen=True)
class PairMap:
    """A map of each pair of frames that follow one another."""

    title: str
    heat: Float[np.ndarray, "pairs h w"]  # (T - 1, h, w), at least 0
    of: Literal["first", "second", "both"]  # the frames of the pair that it was made of


def resized(
    heat: Real[np.ndarray, "T h w"], height: int, width: int
) -> Float[np.ndarray, "T {height} {width}"]:
    """Heat (T, h, w) to (T, height, width), bilinear."""
    return np.stack(
        [
            cv2.resize(step.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            for step in heat
        ]
    )


def energy_inside(heat: Real[np.ndarray, "T H W"], mask: Bool[np.ndarray, "T H W"]) -> float:
    """The part of the heat that lies on the mask: sum(heat * mask) / sum(heat).

    Both are (T, H, W), and the heat is >= 0. NaN for no heat.
    """
    total = float(heat.sum(dtype=np.float64))
    return float(heat[mask].sum(dtype=np.float64)) / total if total > 0 else float("nan")


def ranks(values: Real[np.ndarray, "*shape"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1 of values in any shape, (n,), equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]


@dataclass(frozen=True)
class Levels:
    """Of each value that a heat has, lowest first, how many pixels have it."""

    pixels: Int[np.ndarray, " levels"]
    on_mask: Int[np.ndarray, " levels"]

    @property
    def auc(self) -> float:
        """What `roc_auc` says."""
        n = int(self.on_mask.sum())
        m = int(self.pixels.sum()) - n
        ranks_of_levels = np.cumsum(self.pixels) - (self.pixels - 1) / 2
        rank_sum = float(self.on_mask @ ranks_of_levels)
        return (rank_sum - n * (n + 1) / 2) / (n * m) if n and m else float("nan")

    @property
    def precision(self) -> float:
        """What `average_precision` says."""
        hits, taken = np.cumsum(self.on_mask[::-1]), np.cumsum(self.pixels[::-1])
        if not hits[-1]:
            return float("nan")
        gained = np.diff(np.r_[0, hits]) / hits[-1]
        return float((gained * (hits / taken)).sum())


def levels(heat: Real[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> Levels:
    """Count the pixels of each value, those on the mask apart: one sort serves both scores."""
    _, inverse, counts = np.unique(heat.ravel(), return_inverse=True, return_counts=True)
    return Levels(counts, np.bincount(inverse[mask.ravel()], minlength=len(counts)))


def roc_auc(heat: Real[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> float:
    """The chance that a pixel on the mask is hotter than one off it, ties counting half.

    This is (R - n (n + 1) / 2) / (n m) (Mann-Whitney), with R the sum of the ranks of the n pixels
    on the mask and m the number of those off it. NaN if either is empty.
    """
    return levels(heat, mask).auc


def average_precision(heat: Real[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"]) -> float:
    """Sum over thresholds of (recall gained) x precision; pixels that tie share a threshold.

    NaN for an empty mask.
    """
    return levels(heat, mask).precision


def hand_scores(
    maps: Sequence[PairMap], mask: Bool[np.ndarray, "T H W"]
) -> tuple[dict[str, list[float]], float]:
    """Energy inside and ROC AUC of maps against the hand's mask, and the part that the hand covers.

    The mask is (T, H, W) bool. A map that was made of one frame of its pairs is held against the
    mask of that frame, any other against that of either frame. The part is that of the pictures
    that the hand covers in either frame of a pair.
    """
    first, second = mask[:-1], mask[1:]
    masks = {"first": first, "second": second, "both": first | second}
    heats = [(resized(each.heat, *mask.shape[1:]), masks[each.of]) for each in maps]
    return {
        "energy inside": [energy_inside(*pair) for pair in heats],
        "ROC AUC": [roc_auc(*pair) for pair in heats],
    }, float(masks["both"].mean())


def correlation(a: Real[np.ndarray, " n"], b: Real[np.ndarray, " n"]) -> float:
    """Pearson's r of two curves (n,), -1..1: cov(a, b) / (std(a) std(b)). NaN if either is flat."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    x, y = (np.asarray(curve, np.float64) - np.mean(curve) for curve in (a, b))
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def by_chance(steps: int) -> float:
    """About the |r| that unrelated curves of so many steps exceed one time in twenty: 2 / sqrt(n).

    Within 0.01 of Student's t from 7 steps on; below 4 steps it is 1, which nothing exceeds.
    """
    return min(1.0, 2 / float(np.sqrt(steps)))
