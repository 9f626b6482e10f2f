"""Tiny presets of every model, for runs of a few steps on 24 x 24 pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.draw.overlay import write_mp4
from core.models import spec
from training.data import Gestures
from training.recipes import Recipe

_SIZES: dict[str, Any] = {
    "classes": 10,
    "size": 24,
    "patch": 8,
    "frames": 8,
    "width": 10,
    "depth": 2,
    "heads": 5,
}
_FAR = _SIZES | {"width": 24, "heads": 3, "norm": "layer"}
TINY: dict[str, dict[str, Any]] = {
    "direcformer": _SIZES | {"time": "cosine", "space": "softmax"},
    "timesformer": _SIZES | {"time": "softmax", "space": "softmax", "order_head": False},
    "rvit": _SIZES | {"gate": "linear_norm", "positions": "first"},
    "am_flow": _SIZES | {"temporal_width": 7},
    "far": _FAR
    | {"attention": "hsda", "ratio": "2:1", "interaction": "before", "classifier": "group"},
    "videomae": _FAR | {"attention": "global", "interaction": "none", "classifier": "mean"},
}
STILLS, STEPS, BATCH = 6, 9, 2
RECIPE = Recipe(
    model="direcformer",
    preset="tiny",
    stills_clips=STILLS * BATCH,
    clips=STEPS * BATCH,
    batch=BATCH,
    warmup=2,
    workers=0,
    threads=1,
    checkpoint_seconds=0.0,
    permutations="random",
)
REAL = replace(RECIPE, data="folder", stills_clips=0)


def write_clips(root: Path, labels: tuple[str, ...], count: int, frames: int = 19) -> None:
    """Write `count` short videos of each label.

    A square of the label's own place runs over a random ground.
    """
    for i, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        for n in range(count):
            video = np.random.default_rng([i, n]).integers(0, 60, (frames, 24, 32, 3), np.uint8)
            for t, frame in enumerate(video):
                frame[6 * i : 6 * i + 6, t : t + 6] = 220
            write_mp4(root / label / f"{n}.mp4", video, 10)


_render = Gestures.__getitem__


@lru_cache(maxsize=1000)
def _rendered(index: int, **of: int) -> tuple:
    return _render(Gestures(**of), index)


def install(patch: Any) -> None:
    """Make the presets known, report every other step, and render each clip once for all tests."""
    patch.setattr(Gestures, "__getitem__", lambda self, index: _rendered(index, **vars(self)))
    for model, settings in TINY.items():
        patch.setitem(spec(model).presets, "tiny", settings)
    patch.setattr("training.fit.reporting", lambda steps: 2)


def rows(out: Path) -> list[dict[str, Any]]:
    """The reports, without what depends on the clock."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "clips_per_second"} for row in found]


def assert_alike(first: list[dict], second: list[dict], within: float = 1e-4) -> None:
    assert len(first) == len(second) > 1
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys() and a["stage"] == b["stage"]
        assert {k: v for k, v in a.items() if k != "stage"} == pytest.approx(
            {k: v for k, v in b.items() if k != "stage"}, abs=within
        )
    losses = [r["loss"] for r in first]
    assert max(losses) - min(losses) > 0.01, "something was learned"
