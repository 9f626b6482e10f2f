"""A model with a classifier that was learned from a few clips: the network, and a new card."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from core.models.taught import Taught
from core.weights.card import UNCALIBRATED
from core.weights.model import Model


def with_head(
    model: Model,
    names: Sequence[str],
    weight: np.ndarray,
    bias: np.ndarray,
    about: dict[str, Any],
) -> Model:
    """The model with the classes `names`, C of them, by weight (C, F) and bias (C,).

    The network is copied, so that what is done to one does not touch the other. `about` says how it
    was learned: it stands on the card as `recipe["few"]`.
    """
    net = Taught(copy.deepcopy(model.net.network), len(names)).eval()
    with torch.no_grad():
        net.head.weight.copy_(torch.from_numpy(weight))
        net.head.bias.copy_(torch.from_numpy(bias))
    card = model.card
    before = card.settings.get("classes", len(card.labels))
    own_classes = {"classes": before} if model.spec.names_classes else {}
    new = replace(
        card,
        labels=tuple(names),
        trained_on=f"{card.recipe.get('few', {}).get('before', card.trained_on)}; "
        f"then {', '.join(names)} from {about['clips']} clips",
        settings=card.settings | own_classes,
        recipe=card.recipe | {"few": about | {"from": card.hash, "before": card.trained_on}},
        measured={},
        direction_threshold=UNCALIBRATED,
        hash="",
    )
    return Model(net, new)
