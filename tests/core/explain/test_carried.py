"""How much of an answer passes where GradCAM is read, and GradCAM at other places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from core import explain
from core.errors import BadInput
from core.models.sites import Part, Site, watching
from core.observe import to_input
from core.video import Clip
from core.weights import Model, load

NAMES = ("direcformer", "am_flow", "far", "rvit", "timesformer", "videomae")


def noise(frames: int, seed: int) -> Clip:
    pictures = np.random.default_rng(seed).integers(0, 255, (frames, 96, 96, 3), np.uint8)
    return Clip(pictures, np.arange(frames) / 8, f"noise {seed}", str(seed))


def at(layer: int, change: Callable[[Tensor], Tensor]) -> Callable[[Site, Tensor], Tensor]:
    """Change what leaves a layer, and nothing else."""
    return lambda site, value: change(value) if site == Site(Part.STREAM, layer) else value


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    return load(request.param)


def test_what_passes_a_layer_is_how_far_the_scores_go_with_the_other_clips_patches(
    model: Model,
) -> None:
    clip, other = noise(model.card.frames, 1), noise(model.card.frames, 2)
    shares = explain.carried(model, clip, other)
    (_, video), (_, theirs) = to_input(model.card, clip), to_input(model.card, other)
    kept: list[Tensor] = []
    with torch.no_grad():
        own = model.net(video)[0]
        with watching(at(1, lambda tokens: kept.append(tokens) or tokens)):
            far = model.net(theirs)[0]
        first = kept[0].shape[2] - 36  # a frame's own class token, where there is one

        def swapped(tokens: Tensor) -> Tensor:
            return torch.cat([tokens[:, :, :first], kept[0][:, :, first:]], 2)

        with watching(at(1, swapped)):
            mixed = model.net(video)[0]
    way = (far - own).double()
    expected = float((mixed - own).double() @ way / (way @ way))
    assert shares[1] == pytest.approx(expected, abs=1e-4)
    assert len(shares) >= 5 and not model.net.cam._forward_hooks


def test_all_of_the_answer_passes_where_there_is_no_token_but_patches() -> None:
    model = load("videomae")
    clip, other = noise(model.card.frames, 1), noise(model.card.frames, 2)
    shares = explain.carried(model, clip, other)
    np.testing.assert_allclose(shares[:-1], 1, atol=1e-4)
    assert abs(shares[-1]) < 0.9, "beside the norm runs the block's residual stream"


def test_two_clips_that_are_answered_alike_tell_nothing(model: Model) -> None:
    clip = noise(model.card.frames, 1)
    with pytest.raises(BadInput, match="answers both clips alike; choose another clip"):
        explain.carried(model, clip, clip)
    with pytest.raises(BadInput, match="the other clip has 3 frames"):
        explain.carried(model, clip, noise(3, 2))


def test_gradcam_after_a_layer_is_that_of_the_patches_that_leave_it(model: Model) -> None:
    clip, layer, target = noise(model.card.frames, 1), 1, 2
    usual, found = (explain.gradcam(model, clip, target, place) for place in (None, layer))
    _, video = to_input(model.card, clip)
    kept: list[Tensor] = []

    def follow(tokens: Tensor) -> Tensor:
        kept.append(tokens.detach().requires_grad_())
        return kept[0]

    with watching(at(layer, follow)):
        score = model.net(video)[0, target]
    (gradient,) = torch.autograd.grad(score, kept[0])
    tokens, slopes = kept[0].detach()[0], gradient[0]
    patches, slopes = tokens[:, -36:], slopes[:, -36:]  # (T', 36, D)
    by_hand = (patches * slopes.mean((0, 1))).sum(-1).relu().view(-1, 6, 6)
    np.testing.assert_allclose(found.heat, by_hand.numpy(), atol=1e-6, rtol=1e-4)
    assert found.heat.shape == usual.heat.shape and by_hand.max() > 0
    assert found.probability == pytest.approx(usual.probability, abs=1e-6)
    assert np.abs(found.heat - usual.heat).max() > 1e-6


def test_gradcam_is_not_read_after_the_last_layer_nor_where_there_is_none(model: Model) -> None:
    clip = noise(model.card.frames, 1)
    depth = len(explain.carried(model, clip, noise(model.card.frames, 2)))
    for layer in (-1, depth - 1, depth + 3):
        with pytest.raises(BadInput, match=f"is read after layer 0 to {depth - 2}, got {layer}"):
            explain.gradcam(model, clip, 0, layer)
