"""Fixtures that more than one test file uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CLIPS = Path(os.environ.get("AIM_CLIPS") or Path(__file__).parent.parent / ".." / "shared" / "clips").resolve()


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips; tests that need it are skipped where it is missing."""
    if not CLIPS.is_dir():
        pytest.skip(f"no folder of real clips at {CLIPS}: set AIM_CLIPS to it")
    return CLIPS


@pytest.fixture(scope="session")
def timesformer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random TimeSformer for three classes, laid out as the hub does it."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    names = ("jump", "run", "swim")
    config = transformers.TimesformerConfig(image_size=28, patch_size=7, num_frames=3, hidden_size=30, num_hidden_layers=2,
                                            num_attention_heads=5, intermediate_size=120, layer_norm_eps=0.02,
                                            id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
    folder = tmp_path_factory.mktemp("hub") / "tiny-timesformer"
    transformers.TimesformerForVideoClassification(config).save_pretrained(folder)
    return folder
