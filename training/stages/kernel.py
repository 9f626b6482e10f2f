"""A start from weights whose attention over space has another kernel."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from core.models import VideoModel
from core.models.blocks import Kind, SelfAttention
from core.models.linear import Linear

CLIPS = 48
"""How many clips of the run are drawn for it; each is seen in order, shuffled, or both."""
_RIDGE = 1e-3
"""Of the mean square of what goes into a projection: what it never sees stays small."""


@torch.no_grad()
def refit_space(model: VideoModel, before: Kind, videos: Sequence[Tensor]) -> list[float]:
    """Fit the projections of the space attention anew, so that each block adds what it added.

    Rows of a softmax sum to 1 and those of a signed map to anything up to the number of tokens: the
    same queries, keys and values then add up to tens of times as much, all later blocks see a
    stream that they never saw, and training does not recover what the weights knew. Block by block,
    each projection becomes the ridge regression from what the new kernel mixes to what the old
    one's projection gave.

    Args:
        model: has the weights, and the new kernel.
        before: the kernel that the weights were trained with.
        videos: normalised, each (B, 3, T, H, W) float32.

    Returns: R^2 of each block's regression.
    """
    old = deepcopy(model).eval()
    for attention in _over_space(old):
        attention.tap.kernel = replace(attention.tap.kernel, kind=before)
    was_training = model.training
    model.eval()
    fits = [
        _refit(new.proj, model, theirs.proj, old, videos)
        for new, theirs in zip(_over_space(model), _over_space(old), strict=True)
    ]
    model.train(was_training)
    return fits


def _over_space(model: VideoModel) -> list[SelfAttention]:
    """The attention over space of each block, first block first."""
    return [
        module
        for module in model.modules()
        if isinstance(module, SelfAttention) and module.tap.name == "space"
    ]


def _refit(
    projection: Linear,
    model: VideoModel,
    theirs: Linear,
    old: VideoModel,
    videos: Sequence[Tensor],
) -> float:
    """Fit `projection` of `model` to what `theirs` gives in `old`; returns R^2."""
    width = theirs.weight.shape[0]
    gram, products = torch.zeros(2, width + 1, width + 1, dtype=torch.float64)
    products = products[:, :width]
    squares, sums, count = torch.zeros(()), torch.zeros(width), 0
    for video in videos:
        mixed = _passing(model, projection, video)[0]
        wanted = _passing(old, theirs, video)[1]
        mixed = torch.cat([mixed, torch.ones_like(mixed[:, :1])], 1)  # for the bias
        gram += mixed.T @ mixed
        products += mixed.T @ wanted
        squares, sums = squares + wanted.square().sum(), sums + wanted.sum(0)
        count += len(wanted)
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    fitted = torch.linalg.solve(gram + ridge, products)
    projection.weight.copy_(fitted[:-1].T)
    projection.bias.copy_(fitted[-1])
    # |wanted - mixed fitted|^2 from the sums, so that no video need be kept
    error = squares - 2 * (fitted * products).sum() + (fitted * (gram @ fitted)).sum()
    spread = squares - (sums * sums).sum() / count
    return float(1 - error / spread)


def _passing(model: VideoModel, projection: Linear, video: Tensor) -> tuple[Tensor, Tensor]:
    """What goes into a projection and what comes out, each (tokens, width) float64."""
    seen: list[tuple[Tensor, Tensor]] = []
    hook = projection.register_forward_hook(
        lambda module, given, result: seen.append((given[0], result))
    )
    model(video, detail=True)
    hook.remove()
    given, result = (rearrange(tokens, "... d -> (...) d").double() for tokens in seen[0])
    return given, result
