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
from html import escape
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.explain.attribute import own_network, side_by_side
from core.explain.trust.alike import mean_alike
from core.explain.trust.cascades import mean_cascades, words
from core.explain.trust.every_map import BASELINES
from core.explain.trust.over_clips import (
    FIRST_SEED,
    HIGHER_IS_BETTER,
    RANDOM,
    SET,
    Depth,
    Row,
    clip_row,
    means,
    numbers,
    row_of,
)
from core.explain.trust.truth_scores import MEANINGS
from core.runs import write_atomically
from core.weights import Model

ATTRIBUTIONS = ("saliency", "integrated_gradients", "occlusion")
TITLES = {
    **{"hand": "on the hand", "fingertip": "at the fingertip", "energy": "energy on the hand"},
    **{"auc": "ROC AUC", "precision": "average precision"},
    **{"deletion": "deletion", "insertion": "insertion"},
    **{"sensitivity": "sensitivity-n", "infidelity": "infidelity"},
}
MORE_MEANINGS = {
    "deletion": "Low: the class falls at once when the hottest places are taken away.",
    "insertion": "High: the hottest places alone bring the class back.",
    "sensitivity": "1: the heat of a set of places says how far the score falls without it.",
    "infidelity": "0: it says exactly how far. High: it does not.",
}


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
    out.mkdir(parents=True, exist_ok=True)
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


STYLE = """
:root { color-scheme: light dark; font: 16px system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
td.lost { opacity: 0.62; } td.won { font-weight: 650; } small { opacity: 0.75; }
"""


def page(result: dict[str, Any]) -> str:
    """The result as one HTML page that needs nothing else."""
    scores = [name for name in HIGHER_IS_BETTER if any(name in m for m in result["maps"].values())]
    head = "".join(f"<th>{escape(TITLES[name])}</th>" for name in scores)
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(_cell(name, own.get(score)) for score in scores)
        + "</tr>"
        for name, own in result["maps"].items()
    )
    meanings = "".join(
        f"<li><b>{escape(TITLES[name])}</b>: {escape((MEANINGS | MORE_MEANINGS)[name])}</li>"
        for name in scores
    )
    title = f"Can the maps of {result['model']} be trusted?"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1><p>{result['clips']} rendered clips whose "
        f"truth is known, weights {escape(str(result['weights']))}. Mean, and below it the middle "
        "95 % of means of clips drawn again. <b>Bold</b>: better than every baseline; pale: than "
        "not all. The hand was part of the training of the included models, so that they find it "
        "is no wonder.</p>"
        f"<table><thead><tr><th>map</th>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<ul>{meanings}</ul><p>Attention shows where the model looks from, not why it decides."
        "</p></html>"
    )


def _cell(name: str, score: dict[str, Any] | None) -> str:
    if score is None:
        return "<td>–</td>"
    lost = score["not beaten"]
    note = f' title="does not beat {escape(", ".join(lost))}"' if lost else ""
    kind = "" if name in (*BASELINES, RANDOM) else " class=lost" if lost else " class=won"
    return (
        f"<td{kind}{note}>{score['mean']:.2f}<br>"
        f"<small>{score['low']:.2f} to {score['high']:.2f}</small></td>"
    )
