"""How alike the maps of a model are, to each other and to the truth: rank correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from core.explain.scores import ranks
from core.explain.trust.every_map import NamedMap

TRUTH = "truth: the hand"
"""The share of each cell that the hand covers, among the maps."""


@dataclass(frozen=True)
class Alike:
    """Spearman's rank correlation of each two maps, -1..1."""

    names: tuple[str, ...]
    matrix: Float[np.ndarray, "n n"]
    """NaN for an even map, which ranks nothing, and where two maps never met."""


def alike(maps: Sequence[NamedMap], mask: Bool[np.ndarray, "T H W"]) -> Alike:
    """Of the maps (T', h, w) of one clip, with the truth as the last: the hand's mask (T, H, W)."""
    truth = share_of_cells(mask, maps[0].heat.shape)
    heats = [each.heat for each in maps] + [truth]
    return Alike((*(each.name for each in maps), TRUTH), correlations(heats))


def correlations(heats: Sequence[Float[np.ndarray, "T h w"]]) -> Float[np.ndarray, "n n"]:
    """Spearman's rank correlation of each two maps of one grid. NaN is taken for 0, as in scores.

    The diagonal is 1, and NaN for an even map.
    """
    ranked = np.stack([ranks(np.nan_to_num(heat)) for heat in heats])
    ranked -= ranked.mean(1, keepdims=True)
    lengths = np.sqrt((ranked**2).sum(1))
    lengths[lengths == 0] = np.nan
    units = ranked / lengths[:, None]
    return np.clip(units @ units.T, -1, 1)


def share_of_cells(
    mask: Bool[np.ndarray, "T H W"], grid: tuple[int, ...]
) -> Float[np.ndarray, "steps h w"]:
    """The share of each cell (T', h, w) that a mask covers; the grid divides the mask."""
    steps, h, w = grid
    T, H, W = mask.shape
    cells = mask.reshape(steps, T // steps, h, H // h, w, W // w)
    return cells.mean((1, 3, 5)).astype(np.float32)


def mean_alike(clips: Sequence[Alike]) -> Alike:
    """The mean over clips of each two maps' correlation, over those clips in which both rank.

    Maps keep the order of the clip that has most of them.
    """
    names = max(clips, key=lambda each: len(each.names)).names
    places = {name: i for i, name in enumerate(names)}
    total = np.zeros((len(names), len(names)))
    counted = np.zeros_like(total)
    for each in clips:
        own = np.array([places[name] for name in each.names])
        known = ~np.isnan(each.matrix)
        total[np.ix_(own, own)] += np.where(known, each.matrix, 0)
        counted[np.ix_(own, own)] += known
    return Alike(names, np.divide(total, counted, np.full_like(total, np.nan), where=counted > 0))
