"""Who looks, and how: what the viewer shows, as its text says it or as it asks for a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core import explain
from core.draw import packing
from core.draw.overlay import COLOUR_MAPS
from core.explain import SpatialQuery, View
from core.observe import Trace
from core.trace import Attention, Head

WHO = {"cls": "summary (class token)", "mean": "average of all patches"}
SCALES = ("clip", "frame", "shared")
OPACITY = 0.65
Wish = Mapping[str, Any]
"""What a browser says. It may say anything: values that do not exist fall back to the defaults."""


@dataclass(frozen=True)
class Look:
    """One query. Numbers count from 0."""

    tap: str
    query: SpatialQuery
    view: View
    head: Head
    layer: int

    @property
    def words(self) -> str:
        """For a line below a figure, counting from 1."""
        view = f" ({self.view})" if self.patch else ""
        return f"{self._who}{view}, {self._heads}"

    @property
    def rolled(self) -> str:
        """The same for rollout, which goes through space and time alike."""
        return f"{self._who}, {self._heads}"

    @property
    def _who(self) -> str:
        if isinstance(self.query, str):
            return WHO[self.query]
        t, row, col = self.query
        return f"patch at frame {t + 1}, row {row + 1}, column {col + 1}"

    @property
    def _heads(self) -> str:
        return f"head {self.head + 1}" if isinstance(self.head, int) else f"{self.head} over heads"

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """The patch that looks, (t, row, column), if one does."""
        return None if isinstance(self.query, str) else self.query

    @property
    def patch_view(self) -> View | None:
        """The view, which matters only to a patch."""
        return self.view if self.patch else None


@dataclass(frozen=True)
class Drawing:
    """How weights are drawn over the clip."""

    scale: str
    """One of SCALES: what the brightest colour means."""
    colours: str
    """Of weights that are never negative: a key of COLOUR_MAPS."""
    opacity: float
    """0..1."""
    smooth: bool
    frame: int | None
    """The large frame, from 0; None for that which gets most."""


def _number(text: str) -> float | str:
    """A number, a whole one as an int; any other text as it is."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d*\.\d+", text) else text


def _query_of(text: str) -> str | list[int]:
    return [int(i) for i in text.split("-")] if re.fullmatch(r"\d+-\d+-\d+", text) else text


_READ: dict[str, Callable[[str], Any]] = {
    "tap": str,
    "view": lambda text: text.replace("-", " "),
    "layer": _number,
    "head": _number,
    "query": _query_of,
    "frame": _number,
    "opacity": _number,
    "colours": str,
    "scale": str,
}


ASIDE = ("smooth", "locked", "mass", "target", "times")
"""What the viewer's text may hold too, and nothing below the viewer follows."""


def unread(text: str) -> list[str]:
    """The entries of a viewer's text that say nothing to it."""
    entries = [entry for entry in text.split(",") if entry]
    return [entry for entry in entries if entry.partition(":")[0] not in {*_READ, *ASIDE}]


def from_text(text: str) -> dict[str, Any]:
    """What the viewer's text asks for, `view:time,layer:last,...`, as in the address under `v`."""
    wish: dict[str, Any] = {}
    for entry in text.split(","):
        name, _, value = entry.partition(":")
        if name == "smooth":
            wish["smooth"] = True
        elif name in _READ and value:
            wish[name] = _READ[name](value)
    return wish


def read(wish: Wish, trace: Trace) -> Look:
    """What the viewer shows of what it was asked for.

    Values that do not exist fall back to those that it opens on.
    """
    taps = packing.space_taps(trace)
    tap = wish.get("tap")
    if tap not in taps:
        tap = taps[0]
    attentions = explain.over_space(trace, tap)
    layers = [attention.layer for attention in attentions]
    layer = wish.get("layer")
    if isinstance(layer, bool) or layer not in layers:
        layer = layers[-1]
    offered, view = explain.views(trace, tap), wish.get("view")
    if view not in offered:
        view = offered[0]
    query = _query(wish.get("query"), attentions[-1])
    return Look(tap, query, view, _head(wish.get("head"), attentions[-1]), layer)


def drawing(wish: Wish, frames: int) -> Drawing:
    """How the viewer draws it over so many frames, with the same care."""
    scale, colours, frame = wish.get("scale"), wish.get("colours"), wish.get("frame")
    opacity = wish.get("opacity")
    is_share = isinstance(opacity, int | float) and 0 <= opacity <= 1
    return Drawing(
        scale=scale if scale in SCALES else SCALES[0],
        colours=str(colours) if colours in COLOUR_MAPS else next(iter(COLOUR_MAPS)),
        opacity=float(opacity) if is_share and opacity is not None else OPACITY,
        smooth=bool(wish.get("smooth")),
        frame=frame if isinstance(frame, int) and 0 <= frame < frames else None,
    )


def _query(query: object, attention: Attention) -> SpatialQuery:
    """The query that the viewer names, or else the one that it opens on."""
    if isinstance(query, list) and len(query) == 3:
        inside = [
            isinstance(i, int) and 0 <= i < size
            for i, size in zip(query, attention.grid, strict=True)
        ]
        if all(inside):
            return query[0], query[1], query[2]
    if query == "mean" or not explain.has_class_token(attention):
        return "mean"
    return "cls"


def _head(head: object, attention: Attention) -> Head:
    """The head that the viewer names, or else the mean."""
    if isinstance(head, int) and 0 <= head < attention.heads:
        return head
    return "max" if head == "max" else "mean"


def not_here(wish: Wish, trace: Trace) -> list[str]:
    """What the wish names that this model and clip do not have, in words that count from 1.

    A class token is what the viewer is asked for before anything is chosen: its absence is no
    fault of a link.
    """
    look, drawn = read(wish, trace), drawing(wish, len(trace.clip))
    shown = {
        "tap": look.tap,
        "view": look.view,
        "layer": look.layer,
        "head": look.head,
        "query": list(look.query) if look.patch else look.query,
        "frame": drawn.frame,
        "opacity": drawn.opacity,
        "colours": drawn.colours,
        "scale": drawn.scale,
    }
    right = {("layer", "last"), ("query", "cls"), ("query", "gradcam")}
    return [
        f"{name} {_counted(name, value)}"
        for name, value in wish.items()
        if name in shown and shown[name] != value and (name, str(value)) not in right
    ]


def _counted(name: str, value: object) -> str:
    """A value for people, who count layers, heads, frames and places from 1."""
    if isinstance(value, list):
        return "-".join(str(i + 1) for i in value)
    if isinstance(value, int) and name in ("layer", "head", "frame"):
        return str(value + 1)
    return str(value)
