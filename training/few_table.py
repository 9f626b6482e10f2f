"""How well a few clips of strokes that no shipped model has seen are learned, as a curve.

Head-only is the ridge regression of `core.explain.few_shot`; tuned is the whole network, which
learns from all of the few clips for STEPS steps. Every figure is top-1 on the same rendered clips.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.explain.few_shot import example_features
from core.video import cropped
from core.weights import Card, embedded, load
from core.world.gestures import UNSEEN, render
from training.few_shot import Example, Few, Tuning, head_of, right_of

COUNTS = (1, 3, 5, 10)
"""Clips of each stroke that are learned from."""
STEPS = 120
"""Of the whole network: about what two idle cores do in 90 seconds."""
TUNED = ("direcformer", "rvit")
"""The models whose whole network learns too; a point of the curve takes minutes."""
_LEARNED, _TESTED = 940_000_000_000_000, 941_000_000_000_000
_SIZE = (120, 160)
_FINER = 4
"""Frames of a clip that is learned from, in units of those that a model takes."""


def rows() -> list[str]:
    """Each model and each way to learn: those of which the whole network learns too, first."""
    others = [name for name in embedded() if name not in TUNED]
    both = [f"{name}, {way}" for name in TUNED for way in ("head", "tuned")]
    return both + [f"{name}, head" for name in others]


def curve(row: str, seed: int, test_clips: int, threads: int) -> dict[str, Any]:
    """Top-1 in percent on `test_clips` clips of the unseen strokes, after COUNTS of each.

    The keys of `rendered` are `few_N`. Another seed draws other clips to learn from.
    """
    name, _, way = row.partition(", ")
    model = load(name)
    tested = examples(model.card, test_clips // len(UNSEEN), _TESTED, 1)
    figures: dict[str, float] = {"clips": len(tested)}
    if way == "head":
        features = [example_features(model, example.frames, 0) for example in tested]
        inputs = np.stack([np.concatenate(blocks, 1)[0] for blocks in features])
        truth = np.array([example.label for example in tested])
    for count in COUNTS:
        few = examples(model.card, count, _LEARNED + 1000 * seed, _FINER)
        student, head = head_of(model, UNSEEN, few)
        if way == "head":
            answers = (inputs @ head.weight.T + head.bias).argmax(1)
            right = int((answers == truth).sum())
        else:
            tuned = Tuning(student, few, Few(seed=seed, steps=STEPS, threads=threads)).run()
            right = right_of(tuned, tested)
        figures[f"few_{count}"] = round(100 * right / len(tested), 2)
    return {"weights": model.card.hash, "rendered": figures}


def examples(card: Card, count: int, first_seed: int, finer: int) -> list[Example]:
    """`count` rendered clips of each unseen stroke, of `finer` times the frames of a model."""
    rendered = []
    for label, stroke in enumerate(UNSEEN):
        for seed in range(first_seed, first_seed + count):
            gesture = render(stroke, seed, frames=finer * card.frames, size=_SIZE)
            frames = cropped(gesture.frames, card.crop, card.size)
            rendered.append(Example(f"{stroke}:{seed}", label, frames))
    return rendered
