"""AM Flow as a model: the paper's counts, what trains, its outputs, what can be observed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.models import available, build
from core.models.am_flow import AMFlow
from core.models.video_model import Output
from core.models.vit import ViT
from core.trace import Axis, record
from tests.core.models.am_flow_nets import (
    BACKBONE,
    BOTTLENECK,
    SIZES,
    TOKENS,
    fresh,
    net,
    of_frames,
)
from tests.core.models.nets import CLASSES, SIDE, WIDTH, T, clip, difference, randomised
from training.recipes import recipe

MODULES = ("lstm", "tcn", "transformer")


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def on_paper(preset: str = "dinov2_b", **settings: object) -> AMFlow:
    with torch.device("meta"):
        return build("am_flow", preset, **settings)


def modules_of(model: AMFlow) -> list[nn.Module]:
    return [head.module for block in model.temporal for head in block]


# -- sizes


@pytest.mark.parametrize(
    ("kind", "each", "total"),
    [
        ("lstm", 14_997_504, 359_940_096),
        ("tcn", 2_253_440, 54_082_560),
        ("transformer", 4_291_712, 103_001_088),
    ],
)
def test_temporal_modules_have_the_counts_of_the_paper(kind: str, each: int, total: int) -> None:
    model = on_paper(temporal_module=kind)
    assert {count(m) for m in modules_of(model)} == {each}
    assert count(*modules_of(model)) == total  # 360, 54 and 103 M in the paper


def test_the_other_parts_have_the_counts_of_the_paper() -> None:
    model = on_paper()
    assert count(model.vit) == 86_579_712  # 86 M
    # 45 M in all.
    assert {count(encoder) for encoder in model.aligning} == {3_744_000} and len(
        model.aligning
    ) == 12
    assert [count(a) for a in model.adapters.blocks[3]] == [25_377, 25_361] and count(
        model.adapters
    ) == 608_856
    assert model.sizes[0].tokens == 257 and count(on_paper("clip_b").vit) == 85_799_424
    heads = [head.head for block in model.temporal for head in block]
    assert count(model.image_head, *heads) == 7_690_000
    assert count(on_paper(flow=False, aligning=False).adapters) == 608_856 - 12 * 16


def test_flow_in_the_first_and_last_block_alone_needs_a_sixth() -> None:
    for blocks in ("ends", (1, 12), [12, 1], "1,12"):
        model = on_paper(am_blocks=blocks)
        assert model.am_blocks == (0, 11) and len(model.aligning) == 2
        assert count(*modules_of(model)) == 59_990_016
        # Adapters stay everywhere, without the column for flow.
        assert count(model.adapters) == 608_856 - 10 * 16


def test_smarthome_has_flow_and_temporal_modules_in_two_blocks_of_twelve() -> None:
    row = recipe("am_flow_smarthome")
    assert on_paper(row.preset, **row.settings).am_blocks == (0, 11)  # Table 3's AM/2 (1, 12)
    assert "am_blocks" in available()["am_flow"].settings


@pytest.mark.parametrize("wrong", ["some", (0, 1), (13,), (), 5, "1,x"])
def test_blocks_that_do_not_exist_are_refused(wrong: object) -> None:
    with pytest.raises(BadInput, match="am_blocks"):
        on_paper(am_blocks=wrong)


def test_the_model_is_offered_and_wrong_settings_are_refused() -> None:
    assert set(available()["am_flow"].presets) == {"gesture", "dinov2_b", "clip_b", "hiera_b"}
    for wrong in (
        {"temporal_module": "gru"},
        {"am_mode": "none"},
        {"combine": "max"},
        {"tempo": 3},
        {"heads": 7},
        {"activation": "relu"},
        {"temporal_module": "transformer", "temporal_heads": 5},
    ):
        with pytest.raises(BadInput) as error:
            build("am_flow", **wrong)
        assert list(wrong)[-1] in str(error.value) and "\n" not in str(error.value)


def test_the_embedded_preset_fits_the_still_stage_and_the_size_limit() -> None:
    with torch.device("meta"):
        model, largest = build("am_flow"), build("am_flow", aligning=True)
        still = ViT(size=96, patch=16, width=160, depth=5, heads=5)
    assert {k: v.shape for k, v in model.vit.state_dict().items()} == {
        k: v.shape for k, v in still.state_dict().items()
    }
    assert 2 * count(largest) < 8e6  # bytes in half precision


# -- what trains


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"aligning": True, "temporal_module": "transformer"},
        {"adapter": "hyperformer", "temporal_module": "tcn"},
        {"combine": "voting", "image_output": "frozen"},
    ],
)
def test_only_the_backbone_is_frozen_and_gradients_reach_everything_else(settings: dict) -> None:
    assert all(
        p.requires_grad != name.startswith("vit.")
        for name, p in fresh(**settings).named_parameters()
    )
    model = net(**settings).train()
    model(clip()).square().sum().backward()
    reached = {
        name
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.abs().sum() > 0
    }
    expected = {name for name, _ in model.named_parameters() if not name.startswith("vit.")}
    if "image_output" in settings:  # then nothing reads what the last block's second adapter adds
        expected -= {f"adapters.blocks.1.1.{part}" for part in ("up.weight", "up.bias", "scale")}
    assert reached == expected


def test_from_scratch_trains_the_backbone_too() -> None:
    model = net(from_scratch=True)
    model(clip()).square().sum().backward()
    assert all(p.requires_grad and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("settings", [{}, {"aligning": True}, {"temporal_module": "transformer"}])
def test_training_and_evaluation_give_the_same_logits(settings: dict) -> None:
    model = net(**settings)
    with torch.no_grad():
        evaluated = model(clip())
    model.train()
    torch.testing.assert_close(model(clip()), evaluated)  # with gradients, so along another path
    torch.testing.assert_close(model(clip(), detail=True).logits, evaluated)


def test_a_step_of_training_leaves_the_backbone_untouched() -> None:
    model = net().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(clip()).square().sum().backward()
    optimiser.step()
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {k for k in before if not k.startswith("vit.")}


# -- the start


@torch.no_grad()
@pytest.mark.parametrize(
    "settings",
    [{}, {"aligning": True}, {"adapter": "hyperformer"}, {"layer_scale": True, "pre_norm": True}],
)
def test_step_0_equals_the_frozen_backbone(settings: dict) -> None:
    model, video = fresh(**settings), clip(2)
    out = model(video, detail=True)
    tokens = model.vit(of_frames(video)).unflatten(0, (2, T))
    torch.testing.assert_close(out.patches.flatten(2, 3), tokens[:, :, 1:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        out.outputs[-1], model.image_head(tokens[:, -1, 0]), atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_loading_an_image_model_takes_all_of_it_and_keeps_it_frozen() -> None:
    image = randomised(ViT(**BACKBONE).eval(), seed=9)
    model, video = fresh(), clip(1)
    model.load_image_model(image.state_dict() | {"side.weight": torch.zeros(3)})
    assert not any(p.requires_grad for p in model.vit.parameters())
    torch.testing.assert_close(
        model(video, detail=True).patches[0].flatten(1, 2),
        image(of_frames(video))[:, 1:],
        atol=1e-5,
        rtol=1e-5,
    )
    for other in ({"depth": 1}, {"depth": 3}, {"width": 25}, {"patch": 3}):
        with pytest.raises(BadInput, match="same width, depth"):
            model.load_image_model(ViT(**BACKBONE | other).state_dict())


@torch.no_grad()
@pytest.mark.parametrize("adapter", ["parallel", "hyperformer"])
def test_the_image_output_can_be_that_of_the_untouched_backbone(adapter: str) -> None:
    model, video = net(image_output="frozen", adapter=adapter), clip(2)
    out = model(video, detail=True)
    torch.testing.assert_close(out.outputs[-1], model.image_head(model.vit(video[:, :, -1])[:, 0]))
    assert difference(net(adapter=adapter)(video), out.logits) > 1e-3  # the adapted one is another
    with record(model) as attentions:
        model(video[:1])
    assert all(a.q.shape[0] == T for a in attentions), "the untouched pass is not recorded"


def test_one_hypernetwork_makes_different_weights_for_every_adapter() -> None:
    model = net(adapter="hyperformer")
    weights = [adapter for block in model.adapters() for adapter in block]
    assert [w.down.shape for w in weights] == 4 * [(BOTTLENECK, WIDTH + 1)]
    assert all(w.up.shape == (WIDTH, BOTTLENECK) for w in weights)
    for i, one in enumerate(weights):
        assert all(difference(one.up, other.up) > 1e-2 for other in weights[:i])
    start = fresh(adapter="hyperformer").adapters()[1][0]
    assert not start.up.any() and start.down.std().item() == pytest.approx(
        (3 * WIDTH) ** -0.5, rel=0.3
    )


@torch.no_grad()
@pytest.mark.parametrize("settings", [{}, {"flow": False}, {"am_blocks": (2,)}])
def test_a_hyperformer_is_a_parallel_model_with_the_weights_it_makes(settings: dict) -> None:
    hyper, parallel = net(adapter="hyperformer", **settings), net(**settings)
    parallel.load_state_dict(
        {k: v for k, v in hyper.state_dict().items() if not k.startswith("adapters.")}, strict=False
    )
    for made, block in zip(hyper.adapters(), parallel.adapters.blocks, strict=True):
        for weights, adapter in zip(made, block, strict=True):
            adapter.down.weight.copy_(weights.down[:, : adapter.down.in_features])
            for ours, theirs in (
                (adapter.down.bias, weights.down_bias),
                (adapter.up.weight, weights.up),
                (adapter.up.bias, weights.up_bias),
                (adapter.scale, weights.scale),
            ):
                ours.copy_(theirs)
    torch.testing.assert_close(hyper(clip()), parallel(clip()), atol=1e-5, rtol=1e-4)


# -- the outputs


@torch.no_grad()
@pytest.mark.parametrize("kind", MODULES)
def test_there_are_two_outputs_a_block_and_one_of_the_image_model(kind: str) -> None:
    model = net(temporal_module=kind)
    out = model(clip(), detail=True)
    assert isinstance(out, Output)
    assert len(out.outputs) == 2 * 2 + 1 and all(o.shape == (2, CLASSES) for o in out.outputs)
    assert out.patches.shape == (2, T, SIDE, SIDE, WIDTH) and [
        f.shape for f in out.am_flow
    ] == 2 * [(2, T - 1, TOKENS)]
    torch.testing.assert_close(out.logits, sum(out.outputs) / 5)
    torch.testing.assert_close(model(clip()), out.logits)
    assert all(
        difference(out.outputs[i], out.outputs[j]) > 1e-2 for i in range(5) for j in range(i)
    )


@torch.no_grad()
def test_the_paper_averages_25_outputs_and_the_smarthome_setting_5() -> None:
    tiny = SIZES | {"depth": 12, "temporal_width": 2, "bottleneck": 2}
    assert len(AMFlow(**tiny)(clip(1), detail=True).outputs) == 25
    ends = AMFlow(**tiny, am_blocks="ends")(clip(1), detail=True)
    assert len(ends.outputs) == 5 and len(ends.am_flow) == 2
    without = AMFlow(**tiny, flow=False)(clip(1), detail=True)
    assert len(without.outputs) == 25 and without.am_flow == ()


@torch.no_grad()
def test_combining_equal_outputs_gives_that_output() -> None:
    for combine in ("average", "voting"):
        model = fresh(combine=combine)
        for head in [model.image_head, *(head.head for block in model.temporal for head in block)]:
            head.weight.zero_()
            head.bias.copy_(torch.arange(CLASSES))
        torch.testing.assert_close(model(clip())[1], torch.arange(CLASSES).float())


@torch.no_grad()
def test_random_votes_are_fixed_weights_that_are_saved_and_never_train() -> None:
    model, other = fresh(combine="random"), fresh(combine="average")
    assert (
        count(model) == count(other)
        and "votes" in model.state_dict()
        and not model.votes.requires_grad
    )
    assert model.votes.std() > 0 and len(model.votes) == 5
    out = net(combine="random")
    detail = out(clip(), detail=True)
    torch.testing.assert_close(
        detail.logits, sum(w * o for w, o in zip(out.votes, detail.outputs, strict=True))
    )
    assert count(fresh(combine="voting")) == count(other) + 5


def test_each_sample_of_a_batch_is_on_its_own() -> None:
    model = net(aligning=True, temporal_module="transformer")
    with torch.no_grad():
        torch.testing.assert_close(model(clip(2))[1:], model(clip(2)[1:]), atol=1e-5, rtol=1e-4)


# -- what can be observed


@torch.no_grad()
@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("aligning", [False, True])
def test_recording_changes_nothing_and_finds_every_attention(kind: str, aligning: bool) -> None:
    model = net(temporal_module=kind, aligning=aligning)
    before = model(clip(1))
    with record(model) as attentions:
        assert torch.equal(model(clip(1)), before)
    names = (
        {"vit"}
        | ({"aligned"} if aligning else set())
        | ({"temporal.0", "temporal.1"} if kind == "transformer" else set())
    )
    assert {a.name for a in attentions} == names and len(attentions) == 2 * len(names)
    assert all({a.layer for a in attentions if a.name == name} == {0, 1} for name in names)
    assert all(a.grid == (T, SIDE, SIDE) for a in attentions)
    for attention in attentions:
        torch.testing.assert_close(attention.map().sum(-1), torch.ones(attention.map().shape[:-1]))
    assert attentions[0].name == "vit"


@torch.no_grad()
def test_time_attention_is_one_group_of_frames() -> None:
    with record(model := net(temporal_module="transformer")) as attentions:
        model(clip(1))
    time = [a for a in attentions if a.axis is Axis.TIME]
    assert [(a.name, a.layer) for a in time] == [
        ("temporal.0", 0),
        ("temporal.1", 0),
        ("temporal.0", 1),
        ("temporal.1", 1),
    ]
    assert time[0].map().shape == (1, T, T) and time[0].layout.queries.tolist() == [
        [0, SIDE * SIDE, 2 * SIDE * SIDE]
    ]
    heat = time[0].heat((1, 0, 0))
    assert (~heat.isnan()).nonzero().tolist() == [[t, 0, 0] for t in range(T)]


@pytest.mark.parametrize(
    "settings", [{}, {"aligning": True, "temporal_module": "tcn"}, {"image_output": "frozen"}]
)
def test_gradcam_reaches_the_last_norm_of_every_frame(settings: dict) -> None:
    from captum.attr import LayerGradCam

    model, passed = net(**settings), []
    handle = model.cam.register_forward_hook(lambda _, __, out: passed.append(out))
    with torch.no_grad():
        model(clip(1))
    handle.remove()
    assert len(passed) == 1 and passed[0].shape == (1, WIDTH, T, SIDE, SIDE)
    heat = LayerGradCam(model, model.cam).attribute(clip(1), target=4)
    assert heat.shape == (1, 1, T, SIDE, SIDE)
    assert (heat[0, 0].abs().sum((1, 2)) > 0).all()


@torch.no_grad()
def test_cam_holds_the_patch_tokens_after_the_last_blocks_first_norm() -> None:
    model, inside, passed = net(), [], []
    model.vit.blocks[-1].norm1.register_forward_hook(lambda _, __, out: inside.append(out))
    model.cam.register_forward_hook(lambda _, __, out: passed.append(out))
    model(clip(2))
    expected: Tensor = (
        inside[0].unflatten(0, (2, T))[:, :, 1:].unflatten(2, (SIDE, SIDE)).permute(0, 4, 1, 2, 3)
    )
    assert torch.equal(passed[0], expected)


@torch.no_grad()
def test_the_backbone_alone_interpolates_its_positions_and_keeps_the_class_tokens() -> None:
    vit = randomised(ViT(**BACKBONE).eval())
    same = vit.embed(clip(1)[:, :, 0])[0]
    x, grid = vit.embed(torch.zeros(1, 3, 28, 35))
    assert grid == (4, 5) and x.shape == (1, 21, WIDTH)
    torch.testing.assert_close(x[:, 0], same[:, 0])


@torch.no_grad()
@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, (3, 5)),
        ({"am_blocks": (1,)}, (1, 3)),
        ({"am_blocks": (2,)}, (3, 3)),
        ({"image_output": "frozen"}, (2, 5)),
    ],
)
def test_gradcam_sees_the_outputs_that_are_made_after_its_place(
    settings: dict, seen: tuple[int, int]
) -> None:
    model = net(**settings)
    before = model(clip(1), detail=True).outputs
    hook = model.cam.register_forward_hook(lambda _, given, patches: 2 * patches)
    after = model(clip(1), detail=True).outputs
    hook.remove()
    moved = sum(not torch.equal(b, a) for b, a in zip(before, after, strict=True))
    assert (moved, len(before)) == seen == model.cam_outputs
