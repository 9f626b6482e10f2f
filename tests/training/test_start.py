"""What a run begins with: an image model's weights are taken as those of a still stage are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from core.errors import BadInput
from core.models.vit import ViT
from core.world.gestures import DIRECTED, LABELS
from tests.training.tiny import RECIPE
from training.stages import Video

pytestmark = pytest.mark.usefixtures("tiny")


def stage(model: str) -> Video:
    torch.manual_seed(0)
    recipe = replace(RECIPE, model=model, order=0.0, directed=0.0, rank=1.0)
    return Video(recipe, LABELS, DIRECTED)


def image_model(**changes: Any) -> dict[str, Tensor]:
    """An ImageNet ViT as timm writes it: with a head for other classes."""
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"size": 24, "patch": 8, "width": 10, "depth": 2, "heads": 5}
    vit = ViT(**sizes | changes)
    for parameter in vit.parameters():
        torch.nn.init.normal_(parameter)
    return vit.state_dict() | {"head.weight": torch.ones(1000, 10), "head.bias": torch.ones(1000)}


@pytest.mark.parametrize("model", ["direcformer", "timesformer"])
def test_an_image_vit_starts_attention_over_time_as_that_over_space(model: str) -> None:
    weights, module = image_model(), stage(model)
    time_embed, head = module.model.time_embed.clone(), module.model.head.weight.clone()
    line = str(module.start_from({"model": weights}))
    ours = module.model.state_dict()
    for i in range(2):
        for part in ("qkv.weight", "qkv.bias", "proj.weight", "proj.bias"):
            spatial = weights[f"blocks.{i}.attn.{part}"]
            assert torch.equal(ours[f"blocks.{i}.attn.{part}"], spatial)
            assert torch.equal(ours[f"blocks.{i}.temporal_attn.{part}"], spatial)
        for part in ("weight", "bias"):
            norm = weights[f"blocks.{i}.norm1.{part}"]
            assert torch.equal(ours[f"blocks.{i}.temporal_norm1.{part}"], norm)
        assert not ours[f"blocks.{i}.temporal_fc.weight"].any()
    assert torch.equal(ours["time_embed"], time_embed) and torch.equal(ours["head.weight"], head)
    assert "copied from space to time (temporal_attn, temporal_norm1)" in line
    assert "in 2 blocks" in line and "not used" not in line


@pytest.mark.parametrize("model", ["am_flow", "rvit"])
def test_an_image_vit_starts_the_other_models_too(model: str) -> None:
    weights, module = image_model(), stage(model)
    line = str(module.start_from(weights))
    ours = getattr(module.model, "vit", module.model).state_dict()
    assert torch.equal(ours["blocks.1.mlp.fc1.weight"], weights["blocks.1.mlp.fc1.weight"])
    assert "copied" not in line
    assert ("not used of it: norm.weight, norm.bias" in line) == (model == "rvit")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer_scale": True}, "no place for its blocks.0.ls1.gamma"),
        ({"depth": 3}, "no place for its blocks.2"),
        ({"width": 20}, "of width 20"),
    ],
)
def test_an_image_model_that_would_start_as_another_network_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        stage("direcformer").start_from(image_model(**changes))
    lacking = image_model()
    del lacking["blocks.1.attn.qkv.bias"]
    with pytest.raises(BadInput, match=r"needs its blocks.1.attn.qkv.bias"):
        stage("direcformer").start_from(lacking)


def test_rvits_own_weights_are_no_image_model() -> None:
    weights = {k: v.clone() for k, v in stage("rvit").model.state_dict().items()}
    weights["blocks.0.attn.qkv_hidden.weight"].fill_(0.25)
    module = stage("rvit")
    assert "took" in str(module.start_from(weights))
    assert (module.model.state_dict()["blocks.0.attn.qkv_hidden.weight"] == 0.25).all()
