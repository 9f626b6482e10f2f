"""The scores of a model's maps over many rendered clips, as files: rows, figures and a page.

A run can be killed and started again: clips that are there are not measured again.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.draw.trust_html import page
from core.errors import BadInput
from core.explain.attribute import own_network, side_by_side
from core.explain.trust.alike import mean_alike
from core.explain.trust.cascades import mean_cascades, words
from core.explain.trust.over_clips import (
    FIRST_SEED,
    SET,
    Depth,
    Row,
    clip_row,
    means,
    numbers,
    row_of,
)
from core.runs import check_writable, write_atomically
from core.weights import Model

ATTRIBUTIONS = ("saliency", "integrated_gradients", "occlusion")
ATTRIBUTIONS = ("saliency", "integrated_gradients", "occlusion")


def trust(
    model: Model,
    out: Path,
    *,
    clips: int = 200,
    faithful: int = 20,
    attributed: int = 10,
    randomised: int = 5,
    seed: int = 0,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Score every map of a model on rendered clips, and write rows.jsonl, trust.json, report.html.

    The first `faithful` clips are measured by deletion and insertion too, the first `attributed`
    get the attributions, and the maps of the first `randomised` are compared with those of random
    weights, all of which takes many passes. Sets of other seeds share no clip. Clips are worked on
    side by side, one on each of torch's threads; `progress` is told how many are done.

    Raises: BadInput for a model of other classes than the ten strokes, or a folder of another run.
    """
    model.card.check_names_classes()
    if set(model.card.labels) != set(_strokes()):
        raise BadInput(
            f"the truth is known of the ten rendered strokes alone, and {model.card.model} here "
            "has other classes; choose an included model or one that was trained on them"
        )
    check_writable(out)
    about = {
        "model": model.card.model,
        "weights": model.card.hash,
        "seed": seed,
        "first seed": FIRST_SEED + seed * SET,
        "faithful": faithful,
        "attributed": attributed,
        "randomised": randomised,
    }
    rows = _rows(out, about)
    own = threading.local()

    def measured(number: int) -> Row:
        if not hasattr(own, "model"):  # a pass holds the lock of its network
            own.model = replace(model, net=own_network(model), lock=threading.RLock())
        attributions = ATTRIBUTIONS if number < attributed else ()
        depth = Depth(number < faithful, attributions, number < randomised)
        return clip_row(own.model, seed * SET + number, depth)

    with closing(side_by_side(measured, range(len(rows), clips))) as more:
        for row in more:
            rows.append(row)
            with open(out / "rows.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row.line) + "\n")
            progress(len(rows))
    result = about | summed(rows[:clips])
    _write(out / "trust.json", json.dumps(result, indent=1))
    _write(out / "report.html", page(result))
    return result


def summed(rows: Sequence[Row]) -> dict[str, Any]:
    """Of all clips: each map's scores, how alike the maps are, and what random weights keep."""
    together = mean_alike([row.alike for row in rows])
    kept = mean_cascades([row.kept for row in rows if row.kept])
    return {
        "clips": len(rows),
        "maps": numbers(means([row.scores for row in rows])),
        "rank correlations": {
            "maps": list(together.names),
            "matrix": [
                [None if math.isnan(value) else round(value, 3) for value in line]
                for line in together.matrix.tolist()
            ],
        },
        "sanity": {
            name: {
                "kept": {step: round(value, 3) for step, value in steps.items()},
                "words": words(steps),
            }
            for name, steps in kept.items()
        },
    }


def _strokes() -> tuple[str, ...]:
    from core.world.gestures import LABELS

    return LABELS


def _rows(out: Path, about: dict[str, Any]) -> list[Row]:
    """The rows of an earlier run of the same settings, without one that a kill cut short.

    Raises: BadInput if the folder holds the rows of other settings.
    """
    settings, rows = out / "settings.json", out / "rows.jsonl"
    if settings.exists() and json.loads(settings.read_text()) != about:
        raise BadInput(
            f"{out} holds scores of another model, weights or settings; choose another folder"
        )
    _write(settings, json.dumps(about))
    if not rows.exists():
        return []
    lines = rows.read_text(encoding="utf-8").split("\n")
    whole_lines = lines[:-1]  # what follows the last line break was cut short
    _write(rows, "".join(f"{line}\n" for line in whole_lines))
    return [row_of(json.loads(line)) for line in whole_lines]


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
