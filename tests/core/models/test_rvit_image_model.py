"""RViT starts from an image model, and can be deepened without forgetting."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.errors import BadInput
from core.models.vit import ViT
from tests.core.models.nets import HEADS, SIDE, WIDTH, clip, randomised
from tests.core.models.rvit_nets import LAYERS, N, rvit

LOOSE = {"atol": 2e-4, "rtol": 2e-4}


def image_model(depth: int = LAYERS) -> ViT:
    return randomised(
        ViT(size=7 * SIDE, patch=7, width=WIDTH, depth=depth, heads=HEADS).eval(), seed=9
    )


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_step_0_equals_the_image_model_on_each_frame(depth: int) -> None:
    image, model = image_model(min(depth, 2)), rvit(gate="softmax", positions="first", depth=depth)
    model.load_image_model(image.state_dict())
    nn.init.ones_(image.norm.weight)
    nn.init.zeros_(image.norm.bias)
    video = clip(2, 4)
    patches = model(video, detail=True).patches
    for t in range(4):
        torch.testing.assert_close(
            patches[:, t].flatten(1, 2), image(video[:, :, t])[:, 1:], **LOOSE
        )


@torch.no_grad()
@pytest.mark.parametrize("gate", ["linear", "linear_norm"])
def test_loading_an_image_model_keeps_its_weights_and_closes_the_gate_to_the_past(
    gate: str,
) -> None:
    image, model = image_model(), rvit(gate=gate)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_image_model(image.state_dict())
    scale = (N + 1) * WIDTH / HEADS if gate == "linear" else 1.0
    for key, value in model.state_dict().items():
        if "qkv_hidden" in key:
            assert not value.any()
        elif key in image.state_dict():
            shrunk = scale if key.endswith("attn.proj.weight") else 1
            torch.testing.assert_close(value * shrunk, image.state_dict()[key], msg=key)
        else:
            assert torch.equal(value, before[key]), key
    assert set(image.state_dict()) - set(model.state_dict()) == {"norm.weight", "norm.bias"}


def test_layers_beyond_the_image_models_start_as_the_identity_and_can_learn() -> None:
    model = rvit(depth=3, positions="first")
    model.start_as_identity(2)
    shorter = rvit(positions="first")
    shared = {
        k: v
        for k, v in model.state_dict().items()
        if k in shorter.state_dict() and not k.startswith("head")
    }
    shorter.load_state_dict(shared | {"state_token": model.state_token[:2]}, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(
            model(clip(), detail=True).patches, shorter(clip(), detail=True).patches
        )
    model(clip(), detail=True).patches.square().mul(
        torch.randn(2, 3, SIDE, SIDE, WIDTH)
    ).sum().backward()
    assert model.blocks[2].attn.proj.weight.grad.any() and model.blocks[2].mlp.fc2.weight.grad.any()


def test_an_image_model_of_another_size_is_refused() -> None:
    wide = ViT(size=7 * SIDE, patch=7, width=40, depth=1, heads=HEADS)
    with pytest.raises(BadInput, match="this model needs"):
        rvit().load_image_model(wide.state_dict())
