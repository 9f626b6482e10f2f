"""Targets and losses. Models return values; what they should be is decided here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    smooth_l1_loss,
    softplus,
)

SHARPNESS = 8.0
"""Slope at which `pair_loss` reads a cosine as a log-odds; so does `core.order.sharpened`."""


Centring = Literal["none", "rows", "clips"]
"""What `alignment_loss` takes off frame maps before it compares them."""


def order_signs(order: Tensor, symmetric: bool = False) -> Tensor:
    """sgn(o_t, o_t') of Eq. 13: +1 where o_t < o_t', else -1, so -1 on the diagonal.

    From (B, T) to (B, T, T). `symmetric` gives the released helper's matrix (+1 if slots and frames
    agree in order, -1 if not, +1 on the diagonal), under which order cannot be recovered: kept for
    comparison only.
    """
    ahead = torch.where(order[:, :, None] < order[:, None, :], 1.0, -1.0)
    if not symmetric:
        return ahead
    T = order.shape[1]
    slots = torch.arange(T, device=order.device)
    agree = torch.sign((slots[:, None] - slots[None]).float()) * torch.sign(
        (order[:, :, None] - order[:, None]).float()
    )
    return torch.where(torch.eye(T, device=order.device, dtype=torch.bool), 1.0, agree)


def self_loss(
    time_attention: Sequence[Tensor], order: Tensor, symmetric: bool = False, diagonal: bool = True
) -> Tensor:
    """L_self (Eq. 13): mean over layers, slots t and t' of (1 - a[t, t']) sgn(o_t, o_t').

    Args:
        time_attention: per layer, the mean over heads and positions, (B, T, T).
        order: o, (B, T): slot t shows original frame o_t.
        diagonal: False leaves t = t' out and is used for training, where a(t, t) -> -1 would lower
            the loss without teaching any order. The mean is then over T(T-1) pairs.

    Range with the diagonal: -(T+1)/T to (T-1)/T; -1/T at a = 0.
    """
    signs = order_signs(order, symmetric)
    T = order.shape[1]
    keep = torch.ones(T, T, device=order.device)
    if not diagonal:
        keep = keep - torch.eye(T, device=order.device)
    terms = [((1 - a.float()) * signs * keep).sum((1, 2)) / keep.sum() for a in time_attention]
    return torch.stack(terms).mean()


def pair_weights(order: Tensor, directed: Tensor) -> Tensor:
    """How much each pair of slots counts in `pair_loss`, (B, T, T).

    None on the diagonal, undirected neighbours twice.
    """
    apart = (order[:, :, None] - order[:, None, :]).abs()
    rare = (apart == 1) & ~directed[:, None, None]  # 2 neighbours in T
    return torch.where(rare, 2.0, 1.0) * (apart > 0)


def pair_loss(attention: Tensor, order: Tensor, directed: Tensor) -> Tensor:
    """Each pair of slots as a yes-or-no question: the cross-entropy companion of L_self.

    L_self is linear in the cosine, so a pair that is sure and wrong weighs no more than any other.
    This loss reads SHARPNESS * a as log-odds. Of a clip with an arrow of time it asks which of two
    frames came first. Of a clip whose reverse is another stroke nobody can say, so it asks which
    frames are neighbours: the matrix then shows an order without a direction.

    Args:
        attention: the last layer's mean over heads and positions, (B, T, T), -1..1.
        order: o, (B, T): slot t shows original frame o_t.
        directed: (B,) bool, whether the clip's direction can be known.
    """
    neighbours = (order[:, :, None] - order[:, None, :]).abs() == 1
    signs = torch.where(
        directed[:, None, None], order_signs(order), torch.where(neighbours, 1.0, -1.0)
    )
    weight = pair_weights(order, directed)
    return (softplus(-SHARPNESS * attention.float() * signs) * weight).sum() / weight.sum()


def rank_loss(logits: Tensor, order: Tensor, directed: Tensor) -> Tensor:
    """Cross-entropy of naming the original place of each slot.

    Where the direction cannot be known, either end may be first.

    Args:
        logits: (B, T, T), a score for each original place.
        order: (B, T), slot t shows original frame o_t.
        directed: (B,) bool.
    """
    T = order.shape[1]
    scores = logits.float().log_softmax(-1)
    forward = scores.gather(2, order[..., None])[..., 0]
    backward = scores.gather(2, T - 1 - order[..., None])[..., 0]
    either = torch.logaddexp(forward, backward) - math.log(2)
    return -torch.where(directed[:, None], forward, either).mean()


def alignment_loss(frame_maps: tuple[Tensor, Tensor], centring: Centring = "none") -> Tensor:
    """RViT's auxiliary loss: 1 - cos(vec A_spatial, vec A_temporal), mean over the batch.

    The paper names a cosine similarity between spatial and temporal weights and gives neither sign
    nor weight. Alignment reads as similarity upwards; the weight 0.1 is a recipe's choice (spec
    1.4).

    As derived (none) it says little: maps of a linear kernel are near 1/T everywhere, so that any
    two are alike, and two that are uniform are best. Taught alone it makes them so; less the means
    of their rows (rows) both become one pattern, the same for every clip. Less the mean map of the
    clips (clips) only what a clip has of its own counts, and neither is of use. That is ours.

    Args:
        frame_maps: attention from frame to frame, spatial and temporal, each (B, T, T) >= 0
            (`Output.frame_maps`).
        centring: what is taken off the maps before they are compared. With clips it is the mean of
            the B clips of this pass, and one clip alone has nothing of its own: its loss is 1.

    Range 0 (alike) to 1 (no pair of frames in common), where centred to 2 (opposite).
    """
    spatial, temporal = (_centred(a.float(), centring).flatten(1) for a in frame_maps)
    return 1 - cosine_similarity(spatial, temporal).mean()


def _centred(maps: Tensor, centring: Centring) -> Tensor:
    """Maps (B, T, T) less what `alignment_loss` says."""
    if centring == "rows":
        return maps - maps.mean(-1, keepdim=True)
    if centring == "clips":
        return maps - maps.mean(0, keepdim=True)
    return maps


def inside(tip: Tensor, h: int, w: int) -> Tensor:
    """Which fingertips (F, 2), x and y in patches, lie in a grid of h x w patches: (F,) bool."""
    return (tip[:, 0] >= 0) & (tip[:, 0] < w) & (tip[:, 1] >= 0) & (tip[:, 1] < h)


def fingertip_loss(predicted: Tensor, tip: Tensor) -> Tensor:
    """The dense side task: in which patch the fingertip is, and where inside it.

    Args:
        predicted: (F, h, w, 4): fingertip score, hand score, fingertip x and y inside the patch
            (0..1).
        tip: (F, 2) x, y in patches, all inside the grid.
    """
    cell = tip.long()
    index = cell[:, 1] * predicted.shape[2] + cell[:, 0]
    where = cross_entropy(predicted[..., 0].flatten(1), index)
    offset = predicted.flatten(1, 2)[torch.arange(len(tip), device=tip.device), index, 2:]
    return where + 2 * smooth_l1_loss(offset, tip - cell)


def hand_loss(predicted: Tensor, occupied: Tensor) -> Tensor:
    """Its other half, from the second of the four scores: how much of a patch the hand covers.

    Args:
        predicted: (F, h, w, 4).
        occupied: (F, h, w), 0..1.
    """
    return binary_cross_entropy_with_logits(predicted[..., 1], occupied)


def moving_hand(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """The patches that the hand covers in either frame of a pair, and in which pairs it moves.

    Args:
        occupied: (B, T, h, w), 0..1, how much of each patch the hand covers.

    Returns: (B, T - 1, h w), 0..1; and (B, T - 1) bool, whether a quarter of a patch or more is
    covered in one frame and not in the other.
    """
    first, second = occupied[:, :-1].flatten(2), occupied[:, 1:].flatten(2)
    return torch.maximum(first, second), (first - second).abs().sum(-1) >= 0.25


def hand_flow_loss(flows: Sequence[Tensor], occupied: Tensor) -> Tensor:
    """How far AM flow is from lying on the hand that moves: a cross-entropy over patches.

    The paper has an encoder that is to undo the camera's motion and names no loss for it beside the
    class; this one is ours. Flow over the patches, divided by its sum, is compared with the hand's
    share of them; mean over blocks and over the pairs in which the hand moves.

    Args:
        flows: of each AM block, (B, T - 1, N) >= 0; N are the patches, after a class token or none.
        occupied: (B, T, h, w), 0..1.
    """
    hand, moves = moving_hand(occupied)
    target = hand[moves] / hand[moves].sum(-1, keepdim=True)
    patches = target.shape[-1]
    terms = []
    for flow in flows:
        of_patches = flow.float()[..., -patches:][moves] + 1e-6
        share = of_patches / of_patches.sum(-1, keepdim=True)
        terms.append(-(target * share.log()).sum(-1).mean())
    return torch.stack(terms).mean()
