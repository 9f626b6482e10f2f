"""RViT's auxiliary loss against hand values (spec 8.14)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses import alignment_loss

EYE, CROSSED, EVEN = torch.eye(2)[None], torch.eye(2).flip(0)[None], torch.full((1, 2, 2), 0.5)


@pytest.mark.parametrize(
    ("spatial", "temporal", "loss"),
    [
        (EYE, EYE, 0.0),
        (EVEN, EVEN, 0.0),
        (EYE, CROSSED, 1.0),
        (EYE, EVEN, 1 - 1 / math.sqrt(2)),
        (EVEN, CROSSED, 0.292893),
    ],
)
def test_the_alignment_loss_has_the_hand_values(
    spatial: Tensor, temporal: Tensor, loss: float
) -> None:
    assert alignment_loss((spatial, temporal)).item() == pytest.approx(loss, abs=1e-6)
    assert alignment_loss((temporal, spatial)).item() == pytest.approx(loss, abs=1e-6)


def test_the_alignment_loss_is_a_mean_over_clips_of_whole_maps() -> None:
    spatial, temporal = torch.cat([EYE, EYE, EYE]), torch.cat([EYE, CROSSED, EVEN])
    assert alignment_loss((spatial, temporal)).item() == pytest.approx(
        (0 + 1 + 0.292893) / 3, abs=1e-6
    )
    # Against EYE: 1.5 / (sqrt 2 sqrt 1.5), not a mean over rows.
    one_row = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    assert alignment_loss((EYE, one_row)).item() == pytest.approx(1 - 1.5 / math.sqrt(3), abs=1e-6)


def test_the_alignment_loss_is_blind_to_scale_and_pulls_both_maps_together() -> None:
    generator = torch.Generator().manual_seed(0)
    spatial, temporal = (
        torch.rand(3, 5, 5, generator=generator).requires_grad_() for _ in range(2)
    )
    loss = alignment_loss((spatial, temporal))
    assert alignment_loss((7 * spatial, 0.1 * temporal)).item() == pytest.approx(
        loss.item(), abs=1e-6
    )
    loss.backward()
    assert spatial.grad.abs().sum() > 0 and temporal.grad.abs().sum() > 0
    with torch.no_grad():
        closer = alignment_loss((spatial - 0.1 * spatial.grad, temporal - 0.1 * temporal.grad))
    assert 0 <= closer < loss <= 1


def test_centred_maps_are_compared_by_what_they_hold_beside_the_mean_of_each_row() -> None:
    """As derived, maps near 1/T are alike whatever they say."""
    tilt = torch.tensor([[[0.01, -0.01], [0.0, 0.0]]])
    one, other = EVEN + tilt, EVEN - tilt
    assert alignment_loss((one, other)).item() == pytest.approx(0.0004, abs=1e-6)
    assert alignment_loss((one, other), "rows").item() == pytest.approx(2.0, abs=1e-5)
    assert alignment_loss((one, EVEN + 5 * tilt), "rows").item() == pytest.approx(0.0, abs=1e-5)


def test_what_every_clip_has_counts_for_nothing_less_the_mean_map_of_the_clips() -> None:
    tilt = torch.tensor([[[0.01, -0.01], [0.0, 0.0]]])
    turn = torch.tensor([[[0.0, 0.0], [0.03, -0.03]]])
    clips = torch.cat([EVEN + 20 * turn + tilt, EVEN + 20 * turn - tilt])
    crossed = clips.flip(0) + 5 * turn  # a pattern of its own, and each clip's tilt the other way
    assert alignment_loss((clips, crossed), "rows").item() < 0.01
    assert alignment_loss((clips, crossed), "clips").item() == pytest.approx(2.0, abs=1e-5)
    assert alignment_loss((clips, clips + 5 * turn), "clips").item() == pytest.approx(0, abs=1e-5)
    assert alignment_loss((clips[:1], clips[1:]), "clips").item() == pytest.approx(1.0)
