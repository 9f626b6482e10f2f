"""FAR's attention: who sees whom, against masks, recorded maps and values worked out by hand."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models import Output, available, build, spec
from core.models import far as module
from core.models.checkerboard import checkerboard, colours, tubes, whole_clip
from core.models.far import FAR, HeadSplitAttention
from core.trace import PAD, Axis, record
from tests.core.models.far_nets import (
    CLASSES,
    COLUMNS,
    GRID,
    HEADS,
    PATTERNS,
    ROWS,
    VIDEOMAE,
    WIDTH,
    T,
    clip,
    net,
    token,
)
from tests.core.models.nets import difference, randomised

GRIDS = [GRID, (2, 3, 3), (2, 1, 2), (5, 3, 1)]  # two of them have an odd number of patches

# -- groups


def test_a_checkerboard_of_4_by_4_is_the_one_worked_out_by_hand() -> None:
    even, odd = (c.tolist() for c in colours(2, 4, 4))
    assert even == [0, 2, 5, 7, 8, 10, 13, 15] + [16 + i for i in (0, 2, 5, 7, 8, 10, 13, 15)]
    assert odd == [1, 3, 4, 6, 9, 11, 12, 14] + [16 + i for i in (1, 3, 4, 6, 9, 11, 12, 14)]


def test_a_checkerboard_of_3_by_3_fills_up_its_second_colour() -> None:
    groups = checkerboard(2, 3, 3)
    assert groups.layout.keys.tolist() == [
        [0, 2, 4, 6, 8, 9, 11, 13, 15, 17],
        [1, 3, 5, 7, 10, 12, 14, 16, PAD, PAD],
    ]
    assert checkerboard(2, 3, 4).hidden is None and tubes(2, 3, 3).hidden is None


@pytest.mark.parametrize("grid", GRIDS)
def test_gathering_and_putting_back_changes_nothing(grid: tuple[int, int, int]) -> None:
    tokens = torch.arange(math.prod(grid))
    for groups in (whole_clip(*grid), tubes(*grid), checkerboard(*grid)):
        assert torch.equal(tokens[groups.gather][groups.back], tokens)
        assert groups.layout.grid == grid


def test_a_checkerboard_of_one_patch_is_refused() -> None:
    with pytest.raises(BadInput, match="two patches"):
        net()(clip(1, (2, 1, 1)))
    assert net(**VIDEOMAE)(clip(1, (2, 1, 1))).shape == (1, CLASSES)


# -- attention


def sees(attention: str, grid: tuple[int, int, int]) -> Tensor:
    """Whether a local head lets query i see key j, (N, N), from coordinates alone."""
    _, h, w = grid
    place = [(i // w % h, i % w) for i in range(math.prod(grid))]
    if attention in ("temporal", "hst"):
        return torch.tensor([[a == b for b in place] for a in place])
    return torch.tensor([[(sum(a) - sum(b)) % 2 == 0 for b in place] for a in place])


def masked(
    layer: HeadSplitAttention,
    x: Tensor,
    attention: str,
    grid: tuple[int, int, int],
    heads_global: int,
) -> tuple[Tensor, Tensor]:
    """Full attention with minus infinity where a local head cannot see.

    Returns: output and weights (B, heads, N, N).
    """
    d = WIDTH // HEADS
    wq, wk, wv = layer.qkv.weight.chunk(3)
    q, k, v = (
        y.unflatten(-1, (HEADS, d)).transpose(1, 2)
        for y in (x @ wq.T + layer.q_bias, x @ wk.T, x @ wv.T + layer.v_bias)
    )
    scores = q @ k.transpose(-1, -2) / d**0.5
    scores[:, heads_global:] = scores[:, heads_global:].masked_fill(
        ~sees(attention, grid), -math.inf
    )
    weights = scores.softmax(-1)
    return layer.proj((weights @ v).transpose(1, 2).flatten(2)), weights


def gradients(results: tuple[Tensor, ...], x: Tensor) -> list[Tensor]:
    """The gradient of each result in x, along one random direction."""
    towards = torch.randn(results[0].shape, generator=torch.Generator().manual_seed(2))
    return [torch.autograd.grad((y * towards).sum(), x, retain_graph=True)[0] for y in results]


SPLITS = {"global": HEADS, "sd": 0, "temporal": 0, "hst": 3, "hsda": 3}


def attention_layer(attention: str, heads_global: int) -> HeadSplitAttention:
    return randomised(
        HeadSplitAttention(
            WIDTH, HEADS, heads_global, along_time=attention in ("temporal", "hst"), layer=0
        )
    )


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("attention", PATTERNS)
def test_every_pattern_equals_full_attention_with_a_mask(
    attention: str, grid: tuple[int, int, int]
) -> None:
    """On the fused path and on the explicit one, with its gradient; the frame matrix too."""
    split = SPLITS[attention]
    layer = attention_layer(attention, split)
    x = torch.randn(
        2, math.prod(grid), WIDTH, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    expected, weights = masked(layer, x, attention, grid, split)
    out, nothing = layer(x, grid)  # small, with gradients: explicit
    assert nothing is None
    torch.testing.assert_close(out, expected)
    assert difference(*gradients((out, expected), x)) < 1e-4
    by_frame = (
        weights.unflatten(-1, (grid[0], -1)).sum(-1).unflatten(-2, (grid[0], -1)).mean((1, 3))
    )
    with torch.no_grad():
        torch.testing.assert_close(layer(x, grid)[0], expected)  # fused
        out, frames = layer(x, grid, want_frames=True)
        torch.testing.assert_close(out, expected)
        torch.testing.assert_close(frames, by_frame)
    _, frames = layer(x, grid, want_frames=True)
    torch.testing.assert_close(frames, by_frame)
    assert difference(*gradients((frames, by_frame), x)) < 1e-4


def test_the_fused_path_has_the_gradients_of_the_explicit_one() -> None:
    """Above 128 tokens a group."""
    grid = (5, 7, 8)
    layer = attention_layer("hsda", 3)
    x = torch.randn(
        1, math.prod(grid), WIDTH, generator=torch.Generator().manual_seed(0), requires_grad=True
    )
    expected, weights = masked(layer, x, "hsda", grid, 3)
    by_frame = weights.unflatten(-1, (5, -1)).sum(-1).unflatten(-2, (5, -1)).mean((1, 3))
    out, frames = layer(x, grid, want_frames=True)
    for ours, theirs in ((out, expected), (frames, by_frame)):
        assert difference(*gradients((ours, theirs), x)) < 1e-4


def test_one_query_worked_out_by_hand() -> None:
    """Two heads of width 1 on a 2 x 2 grid at one time.

    Keys are 0, ln 2, ln 3, ln 4 and values 1, 10, 100, 1000.
    """
    layer = HeadSplitAttention(2, 2, 1, along_time=False, layer=0)
    with torch.no_grad():
        # Rows for q, which is its bias alone, for k and for v.
        layer.qkv.weight.copy_(torch.tensor([[0.0, 0], [0, 0], [1, 0], [1, 0], [0, 1], [0, 1]]))
        layer.q_bias.fill_(1.0)
        layer.proj.weight.copy_(torch.eye(2))
        layer.proj.bias.zero_()
        keys, values = torch.tensor([1.0, 2, 3, 4]).log(), torch.tensor([1.0, 10, 100, 1000])
        out, frames = layer(torch.stack([keys, values], -1)[None], (1, 2, 2), want_frames=True)
    everywhere = (1 + 20 + 300 + 4000) / 10
    diagonal, other = (1 + 4000) / 5, (20 + 300) / 5  # tokens 0 and 3 against 1 and 2
    torch.testing.assert_close(
        out[0],
        torch.tensor(
            [
                [everywhere, diagonal],
                [everywhere, other],
                [everywhere, other],
                [everywhere, diagonal],
            ]
        ),
    )
    torch.testing.assert_close(frames, torch.ones(1, 1, 1))


@torch.no_grad()
@pytest.mark.parametrize("attention", ["sd", "hsda"])
def test_a_token_changes_its_own_colour_in_local_heads_and_everything_in_global_ones(
    attention: str,
) -> None:
    layer = attention_layer(attention, SPLITS[attention])
    nn.init.eye_(layer.proj.weight)
    layer.qkv.weight[: 2 * WIDTH] *= 0.1  # soft, so that no weight is too small to be seen
    x = torch.randn(1, 2 * 16, WIDTH, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[0, 1] += 1  # of group 1
    # Which token moved in which head, (N, heads).
    moved = (layer(changed, (2, 4, 4))[0] - layer(x, (2, 4, 4))[0]).abs()[0].unflatten(
        -1, (HEADS, -1)
    ).sum(-1) > 1e-6
    even, odd = colours(2, 4, 4)
    assert not moved[even, SPLITS[attention] :].any() and moved[odd, SPLITS[attention] :].all()
    assert moved[:, : SPLITS[attention]].all()


# -- the model


@torch.no_grad()
def test_tokens_are_time_major_and_cover_two_frames() -> None:
    model, video, observed = net(), clip(1), []
    model.blocks[0].register_forward_pre_hook(lambda _, args: observed.append(args[0]))
    model(video)
    token(video, 1, 1, 2)[:, :, 1] += 1  # the second of its two frames
    model(video)
    assert (observed[0] != observed[1]).any(-1)[0].nonzero().flatten().tolist() == [
        (1 * ROWS + 1) * COLUMNS + 2
    ]


@torch.no_grad()
@pytest.mark.parametrize("attention", PATTERNS)
def test_every_pattern_runs_with_and_without_detail(attention: str) -> None:
    model = net(attention=attention)
    out = model(clip(), detail=True)
    assert isinstance(out, Output) and out.logits.shape == (2, CLASSES)
    assert out.patches.shape == (2, T, ROWS, COLUMNS, WIDTH)
    assert [a.shape for a in out.time_attention] == [(2, T, T)] * 2
    torch.testing.assert_close(torch.stack(out.time_attention).sum(-1), torch.ones(2, 2, T))
    torch.testing.assert_close(model(clip()), out.logits)
    torch.testing.assert_close(model(clip(2))[1:], model(clip(2)[1:]))  # each sample on its own


@torch.no_grad()
def test_patterns_ratios_and_places_differ() -> None:
    several = [{"attention": a} for a in PATTERNS] + [{"ratio": r} for r in ("2:1", "1:2")]
    several += [{"interaction": place} for place in ("after", "mlp", "none")]
    logits = [net(classifier="mean", **settings)(clip()) for settings in several]
    for i, first in enumerate(logits):
        for second in logits[:i]:
            assert difference(first, second) > 1e-3


@pytest.mark.parametrize(("ratio", "split"), [("1:1", 3), ("2:1", 4), ("1:2", 2)])
def test_a_ratio_splits_the_heads_global_ones_first(ratio: str, split: int) -> None:
    with record(model := net(ratio=ratio)) as attentions, torch.no_grad():
        model(clip(1))
    assert [(a.name, a.layer, a.heads) for a in attentions] == [
        (name, layer, n)
        for layer in (0, 1)
        for name, n in (("global", split), ("local", 6 - split))
    ]
    assert build("far", "b", ratio=ratio, depth=1).blocks[0].attn.global_heads == 2 * split


def test_training_gives_the_same_logits_where_nothing_is_random() -> None:
    model = net(norm="layer")
    with torch.no_grad():
        evaluated = model(clip())
    model.train()
    torch.testing.assert_close(model(clip()), evaluated)
    torch.testing.assert_close(model(clip(), detail=True).logits, evaluated)


@pytest.mark.parametrize(
    "settings",
    [{}, {"norm": "layer", "interaction": "mlp"}, VIDEOMAE],
    ids=["far", "layer norm", "videomae"],
)
def test_gradients_reach_every_parameter(settings: dict[str, str]) -> None:
    model = net(**settings).train()
    out = model(clip(), detail=True)
    (out.logits.square().sum() + sum(a.square().sum() for a in out.time_attention)).backward()
    # a batch norm subtracts the mean, so the bias of the convolution before it counts for nothing
    silent = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 1e-6
    ]
    assert [n for n in silent if not n.endswith(("down.bias", "mix.bias", "up.bias"))] == []
    assert settings == {} or silent == []


def test_the_frame_matrix_alone_trains_queries_and_keys() -> None:
    model = net()
    model(clip(), detail=True).time_attention[0][:, 0, 2].sum().backward()
    q, k, v = model.blocks[0].attn.qkv.weight.grad.chunk(3)
    assert q.abs().sum() > 0 and k.abs().sum() > 0 and not v.any()


def test_drop_path_grows_linearly_with_depth() -> None:
    assert [b.drop_path.rate for b in net(depth=3, drop_path=0.9).blocks] == pytest.approx(
        [0, 0.45, 0.9]
    )


# -- what is seen of it


@torch.no_grad()
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("attention", PATTERNS)
def test_recorded_maps_give_the_frame_matrix_and_recording_changes_nothing(
    attention: str, grid: tuple[int, int, int]
) -> None:
    model = net(attention=attention)
    before = model(clip(1, grid))
    with record(model) as attentions:
        out = model(clip(1, grid), detail=True)
    torch.testing.assert_close(out.logits, before)
    assert torch.equal(model(clip(1, grid)), before)
    assert {a.name for a in attentions} == {
        "global": {"global"},
        "sd": {"local"},
        "temporal": {"local"},
    }.get(attention, {"global", "local"})
    for layer, returned in enumerate(out.time_attention):
        total = torch.zeros(grid[0], grid[0])
        for a in (a for a in attentions if a.layer == layer):
            assert a.axis is Axis.JOINT and a.grid == grid
            frames = torch.arange(grid[0])
            # Each (groups, n, T); a filler is in no frame.
            queries, keys = (
                (ids.div(grid[1] * grid[2], rounding_mode="floor")[..., None] == frames).float()
                for ids in (a.layout.queries, a.layout.keys)
            )
            total += a.heads * torch.einsum("gij,git,gjs->ts", a.map("mean"), queries, keys)
        torch.testing.assert_close(returned[0], total / (HEADS * grid[1] * grid[2]))


@torch.no_grad()
@pytest.mark.parametrize("grid", [GRID, (2, 3, 3)])
def test_a_local_head_cannot_see_the_other_colour_and_its_heat_says_so(
    grid: tuple[int, int, int],
) -> None:
    model = net()
    with record(model) as attentions:
        model(clip(1, grid))
    local, joint = (next(a for a in attentions if a.name == name) for name in ("local", "global"))
    rows, columns = torch.meshgrid(torch.arange(grid[1]), torch.arange(grid[2]), indexing="ij")
    for query in ((0, 0, 0), (1, 0, 1)):
        heat = local.heat(query)
        blind = ((rows + columns + sum(query[1:])) % 2 == 1).expand(grid)
        assert torch.equal(heat.isnan(), blind) and heat.nansum().item() == pytest.approx(1)
        assert joint.heat(query).sum().item() == pytest.approx(1)
    with pytest.raises(BadInput, match="no query cls"):
        local.rows("cls")


@torch.no_grad()
def test_half_precision_factors_hide_fillers_too() -> None:
    model = net(attention="sd")
    with record(model, torch.float16) as attentions:
        model(clip(1, (2, 3, 3)))
    weights, keys = attentions[0].rows((0, 0, 1))
    assert keys[0, -1] == PAD and weights[0, -1] == 0 and weights.sum().item() == pytest.approx(1)


def test_gradcam_follows_the_last_first_norm() -> None:
    captum = pytest.importorskip("captum.attr")
    model, video = net(), clip(1)
    heat = captum.LayerGradCam(model, model.cam).attribute(video, target=3, relu_attributions=True)
    assert heat.shape == (1, 1, *GRID) and heat.max() > 0

    kept: list[Tensor] = []
    hook = model.blocks[-1].norm1.register_forward_hook(lambda *args: kept.append(args[2]))
    score = model(video)[0, 3]
    hook.remove()
    (gradient,) = torch.autograd.grad(score, kept[0])
    by_hand = (kept[0] * gradient.mean(1, keepdim=True)).sum(-1).relu()
    torch.testing.assert_close(heat[0, 0].flatten(), by_hand[0].detach())


def test_looking_first_leaves_nothing_that_training_cannot_use() -> None:
    for cached in (whole_clip, tubes, checkerboard, colours, module.position_table):
        cached.cache_clear()
    model, grid = net(), (2, 3, 5)
    with torch.inference_mode():
        model(clip(1, grid))
    model(clip(1, grid), detail=True).logits.sum().backward()


# -- settings


def test_both_models_are_offered_and_differ_by_settings_alone() -> None:
    assert {"far", "videomae"} <= set(available()) and spec("far").unit_frames == spec(
        "videomae"
    ).unit_frames == 2
    as_videomae, copied = build("far", depth=1, **VIDEOMAE), build("videomae", depth=1)
    copied.load_state_dict(as_videomae.state_dict())
    video = torch.randn(1, 3, 4, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(as_videomae(video), copied(video))
    assert isinstance(copied, FAR) and build("far", classes=17, depth=1).head.out_features == 17


@pytest.mark.parametrize(
    "wrong",
    [
        {"attention": "dense"},
        {"ratio": "4:1"},
        {"interaction": "first"},
        {"interaction_groups": "yes"},
        {"norm": "group"},
        {"classifier": "cls"},
        {"positions": "learned"},
        {"heads": 5},
        {"tempo": 3},
    ],
)
def test_wrong_settings_are_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput) as error:
        build("far", **wrong)
    assert next(iter(wrong)) in str(error.value) and "\n" not in str(error.value)


def test_heads_and_widths_that_cannot_be_split_are_refused() -> None:
    for settings, reason in (
        ({"heads": 4, "ratio": "2:1"}, "2:1"),
        ({"heads": 80, "ratio": "1:1"}, "quarter"),
        ({"heads": 5, "width": 100, "positions": "mvd", "interaction": "none"}, "multiple of 16"),
    ):
        with pytest.raises(BadInput, match=reason):
            build("far", **settings)


def test_an_odd_number_of_frames_is_refused() -> None:
    with pytest.raises(BadInput, match="even"):
        net()(torch.zeros(1, 3, 5, 10, 20))


def test_a_copy_shares_nothing_and_gives_the_same() -> None:
    model = net()
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(model)(clip()), model(clip()))
