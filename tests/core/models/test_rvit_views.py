"""What can be seen of RViT, all without changing an answer.

Its gate, attention from frame to frame, GradCAM.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core import explain
from core.errors import BadInput
from core.models import available
from core.observe import observe, to_input
from core.trace import CLS, Attention, Axis, record
from core.video import Clip
from core.weights import Card, Model
from tests.core.models.nets import HEADS, SIDE, WIDTH, clip, difference, gradcam_by_hand
from tests.core.models.rvit_nets import LAYERS, N, by_hand, phi, rvit

T = 4
GATES = ("linear", "linear_norm", "softmax")


@torch.no_grad()
def recorded(model: nn.Module, frames: int = T) -> list[Attention]:
    with record(model) as attentions:
        model(clip(1, frames))
    return attentions


def named(attentions: list[Attention], name: str) -> list[Attention]:
    return [a for a in attentions if a.name == name]


# -- the gate


@pytest.mark.parametrize("gate", GATES)
def test_recorded_gate_maps_equal_the_explicit_maps(gate: str) -> None:
    model = rvit(gate=gate)
    gates = named(recorded(model), "gate")
    expected = by_hand(model, clip(1, T), gate)
    assert [(a.layer, a.axis, a.grid, a.heads) for a in gates] == [
        (i, Axis.SPACE, (T, SIDE, SIDE), HEADS) for i in range(LAYERS)
    ]
    for layer, attention in enumerate(gates):
        for head in range(HEADS):
            maps = torch.stack([expected.maps[t][layer][0, head] for t in range(T)])
            assert attention.map(head).shape == (T, 1 + N, 1 + N)
            assert difference(attention.map(head), maps) < 1e-4
        mean = torch.stack([expected.maps[t][layer][0].mean(0) for t in range(T)])
        assert difference(attention.heat("cls").flatten(1), mean[:, 0, 1:]) < 1e-4
        heat = attention.heat((2, 1, 0))
        assert difference(heat[2].flatten(), mean[2, 1 + SIDE, 1:]) < 1e-4
        assert heat[[0, 1, 3]].isnan().all()


def test_rows_of_the_gate_sum_to_one_only_where_the_kernel_says_so() -> None:
    for gate in GATES:
        attention = named(recorded(rvit(gate=gate)), "gate")[1]
        sums = attention.map(2).sum(-1)
        assert (attention.map(2) >= 0).all()
        assert attention.kernel.rows_sum_to_one is (gate != "linear")
        if attention.kernel.rows_sum_to_one:
            torch.testing.assert_close(sums, torch.ones_like(sums))
        else:
            assert (sums - 1).abs().min() > 0.1


def test_a_stream_can_be_recorded_and_shows_the_gate_alone() -> None:
    model = rvit()
    video = clip(1, T)
    at_once = named(recorded(model), "gate")
    with torch.no_grad(), record(model) as attentions:
        state = model.start(1)
        for t in range(T):
            _, state = model.step(video[:, :, t], state)
    assert [a.name for a in attentions] == ["gate"] * LAYERS
    for stream, expected in zip(attentions, at_once, strict=True):
        assert stream.grid == expected.grid
        assert difference(stream.heat((3, 2, 1))[3], expected.heat((3, 2, 1))[3]) < 1e-4
        assert difference(stream.heat("cls"), expected.heat("cls")) < 1e-4


# -- from frame to frame


@pytest.mark.parametrize(
    ("gate", "frame_maps"), [*((gate, "linear") for gate in GATES), ("linear_norm", "softmax")]
)
def test_frame_maps_are_what_each_half_of_the_gate_says(gate: str, frame_maps: str) -> None:
    model = rvit(gate=gate, frame_maps=frame_maps)
    attentions = recorded(model)
    expected = by_hand(model, clip(1, T), gate)
    with torch.no_grad():
        spatial, temporal = model(clip(1, T), detail=True).frame_maps
    for layer in range(LAYERS):
        for name, half in (("space_frames", 0), ("time_frames", 2)):
            # Each (heads, T, d).
            q, k = (
                torch.stack([expected.halves[t][layer][half + i][0] for t in range(T)], 1)
                for i in (0, 1)
            )
            scores = phi(q) @ phi(k).transpose(-1, -2)
            maps = scores / scores.sum(-1, keepdim=True)
            if frame_maps == "softmax":
                maps = (q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).softmax(-1)
            attention = named(attentions, name)[layer]
            assert (
                attention.layer == layer
                and attention.axis is Axis.TIME
                and attention.q.shape == (1, HEADS, T, WIDTH // HEADS)
            )
            for head in range(HEADS):
                assert difference(attention.map(head)[0], maps[head]) < 1e-4
            if layer == LAYERS - 1:
                assert (
                    difference(
                        {"space_frames": spatial, "time_frames": temporal}[name][0], maps.mean(0)
                    )
                    < 1e-4
                )


def test_frame_maps_are_positive_rows_that_sum_to_one_a_clip_of_the_batch() -> None:
    model = rvit()
    both = model(clip(3, 5), detail=True).frame_maps
    for maps in both:
        assert maps.shape == (3, 5, 5) and (maps > 0).all() and maps.requires_grad
        torch.testing.assert_close(maps.sum(-1), torch.ones(3, 5))
    one = model(clip(3, 5)[1:2], detail=True).frame_maps
    for maps, alone in zip(both, one, strict=True):
        torch.testing.assert_close(maps[1:2], alone, atol=1e-4, rtol=1e-4)


def test_gradients_of_the_frame_maps_reach_their_own_half() -> None:
    for half, mine, others in ((0, "qkv", "qkv_hidden"), (1, "qkv_hidden", "qkv")):
        model = rvit()
        target = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
        (model(clip(), detail=True).frame_maps[half] * target).sum().backward()
        last = model.blocks[-1].attn
        assert getattr(last, mine).weight.grad.abs().sum() > 0
        if mine == "qkv":  # the frame's half of the last layer never meets its state
            assert (
                getattr(last, others).weight.grad is None
                or not getattr(last, others).weight.grad.any()
            )


@torch.no_grad()
def test_identical_frames_give_uniform_maps_while_the_state_stands_still() -> None:
    """Exactly so where no state moves (W_o = 0) or none is heard (Linear_h = 0).

    Else the state, which grows, tells them apart.
    """
    video = clip(1, 1).expand(-1, -1, T, -1, -1)
    uniform = torch.full((1, T, T), 1 / T)
    still, deaf = rvit(), rvit()
    for block in still.blocks:
        nn.init.zeros_(block.attn.proj.weight)
        nn.init.zeros_(block.attn.proj.bias)
    for block in deaf.blocks:
        nn.init.zeros_(block.attn.qkv_hidden.weight)
        nn.init.zeros_(block.attn.qkv_hidden.bias)
    for model in (still, deaf):
        for maps in model(video, detail=True).frame_maps:
            torch.testing.assert_close(maps, uniform)
    # With frames that differ.
    assert (deaf(clip(1, T), detail=True).frame_maps[0] - uniform).abs().max() > 1e-3
    assert (rvit()(video, detail=True).frame_maps[1] - uniform).abs().max() > 1e-3


def test_the_first_layers_spatial_frame_map_is_uniform_for_any_clip() -> None:
    """There T_s has not met a frame yet: all its rows are alike.

    The last layer's map is the one to read.
    """
    first, last = named(recorded(rvit()), "space_frames")
    torch.testing.assert_close(first.map(), torch.full((1, T, T), 1 / T))
    assert (last.map() - 1 / T).abs().max() > 1e-3


def test_frames_are_found_by_their_number_and_patches_are_refused() -> None:
    for name in ("space_frames", "time_frames"):
        attention = named(recorded(rvit()), name)[0]
        assert attention.grid == (T, 1, 1)
        for t in range(T):
            weights, keys = attention.rows((t, 0, 0))
            assert keys.tolist() == [list(range(T))]
            torch.testing.assert_close(weights[0], attention.map()[0, t])
            torch.testing.assert_close(
                attention.heat((t, 0, 0), 1).flatten(), attention.map(1)[0, t]
            )
        with pytest.raises(BadInput, match="4 frames x 1 rows x 1 columns"):
            attention.heat((1, 2, 2))
        with pytest.raises(BadInput, match="no query cls"):
            attention.heat("cls")


# -- recording


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_recording_changes_no_logit_and_leaves_nothing(dtype: torch.dtype) -> None:
    model = rvit()
    stored = {name: set(vars(module)) for name, module in model.named_modules()}
    with torch.no_grad():
        before = model(clip(1, T))
        with record(model, dtype) as attentions:
            during = model(clip(1, T))
        after = model(clip(1, T))
    assert torch.equal(before, during) and torch.equal(before, after)
    assert [(a.name, a.layer) for a in attentions] == [
        (n, i) for i in range(LAYERS) for n in ("gate", "time_frames", "space_frames")
    ]
    assert {name: set(vars(module)) for name, module in model.named_modules()} == stored
    for a in attentions:
        for x in (a.q, a.k):
            assert (
                x.untyped_storage().nbytes() == x.numel() * x.element_size() and not x.requires_grad
            )


def test_the_gates_tokens_are_those_of_their_frame() -> None:
    layout = named(recorded(rvit()), "gate")[0].layout
    for t in range(T):
        assert (
            layout.queries[t].tolist()
            == layout.keys[t].tolist()
            == [CLS, *range(t * N, (t + 1) * N)]
        )


def test_a_batch_of_two_is_refused() -> None:
    model = rvit()
    with pytest.raises(BadInput, match="one clip at a time"), record(model), torch.no_grad():
        model(clip(2, T))


def test_the_spec_names_taps_that_are_there() -> None:
    spec = available()["rvit"]
    names = {a.name for a in recorded(rvit())}
    assert (
        set(spec.spatial_taps) | set(spec.temporal_taps)
        == names
        == {"gate", "time_frames", "space_frames"}
    )


# -- GradCAM and the views


@pytest.fixture(scope="module")
def subject() -> tuple[Model, Clip]:
    model = rvit(classes=3)
    card = Card(
        "rvit",
        "tiny",
        ("a", "b", "c"),
        (0.5,) * 3,
        (0.25,) * 3,
        7 * SIDE,
        T,
        "uniform",
        "fit",
        "nothing",
    )
    frames = np.random.default_rng(0).integers(0, 255, (T, 7 * SIDE, 7 * SIDE, 3), np.uint8)
    return Model(model, card), Clip(frames, np.arange(float(T)), "noise", "0")


def test_a_trace_is_laid_out_on_the_clips_grid(subject: tuple) -> None:
    trace = observe(*subject)
    assert trace.grid == (T, SIDE, SIDE)
    assert explain.spatial(trace).shape == (T, SIDE, SIDE)
    assert explain.temporal(trace).shape == (T, T) and not explain.time_is_signed(trace)
    np.testing.assert_allclose(explain.temporal(trace).sum(1), 1, atol=1e-5)


def test_cam_gets_the_last_layers_frame_norm_of_all_frames_once() -> None:
    model = rvit()
    given, normed = [], []
    model.cam.register_forward_hook(lambda module, args, out: given.append(args[0]))
    model.blocks[-1].norm1.register_forward_hook(lambda module, args, out: normed.append(out))
    model(clip(2, T))
    assert len(given) == 1 and given[0].shape == (2, WIDTH, T, SIDE, SIDE)
    expected = normed[0][:, :, 1:].unflatten(2, (SIDE, SIDE)).permute(0, 4, 1, 2, 3)
    assert torch.equal(given[0], expected)


def test_every_frame_of_cam_is_on_the_path_to_the_logits() -> None:
    model = rvit()
    kept = {}
    model.cam.register_forward_hook(lambda module, args, out: kept.update(out=out))
    (gradient,) = torch.autograd.grad(model(clip(1, T))[0, 2], kept["out"])
    assert (gradient.abs().sum((1, 3, 4)) > 0).all()


def test_gradcam_is_the_positive_sum_of_gradient_weighted_channels(subject: tuple) -> None:
    model, fed = subject
    by_hand_map = gradcam_by_hand(model.net, to_input(model.card, fed)[1], 2).numpy()
    cam = explain.gradcam(model, fed, 2)
    assert cam.heat.shape == (T, SIDE, SIDE) and by_hand_map.max() > 0
    np.testing.assert_allclose(cam.heat, by_hand_map, atol=1e-5 * by_hand_map.max())
    assert cam.probability == pytest.approx(observe(model, fed).probabilities[2], abs=1e-5)
    net = model.net
    assert all(p.grad is None for p in net.parameters()) and not net.cam._forward_hooks
