"""How far a long piece of work is, on a terminal."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], object]
"""Called again and again with the part of the work that is done, 0..1; what it raises ends it."""
_SOON = 1.0
"""Seconds after which what is not over yet is worth a line."""


def silent(share: float) -> None:
    """Tell nobody."""


def on_terminal(what: str) -> Progress:
    """Says on stderr how far it is, where that is a terminal and the work takes long."""
    from tqdm import tqdm

    bar = tqdm(
        total=1.0,
        desc=what,
        delay=_SOON,
        leave=False,
        disable=None,
        bar_format="{desc}: {percentage:.0f} %, {remaining} left; Ctrl-C ends it",
    )

    def tell(share: float) -> None:
        bar.update(share - bar.n)
        if share >= 1:
            bar.close()

    return tell
