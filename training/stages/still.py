"""The still stage: an image ViT learns on single frames where the fingertip and the hand are."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from torch import nn

from core.models.vit import ViT
from training.data import Batch
from training.recipes import Recipe
from training.stages.losses import MEASURES, SIDE_TASK, Means, SideTask
from training.stages.stage import Plan, Stage, model_settings


class Still(Stage):
    """The image ViT with the dense side head."""

    names = tuple(SIDE_TASK)

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        settings = model_settings(recipe)
        self.vit = ViT(
            **{k: settings[k] for k in ("size", "patch", "width", "heads")},
            depth=recipe.stills_depth or settings["depth"],
        )
        self.side = nn.Linear(settings["width"], 4)
        self.grid = settings["size"] // settings["patch"]
        self.weights = {"fingertip": 1.0, "hand": 1.0}

    def plan(self, batch: Batch, places: np.ndarray, step: int, total: int) -> Plan:
        assert batch.tip is not None and batch.occupied is not None, "its clips are rendered"
        truth = {"tip": batch.tip.flatten(0, 1), "occupied": batch.occupied.flatten(0, 1)}
        return Plan(batch.video, truth, {k: MEASURES[k].count(truth) for k in self.names})

    def means(self, plan: Plan) -> Means:
        images = rearrange(self.normalised(plan.video), "b c t h w -> (b t) c h w")
        tokens = self.vit(images)[:, 1:]
        predicted = self.side(tokens).float().unflatten(1, (self.grid, self.grid))
        side = SideTask(predicted, plan.truth["tip"], plan.truth["occupied"])
        return {k: mean(side) for k, mean in SIDE_TASK.items() if plan.counts[k]}
