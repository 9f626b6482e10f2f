"""The TimeSformer setting gives the logits of transformers' TimeSformer, and would not if anything were wrong."""

from __future__ import annotations

from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from core.models import build
from core.models.direcformer import DirecFormer
from core.weights import load_public

M = TypeVar("M", bound=nn.Module)
T, SIDE, WIDTH, HEADS, CLASSES = 3, 3, 30, 5, 11
SIZES = {"classes": CLASSES, "size": 7 * SIDE, "patch": 7, "frames": T, "width": WIDTH, "depth": 2, "heads": HEADS, "order_classes": 13}


def net(seed: int = 0, **settings: object) -> DirecFormer:
    torch.manual_seed(seed)
    return randomised(DirecFormer(**SIZES | settings).eval(), seed)


def randomised(model: M, seed: int = 0) -> M:
    """Every parameter random and of a size that matters: norm gains near 1, nothing zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            gain = "norm" in name and name.endswith("weight")
            if gain:
                parameter.copy_(1 + 0.1 * noise)
            elif parameter.ndim >= 2 and "embed" not in name and "cls" not in name:
                parameter.copy_(noise * 1.5 * parameter[0].numel() ** -0.5)
            else:
                parameter.copy_(0.2 * noise)
    return model


def clip(batch: int = 2, frames: int = T, size: int = 7 * SIDE, seed: int = 1) -> Tensor:
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(seed))


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference relative to the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def public(**settings: object) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.TimesformerConfig(
        image_size=7 * SIDE, patch_size=7, num_frames=T, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH, attention_type="divided_space_time", layer_norm_eps=1e-6, drop_path_rate=0,
        num_labels=CLASSES, **settings)
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
    for video in (clip(1, seed=5), 4 * clip(1, seed=6), clip(1)[:, :, :1].expand(-1, -1, T, -1, -1)):
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
def test_the_paper_preset_gives_the_logits_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.TimesformerConfig(num_frames=8, num_labels=174, drop_path_rate=0)
    assert (config.image_size, config.patch_size, config.num_hidden_layers, config.num_attention_heads) == (224, 16, 12, 12)
    torch.manual_seed(0)
    with torch.device("meta"):  # half of the time goes into starting weights that nobody wants
        theirs = transformers.TimesformerForVideoClassification(config).eval()
    theirs.to_empty(device="cpu")
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.03) if parameter.ndim > 1 else nn.init.normal_(parameter, mean=0.5, std=0.2)
    with torch.device("meta"):
        ours = build("timesformer", "b", classes=174)
    ours.to_empty(device="cpu")
    report = load_public(ours, theirs.state_dict())
    assert not report.missing and not report.unexpected and not report.mismatched
    video = clip(1, 8, 224)
    assert difference(ours(video), public_logits(theirs, video)) < 1e-4
