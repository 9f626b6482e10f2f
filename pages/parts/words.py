"""Words of others on a page: names of files, labels, cards. They are text, whatever is in them."""

from __future__ import annotations

import re
from html import escape

_MARKS = re.compile(r"[\\`*\[\]<>$~#]|&(?=[#\w])|:(?=[\w/])|(?<!\w)_|_(?!\w)|^[-+=]|(?<=^\d)[.)]")
"""The characters that Markdown means something by where they stand; a backslash makes them text."""


def as_text(words: str) -> str:
    """Somebody's words in Markdown, shown as they are: no picture, no link, no colour."""
    return _escaped(" ".join(words.split()))


def as_figure_text(words: str) -> str:
    """Somebody's words in a Plotly figure, which reads some HTML."""
    return escape(words, quote=False)


def message(error: Exception | str) -> str:
    """An error's line in Markdown: what stands between backticks is code, all else is text."""
    line = str(error)
    if line.count("`") % 2 or "``" in line:  # not of our own writing: a name with a backtick
        return as_text(line)
    pieces = line.split("`")
    return "`".join(part if i % 2 else _escaped(part) for i, part in enumerate(pieces))


def _escaped(words: str) -> str:
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", words.replace("\n", " "))
