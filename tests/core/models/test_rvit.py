"""RViT against the paper's equations written out and the paper's sizes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core.errors import BadInput
from core.models import available, build
from core.models.rvit import FeedForward, RViT
from core.models.video_model import Output
from core.trace import Axis
from tests.core.models.nets import CLASSES, SIDE, WIDTH, clip, difference
from tests.core.models.rvit_nets import LAYERS, by_hand, rvit

GATES = ("linear", "linear_norm", "softmax")
VARIANTS = [
    ("linear", False, "every"),
    ("linear_norm", False, "every"),
    ("softmax", False, "every"),
    ("linear_norm", True, "every"),
    ("linear_norm", False, "first"),
    ("softmax", True, "first"),
]
LOOSE = {"atol": 2e-4, "rtol": 2e-4}

# -- sizes


@pytest.mark.parametrize(
    ("preset", "classes", "head", "parameters"),
    [
        ("p8_112", 27, "norm_linear", 1_205_019),
        ("p8_112", 27, "ffn", 3_860_955),
        ("p8_112", 400, "norm_linear", 1_420_240),
        ("p8_112", 400, "ffn", 4_076_176),
        ("p8_112", 21, "norm_linear", 1_201_557),
        ("p8_112", 21, "ffn", 3_857_493),
        ("p16_224", 21, "norm_linear", 18_519_573),
        ("p16_224", 21, "ffn", 60_993_813),
    ],
)
def test_parameter_counts_are_those_of_the_released_layout(
    preset: str, classes: int, head: str, parameters: int
) -> None:
    with torch.device("meta"):
        model = build("rvit", preset, classes=classes, head=head)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize(
    ("preset", "gate", "giga"),
    [
        ("p8_112", "linear", 0.2287),
        ("p8_112", "softmax", 0.2549),
        ("p16_224", "linear", 3.660),
        ("p16_224", "softmax", 3.721),
    ],
)
def test_multiplications_a_frame_show_that_the_linear_gate_never_builds_the_map(
    preset: str, gate: str, giga: float
) -> None:
    """The associative order costs 2 n d D a layer, the n x n map 2 n^2 D.

    The rest is 15 n D^2 a layer and the patches.
    """
    with torch.device("meta"):
        model = build("rvit", preset, gate=gate)
    video = torch.empty(1, 3, 1, model.size, model.size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        model(video)
    n, D, L = model.pos_embed.shape[1], model.pos_embed.shape[2], len(model.blocks)
    frame_maps = L * 2 * D  # one frame against itself, both halves
    attention = 2 * n * D * (D // 8 if gate == "linear" else n) * L
    logits = (L + 1) * D * model.head.linear.out_features
    closed_form = (n - 1) * D * D + 15 * n * D * D * L + attention  # D = 3 P^2
    assert counted.get_total_flops() == 2 * (closed_form + frame_maps + logits)
    assert closed_form / 1e9 == pytest.approx(giga, abs=0.5e-3 if giga > 1 else 0.5e-4)


def test_the_model_is_offered_and_wrong_settings_are_refused() -> None:
    assert "rvit" in available() and not build("rvit").training
    for wrong in (
        {"gate": "cosine"},
        {"head": "none"},
        {"pos_in_state": "yes"},
        {"positions": "last"},
        {"tempo": 3},
        {"heads": 7},
        {"patch": 17},
    ):
        with pytest.raises(BadInput) as error:
            build("rvit", **wrong)
        assert next(iter(wrong)) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(BadInput, match="21 x 21 pixels, got 28 x 28"):
        rvit()(clip(size=28))


def test_the_gesture_preset_is_small_and_one_image_model_fits_it() -> None:
    model = build("rvit")
    assert 1e6 < sum(p.numel() for p in model.parameters()) < 2.5e6
    direcformer = available()["direcformer"].presets["gesture"]
    assert all(
        available()["rvit"].presets["gesture"][k] == direcformer[k]
        for k in ("classes", "size", "patch", "width", "heads")
    )


# -- the recurrence (spec 1.2, 8.2)


@torch.no_grad()
@pytest.mark.parametrize(("gate", "pos_in_state", "positions"), VARIANTS)
@pytest.mark.parametrize("frames", [1, 4])
def test_the_model_equals_the_papers_equations_frame_by_frame(
    gate: str, pos_in_state: bool, positions: str, frames: int
) -> None:
    model = rvit(gate=gate, pos_in_state=pos_in_state, positions=positions)
    video = clip(2, frames)
    expected = by_hand(model, video, gate, pos_in_state, positions)
    norm, linear = model.head.norm, model.head.linear
    assert difference(model(video), linear(norm(expected.features))) < 1e-4
    x, state, _ = model._read(video, model.start(2))
    assert difference(x, torch.stack(expected.tokens, 1)) < 1e-4
    for ours, theirs in zip(state.hidden, expected.hidden, strict=True):
        assert difference(ours, theirs) < 1e-4
    patches = torch.stack(expected.tokens, 1)[:, :, 1:]
    patches = (patches - patches.mean(-1, keepdim=True)) / patches.std(
        -1, keepdim=True, correction=0
    )
    torch.testing.assert_close(model(video, detail=True).patches.flatten(2, 3), patches, **LOOSE)


@torch.no_grad()
def test_every_setting_changes_the_answer() -> None:
    logits = [rvit(gate=g, pos_in_state=p, positions=e)(clip()) for g, p, e in VARIANTS]
    for i, first in enumerate(logits):
        for second in logits[:i]:
            assert difference(first, second) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("pos_in_state", [False, True])
@pytest.mark.parametrize("frames", [1, 5])
def test_a_silent_gate_leaves_the_state_as_it_started(pos_in_state: bool, frames: int) -> None:
    model = rvit(pos_in_state=pos_in_state)
    for block in model.blocks:
        nn.init.zeros_(block.attn.proj.weight)
        nn.init.zeros_(block.attn.proj.bias)
    start = model.start(2)
    _, state, _ = model._read(clip(2, frames), start)
    for before, after in zip(start.hidden, state.hidden, strict=True):
        # The released source gathers positions.
        leaked = frames * model.pos_embed if pos_in_state else 0
        torch.testing.assert_close(after, before + leaked)


@torch.no_grad()
def test_the_state_is_its_start_plus_every_output_of_the_gate() -> None:
    model = rvit()
    start = model.start(2)
    for token, hidden in zip(model.state_token, start.hidden, strict=True):
        assert torch.equal(hidden[:, 0], token[0].expand(2, -1)) and not hidden[:, 1:].any()
    given = torch.arange(WIDTH, dtype=torch.float32)
    nn.init.zeros_(model.blocks[1].attn.proj.weight)
    model.blocks[1].attn.proj.bias.copy_(given)
    for frames in (1, 5):
        _, state, _ = model._read(clip(2, frames), start)
        torch.testing.assert_close(state.hidden[1], start.hidden[1] + frames * given)
    outputs = by_hand(rvit(), clip(2, 5)).outputs
    _, state, _ = rvit()._read(clip(2, 5), rvit().start(2))
    for layer in range(LAYERS):
        assert (
            difference(
                state.hidden[layer], rvit().start(2).hidden[layer] + sum(o[layer] for o in outputs)
            )
            < 1e-4
        )


@torch.no_grad()
@pytest.mark.parametrize(("gate", "pos_in_state", "positions"), VARIANTS)
def test_stepping_frame_by_frame_gives_the_logits_of_the_clip_so_far(
    gate: str, pos_in_state: bool, positions: str
) -> None:
    model = rvit(gate=gate, pos_in_state=pos_in_state, positions=positions)
    video = clip(2, 5)
    state = model.start(2)
    for t in range(5):
        logits, state = model.step(video[:, :, t], state)
        assert state.frames == t + 1
        torch.testing.assert_close(logits, model(video[:, :, : t + 1]), **LOOSE)


@torch.no_grad()
def test_a_state_is_a_value_so_streams_never_mix() -> None:
    model = rvit()
    one, other = clip(1, 3), clip(1, 3, seed=2)
    states, logits = [model.start(1), model.start(1)], [None, None]
    stored = {name: dict(vars(module)) for name, module in model.named_modules()}
    for t in range(3):
        for i, video in enumerate((one, other)):
            kept = [h.clone() for h in states[i].hidden]
            logits[i], after = model.step(video[:, :, t], states[i])
            assert all(torch.equal(a, b) for a, b in zip(kept, states[i].hidden, strict=True)), (
                "the old state still holds"
            )
            states[i] = after
    torch.testing.assert_close(logits[0], model(one), **LOOSE)
    torch.testing.assert_close(logits[1], model(other), **LOOSE)
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == stored
    with pytest.raises(BadInput, match=r"start\(2\)"):
        model.step(clip(2, 1)[:, :, 0], states[0])


@torch.no_grad()
def test_calls_may_have_different_numbers_of_frames() -> None:
    model = rvit()
    expected = {T: model(clip(1, T)) for T in (1, 3, 11)}
    for T in (11, 1, 3, 11):
        assert torch.equal(model(clip(1, T)), expected[T])
    assert difference(expected[3], expected[11]) > 1e-3


@torch.no_grad()
def test_earlier_frames_reach_the_frames_tokens_through_linear_h_alone() -> None:
    model = rvit()
    video, other = clip(1, 4), clip(1, 4, seed=2)
    other[:, :, -1] = video[:, :, -1]  # the last frame is the same
    last = lambda: [model._read(v, model.start(1))[0][:, -1] for v in (video, other)]  # noqa: E731
    before = last()
    assert difference(*before) > 1e-3
    for block in model.blocks:
        nn.init.zeros_(block.attn.qkv_hidden.weight)
        nn.init.zeros_(block.attn.qkv_hidden.bias)
    torch.testing.assert_close(*last())
    assert difference(model(video), model(other)) > 1e-3  # the state has seen them all the same
    # The row of T_s is that of the last frame.
    assert difference(model(video), model(video[:, :, [3, 1, 2, 0]])) > 1e-3


@torch.no_grad()
def test_order_counts() -> None:
    model = rvit()
    assert difference(model(clip(1, 4)), model(clip(1, 4)[:, :, [1, 0, 2, 3]])) > 1e-3


# -- heads, training


@torch.no_grad()
def test_the_ffn_head_is_a_feed_forward_network_and_a_linear_layer() -> None:
    model = rvit(head="ffn")
    assert isinstance(model.head.mlp, FeedForward)
    f = by_hand(model, clip()).features
    hidden = nn.functional.gelu(model.head.mlp.fc1(f))
    assert difference(model(clip()), model.head.linear(model.head.mlp.fc2(hidden))) < 1e-4
    assert model(clip()).shape == (2, CLASSES)


@pytest.mark.parametrize("gate", GATES)
def test_training_and_evaluation_give_the_same_logits_without_dropout(gate: str) -> None:
    model = rvit(gate=gate)
    with torch.no_grad():
        evaluated = model(clip())
    model.train()
    # With gradients, so along another path.
    torch.testing.assert_close(model(clip()), evaluated, **LOOSE)
    out = model(clip(), detail=True)
    assert isinstance(out, Output) and out.patches.shape == (2, 3, SIDE, SIDE, WIDTH)
    torch.testing.assert_close(out.logits, evaluated, **LOOSE)


def test_dropout_acts_in_training_only_and_never_on_the_state() -> None:
    model = rvit(dropout=0.4)
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.4}
    with torch.no_grad():
        assert torch.equal(model(clip()), model(clip()))
        model.train()
        assert not torch.equal(model(clip()), model(clip()))
        # Then o is the bias, and any dropout on its way would show.
        nn.init.zeros_(model.blocks[0].attn.proj.weight)
        _, state, _ = model._read(clip(), model.start(2))
        torch.testing.assert_close(
            state.hidden[0], model.start(2).hidden[0] + 3 * model.blocks[0].attn.proj.bias
        )
        x, state, _ = rvit(dropout=1.0).train()._read(clip(), model.start(2))
        assert not x.any(), (
            "dropout stands before the first layer, on the gate's output and behind each "
            "feed-forward network"
        )
        assert all(
            (h != before).all(-1).any()
            for h, before in zip(state.hidden, model.start(2).hidden, strict=True)
        )


@pytest.mark.parametrize("head", ["norm_linear", "ffn"])
@pytest.mark.parametrize("gate", GATES)
def test_gradients_reach_every_parameter(gate: str, head: str) -> None:
    model = rvit(gate=gate, head=head).train()
    model(clip(2, 4)).square().sum().backward()
    silent = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert silent == []


@torch.no_grad()
def test_each_sample_of_a_batch_is_on_its_own() -> None:
    torch.testing.assert_close(rvit()(clip(2))[1:], rvit()(clip(2)[1:]), **LOOSE)


# -- what it taps, what its head gets


def test_one_tap_a_kind_and_layer() -> None:
    taps = [
        (b.attn.gate, b.attn.space_frames, b.attn.time_frames) for b in rvit(gate="softmax").blocks
    ]
    for layer, (gate, space, time) in enumerate(taps):
        assert (gate.layer, space.layer, time.layer) == (layer,) * 3
        assert (gate.axis, space.axis, time.axis) == (Axis.SPACE, Axis.TIME, Axis.TIME)
        assert gate.kernel.kind == "softmax" and gate.kernel.scale == pytest.approx(6**-0.5)
        assert (
            space.kernel == time.kernel
            and space.kernel.kind == "linear"
            and space.kernel.normalised
        )
    assert (
        not rvit().blocks[0].attn.gate.kernel.normalised
        and rvit(gate="linear_norm").blocks[0].attn.gate.kernel.normalised
    )


def features(model: RViT, video: Tensor) -> Tensor:
    """What the head gets, (B, (L + 1) D)."""
    inputs: list[Tensor] = []
    handle = model.head.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(video)
    handle.remove()
    return inputs[0]


@torch.no_grad()
def test_the_head_gets_the_last_frames_t_s_and_every_layers_t_t() -> None:
    model = rvit()
    f = features(model, clip(2, 4))
    assert f.shape == (2, (LAYERS + 1) * WIDTH)
    x, state, _ = model._read(clip(2, 4), model.start(2))
    torch.testing.assert_close(f, torch.cat([x[:, -1, 0], *(h[:, 0] for h in state.hidden)], 1))
