"""What both stages are: a module that plans what it takes from a batch, then gives its means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from core.models import settings_of
from training.data import Batch
from training.recipes import Recipe
from training.stages.losses import Means, Truth


@dataclass(frozen=True)
class Plan:
    """What a stage takes from its part of a batch."""

    video: Tensor  # (b, T, H, W, 3) uint8
    truth: Truth
    counts: dict[str, float]
    """By name of a mean: how much it averages over; 0 where there is nothing."""

    def to(self, device: torch.device) -> Plan:
        return Plan(
            self.video.to(device, non_blocking=True),
            {k: v.to(device, non_blocking=True) for k, v in self.truth.items()},
            self.counts,
        )


class Stage(nn.Module):
    """A module that is trained on plans."""

    weights: dict[str, float]
    """Of its losses; other means are only reported."""
    names: tuple[str, ...]
    """Of every mean that `means` can give."""
    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        for name, of_channels in (("mean", recipe.mean), ("std", recipe.std)):
            self.register_buffer(name, torch.tensor(of_channels) * 255, persistent=False)

    def plan(self, batch: Batch, places: np.ndarray, step: int, total: int) -> Plan:
        """What is taken from a part of a step's batch.

        Args:
            batch: the part.
            places: of its clips in the whole batch, which has `total` clips.
        """
        raise NotImplementedError

    def means(self, plan: Plan) -> Means:
        """The mean of each loss, with gradients, and of each figure.

        Those that average over nothing are left out.
        """
        raise NotImplementedError

    def forward(self, plan: Plan, scale: dict[str, float]) -> tuple[Tensor, Means]:
        """The sum of scale * loss, and each mean times its count, without gradients."""
        means = self.means(plan)
        terms = [scale[k] * means[k] for k in self.weights if k in means]
        if not terms:  # nothing to learn from this part: a zero that still reaches the weights
            terms = [p.sum() * 0.0 for p in self.parameters() if p.requires_grad]
        loss = sum(terms, torch.zeros((), device=plan.video.device))
        return loss, {k: v.detach() * plan.counts[k] for k, v in means.items()}

    def normalised(self, video: Tensor) -> Tensor:
        """(b, T, H, W, 3) uint8 -> (b, 3, T, H, W) float32."""
        return rearrange((video - self.mean) / self.std, "b t h w c -> b c t h w")


def model_settings(recipe: Recipe, **over: Any) -> dict[str, Any]:
    """Every setting of the recipe's model: its defaults, the preset's, the recipe's, `over`.

    Raises: BadInput as `build`.
    """
    return settings_of(recipe.model, recipe.preset, **recipe.settings | over)
