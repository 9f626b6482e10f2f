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
