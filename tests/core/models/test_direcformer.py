"""DirecFormer against the paper's figures, hand-derived equalities and an image model.

The image model is the one that it starts from.
"""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models import available, build
from core.models.blocks import DropPath, Kind, SelfAttention, frames_layout
from core.models.direcformer import DirecFormer
from core.models.video_model import Output
from core.models.vit import ViT
from core.trace import Axis, Layout, record
from tests.core.models.nets import (
    CLASSES,
    HEADS,
    SIDE,
    SIZES,
    WIDTH,
    T,
    clip,
    difference,
    net,
    randomised,
)

# -- sizes


def parameters(name: str, **settings: object) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in build(name, "b", **settings).parameters())


def test_parameter_counts_are_those_of_the_paper() -> None:
    assert parameters("timesformer", classes=174) == 121_392_558  # 121.4 M in the paper
    assert parameters("timesformer", classes=400) == 121_566_352
    assert parameters("timesformer", classes=27) == 121_279_515
    assert parameters("direcformer", classes=174, order_head=False) == 121_392_558
    assert parameters("direcformer", classes=174) == 121_392_558 + 769_769


def test_both_models_are_offered_and_wrong_settings_are_refused() -> None:
    assert {"direcformer", "timesformer"} <= set(available())
    for wrong in (
        {"time": "linear"},
        {"order_head": "yes"},
        {"tempo": 3},
        {"heads": 3},
        {"heads": 0},
        {"width": "big"},
        {"size": 100},
        {"depth": 2.5},
        {"drop_path": "often"},
    ):
        with pytest.raises(BadInput) as error:
            build("direcformer", **wrong)
        assert next(iter(wrong)) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(BadInput, match="nothere"):
        build("nothere")
    with pytest.raises(BadInput, match="gesture"):
        build("direcformer", "huge")


def test_build_gives_an_evaluating_model_with_the_settings_asked_for() -> None:
    model = build("direcformer", classes=17, space="cosine")
    assert not model.training
    assert model.head.out_features == 17
    assert [b.attn.tap.kernel.kind for b in model.blocks] == ["cosine"] * len(model.blocks)
    assert [b.temporal_attn.tap.kernel.kind for b in build("timesformer").blocks] == [
        "softmax"
    ] * len(model.blocks)


# -- what it computes


@torch.no_grad()
def test_tokens_are_patch_major() -> None:
    """A change in one patch of one frame enters the blocks at (row * side + col) * T + t alone."""
    model = net()
    observed: list[Tensor] = []
    model.blocks[0].register_forward_pre_hook(lambda _, args: observed.append(args[1]))
    video = clip(1)
    model(video)
    t, row, col = 1, 0, 2
    video[:, :, t, 7 * row : 7 * row + 7, 7 * col : 7 * col + 7] += 1
    model(video)
    changed = (observed[0] != observed[1]).any(-1)[0].nonzero().flatten().tolist()
    assert changed == [(row * SIDE + col) * T + t]


@pytest.mark.parametrize("name", ["direcformer", "timesformer"])
def test_the_short_cuts_of_training_change_no_logit(name: str) -> None:
    model = net() if name == "direcformer" else net(time="softmax")
    for block in model.blocks:
        torch.nn.init.normal_(block.temporal_fc.weight, std=0.1)
        torch.nn.init.normal_(block.temporal_fc.bias)
        torch.nn.init.normal_(block.temporal_attn.proj.bias)
    learning = model(clip(2))
    with torch.no_grad():
        looking = model(clip(2))
    torch.testing.assert_close(learning.detach(), looking, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(learning, model(clip(2), detail=True).logits, rtol=1e-5, atol=1e-5)


def attention_in_double(kind: Kind) -> tuple[SelfAttention, Tensor, Layout]:
    """A layer, tokens (3, 17, WIDTH) that take gradients, and their layout."""
    x = torch.randn(
        3,
        17,
        WIDTH,
        dtype=torch.double,
        generator=torch.Generator().manual_seed(0),
        requires_grad=True,
    )
    return (
        randomised(SelfAttention(WIDTH, HEADS, kind, "space", 0, Axis.SPACE)).double(),
        x,
        frames_layout(3, 1, 16),
    )


def assert_alike(one: Tensor, other: Tensor, *inputs: Tensor) -> None:
    """The same values, and the same gradients of their squares."""
    torch.testing.assert_close(one, other)
    for a, b in zip(
        *(
            torch.autograd.grad(out.square().sum(), inputs, retain_graph=True)
            for out in (one, other)
        ),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kind", ["softmax", "cosine"])
def test_heads_multiplied_one_by_one_give_the_values_gradients_and_map_of_all_at_once(
    kind: Kind,
) -> None:
    """Heads are multiplied all at once while somebody records, so that they can be seen.

    Else, to train, they are multiplied one by one.
    """
    attention, x, layout = attention_in_double(kind)
    apart, map_apart = attention(x, layout, want_map=True)
    with record(attention, torch.double) as observed:
        together, map_together = attention(x, layout, want_map=True)
    torch.testing.assert_close(map_apart, map_together)
    torch.testing.assert_close(
        map_apart.detach(), observed[0].kernel.weights(observed[0].q, observed[0].k)
    )
    assert_alike(apart, together, x, *attention.parameters())


@pytest.mark.parametrize("kind", ["softmax", "cosine"])
def test_what_the_first_token_alone_is_given_has_the_values_and_gradients_of_all(
    kind: Kind,
) -> None:
    attention, x, layout = attention_in_double(kind)
    assert_alike(
        attention.of_first(x, layout),
        attention.mixed(x, layout)[0][:, :1],
        x,
        *attention.qkv.parameters(),
    )
    with record(attention, torch.double) as observed:
        attention.of_first(x, layout)
    assert observed[0].q.shape[-2] == x.shape[-2], "whoever records sees every token"


@torch.no_grad()
def test_time_attention_never_mixes_locations() -> None:
    """With space attention silenced, one block lets a patch reach its own location in every frame.

    It reaches nothing else.
    """
    model = net(depth=1)
    nn.init.zeros_(model.blocks[0].attn.proj.weight)
    video = clip(1)
    before = model(video, detail=True).patches
    video[:, :, 2, 7:14, 0:7] += 1
    after = model(video, detail=True).patches
    changed = (before - after).abs().sum(-1)[0] > 1e-6  # (T, h, w)
    assert changed[:, 1, 0].all() and changed.sum() == T


@torch.no_grad()
def test_space_attention_never_mixes_frames() -> None:
    model = net(depth=1)
    nn.init.zeros_(model.blocks[0].temporal_fc.weight)
    video = clip(1)
    before = model(video, detail=True).patches
    video[:, :, 2, 7:14, 0:7] += 1
    changed = (before - model(video, detail=True).patches).abs().sum(-1)[0] > 1e-6
    assert changed[2].all() and not changed[:2].any()


@torch.no_grad()
@pytest.mark.parametrize(("time", "space"), list(product(("softmax", "cosine"), repeat=2)))
def test_all_four_settings_run_and_agree_with_an_explicit_map(time: str, space: str) -> None:
    model = net(time=time, space=space)
    out = model(clip(), detail=True)  # explicit maps in time
    assert isinstance(out, Output)
    assert out.logits.shape == (2, CLASSES) and out.order_logits.shape == (2, 13)
    assert out.patches.shape == (2, T, SIDE, SIDE, WIDTH)
    assert len(out.time_attention) == 2 and all(a.shape == (2, T, T) for a in out.time_attention)
    torch.testing.assert_close(model(clip()), out.logits)


@torch.no_grad()
def test_the_four_settings_differ() -> None:
    logits = [
        net(time=time, space=space)(clip())
        for time, space in product(("softmax", "cosine"), repeat=2)
    ]
    for i, first in enumerate(logits):
        for second in logits[:i]:
            assert difference(first, second) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("tokens", [2, 13])
@pytest.mark.parametrize("kind", ["softmax", "cosine"])
def test_every_path_through_an_attention_gives_one_answer(kind: str, tokens: int) -> None:
    """Explicit map; fused softmax; q (k v) and (q k) v.

    Of the last two the signed sum takes the cheaper.
    """
    layer = randomised(SelfAttention(15, 3, kind, "here", 0, Axis.SPACE))
    x = torch.randn(5, tokens, 15, generator=torch.Generator().manual_seed(0))
    layout = frames_layout(5, 1, tokens - 1)
    out, nothing = layer(x, layout)
    explicit, weights = layer(x, layout, want_map=True)
    assert nothing is None and weights.shape == (5, 3, tokens, tokens)
    torch.testing.assert_close(out, explicit)
    with torch.enable_grad():
        torch.testing.assert_close(layer(x.clone().requires_grad_(), layout)[0], out)
    q, k, v = (
        columns.view(5, tokens, 3, 5).transpose(1, 2) for columns in layer.qkv(x).chunk(3, -1)
    )
    scores = q @ k.transpose(-1, -2)
    by_hand = (
        (scores / 5**0.5).softmax(-1)
        if kind == "softmax"
        else scores / (q.norm(dim=-1)[..., None] * k.norm(dim=-1)[..., None, :])
    )
    torch.testing.assert_close(weights, by_hand)
    torch.testing.assert_close(
        out, layer.proj((by_hand @ v).transpose(1, 2).reshape(5, tokens, 15))
    )


@torch.no_grad()
@pytest.mark.parametrize("time", ["softmax", "cosine"])
def test_returned_time_attention_is_the_mean_of_the_recorded_maps(time: str) -> None:
    model = net(time=time)
    with record(model) as attentions:
        out = model(clip(1), detail=True)
    recorded = [a for a in attentions if a.axis is Axis.TIME]
    assert len(recorded) == 2
    for returned, attention in zip(out.time_attention, recorded, strict=True):
        # Shape (heads, locations, T, T).
        by_head = torch.stack([attention.map(head) for head in range(HEADS)])
        torch.testing.assert_close(returned[0], by_head.mean((0, 1)))
    bounds = torch.stack(out.time_attention)
    assert bounds.abs().max() <= 1
    if time == "cosine":
        assert bounds.min() < 0
    else:
        torch.testing.assert_close(bounds.sum(-1), torch.ones(2, 1, T))


@torch.no_grad()
def test_cosine_time_attention_is_blind_to_the_length_of_q_and_k() -> None:
    model = net(time="cosine")
    longer = copy.deepcopy(model)
    for block in longer.blocks:
        for parameter in block.temporal_attn.qkv.parameters():
            parameter[:WIDTH] *= 3
            parameter[WIDTH : 2 * WIDTH] *= 0.5
    torch.testing.assert_close(longer(clip()), model(clip()))


def test_the_order_head_is_optional_and_outside_the_logits() -> None:
    torch.manual_seed(0)
    without = DirecFormer(**SIZES, order_head=False)
    assert without.order_head is None and without(clip(), detail=True).order_logits is None
    model = net()
    before = model(clip())
    nn.init.normal_(model.order_head.weight)
    assert torch.equal(model(clip()), before)


@pytest.mark.parametrize("time", ["softmax", "cosine"])
def test_training_and_evaluation_give_the_same_logits_without_drop_path(time: str) -> None:
    model = net(time=time, drop_path=0.0)
    with torch.no_grad():
        evaluated = model(clip())
    model.train()
    torch.testing.assert_close(model(clip()), evaluated)  # with gradients, so along another path
    torch.testing.assert_close(model(clip(), detail=True).logits, evaluated)


def test_gradients_reach_every_parameter() -> None:
    model = net(time="cosine", drop_path=0.0).train()
    out = model(clip(), detail=True)
    (
        out.logits.square().sum()
        + out.order_logits.square().sum()
        + sum(a.square().sum() for a in out.time_attention)
    ).backward()
    silent = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    # a softmax does not change with a constant added to every score, so a spatial key bias may
    # count for nothing
    assert silent == []


def test_each_sample_of_a_batch_is_on_its_own() -> None:
    model = net()
    with torch.no_grad():
        torch.testing.assert_close(model(clip(2))[1:], model(clip(2)[1:]))


# -- drop path


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25).train()
    out = drop(torch.ones(3000, 5, 7)).flatten(1)
    assert out.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert (out == out[:, :1]).all()
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(out), out)


def test_drop_path_grows_linearly_with_depth_and_acts_in_training_only() -> None:
    model = net(depth=3, drop_path=0.9)
    assert [b.drop_path.rate for b in model.blocks] == pytest.approx([0, 0.45, 0.9])
    with torch.no_grad():
        assert torch.equal(model(clip()), model(clip()))
        model.train()
        assert not torch.equal(model(clip()), model(clip()))


# -- starting from an image model (spec 3.6)


def image_model(depth: int = 2) -> ViT:
    return randomised(
        ViT(size=7 * SIDE, patch=7, width=WIDTH, depth=depth, heads=HEADS).eval(), seed=9
    )


def test_the_start_is_the_image_model_and_no_more() -> None:
    torch.manual_seed(0)
    model = DirecFormer(**SIZES).eval()
    for block in model.blocks:
        assert not block.temporal_fc.weight.any() and not block.temporal_fc.bias.any()
    with torch.no_grad():
        before = model(clip())
        for block in model.blocks:
            nn.init.normal_(block.temporal_attn.qkv.weight)
        torch.testing.assert_close(model(clip()), before)  # time attention is silent at step 0


def test_loading_an_image_model_copies_the_temporal_half_from_the_spatial() -> None:
    image, model = image_model(), net()
    time_embed, head = model.time_embed.clone(), model.head.weight.clone()
    model.load_image_model(image.state_dict())
    state = model.state_dict()
    for key, value in image.state_dict().items():
        assert torch.equal(state[key], value), key
    for ours, theirs in zip(model.blocks, image.blocks, strict=True):
        for mine, other in (
            (ours.temporal_attn, theirs.attn),
            (ours.temporal_norm1, theirs.norm1),
        ):
            for key, value in other.state_dict().items():
                assert torch.equal(mine.state_dict()[key], value), key
        assert not ours.temporal_fc.weight.any() and not ours.temporal_fc.bias.any()
    assert torch.equal(model.time_embed, time_embed) and torch.equal(model.head.weight, head)
    with torch.no_grad():
        model.blocks[0].temporal_attn.qkv.weight.zero_()
    assert model.blocks[0].attn.qkv.weight.any(), "the two halves must not share memory"


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_step_0_equals_the_image_model_on_a_still_clip(depth: int) -> None:
    image, model = image_model(depth), net(depth=depth, space="softmax")
    model.load_image_model(image.state_dict())
    nn.init.zeros_(model.time_embed)
    frame = clip(2)[:, :, 0]
    tokens = image(frame)
    out = model(frame[:, :, None].expand(-1, -1, T, -1, -1), detail=True)
    torch.testing.assert_close(out.logits, model.head(tokens[:, 0]), atol=1e-4, rtol=1e-4)
    for t in range(T):
        torch.testing.assert_close(
            out.patches[:, t].flatten(1, 2), tokens[:, 1:], atol=1e-4, rtol=1e-4
        )


@torch.no_grad()
def test_step_0_of_one_block_equals_the_image_model_on_each_frame() -> None:
    """Patches are the image model's own; the one class token is a mean.

    It is the mean over frames after attention, before the MLP.
    """
    image, model = image_model(1), net(depth=1)
    model.load_image_model(image.state_dict())
    nn.init.zeros_(model.time_embed)
    video = clip(1)
    out = model(video, detail=True)
    block = image.blocks[0]
    attended = []
    for t in range(T):
        torch.testing.assert_close(
            out.patches[:, t].flatten(1, 2), image(video[:, :, t])[:, 1:], atol=1e-4, rtol=1e-4
        )
        x = image.patch_embed["proj"](video[:, :, t]).flatten(2).transpose(1, 2)
        x = torch.cat([image.cls_token, x], 1) + image.pos_embed
        attended.append((x + block.attn(block.norm1(x), frames_layout(1, SIDE, SIDE))[0])[:, 0])
    cls = torch.stack(attended).mean(0)
    cls = image.norm(cls + block.mlp(block.norm2(cls)))
    torch.testing.assert_close(out.logits, model.head(cls), atol=1e-4, rtol=1e-4)
