"""The scores of a model's maps over a set of clips as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from core.draw.lettering import ink, number
from core.draw.overlay import diverging_lut
from core.draw.style import ACCENT, GREY
from core.draw.trust_figures import PALE
from core.draw.trust_set import alike_matrix, alike_names, best_baseline, kept_rows, kind_of
from core.draw.trust_set import in_words as sentences
from core.explain.trust.every_map import BASELINES
from core.explain.trust.over_clips import HIGHER_IS_BETTER, RANDOM
from core.explain.trust.truth_scores import MEANINGS

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


STYLE = """
:root { color-scheme: light dark; font: 16px system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
table.cells td { min-width: 2.4rem; padding: 0.3rem; text-align: center; border: 0; }
table.cells th { font-weight: 400; text-align: left; vertical-align: bottom; padding: 0.3rem; }
table.cells thead th { writing-mode: vertical-rl; transform: rotate(180deg); }
table.cells thead th:first-child { writing-mode: initial; }
svg text { fill: currentColor; font: 13px system-ui, sans-serif; }
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
    plots = "".join(
        f"<figure><figcaption>{escape(TITLES[score])}</figcaption>{_dots(result, score)}</figure>"
        for score in scores
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
        f"<ul>{meanings}</ul><h2>With intervals</h2><p>The dotted line is the best of the "
        f"baselines, which are grey.</p><div class=plots>{plots}</div>"
        f"{_alike(result)}{_kept(result)}<p>Attention shows where the model looks from, not why "
        "it decides.</p></html>"
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


COLOURS = {"won": ACCENT, "lost": PALE, "baseline": GREY}
NAME, WIDE, ROW = 260, 260, 18
"""Pixels of a plot: the names of maps, the scale, and the height of a map."""


def _dots(result: dict[str, Any], score: str) -> str:
    """A dot with its interval for each map that has the score, as SVG."""
    maps = {name: own[score] for name, own in result["maps"].items() if score in own}
    low = min(0.0, *(own["low"] for own in maps.values()))
    high = max(own["high"] for own in maps.values()) or 1.0

    def x(value: float) -> float:
        return round(NAME + WIDE * (value - low) / (high - low), 1)

    height = ROW * len(maps) + ROW
    parts = [f"<svg width={NAME + WIDE + 20} height={height} role=img>"]
    best = best_baseline(score, result["maps"])
    if best is not None:
        parts.append(
            f"<line x1={x(best)} x2={x(best)} y1=0 y2={height - ROW} stroke='{GREY}' "
            "stroke-dasharray='3 3' stroke-width=2 />"
        )
    for row, (name, own) in enumerate(maps.items()):
        y = ROW * row + ROW / 2
        colour = COLOURS[kind_of(name, own)]
        parts.append(
            f"<text x={NAME - 12} y={y + 4} text-anchor=end>{escape(name)}</text>"
            f"<line x1={x(own['low'])} x2={x(own['high'])} y1={y} y2={y} stroke='{colour}' "
            f"stroke-width=3 /><circle cx={x(own['mean'])} cy={y} r=4.5 fill='{colour}' />"
        )
    for value in (low, high):
        shown = number(value, ".2f")
        parts.append(f"<text x={x(value)} y={height - 3} text-anchor=middle>{shown}</text>")
    return "".join([*parts, "</svg>"])


def _alike(result: dict[str, Any]) -> str:
    """The rank correlations of the maps, and what came out in sentences."""
    names = alike_names(result)
    cells = _cells(alike_matrix(result, names), names, names)
    items = "".join(f"<li>{escape(each)}</li>" for each in sentences(result))
    return (
        f"<h2>How alike the maps are</h2><p>Spearman's rank correlation, mean over clips.</p>"
        f"{cells}<h2>In words</h2><ul>{items}</ul>"
    )


def _kept(result: dict[str, Any]) -> str:
    """What random weights, another class and another clip leave of each map."""
    if not result["sanity"]:
        return ""
    rows, steps, matrix = kept_rows(result)
    return (
        "<h2>What random weights leave</h2><p>Rank correlation with the original map. Weights "
        "become random from the head down, each column with those before it; then the map for "
        f"another class, and that of another clip.</p>{_cells(matrix, rows, steps)}"
    )


def _cells(matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """Correlations as a table of coloured cells."""
    lut = diverging_lut()
    lines = []
    for name, values in zip(rows, matrix, strict=True):
        cells = []
        for value in values:
            if np.isnan(value):
                cells.append("<td>–</td>")
                continue
            colour = lut[round(255 * (float(value) + 1) / 2)]
            red, green, blue = (int(channel) / 255 for channel in colour)
            style = f"background:rgb({','.join(map(str, colour))});color:{ink((red, green, blue))}"
            cells.append(f'<td style="{style}">{number(round(float(value), 2) + 0.0, ".2f")}</td>')
        lines.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    return (
        f"<table class=cells><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
