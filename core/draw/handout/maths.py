"""Text with equations as HTML that needs no script, no font and no network to be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

import numpy as np

EQUATION = re.compile(r"\$([^$]+)\$")
MARKUP = (
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
    (re.compile(r"`(.+?)`"), r"<code>\1</code>"),
    (re.compile(r"\[(.+?)\]\([^)]*\)"), r"\1"),  # a place of the app, which a file cannot reach
)
SIZE = 100
"""Units of a drawn equation to one em."""
FOR_MATHTEXT = (
    (re.compile(r"\\[lr]Vert\b"), r"\\Vert "),
    (re.compile(r"\\sqrt\s*(\w)"), r"\\sqrt{\1}"),  # it wants braces where TeX needs none
)
"""What mathtext does not know, as it knows it."""
PATHS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
"""Codes of matplotlib.path.Path as letters of SVG."""
POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3, "Z": 1}


@dataclass
class Writer:
    """Turns Markdown with TeX into HTML, and keeps the styles that its equations need.

    A policy that allows one style sheet alone forbids styles on the nodes themselves.
    """

    rules: list[str] = field(default_factory=list)

    @property
    def style(self) -> str:
        """A style sheet with the size and the base line of every equation."""
        return "\n".join(self.rules)

    def html(self, text: str) -> str:
        """Paragraphs with bold, italic, code and equations; links become their words."""
        paragraphs = [self.line(part) for part in re.split(r"\n\s*\n", text.strip())]
        return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)

    def line(self, text: str) -> str:
        """The same of a single line."""
        pieces = EQUATION.split(" ".join(text.split()))
        return "".join(
            self.equation(piece) if number % 2 else _marked_up(piece)
            for number, piece in enumerate(pieces)
        )

    def equation(self, tex: str) -> str:
        """An equation drawn by matplotlib's mathtext, in the colour of the words around it.

        Raises: ValueError for TeX that mathtext does not know.
        """
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import TextPath

        known = tex
        for pattern, replacement in FOR_MATHTEXT:
            known = pattern.sub(replacement, known)
        font = FontProperties(family="DejaVu Sans", math_fontfamily="cm")
        path = TextPath((0, 0), f"${known}$", size=SIZE, prop=font)
        assert path.codes is not None
        extents = path.get_extents()
        left, right = float(extents.x0) - 4, float(extents.x1) + 4
        low, high = min(0.0, float(extents.y0)) - 4, float(extents.y1) + 4
        name = f"le-eq-{len(self.rules)}"
        self.rules.append(
            f".{name} {{ height: {(high - low) / SIZE:.3f}em; width: {(right - left) / SIZE:.3f}em;"
            f" vertical-align: {low / SIZE:.3f}em; }}"
        )
        box = f"{left:.1f} {-high:.1f} {right - left:.1f} {high - low:.1f}"
        return (
            f'<svg class="le-eq {name}" viewBox="{box}" role="img" aria-label="{escape(tex)}">'
            f'<path d="{_drawn(path.vertices, path.codes)}"/></svg>'
        )


def _marked_up(text: str) -> str:
    text = escape(text)
    for pattern, replacement in MARKUP:
        text = pattern.sub(replacement, text)
    return text


def _drawn(vertices: np.ndarray, codes: np.ndarray) -> str:
    """A path of matplotlib as that of SVG, whose y runs downwards."""
    words, at = [], 0
    while at < len(codes):
        letter = PATHS[int(codes[at])]
        count = POINTS[letter]
        if letter == "Z":
            words.append("Z")
        else:
            points = vertices[at : at + count]
            words.append(letter + " ".join(f"{x:.1f} {-y:.1f}" for x, y in points))
        at += count
    return "".join(words)
