"""Models with random weights that tests share: a tiny DirecFormer, and any model as it ships."""

from __future__ import annotations

import torch

from core.models import build
from core.models.direcformer import DirecFormer
from core.weights import Card, Model
from core.world.gestures import LABELS

FRAMES = 3


def direcformer() -> DirecFormer:
    """A seeded net on 35 x 35 pixels in 5 x 5 patches.

    Its time attention is heard: zero temporal_fc would leave it out.
    """
    torch.manual_seed(0)
    model = DirecFormer(
        classes=4, size=35, patch=7, frames=FRAMES, width=22, depth=2, heads=2, drop_path=0.0
    ).eval()
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_fc.weight, std=0.2)
    return model


def random_model(name: str) -> Model:
    """A model of the size that ships, seeded.

    Branches that start as zero are random too: they would leave nothing to see.
    """
    torch.manual_seed(0)
    net = build(name, classes=len(LABELS))
    for parameter in net.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    half = (0.5, 0.5, 0.5)
    card = Card(
        name, "gesture", LABELS, half, half, net.size, net.frames, "uniform", "fit", "nothing"
    )
    return Model(net, card)
