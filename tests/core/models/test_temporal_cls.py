"""The class token as a key of the attention over time, which Eqs. 6 and 7 print."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.draw import packing
from core.explain import between_frames, over_time
from core.models import build
from core.models.direcformer import DirecFormer
from core.observe import observe
from core.trace import CLS, record
from core.video import Clip
from core.weights import Card, Model
from tests.core.draw.payloads import opened
from tests.core.models.nets import SIZES, T, clip, difference, net


def with_class_key(**settings: object) -> DirecFormer:
    return net(temporal_cls=True, **settings)


@torch.no_grad()
@pytest.mark.parametrize("time", ["cosine", "softmax"])
def test_every_patch_sees_the_class_token_and_its_place_in_every_frame(time: str) -> None:
    """Eqs. 6 and 7 by hand, at one place and one head."""
    model = with_class_key(time=time)
    block, place, head = model.blocks[0], 2, 1
    inputs: list[tuple[torch.Tensor, torch.Tensor]] = []
    block.register_forward_pre_hook(lambda _, args: inputs.append((args[0], args[1])))
    with record(model) as attentions:
        model(clip(1))
    cls, patches = inputs[0]
    tokens = torch.cat([cls[0], patches[0, place * T : (place + 1) * T]])  # z_00, then z_st
    normed = block.temporal_norm1(tokens)
    fused = normed @ block.temporal_attn.qkv.weight.T + block.temporal_attn.qkv.bias
    q, k, v = (x.view(T + 1, block.temporal_attn.heads, -1)[:, head] for x in fused.chunk(3, -1))
    first = next(a for a in attentions if a.name == "time" and a.layer == 0)
    weights = first.map(head)[place]
    assert weights.shape == (T, T + 1), "the class token does not ask"
    for t in range(T):
        products = torch.stack([q[t + 1] @ k[j] for j in range(T + 1)])
        if time == "cosine":
            lengths = torch.stack([q[t + 1].norm() * k[j].norm() for j in range(T + 1)])
            expected = products / lengths
        else:
            expected = (products / q.shape[1] ** 0.5).softmax(0)
        torch.testing.assert_close(weights[t], expected, rtol=1e-4, atol=1e-5)
    mixed, _ = block.temporal_attn.mixed(normed[None], None, silent=1)
    own = mixed[0].view(T, block.temporal_attn.heads, -1)[:, head]
    torch.testing.assert_close(own, weights @ v, rtol=1e-4, atol=1e-5)
    assert first.layout.keys[place].tolist() == [CLS, *first.layout.queries[place].tolist()]


@torch.no_grad()
def test_the_setting_changes_the_answer_and_no_weight() -> None:
    with_key, without = with_class_key(), net()
    assert with_key.state_dict().keys() == without.state_dict().keys()
    with_key.load_state_dict(without.state_dict())
    assert difference(with_key(clip(1)), without(clip(1))) > 1e-4
    built = build("direcformer", temporal_cls=True)
    assert all(block.temporal_cls for block in built.blocks)


def test_what_is_learned_from_and_read_is_between_frames_alone() -> None:
    model = with_class_key()
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_fc.weight, std=0.1)
    output = model(clip(2), detail=True)
    assert [tuple(m.shape) for m in output.time_attention] == [(2, T, T)] * len(model.blocks)
    with torch.no_grad():
        assert difference(model(clip(2)), output.logits.detach()) < 1e-4
        with record(model) as attentions:
            output = model(clip(1), detail=True)
    last = [a for a in attentions if a.name == "time"][-1]
    matrix = between_frames(last, last.map("mean"))
    torch.testing.assert_close(matrix, output.time_attention[-1][0], rtol=1e-4, atol=1e-5)


def test_the_viewer_is_sent_the_weights_between_frames() -> None:
    half, labels = (0.5, 0.5, 0.5), tuple("abcdefghijk")
    card = Card(
        "direcformer", "gesture", labels, half, half, SIZES["size"], T, "uniform", "fit", ""
    )
    frames = np.random.default_rng(3).integers(0, 255, (T, 23, 29, 3), np.uint8)
    trace = observe(Model(with_class_key(), card), Clip(frames, np.arange(T) / 7, "n", "n"))
    header = opened(packing.pack(trace))
    time = header["layers"][0]["time"]
    assert time["shape"][2:4] == [T, T + 1]
    (attention, *_) = over_time(trace)
    heat = attention.heat((1, 0, 1), 0).numpy()
    assert np.isfinite(heat[:, 0, 1]).all() and np.isnan(heat[:, 0, 0]).all()
