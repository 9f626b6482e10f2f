"""A tiny DirecFormer that tests of what is seen of it share."""

from __future__ import annotations

import torch

from core.models.direcformer import DirecFormer

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
