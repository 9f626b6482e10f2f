"""Tiny seeded am_flow nets: 3 x 3 patches of 7 pixels, width 30, 2 blocks, bottleneck 7."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.models.am_flow import AMFlow
from core.models.vit import ViT
from tests.core.models.nets import CLASSES, HEADS, SIDE, WIDTH, T, randomised

TOKENS, BOTTLENECK = SIDE * SIDE + 1, 7
BACKBONE: dict[str, Any] = {
    "size": 7 * SIDE,
    "patch": 7,
    "width": WIDTH,
    "depth": 2,
    "heads": HEADS,
}
SIZES: dict[str, Any] = BACKBONE | {
    "classes": CLASSES,
    "frames": T,
    "bottleneck": BOTTLENECK,
    "temporal_width": 14,
    "temporal_heads": 7,
    "temporal_hidden": 17,
}


def fresh(**settings: object) -> AMFlow:
    """As training starts: adapters silent, only the backbone random."""
    torch.manual_seed(0)
    model = AMFlow(**SIZES | settings).eval()
    randomised(model.vit, 2)
    return model


def net(seed: int = 0, **settings: object) -> AMFlow:
    """Everything random."""
    torch.manual_seed(seed)
    return randomised(AMFlow(**SIZES | settings).eval(), seed)


def backbone(**settings: object) -> ViT:
    return randomised(ViT(**BACKBONE | settings).eval(), seed=9)


def of_frames(video: Tensor) -> Tensor:
    """(B, 3, T, H, W) -> (B*T, 3, H, W)."""
    return video.transpose(1, 2).flatten(0, 1)
