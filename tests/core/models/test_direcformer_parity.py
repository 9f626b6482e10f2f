"""The TimeSformer setting gives the logits of transformers' TimeSformer.

It would not if anything were wrong.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.models import build
from core.models.direcformer import DirecFormer
from core.weights.files import load_public
from tests.core.models.nets import CLASSES, HEADS, SIDE, WIDTH, T, clip, difference, net, randomised


def public(**settings: object) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.TimesformerConfig(
        image_size=7 * SIDE,
        patch_size=7,
        num_frames=T,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        attention_type="divided_space_time",
        layer_norm_eps=1e-6,
        drop_path_rate=0,
        num_labels=CLASSES,
        **settings,
    )
    return randomised(transformers.TimesformerForVideoClassification(config).eval(), seed=3)


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    return public()


@torch.no_grad()
def public_logits(model: nn.Module, video: Tensor) -> Tensor:
    return model(video.transpose(1, 2).contiguous()).logits


def loaded(theirs: nn.Module, **settings: object) -> DirecFormer:
    ours = net(time="softmax", space="softmax", order_head=False, **settings)
    report = load_public(ours, theirs.state_dict())
    assert not report.missing and not report.unexpected and not report.mismatched
    assert set(report.loaded) == set(ours.state_dict())
    return ours


@torch.no_grad()
def test_timesformer_gives_the_logits_of_transformers(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    assert difference(ours(clip()), public_logits(theirs, clip())) < 1e-4
    assert difference(ours(clip(), detail=True).logits, public_logits(theirs, clip())) < 1e-4


@torch.no_grad()
def test_parity_holds_on_clips_of_another_kind(theirs: nn.Module) -> None:
    for video in (
        clip(1, seed=5),
        4 * clip(1, seed=6),
        clip(1)[:, :, :1].expand(-1, -1, T, -1, -1),
    ):
        assert difference(loaded(theirs)(video), public_logits(theirs, video)) < 1e-4


@torch.no_grad()
def test_parity_breaks_when_q_and_k_are_swapped(theirs: nn.Module) -> None:
    for part in ("temporal_attn", "attn"):
        ours = loaded(theirs)
        for block in ours.blocks:
            for parameter in getattr(block, part).qkv.parameters():
                q, k, v = parameter.chunk(3)
                parameter.copy_(torch.cat([k, q, v]))
        assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("heads", [1, 3, 6])
def test_parity_breaks_with_another_number_of_heads(theirs: nn.Module, heads: int) -> None:
    assert difference(loaded(theirs, heads=heads)(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("part", ["temporal_attn", "attn"])
def test_parity_breaks_when_attention_is_uniform(theirs: nn.Module, part: str) -> None:
    ours = loaded(theirs)
    for block in ours.blocks:
        for parameter in getattr(block, part).qkv.parameters():
            parameter[:WIDTH] = 0  # q = 0: every key gets the same weight
    assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
def test_parity_breaks_when_frames_or_locations_are_mixed_up(theirs: nn.Module) -> None:
    ours = loaded(theirs)
    assert difference(ours(clip().flip(2)), public_logits(theirs, clip())) > 1e-3
    assert difference(ours(clip().transpose(3, 4)), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("kinds", [("cosine", "softmax"), ("softmax", "cosine")])
def test_parity_breaks_with_another_kernel(theirs: nn.Module, kinds: tuple[str, str]) -> None:
    ours = net(time=kinds[0], space=kinds[1], order_head=False)
    load_public(ours, theirs.state_dict())
    assert difference(ours(clip()), public_logits(theirs, clip())) > 1e-3


@torch.no_grad()
@pytest.mark.long
def test_the_paper_preset_gives_the_logits_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.TimesformerConfig(num_frames=8, num_labels=174, drop_path_rate=0)
    assert (
        config.image_size,
        config.patch_size,
        config.num_hidden_layers,
        config.num_attention_heads,
    ) == (224, 16, 12, 12)
    torch.manual_seed(0)
    with torch.device("meta"):  # half of the time goes into starting weights that nobody wants
        theirs = transformers.TimesformerForVideoClassification(config).eval()
    theirs.to_empty(device="cpu")
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.03) if parameter.ndim > 1 else nn.init.normal_(
            parameter, mean=0.5, std=0.2
        )
    with torch.device("meta"):
        ours = build("timesformer", "b", classes=174)
    ours.to_empty(device="cpu")
    report = load_public(ours, theirs.state_dict())
    assert not report.missing and not report.unexpected and not report.mismatched
    video = clip(1, 8, 224)
    assert difference(ours(video), public_logits(theirs, video)) < 1e-4
