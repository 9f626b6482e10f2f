"""What a click in a drawing or a table leads to: a model, or more of what a row speaks of."""

from __future__ import annotations

from typing import Any

from core.models import spec
from core.weights import shipped
from pages.parts import links, session
from pages.parts.component import component
from pages.parts.sources import ModelSource


def opening(name: str, page: str, key: str, data: dict[str, Any]) -> str | None:
    """Draw a component whose trigger `open` names a model of `core.models` to open.

    Returns what its state `asked` says that more is wanted of.
    """
    result = component(name, page)(
        key=key, data=data, on_open_change=lambda: None, on_asked_change=lambda: None
    )
    if result.open:
        open_model(result.open)
    return result.asked


def open_model(name: str) -> None:
    """Show a shipped checkpoint on the first page, before the same clip, or a model of its name.

    Without shipped weights these are random.
    """
    if name in shipped():
        source = ModelSource("shipped", name)
    else:
        source = ModelSource("random", spec(name).name)
    session.switch_to(source)
    links.go_to("explore")
