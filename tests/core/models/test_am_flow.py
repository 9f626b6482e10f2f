"""AM flow itself.

The spec's hand-computed values, its identities, and which frames make which flow.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core.errors import BadInput
from core.models.am_flow import MODES, am_flow, map_logits
from core.trace import record
from tests.core.models.am_flow_nets import BOTTLENECK, TOKENS, fresh, net, of_frames
from tests.core.models.nets import CLASSES, HEADS, SIDE, WIDTH, T, clip

LN3 = math.log(3)
ZERO = [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("now", "then", "static", "pre", "post"),
    [
        (ZERO, [[LN3, 0], [0, 0]], (1.25, 0.75), (0.25, 0.25), (0.25, 0.25)),
        (ZERO, [[LN3, 0], [0, LN3]], (1, 1), (0.5, 0.5), (0, 0)),
        ([[5.0, -2.0], [1.0, 3.0]], [[5.0, -2.0], [1.0, 3.0]], (1, 1), (0, 0), (0, 0)),
        (
            [[1.0, 0.0], [0.0, 2.0]],
            [[0.0, 1.0], [3.0, 2.0]],
            (1.452574, 0.547426),
            (1.073973, 1.073973),
            (0.149738, 0.149738),
        ),
    ],
)
def test_the_values_computed_by_hand(
    now: list, then: list, static: tuple, pre: tuple, post: tuple
) -> None:
    now, then = torch.tensor(now), torch.tensor(then)
    for mode, expected in (("static", static), ("pre", pre), ("post", post), ("aligned", post)):
        torch.testing.assert_close(
            am_flow(now, then, mode),
            torch.tensor(expected, dtype=torch.float32),
            atol=1e-6,
            rtol=1e-5,
        )


def logits(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_static_flow_sums_to_the_number_of_tokens_and_equal_maps_give_ones() -> None:
    a, b = logits(2, 3, 7, 7), logits(2, 3, 7, 7, seed=1)
    flow = am_flow(a, b, "static")
    assert flow.shape == (2, 3, 7)
    torch.testing.assert_close(flow.sum(-1), torch.full((2, 3), 7.0))
    torch.testing.assert_close(am_flow(a, a, "static"), torch.ones(2, 3, 7))
    torch.testing.assert_close(flow, am_flow(b, a, "static"))


@pytest.mark.parametrize("mode", ["aligned", "pre", "post"])
def test_the_other_flows_are_distances(mode: str) -> None:
    a, b = logits(2, 3, 7, 7), logits(2, 3, 7, 7, seed=1)
    assert (am_flow(a, b, mode) >= 0).all() and not am_flow(a, a, mode).any()
    torch.testing.assert_close(am_flow(a, b, mode), am_flow(b, a, mode))


def test_pre_is_never_below_post() -> None:
    a, b = logits(50, 7, 7), logits(50, 7, 7, seed=1)
    assert (am_flow(a, b, "pre") >= am_flow(a, b, "post") - 1e-6).all()
    assert not torch.allclose(am_flow(a, b, "pre"), am_flow(a, b, "post"))


def test_all_pairs_of_frames_at_once_are_the_pairs_one_by_one() -> None:
    maps = logits(5, 7, 7)
    for mode in MODES:
        flow = am_flow(maps[:, None], maps[None], mode)
        assert flow.shape == (5, 5, 7)
        torch.testing.assert_close(flow[1, 3], am_flow(maps[1], maps[3], mode))


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(BadInput, match="sideways"):
        am_flow(torch.zeros(2, 2), torch.zeros(2, 2), "sideways")


def test_the_map_of_all_heads_is_the_mean_of_their_logits() -> None:
    q, k = logits(2, 3, 7, 5), logits(2, 3, 7, 5, seed=1)
    by_head = q @ k.transpose(-1, -2) / 5**0.5
    torch.testing.assert_close(map_logits(q, k), by_head.mean(1))
    torch.testing.assert_close(map_logits(q, k, "width"), by_head.mean(1) * 3**0.5)


# -- in the model


@torch.no_grad()
@pytest.mark.parametrize("mode", ["static", "pre", "post"])
@pytest.mark.parametrize("scale", ["mean", "width"])
def test_the_models_flow_is_that_of_its_own_recorded_maps(mode: str, scale: str) -> None:
    model = net(am_mode=mode, am_logits=scale)
    with record(model) as attentions:
        out = model(clip(1), detail=True)
    assert len(out.am_flow) == 2
    for flow, recorded in zip(out.am_flow, attentions, strict=True):
        assert flow.shape == (1, T - 1, TOKENS) and recorded.name == "vit"
        maps = map_logits(recorded.q, recorded.k, scale)
        torch.testing.assert_close(flow[0], am_flow(maps[:-1], maps[1:], mode))


@torch.no_grad()
@pytest.mark.parametrize("mode", MODES)
def test_a_still_clip_does_not_flow(mode: str) -> None:
    model = net(am_mode=mode, aligning=False) if mode != "aligned" else fresh(aligning=True)
    if mode == "aligned":
        # At the start the encoder hardly mixes; without its mixing both halves of a pair are alike.
        for encoder in model.aligning:
            encoder.attn.proj.weight.zero_()
    out = model(clip(2)[:, :, :1].expand(-1, -1, T, -1, -1), detail=True)
    for flow in out.am_flow:
        torch.testing.assert_close(
            flow, torch.full_like(flow, float(mode == "static")), atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
@pytest.mark.parametrize("aligning", [False, True])
def test_a_frame_enters_the_flow_of_its_two_pairs_and_nothing_wraps_around(aligning: bool) -> None:
    """Of the first block; deeper ones see further through the adapters."""
    model = net(aligning=aligning)
    video = clip(1, frames=5)
    before = model(video, detail=True).am_flow[0]
    for frame, pairs in ((0, [0]), (2, [1, 2]), (4, [3])):
        other = video.clone()
        other[:, :, frame] += 1
        changed = (model(other, detail=True).am_flow[0] - before).abs().amax(-1)[0] > 1e-5
        assert changed.nonzero().flatten().tolist() == pairs


@torch.no_grad()
def test_change_shows_where_something_moved() -> None:
    """With queries that ignore the tokens, static flow peaks at the changed patch.

    Only that patch's column of the logits changes.
    """
    model = fresh(depth=1)
    model.vit.blocks[0].attn.qkv.weight[:WIDTH] = 0
    video = clip(1)[:, :, :1].expand(-1, -1, T, -1, -1).clone()
    video[:, :, 1, 0:7, 14:21] *= -3
    flow = model(video, detail=True).am_flow[0][0]
    changed = 1 + 0 * SIDE + 2
    assert flow[0].argmax() == changed and flow[0, changed] > 1
    torch.testing.assert_close(flow[0], flow[1])  # there and back


@torch.no_grad()
@pytest.mark.parametrize("last_flow", ["repeat", "zero"])
@pytest.mark.parametrize("flow", [True, False])
def test_a_block_is_the_equations_of_the_paper(flow: bool, last_flow: str) -> None:
    """X + ls1 MHSA(LN X) + s (W_up ReLU(W_down [LN X || AM] + b) + b'), then around the MLP.

    There it is the same without AM.
    """
    model = net(flow=flow, last_flow=last_flow, layer_scale=True)
    entered: list[Tensor] = []
    for block in model.vit.blocks:
        block.norm1.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    video = clip(2)
    out = model(video, detail=True)
    block, (first, second) = model.vit.blocks[0], model.adapters.blocks[0]
    torch.testing.assert_close(entered[0], model.vit.embed(of_frames(video))[0])

    x = entered[0]
    normed = block.norm1(x)
    q, k, v = (
        p.view(-1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)
        for p in block.attn.qkv(normed).chunk(3, -1)
    )
    attended = (
        ((q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).softmax(-1) @ v)
        .transpose(1, 2)
        .reshape(-1, TOKENS, WIDTH)
    )
    inputs = normed
    if flow:
        pairs = out.am_flow[0]
        last = pairs[:, -1:] if last_flow == "repeat" else torch.zeros(2, 1, TOKENS)
        inputs = torch.cat([normed, torch.cat([pairs, last], 1).flatten(0, 1)[..., None]], -1)
    assert first.down.weight.shape == (BOTTLENECK, WIDTH + flow)
    x = (
        x
        + block.ls1.gamma * block.attn.proj(attended)
        + first.scale * first.up(torch.relu(first.down(inputs)))
    )
    normed = block.norm2(x)
    x = (
        x
        + block.ls2.gamma * block.mlp(normed)
        + second.scale * second.up(torch.relu(second.down(normed)))
    )
    torch.testing.assert_close(entered[1], x, atol=1e-4, rtol=1e-4)


def test_gradients_run_through_the_returned_flow() -> None:
    out = net()(clip(), detail=True)
    assert out.am_flow[1].requires_grad and out.logits.shape == (2, CLASSES)
    model = net()
    model(clip(), detail=True).am_flow[1].square().sum().backward()
    assert model.adapters.blocks[0][0].up.weight.grad.abs().sum() > 0


# -- the aligning encoder


@torch.no_grad()
@pytest.mark.parametrize("scale", ["mean", "width"])
def test_the_aligned_maps_are_recorded_and_make_the_flow(scale: str) -> None:
    model = net(aligning=True, am_logits=scale)
    with record(model) as attentions:
        out = model(clip(1), detail=True)
    aligned = [a for a in attentions if a.name == "aligned"]
    assert [a.layer for a in aligned] == [0, 1]
    for flow, recorded in zip(out.am_flow, aligned, strict=True):
        assert recorded.q.shape == (T, HEADS, TOKENS, WIDTH // HEADS)
        assert recorded.heat("cls").shape == (T, SIDE, SIDE)
        # The last two are the two halves of the last pair.
        maps = map_logits(recorded.q, recorded.k, scale)
        torch.testing.assert_close(flow[0, -1], am_flow(maps[-2], maps[-1], "aligned"))
        by_frame = recorded.layout.queries.tolist()
        assert by_frame == [[-1, *range(t * SIDE * SIDE, (t + 1) * SIDE * SIDE)] for t in range(T)]


@torch.no_grad()
def test_aligned_tokens_go_through_the_blocks_own_frozen_queries_and_keys() -> None:
    model, normed = net(aligning=True), []
    model.vit.blocks[0].norm1.register_forward_hook(lambda _, __, out: normed.append(out))
    with record(model) as attentions:
        model(clip(1))
    recorded = next(a for a in attentions if a.name == "aligned")
    pairs = model.aligning[0](normed[0][None])[0]
    own_pair = torch.cat([pairs[:, 0], pairs[-1:, 1]])  # the last frame as the pair before shows it
    q, k, _ = (
        columns.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for columns in model.vit.blocks[0].attn.qkv(own_pair).chunk(3, -1)
    )
    torch.testing.assert_close(recorded.q, q, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(recorded.k, k, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_aligning_encoder_lets_the_frames_of_a_pair_see_each_other() -> None:
    """One pre-norm layer over both frames with one table of positions."""
    model = net(aligning=True)
    encoder, frames = model.aligning[0], logits(2, 5, TOKENS, WIDTH)
    pairs = encoder(frames)
    assert pairs.shape == (2, 4, 2, TOKENS, WIDTH)
    x = torch.cat([frames[1, 2] + encoder.pos_embed[0], frames[1, 3] + encoder.pos_embed[0]])[None]
    y = encoder.norm1(x)
    q, k, v = (
        p.view(1, 2 * TOKENS, HEADS, -1).transpose(1, 2) for p in encoder.attn.qkv(y).chunk(3, -1)
    )
    y = (q @ k.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5).softmax(-1) @ v
    x = x + encoder.attn.proj(y.transpose(1, 2).reshape(1, 2 * TOKENS, WIDTH))
    x = x + encoder.mlp(encoder.norm2(x))
    torch.testing.assert_close(pairs[1, 2], x.view(2, TOKENS, WIDTH), atol=1e-4, rtol=1e-4)


def test_settings_that_exclude_each_other_are_refused() -> None:
    for wrong in ({"aligning": True, "flow": False}, {"am_mode": "aligned"}):
        with pytest.raises(BadInput, match="am_flow setting"):
            fresh(**wrong)
    assert fresh().am_mode == "static" and fresh(aligning=True).am_mode == "aligned"
    assert fresh(aligning=True, am_mode="static").am_mode == "static"


def test_clips_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="2 or more"):
        net()(clip(frames=1))
    with pytest.raises(BadInput, match="9 patches a frame \\(21 px\\), got 4 x 4"):
        net()(clip(size=28))
    assert net(flow=False)(clip(frames=1)).shape == (2, CLASSES)
