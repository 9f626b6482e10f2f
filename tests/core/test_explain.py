"""Views of a trace, on a tiny seeded DirecFormer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import explain
from core.errors import BadInput
from core.models.direcformer import DirecFormer
from core.observe import observe, order_matrix, to_input
from core.trace import Axis
from core.video import Clip
from core.weights import Card

T, H, W = 3, 5, 5  # frames, and patches of 7 pixels


@pytest.fixture(scope="module")
def seen() -> tuple[DirecFormer, Card, Clip]:
    torch.manual_seed(0)
    model = DirecFormer(classes=4, size=35, patch=7, frames=T, width=22, depth=2, heads=2, drop_path=0.0).eval()
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_fc.weight, std=0.2)
    card = Card("direcformer", "tiny", ("a", "b", "c", "d"), (0.5,) * 3, (0.25,) * 3, 35, T, "uniform", "fit", "nothing")
    frames = np.random.default_rng(0).integers(0, 255, (T, 35, 35, 3), np.uint8)
    return model, card, Clip(frames, np.arange(3.0), "noise", "0")


def test_the_spatial_view_is_each_frames_class_token_row(seen: tuple) -> None:
    trace = observe(*seen)
    attention = trace.along(Axis.SPACE)[1]
    expected = attention.kernel.weights(attention.q[:, 1], attention.k[:, 1])[:, 0, 1:].view(T, H, W)
    np.testing.assert_allclose(explain.spatial(trace, 1, 1), expected, atol=1e-6)
    assert (explain.spatial(trace).sum((1, 2)) < 1).all()  # the class token keeps the rest
    assert np.isnan(explain.spatial(trace, query=(1, 2, 3))[[0, 2]]).all()
    mean = trace.along(Axis.SPACE)[0].map(0)[:, 1:, 1:].mean(1).view(T, H, W)
    np.testing.assert_allclose(explain.spatial(trace, 0, 0, "mean"), mean, atol=1e-6)


def test_the_temporal_view_of_the_last_layer_is_the_matrix_that_order_recovery_uses(seen: tuple) -> None:
    trace = observe(*seen)
    np.testing.assert_allclose(explain.temporal(trace), order_matrix(*seen), atol=1e-6)
    assert explain.time_is_signed(trace) and explain.temporal(trace).min() >= -1 and explain.temporal(trace).max() <= 1


def test_gradcam_is_the_positive_sum_of_gradient_weighted_channels(seen: tuple) -> None:
    """By hand: the gradient of the class score at `cam`, averaged over frames and places, times the channels."""
    model, card, clip = seen
    kept = {}
    handle = model.cam.register_forward_hook(lambda module, args, out: kept.update(out=out))
    score = model(to_input(card, clip)[1])[0, 2]
    (gradient,) = torch.autograd.grad(score, kept["out"])
    handle.remove()
    by_hand = (gradient.mean((2, 3, 4), keepdim=True) * kept["out"]).sum(1)[0].relu().detach().numpy()
    found = explain.gradcam(model, card, clip, 2)
    np.testing.assert_allclose(found.heat, by_hand, atol=1e-7)
    assert by_hand.max() > 0 and found.probability == pytest.approx(observe(model, card, clip).probabilities[2], abs=1e-6)
    assert all(p.grad is None for p in model.parameters()) and not model.cam._forward_hooks


def test_what_is_not_there_is_refused(seen: tuple) -> None:
    trace = observe(*seen)
    for wrong in (lambda: explain.spatial(trace, 2), lambda: explain.temporal(trace, -1), lambda: explain.spatial(trace, 0, 2),
                  lambda: explain.gradcam(*seen, 4), lambda: explain.target_index(seen[1], "e", trace.probabilities)):
        with pytest.raises(BadInput):
            wrong()
