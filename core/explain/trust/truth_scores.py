"""How well a map finds what is known to be there: pointing game, energy, ROC AUC, precision.

The truth is that of rendered clips (`core.world`): the hand's mask and the fingertip. A map of T'
temporal tokens is held against the frames that each token covers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Real

from core.explain.scores import energy_inside, levels, resized

NEAR = 1 / 6
"""How far from the fingertip the hottest place may be, in parts of the picture's side.

That is one patch of the included models, whose maps cannot point more finely.
"""


@dataclass(frozen=True)
class TruthScores:
    """How well one map of one clip finds the hand. NaN where the hand is never seen."""

    hand: float
    """Pointing game (Zhang et al., IJCV 2018): the share of frames whose hottest place lies on the
    hand, among those that show it."""
    fingertip: float
    """The share of frames whose hottest place is near the fingertip, among those that show it."""
    energy: float
    """The share of the heat that lies on the hand."""
    auc: float
    """ROC AUC: the chance that a pixel on the hand is hotter than one off it."""
    precision: float
    """Average precision of the pixels, hottest first."""

    @property
    def numbers(self) -> dict[str, float]:
        """By name, for JSON."""
        return asdict(self)


MEANINGS = {
    "hand": "High: the hottest place of most frames lies on the hand. Low: beside it.",
    "fingertip": "High: the hottest place is within a patch of the fingertip. Low: elsewhere.",
    "energy": "High: nearly all heat lies on the hand. Low: most of it lies beside it.",
    "auc": "1: every place on the hand is hotter than any beside it. 0.5: as by chance.",
    "precision": "1: the hottest places are the hand. By chance: the part that the hand covers.",
}
"""What a high and a low value of each score say."""
NAMES = tuple(field.name for field in fields(TruthScores))


def truth_scores(
    heat: Real[np.ndarray, "steps h w"],
    mask: Bool[np.ndarray, "T H W"],
    fingertip: Real[np.ndarray, "T 2"],
) -> TruthScores:
    """Score heat (T', h, w) against the mask (T, H, W) and the fingertip (T, 2), x and y in pixels.

    T' divides T. What is below 0 speaks against a place: it ranks below, and is no energy. NaN is
    taken for 0.
    """
    T, H, W = mask.shape
    heat = np.repeat(np.nan_to_num(np.asarray(heat, np.float32)), T // len(heat), 0)
    pixels = resized(heat, H, W)
    points = hottest(heat, H, W)
    on_hand = [bool(mask[t, y, x]) for t, (x, y) in enumerate(points.astype(int))]
    seen = np.asarray(mask.any((1, 2)))
    inside = np.asarray(((fingertip >= 0) & (fingertip < (W, H))).all(1))
    near = np.linalg.norm(points - fingertip, axis=1) <= NEAR * min(H, W)
    positive = np.clip(pixels, 0, None)
    counted = levels(pixels, mask)
    return TruthScores(
        _share(np.array(on_hand), seen),
        _share(near, inside),
        energy_inside(positive, mask) if seen.any() else float("nan"),
        counted.auc,
        counted.precision,
    )


def hottest(heat: Real[np.ndarray, "T h w"], H: int, W: int) -> Float[np.ndarray, "T 2"]:
    """The middle of the hottest cell of each frame, x and y in pixels of H x W, (T, 2).

    Of cells that tie, their middle: a map that says nothing points at the picture's middle.
    """
    _, h, w = heat.shape
    points = []
    for step in heat:
        rows, columns = np.nonzero(step == step.max())
        points.append(((columns.mean() + 0.5) * W / w, (rows.mean() + 0.5) * H / h))
    return np.array(points)


def _share(hits: np.ndarray, among: np.ndarray) -> float:
    return float(hits[among].mean()) if among.any() else float("nan")
