"""Fixtures of the training tests: tiny presets, and one run that nothing disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.tiny import RECIPE, install, write_clips
from training.fit import fit


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny presets, and the thread count put back."""
    install(monkeypatch)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five videos of each of three labels."""
    root = tmp_path_factory.mktemp("data")
    write_clips(root, ("clap", "tap left", "tap right"), 5)
    return root


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        fit(RECIPE, "tiny", out)
    torch.set_num_threads(threads)
    return out
