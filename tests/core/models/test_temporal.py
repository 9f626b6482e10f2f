"""The temporal modules of am_flow against torch, hand values and the paper's description."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from core.models.temporal import CausalLevel, make_temporal, second_dilation, sines
from tests.core.models.am_flow_nets import net
from tests.core.models.nets import CLASSES, clip, difference, randomised

MODULES = ("lstm", "tcn", "transformer")


@torch.no_grad()
def test_the_lstm_gives_its_last_hidden_state() -> None:
    module = randomised(make_temporal("lstm", 5, 3, 1, 1, "temporal.0", 0))
    x, (w, u, b, c) = clip(1).flatten()[:35].view(1, 7, 5), module.lstm.parameters()
    h, cell = torch.zeros(3), torch.zeros(3)
    for t in range(7):
        i, f, g, o = (w @ x[0, t] + b + u @ h + c).chunk(4)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        h = o.sigmoid() * cell.tanh()
    torch.testing.assert_close(module(x, (7, 1, 1))[0], h)


@torch.no_grad()
def test_a_causal_level_gives_the_values_computed_by_hand() -> None:
    level = CausalLevel(1, 1)
    for parameter in level.parameters():
        parameter.fill_(1.0 if parameter.ndim > 1 else 0.0)
    pulse = torch.tensor([[[1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]])
    assert level(pulse, 2).flatten().tolist() == [2, 0, 2, 0, 3, 0, 2, 0, 1, 0, 0]
    assert level(-pulse, 2).flatten().tolist() == [0] * 11


@torch.no_grad()
@pytest.mark.parametrize("T", [8, 24, 32])
@pytest.mark.parametrize("kind", MODULES)
def test_every_frame_of_a_clip_moves_the_logits(kind: str, T: int) -> None:
    model = net(temporal_module=kind, flow=False)  # AM flow would show a frame's neighbour of it
    video, other = clip(1, T), clip(1, T, seed=2)
    logits = model(video)
    for t in range(T):
        replaced = video.clone()
        replaced[:, :, t] = other[:, :, t]
        assert not torch.equal(model(replaced), logits), f"frame {t} of {T} goes unseen"


@pytest.mark.parametrize("T", [2, 8, 13, 14, 17, 18, 24, 25, 26, 32])
def test_the_tcn_reads_every_frame(T: int) -> None:
    module = randomised(make_temporal("tcn", 5, 17, 1, 1, "temporal.0", 0), seed=1)
    x = torch.randn(1, T, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    module(x, (T, 1, 1)).sum().backward()
    assert x.grad[0].abs().sum(-1).min() > 0


def test_the_tcn_dilates_no_further_than_the_clip_needs() -> None:
    dilations = {T: second_dilation(T) for T in (2, 8, 13, 14, 17, 18, 21, 22, 24, 25, 32)}
    assert list(dilations.values()) == [2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]


@torch.no_grad()
def test_the_transformer_is_one_encoder_layer_of_torch() -> None:
    module = randomised(make_temporal("transformer", 5, 14, 7, 17, "temporal.0", 0))
    theirs = nn.TransformerEncoderLayer(
        14, 7, 17, dropout=0.0, activation="gelu", batch_first=True
    ).train()
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": module.attn.qkv.weight,
            "self_attn.in_proj_bias": module.attn.qkv.bias,
            "self_attn.out_proj.weight": module.attn.proj.weight,
            "self_attn.out_proj.bias": module.attn.proj.bias,
            **{
                f"{a}.{p}": getattr(getattr(module, b), p)
                for a, b in (
                    ("linear1", "fc1"),
                    ("linear2", "fc2"),
                    ("norm1", "norm1"),
                    ("norm2", "norm2"),
                )
                for p in ("weight", "bias")
            },
        }
    )
    x = torch.randn(2, 11, 5, generator=torch.Generator().manual_seed(0))
    expected = theirs(module.embed(x) + sines(11, 14)).mean(1)
    torch.testing.assert_close(module(x, (11, 1, 1)), expected, atol=1e-5, rtol=1e-4)
    assert difference(module(x.flip(1), (11, 1, 1)), expected) > 1e-2, (
        "the order of the frames counts"
    )
    slow = 3 / 10000 ** (1 / 7)  # the second of 7 rates, at frame 3
    by_hand = [math.sin(3), math.sin(slow), math.cos(3), math.cos(slow)]
    assert sines(11, 14)[3, [0, 1, 7, 8]].tolist() == pytest.approx(by_hand, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("kind", MODULES)
def test_every_module_takes_any_number_of_frames_and_reads_their_order(kind: str) -> None:
    model = net(temporal_module=kind, am_mode="post")
    for frames in (2, 5):
        video = clip(1, frames)
        assert model(video).shape == (1, CLASSES)
        assert difference(model(video.flip(2)), model(video)) > 1e-3
