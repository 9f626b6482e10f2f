"""Image models of transformers with random weights, saved as the hub lays them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.models.nets import randomised

WIDTH, HEADS, PATCH, SIDE = 30, 3, 7, 4
SIZE = SIDE * PATCH
"""Pixels of the tiny models' position tables."""
_TINY = {
    "image_size": SIZE,
    "patch_size": PATCH,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
}
_MLP = {"intermediate_size": 4 * WIDTH}
FAMILIES = ("dinov2", "clip", "vit")
REAL: dict[str, dict[str, Any]] = {
    "DINOv2-S": {"hidden_size": 384, "num_attention_heads": 6, "image_size": 518, "patch_size": 14},
    "DINOv2-B": {"hidden_size": 768, "image_size": 518, "patch_size": 14},
    "CLIP-B": {"hidden_size": 768, "patch_size": 16, "image_size": 224, "intermediate_size": 3072},
}
"""What the hub's config.json says of the checkpoints that the app names."""
FAMILY = {"DINOv2-S": "dinov2", "DINOv2-B": "dinov2", "CLIP-B": "clip"}


def public(family: str, tiny: bool = True, **settings: Any) -> nn.Module:
    """An image model of transformers, everything in it random, norms included."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(4)
    vision = (_TINY | ({} if family == "dinov2" else _MLP) if tiny else {}) | settings
    vision |= {"attn_implementation": "eager"}
    if family == "hiera":
        from tests.core.models.test_hiera import public as hiera

        return hiera()
    if family == "dinov2":
        model = transformers.Dinov2Model(transformers.Dinov2Config(**vision))
    elif family == "vit":
        model = transformers.ViTModel(transformers.ViTConfig(**vision))
    else:  # the whole of it, as the hub has it
        text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"intermediate_size": 8, "vocab_size": 9, "bos_token_id": 1, "eos_token_id": 2}
        config = transformers.CLIPConfig(text_config=text, vision_config=vision)
        config._attn_implementation = "eager"
        model = transformers.CLIPModel(config)
    return model.eval()


def saved(family: str, folder: Path, trained: bool = True, size: int | None = None) -> nn.Module:
    """The tiny model of a family in a folder, with or without signs of training.

    `size` is what a preprocessor_config.json beside it says of the picture.
    """
    model = public(family)
    if trained:
        randomised(model, seed=3)
    save(model, folder, size)
    return model


def save(model: nn.Module, folder: Path, size: int | None = None) -> None:
    """A model as the hub lays it out."""
    model.save_pretrained(folder)
    if size is not None:
        crop = {"height": size, "width": size}
        (folder / "preprocessor_config.json").write_text(json.dumps({"crop_size": crop}))


def looking(model: nn.Module) -> nn.Module:
    """The part of a model that looks at pictures."""
    return getattr(model, "vision_model", model)
