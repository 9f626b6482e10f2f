"""AM Flow with Hiera as its backbone: adapters, flow and heads that follow its unequal stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core import explain
from core.errors import BadInput
from core.explain.am_flow import flow_maps
from core.models import build
from core.models.adapters import AdapterWeights, adapt
from core.models.am_flow import AMFlow
from core.models.count import count
from core.observe import observe
from core.video import Clip
from core.weights import Card, Model
from core.weights.public import load_public
from tests.core.models.am_flow_nets import of_frames
from tests.core.models.nets import clip, randomised
from tests.core.models.test_hiera import TINY, public

SIZES: dict[str, Any] = {
    "backbone": "hiera",
    "classes": 11,
    "size": 48,
    "patch": 2,
    "frames": 3,
    "width": 6,
    "depths": (1, 2, 2, 2),
    "stage_heads": (1, 2, 3, 2),
    "bottleneck": 5,
    "temporal_width": 7,
}
GRIDS = [24, 24, 12, 12, 6, 6, 3]
"""Sides of the keys of each block: the first block of a stage has those of the stage before."""


def net(seed: int = 0, **settings: Any) -> AMFlow:
    torch.manual_seed(seed)
    return randomised(AMFlow(**SIZES | settings).eval(), seed)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    return randomised(public(), seed=3)


@torch.no_grad()
def test_silent_adapters_leave_the_tokens_of_transformers(theirs: nn.Module) -> None:
    torch.manual_seed(0)
    model = AMFlow(**SIZES).eval()
    report = load_public(model, theirs.state_dict())
    assert not report.mismatched and set(report.loaded) == {
        f"vit.{name}" for name in model.vit.state_dict()
    }
    video = clip(2, size=48)
    patches = model(video, detail=True).patches
    expected = model.vit.norm(theirs(of_frames(video)).last_hidden_state)
    torch.testing.assert_close(patches.flatten(2, 3).flatten(0, 1), expected, atol=1e-5, rtol=1e-4)
    assert patches.shape == (2, 3, 3, 3, 48) and TINY["embed_dim"] == SIZES["width"]


@torch.no_grad()
@pytest.mark.parametrize("mode", ["static", "post", "pre"])
def test_each_block_has_flow_on_the_grid_of_its_keys(mode: str) -> None:
    model = net(am_mode=mode)
    half = (0.5, 0.5, 0.5)
    card = Card(
        "am_flow", "hiera_b", tuple("abcdefghijk"), half, half, 48, 3, "uniform", "fit", "nothing"
    )
    frames = np.random.default_rng(1).integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    whole = Model(model, card)
    trace = observe(whole, Clip(frames, np.arange(3.0), "noise", "0" * 16))
    assert [a.layer for a in explain.in_every_layer(trace)] == list(range(7))
    video = torch.from_numpy(frames).permute(3, 0, 1, 2)[None] / 127.5 - 1
    flows = flow_maps(model(video, detail=True))
    assert [flow.shape for flow in flows] == [(2, side, side) for side in GRIDS]
    for layer, flow in enumerate(flows):
        expected = explain.flow_of(trace, mode, layer)
        np.testing.assert_allclose(flow, expected, rtol=1e-3, atol=1e-5)


def test_beside_pooled_attention_the_embedding_is_pooled_alike() -> None:
    """W_down sums the two channels; of 4 tokens 0, 3, 1, 2 the largest leaves, doubled by W_up."""
    x = torch.tensor([[[0.0, 0.0], [1.0, 2.0], [1.0, 0.0], [0.0, 2.0]]])
    weights = AdapterWeights(
        torch.ones(1, 2), torch.zeros(1), torch.full((3, 1), 2.0), torch.zeros(3), torch.ones(())
    )
    embedding, change = adapt(x, None, weights, stride=4)
    assert embedding.tolist() == [[[3.0]]] and change.tolist() == [[[6.0, 6.0, 6.0]]]
    assert adapt(x, None, weights)[0].flatten().tolist() == [0, 3, 1, 2]


def test_training_reaches_every_adapter_and_head_and_not_the_backbone() -> None:
    model = net(from_scratch=False).train()
    model(clip(1, size=48)).square().sum().backward()
    for name, parameter in model.named_parameters():
        is_backbone = name.startswith("vit.")
        assert (parameter.grad is None) == is_backbone, name


def test_two_frames_meet_whole_and_so_not_within_windows() -> None:
    with pytest.raises(BadInput, match="blocks 1, 2, 3, 4, 6 look within windows or pool"):
        net(aligning=True)
    model = net(aligning=True, am_blocks=(5, 7))
    output = model(clip(1, size=48), detail=True)
    assert [flow.shape for flow in output.am_flow] == [(1, 2, 36), (1, 2, 9)]
    assert len(output.outputs) == 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"adapter": "hyperformer"}, "needs blocks of one width"),
        ({"depths": (1, 1, 1, 1)}, "must not begin a stage"),
        ({"size": 40}, "hold whole units"),
    ],
)
def test_what_stages_cannot_do_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        net(**settings)


def test_the_preset_has_the_blocks_that_look_over_the_whole_frame() -> None:
    with torch.device("meta"):
        model = build("am_flow", "hiera_b")
    sizes = [model.sizes[i] for i in model.am_blocks]
    assert len(model.sizes) == 24 and all(size.windows == 1 for size in sizes)
    assert {size.tokens for size in sizes} == {196, 49}
    assert count("am_flow", "hiera_b").trainable < count("am_flow", "hiera_b").parameters
