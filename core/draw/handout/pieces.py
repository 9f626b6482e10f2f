"""Figures of a page to take home that need no script: bars, matrices, rows of pictures, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

import numpy as np

from core.draw.overlay import coloured
from core.draw.steps import Scale
from core.draw.style import picture

CELL = 44
"""Units of a drawn cell's side."""
MARGIN = 30
WIDE = 240
"""Pixels of a picture in a row."""


def caption(text: str) -> str:
    return f'<p class="ho-soft">{escape(text)}</p>'


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: float = 1.0) -> str:
    """A row for each label and a bar in it for each series, of values 0..`unit`, in percent."""
    key = ""
    if len(series) > 1:
        names = (
            f'<span class="ho-key ho-key-{i}">{escape(n)}</span>' for i, n in enumerate(series)
        )
        key = f'<p class="le-key">{" ".join(names)}</p>'
    rows = "".join(
        f"<dt>{escape(label)}</dt><dd>"
        + "".join(_bar(values[place] / unit, i) for i, values in enumerate(series.values()))
        + "</dd>"
        for place, label in enumerate(labels)
    )
    return f'{key}<dl class="le-bars">{rows}</dl>'


def _bar(share: float, number: int) -> str:
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="ho-dot-{number} le-fill" width="{width:.3f}" height="1"/></svg>'
        f"<span>{100 * share:.1f} %</span>"
    )


def matrix(title: str, weights: np.ndarray, scale: Scale, path: Sequence[int]) -> str:
    """A matrix from slot to slot, the steps of a path through it outlined and counted."""
    T, side = len(weights), MARGIN + CELL * len(weights)
    colours = np.array(scale.data()["colours"]).reshape(256, 3)
    level = np.clip((weights - scale.low) / (scale.high - scale.low), 0, 1)
    nodes = []
    for t, u in np.ndindex(T, T):
        if t == u:
            continue
        red, green, blue = colours[round(255 * float(level[t, u]))]
        nodes.append(
            f'<rect x="{MARGIN + CELL * u}" y="{MARGIN + CELL * t}" width="{CELL - 1}" '
            f'height="{CELL - 1}" fill="rgb({red},{green},{blue})">'
            f"<title>slot {t + 1} → slot {u + 1}: {weights[t, u]:.4f}</title></rect>"
        )
    for step, (t, u) in enumerate(pairwise(path), 1):
        x, y = MARGIN + CELL * u, MARGIN + CELL * t
        nodes.append(
            f'<rect class="le-step" x="{x + 2}" y="{y + 2}" width="{CELL - 5}" '
            f'height="{CELL - 5}"/><text class="le-count" x="{x + CELL / 2}" '
            f'y="{y + CELL / 2 + 5}">{step}</text>'
        )
    for i in range(T):
        middle = MARGIN + CELL * i + CELL / 2
        nodes += [
            f'<text class="le-slot" x="{middle}" y="{MARGIN - 10}">{i + 1}</text>',
            f'<text class="le-slot" x="{MARGIN - 14}" y="{middle + 5}">{i + 1}</text>',
        ]
    return (
        f'<figure class="le-matrix"><figcaption><strong>{escape(title)}</strong></figcaption>'
        f'<svg viewBox="0 0 {side} {side}" role="img" aria-label="{escape(title)}">'
        f"{''.join(nodes)}</svg></figure>"
    )


def shares(rows: Sequence[str], columns: Sequence[str], values: np.ndarray) -> str:
    """A table of shares 0..1 as coloured cells with their percentage."""
    words = [[f"{100 * share:.0f}" for share in row] for row in values]
    about = f"{', '.join(rows)}: percent of each class"
    return _cells(rows, columns, words, coloured(values, signed=False), values > 0.6, about)


def likeness(names: Sequence[str], values: np.ndarray) -> str:
    """A table of correlations -1..1 of each two of these, as coloured cells with two digits."""
    words = [[f"{value:.2f}".replace("-", "−") for value in row] for row in values]
    colours = coloured((values + 1) / 2, signed=True)
    about = f"how alike are {', '.join(names)}"
    return _cells(names, names, words, colours, np.abs(values) < 0.5, about, wide=130)


def _cells(
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]],
    colours: np.ndarray,
    light: np.ndarray,
    about: str,
    wide: int = 74,
) -> str:
    """A table of cells with words in them, dark ones where the ground is `light`."""
    left = 1.5 * wide
    size = left + wide * len(columns), MARGIN + CELL * len(rows)
    nodes = [
        f'<text class="le-slot" x="{left + wide * (j + 0.5)}" y="{MARGIN - 10}">'
        f"{escape(name)}</text>"
        for j, name in enumerate(columns)
    ]
    for i, name in enumerate(rows):
        y = MARGIN + CELL * i
        nodes.append(f'<text class="le-row" x="0" y="{y + CELL / 2 + 5}">{escape(name)}</text>')
        for j in range(len(columns)):
            red, green, blue = colours[i, j]
            ink = "le-cell le-on-light" if light[i, j] else "le-cell"
            nodes.append(
                f'<rect x="{left + wide * j}" y="{y}" width="{wide - 1}" height="{CELL - 1}" '
                f'fill="rgb({red},{green},{blue})"/><text class="{ink}" '
                f'x="{left + wide * (j + 0.5)}" y="{y + CELL / 2 + 5}">{words[i][j]}</text>'
            )
    return (
        f'<svg class="le-shares" viewBox="0 0 {size[0]} {size[1]}" role="img" '
        f'aria-label="{escape(about)}">{"".join(nodes)}</svg>'
    )


def pictures(title: str, frames: np.ndarray, captions: Sequence[str]) -> str:
    """Frames side by side."""
    cells = "".join(
        f'<figure><img src="{picture(frame, WIDE)}" alt="{escape(f"{title}, {text}")}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
        for frame, text in zip(frames, captions, strict=True)
    )
    return f'<h3>{escape(title)}</h3><div class="le-pictures">{cells}</div>'
