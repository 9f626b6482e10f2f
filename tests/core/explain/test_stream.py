"""A film that is watched as it runs gives what the whole clip gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import explain
from core.explain.stream import WINDOW, window_clip, window_seconds
from core.observe import observe, to_input
from core.video import Clip
from core.weights import Card, Model
from tests.core.models.nets import CLASSES
from tests.core.models.rvit_nets import LAYERS, rvit
from tests.core.tiny import direcformer

PICTURES, HEIGHT, WIDTH = 5, 23, 31


def film(pictures: int = PICTURES) -> Clip:
    frames = np.random.default_rng(3).integers(0, 255, (pictures, HEIGHT, WIDTH, 3), np.uint8)
    return Clip(frames, np.arange(pictures) / 7, "noise", "noise")


def model_of(name: str, net: torch.nn.Module, classes: int) -> Model:
    half, labels = (0.5, 0.5, 0.5), tuple("abcdefg"[:classes])
    return Model(
        net, Card(name, "gesture", labels, half, half, net.size, 3, "uniform", "fit", "nothing")
    )


@pytest.mark.parametrize("gate", ["linear", "linear_norm", "softmax"])
def test_a_recurrent_model_sees_frame_by_frame_what_it_sees_in_the_clip(gate: str) -> None:
    model, clip = model_of("rvit", rvit(gate=gate), CLASSES), film()
    memory = explain.begin(model)
    for t in range(PICTURES):
        glance, memory = explain.see(model, memory, clip.frames[t], clip.times[t])
        assert glance.met == memory.met == t + 1 and not glance.signed
        if t == 0:
            continue  # no clip has a single frame
        so_far = Clip(clip.frames[: t + 1], clip.times[: t + 1], "noise", "noise")
        trace = observe(model, so_far)
        np.testing.assert_allclose(glance.logits, trace.logits, atol=1e-6, rtol=1e-5)
        np.testing.assert_allclose(glance.heat, explain.spatial(trace)[t], atol=1e-6, rtol=1e-5)
    assert glance.heat.shape == trace.grid[1:] and glance.probabilities.sum() == pytest.approx(1)


def test_the_hidden_state_is_measured_in_each_layer_and_is_no_part_of_an_older_memory() -> None:
    model, clip = model_of("rvit", rvit(), CLASSES), film(2)
    first, memory = explain.see(model, explain.begin(model), clip.frames[0], 0.0)
    second, after = explain.see(model, memory, clip.frames[1], 0.1)
    again, _ = explain.see(model, memory, clip.frames[1], 0.1)
    np.testing.assert_array_equal(again.logits, second.logits)
    assert len(second.hidden) == LAYERS and (second.hidden != first.hidden).all()
    state = after.state.hidden[1]
    assert second.hidden[1] == pytest.approx(float((state**2).mean() ** 0.5))


def test_the_gate_and_the_class_tokens_say_what_came_from_the_state() -> None:
    model, clip = model_of("rvit", rvit(), CLASSES), film(2)
    net = model.net
    first, memory = explain.see(model, explain.begin(model), clip.frames[0], 0.0)
    assert ((first.gate > 0) & (first.gate < 1)).all() and len(first.gate) == LAYERS
    assert len(first.tokens) == LAYERS + 1 and first.tokens.sum() == pytest.approx(1)
    # layer 0 by hand: LayerNorm and Linear of the frame's tokens, and of the state's
    _, video = to_input(model.card, clip)
    with torch.no_grad():
        x = net.patch_embed["proj"](video[:, :, 1]).flatten(2).transpose(1, 2)
        u = torch.cat([net.cls_token, x], 1) + net.pos_embed
        block, state = net.blocks[0], memory.state.hidden[0] + net.pos_embed
        of_frame = float(block.attn.qkv(block.norm1(u)).square().sum()) ** 0.5
        of_state = float(block.attn.qkv_hidden(block.norm_hidden(state)).square().sum()) ** 0.5
    second, after = explain.see(model, memory, clip.frames[1], 0.1)
    assert second.gate[0] == pytest.approx(of_state / (of_state + of_frame), rel=1e-5)
    squares = [float((layer[0, 0] ** 2).sum()) for layer in after.state.hidden]
    np.testing.assert_allclose(second.tokens[1:] / second.tokens[1], np.array(squares) / squares[0])
    for block in net.blocks:
        torch.nn.init.zeros_(block.attn.qkv_hidden.weight)
        torch.nn.init.zeros_(block.attn.qkv_hidden.bias)
    closed, _ = explain.see(model, memory, clip.frames[1], 0.1)
    assert (closed.gate == 0).all(), "a gate that the state does not reach"


def test_any_other_model_looks_at_the_frames_of_its_window_again() -> None:
    model, clip = model_of("direcformer", direcformer(), 4), film(9)
    times = np.arange(9) * 0.5  # four seconds: the first two pictures have gone by then
    memory = explain.begin(model)
    for t in range(9):
        glance, memory = explain.see(model, memory, clip.frames[t], times[t])
    assert window_seconds(model) == WINDOW == 3.0
    assert memory.times == (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0) and glance.met == 7
    seen = window_clip(model, memory)
    np.testing.assert_array_equal(seen.frames, clip.frames[[2, 5, 8]])
    trace = observe(model, seen)
    np.testing.assert_array_equal(glance.logits, trace.logits)
    np.testing.assert_array_equal(glance.heat, explain.spatial(trace)[2])
    assert glance.signed == explain.over_space(trace)[-1].kernel.signed
    assert not len(glance.hidden) and memory.met == 9


def test_before_the_window_is_full_pictures_stand_twice_and_a_strided_model_looks_as_far() -> None:
    model, clip = model_of("direcformer", direcformer(), 4), film(1)
    _, memory = explain.see(model, explain.begin(model), clip.frames[0], 8.25)
    np.testing.assert_array_equal(window_clip(model, memory).frames, clip.frames[[0, 0, 0]])
    strided = model.changed(sampling="dense", stride=16, rate=30.0)
    assert window_seconds(strided) == pytest.approx(16 * 2 / 30)
