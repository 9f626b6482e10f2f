"""The domain check of the shipped models on real clips: gestures, and clips of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.explain import domain
from core.explain.scores import roc_auc
from core.observe import observe
from core.order import read
from core.order.trials import permutation_of
from core.weights import UNCALIBRATED, embedded, load, shipped

pytestmark = pytest.mark.long
OTHERS_INSIDE = {
    "direcformer": 1,
    "direcformer_cc": 3,
    "far": 3,
    "rvit": 4,
    "am_flow": 1,
    "videomae": 4,
}
"""Clips of anything else, of 28, that docs/checkpoints.md says a model takes for its own."""
ORDERS = 3


def real(clips: Path) -> Iterator[tuple[Path, bool]]:
    """Every real clip, and whether it is a gesture."""
    for folder in ("gestures", "demo", "odd"):
        files = (file for file in sorted((clips / folder).rglob("*")) if file.suffix != ".tsv")
        yield from ((file, folder == "gestures") for file in files if file.is_file())


@pytest.mark.parametrize("name", shipped())
def test_real_gestures_look_like_training_and_other_real_clips_do_not(
    name: str, clips: Path, record_property
) -> None:
    model = load(name)
    scores, inside, gestures = [], [], []
    for file, is_gesture in real(clips):
        where = domain(observe(model, model.read(file)))
        assert where is not None
        scores.append(where.score)
        inside.append(where.inside)
        gestures.append(is_gesture)
    is_inside, is_gesture = np.array(inside), np.array(gestures)
    auroc = roc_auc(np.array(scores), is_gesture)
    others, kept = int(is_inside[~is_gesture].sum()), is_inside[is_gesture].mean()
    words = f"AUROC {auroc:.3f}, gestures inside {100 * kept:.1f} %, others inside {others}"
    record_property("domain", words)
    print(f"{name}: {words} of {(~is_gesture).sum()}")
    assert is_gesture.sum() == 114 and (~is_gesture).sum() == 28
    assert auroc >= 0.95 and kept >= 0.91
    assert others <= OTHERS_INSIDE.get(name, 0)


def test_directions_called_known_are_right_on_real_gestures_and_none_is_elsewhere(
    clips: Path, record_property
) -> None:
    """DirecFormer alone has a direction that is ever called known."""
    thresholds = {name: load(name).card.direction_threshold for name in embedded()}
    assert [name for name, least in thresholds.items() if least < UNCALIBRATED] == ["direcformer"]
    model = load("direcformer")
    known, right, gestures, straight = [], [], [], []
    for file, is_gesture in real(clips):
        clip, name = model.read(file), f"{file.parent.name}/{file.name}"
        trace = observe(model, clip)
        for seed in range(ORDERS):
            reading = read(model, clip, permutation_of(name, len(clip), seed), trace=trace)
            known.append(reading.order.verdict == "known")
            right.append(reading.accuracy == reading.either_way)
            gestures.append(is_gesture)
            straight.append(file.parent.name in ("left", "right", "up", "down"))
    is_known, is_right = np.array(known), np.array(right)
    is_gesture, is_straight = np.array(gestures), np.array(straight)
    precision = is_right[is_known & is_gesture].mean()
    coverage = is_known[is_gesture].mean()
    elsewhere, undirected = is_known[~is_gesture].mean(), is_known[is_straight].mean()
    words = (
        f"known of real gestures {100 * coverage:.0f} %, right of these {100 * precision:.1f} %; "
        f"known of straight strokes {100 * undirected:.1f} %, elsewhere {100 * elsewhere:.1f} %"
    )
    record_property("known", words)
    print(words)
    assert precision >= 0.95 and coverage >= 0.5
    assert elsewhere <= 0.05 and undirected <= 0.05
