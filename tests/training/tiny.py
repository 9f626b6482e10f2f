"""Tiny presets of every model, for runs of a few steps on 24 x 24 pixels."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.models import spec
from training.data import Gestures
from training.recipes import Recipe

_SIZES: dict[str, Any] = {"classes": 10, "size": 24, "patch": 8, "frames": 8, "width": 10, "depth": 2, "heads": 5}
_FAR = _SIZES | {"width": 24, "heads": 3, "norm": "layer"}
TINY: dict[str, dict[str, Any]] = {
    "direcformer": _SIZES | {"time": "cosine", "space": "softmax"},
    "timesformer": _SIZES | {"time": "softmax", "space": "softmax", "order_head": False},
    "rvit": _SIZES | {"gate": "linear_norm", "positions": "first"},
    "am_flow": _SIZES | {"temporal_width": 7},
    "far": _FAR | {"attention": "hsda", "ratio": "2:1", "interaction": "before", "classifier": "group"},
    "videomae": _FAR | {"attention": "global", "interaction": "none", "classifier": "mean"},
}
STILLS, STEPS, BATCH = 6, 9, 2
RECIPE = Recipe(model="direcformer", preset="tiny", stills_clips=STILLS * BATCH, clips=STEPS * BATCH, batch=BATCH, warmup=2, workers=0,
                threads=1, checkpoint_seconds=0.0, permutations="random")


_render = Gestures.__getitem__


@lru_cache(maxsize=1000)
def _rendered(index: int, **of: int) -> tuple:
    return _render(Gestures(**of), index)


def install(patch: Any) -> None:
    """Make the presets known, report every other step, and render each clip once for all tests."""
    from training import loop

    patch.setattr(Gestures, "__getitem__", lambda self, index: _rendered(index, **vars(self)))
    for model, settings in TINY.items():
        patch.setitem(spec(model).presets, "tiny", settings)
    patch.setattr(loop, "REPORT_EVERY", 2)


def rows(out: Path) -> list[dict[str, Any]]:
    """The reports, without what depends on the clock."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "clips_per_second"} for row in found]
