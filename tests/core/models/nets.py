"""Tiny seeded nets and clips for the model tests, every size another prime where it is free."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from core.models.direcformer import DirecFormer

M = TypeVar("M", bound=nn.Module)
T, SIDE, WIDTH, HEADS, CLASSES = 3, 3, 30, 5, 11
SIZES = {
    "classes": CLASSES,
    "size": 7 * SIDE,
    "patch": 7,
    "frames": T,
    "width": WIDTH,
    "depth": 2,
    "heads": HEADS,
    "order_classes": 13,
}


def net(seed: int = 0, **settings: object) -> DirecFormer:
    torch.manual_seed(seed)
    return randomised(DirecFormer(**SIZES | settings).eval(), seed)


def randomised(model: M, seed: int = 0) -> M:
    """Every parameter random and of a size that matters: norm gains near 1, nothing zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            gain = "norm" in name and name.endswith("weight")
            if gain:
                parameter.copy_(1 + 0.1 * noise)
            elif parameter.ndim >= 2 and "embed" not in name and "cls" not in name:
                parameter.copy_(noise * 1.5 * parameter[0].numel() ** -0.5)
            else:
                parameter.copy_(0.2 * noise)
    return model


def clip(batch: int = 2, frames: int = T, size: int = 7 * SIDE, seed: int = 1) -> Tensor:
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(seed))


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference relative to the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def gradcam_by_hand(model: nn.Module, video: Tensor, target: int) -> Tensor:
    """GradCAM of a class score at `cam`: (T', h, w).

    It is the gradient averaged over frames and places, times the channels, where positive.
    """
    kept = {}
    handle = model.cam.register_forward_hook(lambda module, args, out: kept.update(out=out))
    score = model(video)[0, target]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept["out"])
    return (gradient.mean((2, 3, 4), keepdim=True) * kept["out"]).sum(1)[0].relu().detach()
