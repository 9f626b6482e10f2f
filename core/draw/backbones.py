"""Accuracy of backbones against year, size or cost, each point with its name, as Plotly figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.draw.labels import places
from core.draw.lettering import text_width
from core.draw.style import ACCENT, COOL, FAINT_GRID, FONT, GREY, GRID, SERIES, WIDTH, bare

HEIGHT, HIGHER, MANY = 560, 680, 34
"""Pixels; the second for more than so many points."""
MARGIN = {"l": 62, "r": 14, "t": 62, "b": 50}
WIDTHS = (WIDTH, 1150, 1530)
"""Pixels of the figure on the screens that are looked after, the narrowest first."""
NAME = 13
"""Pixels of a name."""
DOT = 11
DECADES = range(6)
FINE, COARSE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0), (1.0, 3.0)
"""Figures of the ticks of a logarithmic axis of less than a decade, and of a longer one."""


@dataclass(frozen=True)
class Kind:
    """What a point belongs to: its name, colour and shape."""

    title: str
    colour: str
    shape: str


KINDS = {
    "two-stream": Kind("Two-stream", COOL, "square"),
    "3d-cnn": Kind("3D CNN", SERIES[2], "diamond"),
    "transformer": Kind("Transformer", ACCENT, "circle"),
    "app": Kind("models of this app, as their papers print them", SERIES[3], "star"),
    "DirecFormer": Kind("others in DirecFormer's tables", COOL, "square"),
    "FAR": Kind("others in FAR's tables", SERIES[2], "diamond"),
    "AM Flow": Kind("others in AM Flow's tables", ACCENT, "circle"),
    "own": Kind("measured here, on its own clips", SERIES[3], "star-open"),
}


@dataclass(frozen=True)
class Point:
    """One model."""

    name: str
    x: float
    y: float
    kind: str
    """A key of KINDS."""
    words: str
    """What stands on hover, in Plotly's HTML."""
    is_shown: bool = False
    """Whether it is the model that the app shows now."""


@dataclass(frozen=True)
class Axis:
    """What runs to the right."""

    title: str
    log: bool = False

    def position(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Values as Plotly places them."""
        return np.log10(x) if self.log else x

    def limits(self, x: Float[np.ndarray, " n"]) -> tuple[float, float]:
        """From where to where, in positions, with room for names at both ends."""
        low, high = float(self.position(x).min()), float(self.position(x).max())
        room = max(0.09 * (high - low), 0.12 if self.log else 0.6)
        return low - room, high + room


YEAR = Axis("year")
PARAMETERS = Axis("parameters, millions", log=True)
COST = Axis("GFLOPs of all views", log=True)


def apart(points: Sequence[Point]) -> list[float]:
    """Years, moved a little to the side where two points of one year would cover each other."""
    moved: list[float] = []
    for i, point in enumerate(points):
        near = [
            moved[j]
            for j in range(i)
            if points[j].x == point.x and abs(points[j].y - point.y) < 1.2
        ]
        sides = [0.0, 0.18, -0.18, 0.36, -0.36]
        free = [s for s in sides if all(abs(point.x + s - other) > 0.1 for other in near)]
        moved.append(point.x + (free or sides)[0])
    return moved


def scatter(points: Sequence[Point], axis: Axis, title: str) -> go.Figure:
    """Each model as a point with its name beside it, or at a line where it is crowded.

    `title` says what runs upwards, in percent. Names are placed for all WIDTHS at once. More than
    MANY points make the figure higher.
    """
    x = np.array(apart(points) if axis is YEAR else [point.x for point in points], float)
    y = np.array([point.y for point in points], float)
    low, high = axis.limits(x)
    bottom, top = float(y.min()), float(y.max())
    room = 0.06 * max(top - bottom, 1.0)
    bottom, top = bottom - room, top + room
    figure = go.Figure()
    for kind, style in KINDS.items():
        own = [i for i, point in enumerate(points) if point.kind == kind]
        if own:
            _markers(figure, style, [points[i] for i in own], x[own])
    right, down = (axis.position(x) - low) / (high - low), (top - y) / (top - bottom)
    offsets = _offsets(tuple(points), tuple(right.tolist()), tuple(down.tolist()))
    for point, at, (dx, dy) in zip(points, axis.position(x), offsets, strict=True):
        _name(figure, point, float(at), float(dx), float(dy))
    digits = FINE if high - low < 1 else COARSE
    marks = [digit * 10**decade for decade in DECADES for digit in digits]
    ticks = (
        {"tickvals": marks, "ticktext": [f"{m:,g}" for m in marks]} if axis.log else {"dtick": 1}
    )
    figure.update_xaxes(
        type="log" if axis.log else "linear",
        range=[low, high],
        title=axis.title,
        gridcolor=FAINT_GRID,
        zeroline=False,
        **ticks,
    )
    figure.update_yaxes(
        range=[bottom, top],
        title=title,
        ticksuffix=" %",
        gridcolor=GRID,
        zeroline=False,
        nticks=8,
    )
    bare(figure, height_of(points), hovermode="closest")
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": FONT - 2}}
    # pictures of four columns keep this width on a phone, and scroll in their own box
    return figure.update_layout(margin=MARGIN, showlegend=True, legend=legend, meta={"columns": 4})


def height_of(points: Sequence[Point]) -> int:
    """Pixels of the figure."""
    return HIGHER if len(points) > MANY else HEIGHT


def _markers(
    figure: go.Figure, kind: Kind, points: Sequence[Point], x: Float[np.ndarray, " n"]
) -> None:
    is_star = kind.shape.startswith("star")
    sizes = [(DOT + 4 if is_star else DOT) + 7 * point.is_shown for point in points]
    figure.add_scatter(
        x=x,
        y=[point.y for point in points],
        mode="markers",
        name=kind.title,
        marker={
            "symbol": kind.shape,
            "color": kind.colour,
            "size": sizes,
            "line": {"color": kind.colour, "width": 2 if kind.shape.endswith("open") else 0.5},
        },
        customdata=[[point.name, point.words] for point in points],
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
    )


@lru_cache(maxsize=32)
def _offsets(
    points: tuple[Point, ...], right: tuple[float, ...], down: tuple[float, ...]
) -> Float[np.ndarray, "n 2"]:
    """Where the middles of the names stand, in pixels from their points.

    `right` and `down` are the places of the points in parts of the figure. It takes a second, so
    it is kept.
    """
    height = height_of(points) - MARGIN["t"] - MARGIN["b"]
    rooms = [(width - MARGIN["l"] - MARGIN["r"], height) for width in WIDTHS]
    layouts = [
        np.stack([np.multiply(right, wide), np.multiply(down, height)], 1) for wide, _ in rooms
    ]
    sizes = np.array([_size(point) for point in points], float)
    return places(np.stack(layouts), sizes, rooms, DOT / 2 + 1)


def _size(point: Point) -> tuple[float, float]:
    """Width and height of a name, in pixels."""
    return text_width(_written(point), NAME), NAME * 1.4


def _written(point: Point) -> str:
    return f"<b>{point.name}</b>" if point.kind in ("app", "own") else point.name


def _name(figure: go.Figure, point: Point, at: float, dx: float, dy: float) -> None:
    """Write a name, and a line to its point where it stands away from it."""
    figure.add_annotation(
        x=at,
        y=point.y,
        ax=dx,
        ay=dy,
        text=_written(point),
        font={"size": NAME},
        showarrow=True,
        arrowhead=0,
        arrowwidth=1,
        arrowcolor=GREY,
        standoff=DOT / 2 + 1,
        borderpad=0,
    )
