"""Words on figures: how wide they are, where they break, which ink can be read on a colour.

Pure: no figure is drawn here.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Callable

_TAG = re.compile(r"<[^>]+>")
_WIDTHS = {" .,:;'|!iljIJ": 0.33, "frt()[]/-": 0.42, "w%=": 0.84, "mMW…@–—": 1.0}
_CAPITAL, _OTHER, _BOLD = 0.77, 0.63, 1.13
"""Widths in parts of the size, as in Verdana and DejaVu Sans.

Figures fall back to these, and the others are narrower.
"""
DARK, LIGHT = "#000000", "#FFFFFF"
"""Only between black and white one always has a contrast of 4.58 to any colour.

This is the square root of 21, theirs to each other.
"""
Colour = tuple[float, float, float]
"""Red, green and blue in 0..1."""
_RAISED = dict(zip(map(ord, "-0123456789"), map(ord, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"), strict=True))


def number(value: float, form: str) -> str:
    """A number in a format such as `.3f`, with a minus sign, which is no hyphen.

    A power of ten is written as the viewer writes it: 5.7·10⁻⁹.
    """
    digits, _, power = format(value, form).partition("e")
    raised = f"·10{str(int(power)).translate(_RAISED)}" if power else ""
    return digits.replace("-", "−") + raised


def typed(text: str) -> str:
    """A text of the screen as files hold its numbers: 5.7·10⁻⁹ as 5.7e-9."""
    raised = "".join(map(chr, _RAISED.values()))
    plain = {power: digit for digit, power in _RAISED.items()}
    text = re.sub(f"·10([{raised}]+)", lambda power: f"e{power[1].translate(plain)}", text)
    return text.replace("−", "-")


def text_width(text: str, size: float) -> float:
    """About how many pixels a line of `size` pixels takes.

    Tags take none, and what stands within <b> is bold.
    """
    total, bold = 0.0, False
    for piece in re.split(f"({_TAG.pattern})", text):
        if not _TAG.fullmatch(piece):
            total += sum(_letter_width(letter) for letter in piece) * (_BOLD if bold else 1.0)
        elif piece in ("<b>", "</b>"):
            bold = piece == "<b>"
    return total * size


def _letter_width(letter: str) -> float:
    for letters, width in _WIDTHS.items():
        if letter in letters:
            return width
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return _CAPITAL if letter.isupper() else _OTHER


def wrapped(text: str, width: float, size: float, most: int = 3) -> list[str]:
    """A text as at most `most` lines no wider than `width` pixels; the rest becomes an ellipsis.

    A text that does not fit on one line breaks first where it has two spaces.
    """
    if text_width(text, size) <= width:
        return [text]
    lines = [line for piece in text.split("  ") for line in _broken(piece, width, size) if line]
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [cut(line, width, size) for line in lines]


def _broken(
    text: str, width: float, size: float, measure: Callable[[str, float], float] = text_width
) -> list[str]:
    """The words of a text in lines, each as long as fits `width`."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and measure(longer, size) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def broken(text: str, width: float, size: float) -> list[str]:
    """All of a text in lines that fit `width`; a word that does not is broken too.

    It holds no tags: what looks like one, in a file's name, is letters.
    """
    lines = _broken(text, width, size, _letters_width)
    return [piece for line in lines for piece in _chopped(line, width, size)]


def _letters_width(text: str, size: float) -> float:
    """The pixels that a line takes whose tags are shown as they are."""
    return sum(map(_letter_width, text)) * size


def _chopped(line: str, width: float, size: float) -> list[str]:
    """A line in pieces no wider than `width`, of a letter at least."""
    pieces, taken = [""], 0.0
    for letter in line:
        wide = _letter_width(letter) * size
        if pieces[-1] and taken + wide > width:
            pieces.append("")
            taken = 0.0
        pieces[-1] += letter
        taken += wide
    return pieces


def cut(text: str, width: float, size: float) -> str:
    """One line no wider than `width` pixels: an ellipsis for what is left out, its tags stay."""
    if text_width(text, size) <= width:
        return text
    pieces = re.findall(f"{_TAG.pattern}|.", text)
    letters = [i for i, piece in enumerate(pieces) if not _TAG.fullmatch(piece)]
    least = int(letters[:1] == [0])  # a line that begins with a letter keeps it

    def kept(count: int) -> str:
        """The first `count` letters and all tags, with an ellipsis where letters are left out."""
        end = letters[count]
        tags = "".join(piece for piece in pieces[end:] if _TAG.fullmatch(piece))
        return "".join(pieces[:end]).rstrip() + "…" + tags

    # The more letters the wider: the first number that is too wide is searched by halves.
    counts = range(least, len(letters))
    too_wide = bisect(counts, False, key=lambda count: text_width(kept(count), size) > width)
    if too_wide:
        return kept(counts[too_wide - 1])
    return "".join(p for i, p in enumerate(pieces) if i in letters[:least] or _TAG.fullmatch(p))


def luminance(colour: Colour) -> float:
    """WCAG 2's relative luminance, 0..1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: float, b: float) -> float:
    """WCAG 2's contrast, 1..21, of two luminances."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def ink(colour: Colour) -> str:
    """Black or white, whichever stands out more against this colour: by 4.5 to 1 at least."""
    ground = luminance(colour)
    return DARK if contrast(ground, 0.0) >= contrast(ground, 1.0) else LIGHT
