"""The image backbone gives what transformers' DINOv2, CLIP and ViT give.

It would not if anything were wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.models import build
from core.models.vit import ViT
from core.trace import record
from core.weights.public import load_public
from tests.core.models.am_flow_nets import backbone, fresh, of_frames
from tests.core.models.nets import HEADS, SIDE, WIDTH, T, clip, difference, randomised

OURS: dict[str, dict[str, Any]] = {
    "dinov2": {"layer_scale": True},
    "clip": {"pre_norm": True, "activation": "quick_gelu", "eps": 1e-5},
    "vit": {},
}
FAMILIES = tuple(OURS)


def public(family: str, **settings: object) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config, model, own = {
        "dinov2": (
            transformers.Dinov2Config,
            transformers.Dinov2Model,
            {"mlp_ratio": 4, "layer_norm_eps": 1e-6},
        ),
        "clip": (
            transformers.CLIPVisionConfig,
            transformers.CLIPVisionModel,
            {"intermediate_size": 4 * WIDTH},
        ),
        "vit": (
            transformers.ViTConfig,
            transformers.ViTModel,
            {"intermediate_size": 4 * WIDTH, "layer_norm_eps": 1e-6},
        ),
    }[family]
    sizes = {
        "image_size": 7 * SIDE,
        "patch_size": 7,
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
    }
    return randomised(
        model(config(**sizes | own | settings, attn_implementation="eager")).eval(), seed=3
    )


@pytest.fixture(scope="module")
def all_theirs() -> dict[str, nn.Module]:
    return {family: public(family) for family in FAMILIES}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def theirs(family: str, all_theirs: dict[str, nn.Module]) -> nn.Module:
    return all_theirs[family]


def images(seed: int = 1, size: int = 7 * SIDE) -> Tensor:
    return of_frames(clip(1, T, size, seed))


@torch.no_grad()
def public_tokens(model: nn.Module, batch: Tensor) -> Tensor:
    """Tokens after the final norm, which CLIP applies to the class token alone."""
    more = {} if "Dinov2" in type(model).__name__ else {"interpolate_pos_encoding": True}
    out = model(batch, **more)
    if not hasattr(model, "post_layernorm"):
        return out.last_hidden_state
    tokens = model.post_layernorm(out.last_hidden_state)
    torch.testing.assert_close(tokens[:, 0], out.pooler_output)
    return tokens


def loaded(family: str, theirs: nn.Module, **settings: object) -> ViT:
    ours = backbone(**OURS[family] | settings)
    report = load_public(ours, theirs.state_dict())
    assert (
        not report.missing
        and not report.mismatched
        and set(report.loaded) == set(ours.state_dict())
    )
    assert set(report.unexpected) <= {
        "embeddings.mask_token",
        "pooler.dense.weight",
        "pooler.dense.bias",
    }
    return ours


@torch.no_grad()
def test_the_backbone_gives_the_tokens_of_transformers(family: str, theirs: nn.Module) -> None:
    ours = loaded(family, theirs)
    for batch in (images(), 4 * images(5), images(6)[:1]):
        assert difference(ours(batch), public_tokens(theirs, batch)) < 1e-4


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(28, 28), (35, 14), (7, 63)])
def test_parity_holds_at_another_size_than_that_of_the_position_table(
    family: str, theirs: nn.Module, height: int, width: int
) -> None:
    batch = images(size=63)[..., :height, :width]
    assert difference(loaded(family, theirs)(batch), public_tokens(theirs, batch)) < 1e-4


def test_parity_holds_with_gradients(family: str, theirs: nn.Module) -> None:
    """Along the path that training takes, where the map is explicit."""
    batch = images().requires_grad_()
    assert (
        difference(loaded(family, theirs)(batch).detach(), public_tokens(theirs, batch.detach()))
        < 1e-4
    )


@torch.no_grad()
def test_recorded_rows_are_the_attention_of_transformers(family: str, theirs: nn.Module) -> None:
    ours = loaded(family, theirs)
    with record(ours) as recorded:
        ours(images())
    attentions = theirs(images(), output_attentions=True).attentions
    assert len(recorded) == len(attentions) == 2
    for attention, expected in zip(recorded, attentions, strict=True):
        assert attention.name == "vit"
        for head in range(HEADS):
            torch.testing.assert_close(attention.map(head), expected[:, head], atol=1e-5, rtol=1e-4)
        weights, _ = attention.rows((1, 2, 0), 3)
        torch.testing.assert_close(weights[0], expected[1, 3, 1 + 2 * SIDE], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            attention.heat("cls"),
            expected.mean(1)[:, 0, 1:].view(T, SIDE, SIDE),
            atol=1e-5,
            rtol=1e-4,
        )


@torch.no_grad()
def test_parity_breaks_when_q_and_k_are_swapped(family: str, theirs: nn.Module) -> None:
    ours = loaded(family, theirs)
    for block in ours.blocks:
        for parameter in block.attn.qkv.parameters():
            q, k, v = parameter.chunk(3)
            parameter.copy_(torch.cat([k, q, v]))
    assert difference(ours(images()), public_tokens(theirs, images())) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("heads", [1, 3, 6])
def test_parity_breaks_with_another_number_of_heads(
    family: str, theirs: nn.Module, heads: int
) -> None:
    assert (
        difference(loaded(family, theirs, heads=heads)(images()), public_tokens(theirs, images()))
        > 1e-3
    )


@torch.no_grad()
def test_parity_breaks_when_attention_is_uniform(family: str, theirs: nn.Module) -> None:
    ours = loaded(family, theirs)
    for block in ours.blocks:
        for parameter in block.attn.qkv.parameters():
            parameter[:WIDTH] = 0  # q = 0: every key gets the same weight
    assert difference(ours(images()), public_tokens(theirs, images())) > 1e-3


@torch.no_grad()
def test_parity_breaks_with_the_wrong_activation_or_without_layer_scale(
    all_theirs: dict[str, nn.Module],
) -> None:
    expected = public_tokens(all_theirs["clip"], images())
    assert (
        difference(loaded("clip", all_theirs["clip"], activation="gelu")(images()), expected) > 1e-3
    )
    plain = backbone()
    assert "blocks.0.ls1.gamma" in load_public(plain, all_theirs["dinov2"].state_dict()).unexpected
    assert difference(plain(images()), public_tokens(all_theirs["dinov2"], images())) > 1e-3


@torch.no_grad()
def test_am_flow_takes_the_same_files_into_its_backbone(family: str, theirs: nn.Module) -> None:
    model = fresh(**OURS[family])
    report = load_public(model, theirs.state_dict())
    assert not report.mismatched and not [
        name for name in report.missing if name.startswith("vit.")
    ]
    assert set(report.loaded) == {f"vit.{name}" for name in model.vit.state_dict()}
    video = clip(2)
    patches = model(video, detail=True).patches.flatten(2, 3).flatten(0, 1)
    assert difference(patches, public_tokens(theirs, of_frames(video))[:, 1:]) < 1e-4


@torch.no_grad()
@pytest.mark.parametrize(
    ("preset", "family", "settings"),
    [
        ("dinov2_b", "dinov2", {"image_size": 518, "patch_size": 14}),
        ("clip_b", "clip", {"image_size": 224, "patch_size": 16, "intermediate_size": 3072}),
    ],
)
def test_the_paper_presets_have_the_backbones_of_transformers(
    preset: str, family: str, settings: dict
) -> None:
    """At 224 pixels, which DINOv2's positions are interpolated to."""
    with torch.device("meta"):  # half of the time goes into starting weights that nobody wants
        theirs = public(
            family, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, **settings
        )
        model = build("am_flow", preset, temporal_module="tcn", aligning=False)
    theirs.to_empty(device="cpu")
    for name, parameter in theirs.named_parameters():
        if "norm" in name or "layrnorm" in name:
            nn.init.normal_(parameter, mean=1.0 if name.endswith("weight") else 0.0, std=0.1)
        else:
            nn.init.normal_(parameter, std=0.03 if parameter.ndim > 1 else 0.2)
    if family == "clip":
        theirs.embeddings.position_ids.copy_(torch.arange(197)[None])
    ours = model.vit.to_empty(device="cpu")
    report = load_public(ours, theirs.state_dict())
    assert (
        not report.missing
        and not report.mismatched
        and sum(p.numel() for p in ours.parameters()) in (86_579_712, 85_799_424)
    )
    batch = of_frames(clip(1, 1, 224))
    assert difference(ours(batch), public_tokens(theirs, batch)) < 1e-4


def test_the_tiny_backbones_differ_from_each_other() -> None:
    outs = [backbone(**OURS[family])(images()) for family in FAMILIES]
    assert all(difference(outs[i], outs[j]) > 1e-2 for i in range(3) for j in range(i))
