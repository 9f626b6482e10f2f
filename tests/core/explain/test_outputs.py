"""AM Flow's outputs one by one, and how much its adapters add."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.explain.outputs import adapter_activity, output_names, output_probabilities
from core.observe import classify, to_input
from core.video import Clip
from core.weights import Card, Model, load
from tests.core.models.am_flow_nets import net as am_flow_net
from tests.core.models.nets import CLASSES

PICTURES = 3


def model(**settings: object) -> Model:
    net = am_flow_net(**settings)
    half, labels = (0.5, 0.5, 0.5), tuple("abcdefghijklmnop"[:CLASSES])
    card = Card("am_flow", "gesture", labels, half, half, net.size, PICTURES, "uniform", "fit", "")
    return Model(net, card)


def clip() -> Clip:
    frames = np.random.default_rng(3).integers(0, 255, (PICTURES, 23, 29, 3), np.uint8)
    return Clip(frames, np.arange(PICTURES) / 7, "noise", "noise")


def test_the_mean_of_the_outputs_logits_is_the_models_answer() -> None:
    of = model()
    names, table = output_names(of), output_probabilities(of, clip())
    depth = len(of.net.vit.blocks)
    assert len(names) == len(table) == 2 * depth + 1
    assert [name.title for name in names[:2]] == ["block 1, attention", "block 1, MLP"]
    assert names[-1].title == "image model"
    np.testing.assert_allclose(table.sum(1), 1, atol=1e-6)
    # softmax of the mean of logits is the normalised geometric mean of the softmaxes
    together = np.exp(np.log(table).mean(0))
    np.testing.assert_allclose(together / together.sum(), classify(of, clip()), atol=1e-5)


def test_adapters_in_chosen_blocks_alone_have_outputs() -> None:
    names = output_names(model(am_blocks=(2,)))
    assert [name.block for name in names] == [1, 1, None]


def test_an_adapter_that_adds_nothing_is_0_and_one_that_adds_a_constant_is_its_share() -> None:
    of = model()
    for block in of.net.adapters.blocks:
        for adapter in block:
            torch.nn.init.zeros_(adapter.up.weight)
            torch.nn.init.zeros_(adapter.up.bias)
    assert all((heat == 0).all() for heat in adapter_activity(of, clip()).values())
    of.net.adapters.blocks[0][1].up.bias.data[0] = 2.0
    of.net.adapters.blocks[0][1].scale.data.fill_(1.5)
    activity = adapter_activity(of, clip())[0]
    _, video = to_input(of.card, clip())
    with torch.no_grad():
        entering, (h, w) = of.net.vit.embed(video[0].transpose(0, 1))
    expected = 3.0 / entering[:, 1:].norm(dim=-1).view(PICTURES, h, w)
    assert (activity[0] == 0).all()
    np.testing.assert_allclose(activity[1], expected.numpy(), rtol=1e-5)


def test_an_adapters_activity_is_eq_5_by_hand_at_each_patch() -> None:
    of = model()
    adapter = of.net.adapters.blocks[0][0]
    torch.manual_seed(5)
    torch.nn.init.normal_(adapter.up.weight)
    _, video = to_input(of.card, clip())
    with torch.no_grad():
        entering, (h, w) = of.net.vit.embed(video[0].transpose(0, 1))
        adapter.down.weight[:, entering.shape[-1] :] = 0  # no flow
        normed = of.net.vit.blocks[0].norm1(entering)
        hidden = adapter.down.weight[:, : entering.shape[-1]] @ normed.transpose(1, 2)
        embedding = (hidden + adapter.down.bias[:, None]).relu()
        added = adapter.scale * (adapter.up.weight @ embedding + adapter.up.bias[:, None])
        shares = added[:, :, 1:].norm(dim=1) / entering[:, 1:].norm(dim=-1)
    activity = adapter_activity(of, clip())[0][0]
    np.testing.assert_allclose(activity, shares.view(PICTURES, h, w).numpy(), rtol=1e-4)


def test_another_model_is_refused() -> None:
    with pytest.raises(BadInput, match="rvit has one output; choose am_flow"):
        output_names(load("rvit"))
