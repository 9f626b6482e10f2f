"""FAR's other parts: positions, token-group interaction, classifier.

Also the image model that it can start from.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.models.blocks import frames_layout
from core.models.checkerboard import colours
from core.models.far import FAR
from core.models.interaction import ChannelNorm, Interaction
from core.models.position_table import position_table
from core.models.vit import ViT
from tests.core.models.far_nets import (
    COLUMNS,
    GRID,
    HEADS,
    PATCH,
    ROWS,
    SIZES,
    VIDEOMAE,
    WIDTH,
    T,
    clip,
    net,
    token,
)
from tests.core.models.nets import difference, randomised

# -- positions (spec 8.10)


def close(table: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(table, torch.tensor(expected), atol=6e-5, rtol=0)


def test_videomae_positions_are_one_sinusoid_over_the_flattened_clip() -> None:
    table = position_table("videomae", 8, 14, 14, 384)
    assert table.shape == (1568, 384) and table.dtype == torch.float32
    close(table[1, :4], [0.841471, 0.540302, 0.815251, 0.579108])
    close(table[196, :4], [0.93953, 0.342466, -0.994489, -0.104841])
    assert torch.equal(table[0], torch.tensor([0.0, 1.0]).repeat(192))


def test_mvd_positions_are_time_then_column_then_row() -> None:
    table = position_table("mvd", 2, 2, 2, 16)
    moved = [0.8415, 0.0464, 0.0022, 0.5403, 0.9989, 1]
    still = [0.0, 0, 0, 1, 1, 1]
    close(table[1], [0, 0, 1, 1, *moved, *still])
    close(table[2], [0, 0, 1, 1, *still, *moved])
    close(table[4], [0.8415, 0.01, 0.5403, 1, *still, *still])
    table = position_table("mvd", 8, 14, 14, 384)
    close(
        torch.stack([table[1, 96], table[14, 240], table[196, 0], table[196, 1]]),
        [0.841471, 0.841471, 0.841471, 0.734822],
    )


@torch.no_grad()
@pytest.mark.parametrize("positions", ["videomae", "mvd"])
def test_positions_are_those_of_the_clip_that_is_given(positions: str) -> None:
    """A blank clip embeds as its positions, of the size in training or of another.

    No checkpoint holds them.
    """
    model = net(positions=positions)
    model.patch_embed["proj"].bias.zero_()
    observed: list[torch.Tensor] = []
    model.blocks[0].register_forward_pre_hook(lambda _, args: observed.append(args[0]))
    for grid in (model.grid, (5, 2, 4)):
        model(torch.zeros_like(clip(1, grid)))
        assert torch.equal(observed[-1][0], position_table(positions, *grid, WIDTH))
    assert "pos_embed" not in model.state_dict() and "pos_embed" in dict(model.named_buffers())


# -- token-group interaction (spec 4.3, 8.9)


def changed_by(interaction: nn.Module, t: int, row: int, col: int) -> torch.Tensor:
    """Which tokens of part's output differ when one token is another, (T, h, w)."""
    grid = (5, 5, 7)
    z = torch.randn(1, 5 * 5 * 7, WIDTH, generator=torch.Generator().manual_seed(0))
    other = z.clone()
    other[0, (t * 5 + row) * 7 + col] = z[0, 0]
    return ((interaction(z, grid) - interaction(other, grid)).abs().sum(-1) > 1e-5)[0].view(grid)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("groups", [1, HEADS])
def test_interaction_starts_as_the_identity(norm: str, groups: int) -> None:
    torch.manual_seed(0)
    interaction = Interaction(WIDTH, groups, norm, 1e-6)
    z = torch.randn(2, T * ROWS * COLUMNS, WIDTH)
    assert torch.equal(interaction(z, GRID), z) and torch.equal(interaction.eval()(z, GRID), z)


def test_the_start_of_far_is_the_network_without_interaction() -> None:
    torch.manual_seed(0)
    model = FAR(**SIZES)
    plain = FAR(**SIZES, interaction="none")
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if ".interaction." not in k})
    for place in ("before", "after", "mlp"):
        for block in model.blocks:
            block.place = place
        torch.testing.assert_close(model(clip()), plain(clip()))
    model(clip()).square().sum().backward()
    assert all(block.interaction.norm3.weight.grad.any() for block in model.blocks), (
        "it can leave the identity"
    )


@torch.no_grad()
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_interaction_reaches_the_neighbours_and_no_further(norm: str) -> None:
    interaction = randomised(Interaction(WIDTH, HEADS, norm, 1e-6).eval())
    reached = changed_by(interaction, 2, 1, 3)
    expected = torch.zeros(5, 5, 7, dtype=torch.bool)
    expected[1:4, 0:3, 2:5] = True
    assert torch.equal(reached, expected)


@torch.no_grad()
def test_the_middle_convolution_keeps_to_the_channels_of_a_head() -> None:
    interaction = randomised(Interaction(WIDTH, HEADS, "batch", 1e-6).eval())
    x = torch.randn(1, WIDTH // 4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[0, 5, 1, 1, 1] += 1  # 12 channels in 6 groups: channel 5 shares one with channel 4
    assert (interaction.mix(x) != interaction.mix(other)).flatten(2).any(-1)[
        0
    ].nonzero().flatten().tolist() == [
        4,
        5,
    ]
    assert Interaction(WIDTH, 1, "batch", 1e-6).mix.groups == 1 and interaction.mix.groups == HEADS


@torch.no_grad()
def test_interaction_joins_the_colours_that_local_attention_keeps_apart() -> None:
    settings = {"attention": "sd", "depth": 1, "classifier": "mean"}
    for interaction, both in (("none", False), ("before", True), ("after", True), ("mlp", True)):
        model, video = net(**settings, interaction=interaction), clip(1)
        before = model(video, detail=True).patches
        token(video, 1, 0, 1).mul_(-2)
        moved = (model(video, detail=True).patches - before).abs().sum(-1)[0].flatten() > 1e-6
        even, odd = colours(*GRID)
        assert moved[odd].any() and moved[even].any().item() is both, interaction


@torch.no_grad()
def test_channel_norm_is_a_layer_norm_at_each_place() -> None:
    norm = randomised(ChannelNorm(5))
    x = torch.randn(2, 5, 3, 2, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        norm(x)[1, :, 2, 0, 6],
        nn.functional.layer_norm(x[1, :, 2, 0, 6], (5,), norm.weight, norm.bias),
    )


def test_both_norms_have_the_same_parameters() -> None:
    convolutions = (48 * 12 + 12) + (12 * 2 * 27 + 12) + (12 * 48 + 48)
    for norm in ("batch", "layer"):
        assert sum(
            p.numel() for p in Interaction(48, 6, norm, 1e-6).parameters()
        ) == convolutions + 2 * (48 + 12 + 12 + 48)


# -- classifier (spec 4.4, 8.8)


@torch.no_grad()
def test_the_group_classifier_joins_the_means_of_the_colours() -> None:
    model = net(depth=0)
    a, b, c, d = x = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        model._pooled(x[None], (1, 2, 2)), torch.cat([(a + d) / 2, (b + c) / 2])[None]
    )
    torch.testing.assert_close(
        net(depth=0, **VIDEOMAE)._pooled(x[None], (1, 2, 2)), (a + b + c + d)[None] / 4
    )
    out = model(clip(), detail=True)
    tokens = out.patches.flatten(1, 3)
    pooled = torch.cat([tokens[:, ids].mean(1) for ids in colours(*GRID)], 1)
    torch.testing.assert_close(out.logits, model.head(model.fc_norm(pooled)))


def test_the_head_starts_small_and_every_norm_takes_its_eps() -> None:
    torch.manual_seed(0)
    model = FAR(**SIZES, norm_eps=3e-5)
    assert 0 < model.head.weight.std() < 3e-5
    assert {m.eps for n, m in model.named_modules() if type(m) is nn.LayerNorm} == {3e-5}


# -- starting from an image model


def image_model(depth: int = 2) -> ViT:
    return randomised(
        ViT(size=3 * PATCH, patch=PATCH, width=WIDTH, depth=depth, heads=HEADS).eval(), seed=9
    )


@torch.no_grad()
def test_a_still_pair_embeds_as_the_image_does() -> None:
    image, model = image_model(), net()
    model.load_image_model(image.state_dict())
    still = clip()[:, :, :1].expand(-1, -1, 6, -1, -1)
    tokens = model.patch_embed["proj"](still)
    torch.testing.assert_close(
        tokens, image.patch_embed["proj"](still[:, :, 0])[:, :, None].expand_as(tokens)
    )


@torch.no_grad()
def test_image_weights_are_copied_and_the_key_bias_is_not_missed() -> None:
    """On one frame of tokens, global attention and the MLP are those of the image model.

    The keys of the image model have a bias.
    """
    image, model = image_model(), net(**VIDEOMAE)
    head = model.head.weight.clone()
    model.load_image_model(image.state_dict())
    x, grid = (
        torch.randn(2, ROWS * COLUMNS, WIDTH, generator=torch.Generator().manual_seed(0)),
        (1, ROWS, COLUMNS),
    )
    for ours, theirs in zip(model.blocks, image.blocks, strict=True):
        attended = theirs.attn(theirs.norm1(x), frames_layout(1, ROWS, COLUMNS - 1))[0]
        torch.testing.assert_close(
            ours.attn(ours.norm1(x), grid)[0], attended, atol=1e-4, rtol=1e-4
        )
        torch.testing.assert_close(ours.mlp(ours.norm2(x)), theirs.mlp(theirs.norm2(x)))
    assert torch.equal(model.head.weight, head)
    model.blocks[0].attn.v_bias.zero_()
    assert image.blocks[0].attn.qkv.bias[-WIDTH:].any(), "the two must not share memory"


@torch.no_grad()
def test_blocks_beyond_the_image_model_change_nothing() -> None:
    shallow, deep = net(depth=1), net(depth=3)
    deep.load_state_dict(shallow.state_dict(), strict=False)
    assert difference(deep(clip()), shallow(clip())) > 1e-3
    deep.start_as_identity(1)
    torch.testing.assert_close(deep(clip()), shallow(clip()))
    model = net(depth=2)
    model.load_image_model(image_model(1).state_dict())
    assert model.blocks[0].attn.proj.weight.any() and not model.blocks[1].attn.proj.weight.any()
    assert (
        model.blocks[0].interaction.norm3.weight.any()
        and not model.blocks[1].interaction.norm3.weight.any()
    )


@torch.no_grad()
def test_an_image_model_of_another_size_gives_what_fits() -> None:
    model = net(patch=3, size=9)
    before = model.patch_embed["proj"].weight.clone()
    model.load_image_model(image_model().state_dict())
    assert torch.equal(model.patch_embed["proj"].weight, before)
    assert torch.equal(model.blocks[1].mlp.fc1.weight, image_model().blocks[1].mlp.fc1.weight)
