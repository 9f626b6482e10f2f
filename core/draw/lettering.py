"""Words on figures: how wide they are, where they break, and which ink can be read on a colour.
Pure: no figure is drawn here.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<[^>]+>")
_WIDTHS = {" .,:;'|!iljIJ": 0.33, "frt()[]/-": 0.42, "w%=": 0.84, "mMW…@–—": 1.0}
_CAPITAL, _OTHER, _BOLD = 0.77, 0.63, 1.13
"""Widths in parts of the size, as in Verdana and DejaVu Sans: figures fall back to these, and the
others are narrower.
"""
DARK, LIGHT = "#000000", "#FFFFFF"
"""Only between black and white one always has a contrast of 4.58 to any colour: the square root of
21, theirs to each other.
"""


def text_width(text: str, size: float) -> float:
    """About how many pixels a line of `size` pixels takes; tags take none, and what stands within
    <b> is bold.
    """
    total, bold = 0.0, False
    for part in re.split(f"({_TAG.pattern})", text):
        if _TAG.fullmatch(part):
            bold = part == "<b>" if part in ("<b>", "</b>") else bold
        else:
            total += sum(_letter(letter) for letter in part) * (_BOLD if bold else 1.0)
    return total * size


def _letter(letter: str) -> float:
    return next(
        (width for letters, width in _WIDTHS.items() if letter in letters),
        _CAPITAL if letter.isupper() else _OTHER,
    )


def wrapped(text: str, width: float, size: float, most: int = 3) -> list[str]:
    """A text as lines no wider than `width` pixels, `most` at most: what is longer ends in an
    ellipsis.

    A text that does not fit on one line breaks first where it has two spaces.
    """
    if text_width(text, size) <= width:
        return [text]
    lines: list[str] = []
    for part in text.split("  "):
        line = ""
        for word in part.split():
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, size) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    lines = [line for line in lines if line]
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [cut(line, width, size) for line in lines]


def cut(text: str, width: float, size: float) -> str:
    """One line no wider than `width` pixels, with an ellipsis for what is left out; its tags
    stay.
    """
    if text_width(text, size) <= width:
        return text
    parts = re.findall(f"{_TAG.pattern}|.", text)
    while (
        at := max((i for i, part in enumerate(parts) if not _TAG.fullmatch(part)), default=-1)
    ) > 0:
        del parts[at]
        ends = "".join(parts[:at]).rstrip() + "…" + "".join(parts[at:])
        if text_width(ends, size) <= width:
            return ends
    return "".join(parts)


def luminance(colour: tuple[float, float, float]) -> float:
    """WCAG 2's relative luminance, 0..1, of red, green and blue in 0..1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: float, b: float) -> float:
    """WCAG 2's contrast, 1..21, of two luminances."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def ink(colour: tuple[float, float, float]) -> str:
    """Black or white, whichever stands out more against this colour (red, green and blue in 0..1):
    by 4.5 to 1 at least.
    """
    there = luminance(colour)
    return DARK if contrast(there, 0.0) >= contrast(there, 1.0) else LIGHT
