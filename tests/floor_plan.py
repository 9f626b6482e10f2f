"""Draw docs/pictures/architecture.svg, the floors and four ways through them.

Run it as `python -m tests.floor_plan`. Time runs to the right within each way; a dot is a step, on
the floor that does it. The colours follow the reader's light or dark scheme.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).parents[1] / "docs" / "pictures" / "architecture.svg"


class Floor(NamedTuple):
    """A row of the picture."""

    name: str
    sentence: str


FLOORS = (
    Floor("assets/", "the viewers, in the browser"),
    Floor("app.py, pages/", "what a visitor sees; thin"),
    Floor("training/", "recipes, data sets, the loop"),
    Floor("cli", "the command line, nothing else"),
    Floor("draw", "figures, payloads, files"),
    Floor("order", "a matrix becomes an order"),
    Floor("explain", "one pass as maps and scores"),
    Floor("observe", "a model meets a clip"),
    Floor("weights", "a network and its card"),
    Floor("models", "one paper, one file"),
    Floor("world", "clips whose truth is known"),
    Floor("trace", "attention, offered and kept"),
    Floor("video", "a file becomes a clip"),
    Floor("runs", "what a run folder holds"),
    Floor("errors", "the one error"),
)
OUTSIDE = 3  # floors above core


class Way(NamedTuple):
    """What travels, and the floor of each step."""

    name: str
    steps: tuple[str, ...]


WAYS = (
    Way(
        "a clip",
        (
            "app.py, pages/",
            "weights",
            "video",
            "observe",
            "models",
            "trace",
            "observe",
            "explain",
            "draw",
            "app.py, pages/",
        ),
    ),
    Way("a permutation", ("order", "video", "observe", "explain", "order", "draw")),
    Way("a training batch", ("training/", "world", "training/", "models", "training/", "runs")),
    Way("the viewer's bytes", ("explain", "draw", "app.py, pages/", "assets/", "app.py, pages/")),
)

ROW, TOP, LEFT, NAMES, STEP, GAP = 38, 56, 16, 372, 26, 34
STYLE = """
svg { --ink: #15181e; --soft: #5b6270; --line: #d4d7dd; --room: #f3f4f6; --paper: #ffffff;
  --way0: #a93a1b; --way1: #1f6fb2; --way2: #2e7d4f; --way3: #8a4fb0; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #f2f4f8; --soft: #a9b0bd; --line: #39414f; --room: #1a202a; --paper: #0f1319;
    --way0: #f0764f; --way1: #6cb2ea; --way2: #6cc794; --way3: #c795e6; }
}
text { font: 14px system-ui, sans-serif; fill: var(--ink); }
.soft { fill: var(--soft); font-size: 13px; }
.bold { font-weight: 650; }
.number { font-size: 11px; fill: var(--paper); text-anchor: middle; font-weight: 700; }
"""


def middle(floor: str) -> int:
    """The height of a floor's middle, in pixels from the top."""
    number = [row.name for row in FLOORS].index(floor)
    beside = 14 if number >= OUTSIDE else 0
    return TOP + number * ROW + ROW // 2 + beside


def floors(width: int) -> list[str]:
    lines = []
    for floor in FLOORS:
        y = middle(floor.name)
        lines += [
            f'<rect x="{LEFT}" y="{y - 16}" width="{NAMES - 24}" height="32" rx="6" '
            'fill="var(--room)" stroke="var(--line)"/>',
            f'<path d="M{NAMES} {y}H{width - 16}" stroke="var(--line)" stroke-dasharray="2 4"/>',
            f'<text class="bold" x="{LEFT + 12}" y="{y + 5}">{escape(floor.name)}</text>',
            f'<text class="soft" x="{LEFT + 136}" y="{y + 5}">{escape(floor.sentence)}</text>',
        ]
    y = middle(FLOORS[OUTSIDE].name) - 21
    lines.append(f'<path d="M{LEFT} {y}H{width - 16}" stroke="var(--soft)"/>')
    return lines


def way(number: int, left: int) -> list[str]:
    name, steps = WAYS[number]
    colour = f"var(--way{number})"
    points = [(left + STEP * i, middle(step)) for i, step in enumerate(steps)]
    path = " ".join(f"{x},{y}" for x, y in points)
    lines = [
        f'<text class="bold" x="{left - 8}" y="32" style="fill:{colour}">{escape(name)}</text>',
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>',
    ]
    for i, (x, y) in enumerate(points, 1):
        lines += [
            f'<circle cx="{x}" cy="{y}" r="10" fill="{colour}"/>',
            f'<text class="number" x="{x}" y="{y + 4}">{i}</text>',
        ]
    return lines


def picture() -> str:
    lefts, left = [], NAMES + 20
    for name, steps in WAYS:
        lefts.append(left)
        left += max(STEP * (len(steps) - 1), 8 * len(name) - GAP // 2) + GAP
    width, height = left, middle(FLOORS[-1].name) + 32
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        "<title>The floors of the code, and the ways of a clip, a permutation, a training batch "
        "and the viewer's bytes</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="10" fill="var(--paper)"/>',
        f'<text class="soft" x="{LEFT}" y="32">imports go down, never up</text>',
        *floors(width),
        *(line for number, x in enumerate(lefts) for line in way(number, x)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(picture(), encoding="utf-8")
