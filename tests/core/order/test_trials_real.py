"""The shipped models on the real gesture clips.

What directed attention knows, and neither softmax nor pixels do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.order.trials import permutation_of, shuffle_model, shuffle_pixels
from core.video import decode
from core.weights import load


@pytest.mark.long
def test_directed_attention_orders_real_gestures_softmax_does_not_and_pixels_only_up_to_direction(
    clips: Path,
) -> None:
    files = sorted((clips / "gestures").rglob("*.mp4"))
    loaded = {name: load(name) for name in ("direcformer", "timesformer")}
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in (*loaded, "pixels")}
    for file in files:
        clip = decode(file, frames=8)
        permutation = permutation_of(f"{file.parent.name}/{file.name}", 8, 0)[None]
        found = {name: shuffle_model(model, clip, permutation) for name, model in loaded.items()}
        for name, of_clip in (found | {"pixels": shuffle_pixels(clip, permutation)}).items():
            scores[name].append((of_clip.mean, float(of_clip.either_way.mean())))
    order, either = (
        {name: np.mean(values, 0)[i] for name, values in scores.items()} for i in (0, 1)
    )
    assert len(files) >= 100
    assert order["direcformer"] >= order["timesformer"] + 20, order
    assert either["direcformer"] > 80.9, either
    assert (
        either["pixels"] > either["timesformer"] + 20
        and order["pixels"] < order["direcformer"] - 10
    )
