"""Interventions: each against the network that it stands for, and none of them against itself."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.explain.intervene import (
    HeadFactor,
    Intervention,
    LayerFactor,
    intervening,
    observe_changed,
)
from core.models import available
from core.models.rvit import RViT, State
from core.models.sites import watched
from core.observe import observe, to_input
from core.video import Clip
from core.weights import Card, Model
from core.weights.model import VideoModel
from tests.core.models.am_flow_nets import net as am_flow_net
from tests.core.models.far_nets import net as far_net
from tests.core.models.nets import net as direcformer_net
from tests.core.models.rvit_nets import rvit
from tests.core.tiny import random_model

HALF = (0.5, 0.5, 0.5)


def tiny(name: str, net: VideoModel) -> Model:
    labels = tuple(f"action {number}" for number in range(11))
    card = Card(name, "", labels, HALF, HALF, net.size, net.frames, "uniform", "fit", "nothing")
    return Model(net, card)


def clip_for(model: Model, seed: int = 0, frames: int | None = None) -> Clip:
    T, side = frames or model.card.frames, model.card.size
    pixels = np.random.default_rng(seed).integers(0, 256, (T, side, side, 3), np.uint8)
    return Clip(pixels, np.arange(T) / 10, "noise", f"noise {seed}")


def changed(model: Model, text: str, **given: object) -> np.ndarray:
    return observe_changed(model, clip_for(model), Intervention.parse(text), **given).logits


@pytest.mark.parametrize("name", sorted(available()))
def test_no_intervention_and_a_factor_of_one_change_no_bit(name: str) -> None:
    model = random_model(name)
    clip = clip_for(model)
    trace = observe(model, clip)
    name_of_tap = trace.attentions[0].name
    if name == "rvit":
        name_of_tap = "gate"
    for text in ("", f"{name_of_tap}.0.0=1,layer.0=1"):
        same = observe_changed(model, clip, Intervention.parse(text))
        assert (same.logits == trace.logits).all()
        for one, other in zip(same.attentions, trace.attentions, strict=True):
            assert torch.equal(one.q, other.q) and torch.equal(one.k, other.k)
    assert not watched()


def test_a_layer_of_factor_zero_is_a_network_without_it() -> None:
    for name, net in (("direcformer", direcformer_net()), ("far", far_net())):
        model = tiny(name, net)
        without = copy.deepcopy(net)
        del without.blocks[0]
        expected = observe(tiny(name, without), clip_for(model)).logits
        assert changed(model, "layer.0=0") == pytest.approx(expected, abs=1e-5)
        assert np.abs(changed(model, "layer.0=0") - changed(model, "")).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "net", "tap", "projection"),
    [
        ("direcformer", direcformer_net(), "time", "blocks.1.temporal_attn.proj"),
        ("direcformer", direcformer_net(), "space", "blocks.1.attn.proj"),
        ("rvit", rvit(), "gate", "blocks.1.attn.proj"),
        ("am_flow", am_flow_net(), "vit", "vit.blocks.1.attn.proj"),
    ],
    ids=["time", "space", "gate", "vit"],
)
def test_a_head_that_is_off_is_one_that_the_projection_does_not_read(
    name: str, net: VideoModel, tap: str, projection: str
) -> None:
    model, without = tiny(name, net), copy.deepcopy(net)
    layer = without.get_submodule(projection)
    width = layer.in_features // 5  # all of these nets have five heads
    with torch.no_grad():
        layer.weight[:, 2 * width : 3 * width] = 0
    expected = observe(tiny(name, without), clip_for(model)).logits
    assert changed(model, f"{tap}.1.2=0") == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - changed(model, "")).max() > 1e-4


def test_half_of_far_s_groups_go_by_their_own_name() -> None:
    model, without = tiny("far", far_net()), copy.deepcopy(far_net())
    attn = without.blocks[1].attn
    d = attn.proj.in_features // attn.heads
    with torch.no_grad():  # the local heads come after the global ones
        first = attn.global_heads * d
        attn.proj.weight[:, first : first + d] = 0
    expected = observe(tiny("far", without), clip_for(model)).logits
    assert changed(model, "local.1.0=0") == pytest.approx(expected, abs=1e-5)


def test_temperature_divides_the_scores_of_softmax_alone() -> None:
    model = tiny("direcformer", direcformer_net())
    clip = clip_for(model)
    plain = observe(model, clip)
    flat = observe_changed(model, clip, Intervention(temperature=4.0))
    space = [next(a for a in trace.along(plain.attentions[1].axis)) for trace in (plain, flat)]
    time = [trace.attentions[0] for trace in (plain, flat)]
    assert time[0].kernel.kind == "cosine"
    assert torch.equal(time[0].map(), time[1].map())  # of the first layer: nothing came before
    spread = [float(attention.map().var(-1).mean()) for attention in space]
    assert spread[1] < spread[0] / 4
    q, k = time[0].q, time[0].k
    assert q.shape == k.shape


def test_a_state_that_forgets_leaves_the_last_frame_alone_to_speak() -> None:
    net: RViT = rvit()
    model = tiny("rvit", net)
    clip = clip_for(model)
    _, video = to_input(model.card, clip)
    with torch.inference_mode():
        empty = State(tuple(torch.zeros_like(h) for h in net.start(1).hidden), 2)
        expected, _ = net.step(video[:, :, -1], empty)
    assert changed(model, "state=0") == pytest.approx(expected[0].numpy(), abs=1e-5)


def test_without_am_flow_the_adapters_get_zeros() -> None:
    model, without = tiny("am_flow", am_flow_net()), copy.deepcopy(am_flow_net())
    with torch.no_grad():
        for adapter, _ in without.adapters.blocks:
            adapter.down.weight[:, -1] = 0
    expected = observe(tiny("am_flow", without), clip_for(model)).logits
    assert changed(model, "flow=0") == pytest.approx(expected, abs=1e-5)


def test_hidden_frames_and_patches_are_the_mean_colour() -> None:
    model = tiny("direcformer", direcformer_net())
    _, video = to_input(model.card, clip_for(model))
    video[:, :, 2] = 0
    video[:, :, 1, 7:14, 14:21] = 0  # patches of 7 pixels
    with torch.inference_mode():
        expected = model.net(video)[0].numpy()
    assert changed(model, "frame.2,patch.1.1.2", grid=(3, 3, 3)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["time.9.0=0", "space.0.7=0", "layer.5=0", "state=0", "flow=2", "nobody.0.0=0"]
)
def test_a_part_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(BadInput, match=rf"no place for {text} here"):
        changed(tiny("direcformer", direcformer_net()), text)


def test_a_frame_outside_of_the_clip_is_named_and_a_grid_is_asked_for() -> None:
    model = tiny("direcformer", direcformer_net())
    with pytest.raises(BadInput, match=r"no place for frame\.3 here"):
        changed(model, "frame.3", grid=(3, 3, 3))
    with pytest.raises(BadInput, match="grid"):
        changed(model, "frame.1")


def test_another_thread_sees_nothing_of_it() -> None:
    model = tiny("direcformer", direcformer_net())
    plain, beside = changed(model, ""), []
    with intervening(model, Intervention.parse("layer.1=0")):
        thread = threading.Thread(
            target=lambda: beside.append(observe(model, clip_for(model)).logits)
        )
        thread.start()
        thread.join()
        observe(model, clip_for(model))
    assert (beside[0] == plain).all()


factors = st.floats(allow_nan=False, allow_infinity=False)
small = st.integers(0, 99)


@given(
    st.lists(st.tuples(st.sampled_from(["space", "temporal.0"]), small, small, factors)),
    st.lists(st.tuples(small, factors)),
    st.tuples(st.floats(0.01, 100), factors, factors),
    st.lists(small),
    st.lists(st.tuples(small, small, small)),
)
def test_the_text_of_an_intervention_is_read_back(
    heads: list[tuple[str, int, int, float]],
    layers: list[tuple[int, float]],
    others: tuple[float, float, float],
    frames: list[int],
    patches: list[tuple[int, int, int]],
) -> None:
    intervention = Intervention(
        tuple(HeadFactor(*head) for head in heads),
        tuple(LayerFactor(*layer) for layer in layers),
        *others,
        tuple(frames),
        tuple(patches),
    )
    assert Intervention.parse(str(intervention)) == intervention


@pytest.mark.parametrize(
    "text",
    ["space=0", "space.1=0", "layer.x=0", "layer.1", "frame.1=2", "temperature=nan", "a.b.c"],
)
def test_a_text_that_says_nothing_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        Intervention.parse(text)


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(BadInput, match="above 0"):
        Intervention.parse("temperature=0")
