"""What one query sees, as a stack of frames in space and time with a tube of attention through it.

Pure: arrays in, Plotly figure out. Flat drawings of the stack, not WebGL: they look alike in every
browser and can be kept as SVG.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from core.draw.style import ACCENT, ASKING, FONT, GREY, NOTHING

FACE = 0.88
"""A frame's width on the page in steps of time."""
RISE = 0.22
"""How far a frame's right side is lifted, in parts of its height."""
PIXELS = 300
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
"""Once round a unit square, (x, y)."""


def centres(heat: Float[np.ndarray, "T h w"]) -> Float[np.ndarray, "T 5"]:
    """Where the attention of each step lies: (T', 5) of x, y, spread of x, spread of y, share.

    x and y are the mean place of |heat| (T', h, w) in 0..1 of the picture from its top left, the
    spreads its standard deviations, the share the part of all |heat| in this step. NaN for a step
    of which nothing is seen.
    """
    _T, h, w = heat.shape
    size = np.abs(np.nan_to_num(heat.astype(np.float64)))
    x, y = (np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h
    mass = size.sum((1, 2))
    with np.errstate(invalid="ignore"):
        across, down = size.sum(1) / mass[:, None], size.sum(2) / mass[:, None]
        mean = np.stack([across @ x, down @ y], 1)
        variance = np.stack([across @ x**2, down @ y**2], 1) - mean**2
        spread = np.sqrt(np.maximum(0, variance))
        share = mass / mass.sum()
        return np.concatenate([mean, spread, share[:, None]], 1)


def tube(
    frames: UInt8[np.ndarray, "T H W 3"],
    heat: Float[np.ndarray, "T h w"],
    names: list[str],
    asks: tuple[int, int, int] | None = None,
    height: int = 420,
    until: int | None = None,
) -> go.Figure:
    """Frames in a row through time, and the tube of attention through them.

    `frames` are (T', H, W, 3) uint8 with `heat` (T', h, w) drawn over them. The tube's middle is
    the mean place of |heat| in a step, its width one standard deviation to each side. `asks`
    (t, row, col) outlines the patch that asks. Of the steps only the first `until` are drawn.
    """
    T, h, w = heat.shape
    high = 1.7 * frames.shape[1] / frames.shape[2]  # a frame's height on the page
    drawing = _Drawing()
    drawn = range(T if until is None else until)
    for t in drawn:
        _add_frame(drawing, frames[t], t, high, names[t])
    places = centres(heat)
    steps = [t for t in drawn if np.isfinite(places[t]).all()]  # of which something is seen
    for before, after in pairwise(steps):
        _add_between(drawing, places, before, after, high)
    for t in steps:
        _add_ring(drawing, places[t], t, high)
    _add_middle(drawing, places, steps, high, names)
    if asks is not None and asks[0] in drawn:
        t, row, col = asks
        edge = _placed(t, (CORNERS[:, 0] + col) / w, (CORNERS[:, 1] + row) / h, high)
        for colour, width in (("#111111", 7), (ASKING, 3.5)):
            _add_line(drawing, edge, colour, width)
    layout = {
        "images": drawing.images,
        "annotations": drawing.words,
        "xaxis": {"visible": False, "range": [-0.08, T - 1 + FACE + 0.08], "fixedrange": True},
        "yaxis": {
            "visible": False,
            "range": [-0.27 * high, high * (1 + RISE) * 1.02],
            "fixedrange": True,
        },
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"size": FONT},
        "showlegend": False,
        "dragmode": False,
        "paper_bgcolor": NOTHING,
        "plot_bgcolor": NOTHING,
    }
    return go.Figure(drawing.marks, layout)


@dataclass
class _Drawing:
    """What a figure is made of: Plotly takes long for each thing that is added to a whole one."""

    images: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    """Lines and points, first below."""
    words: list[dict[str, Any]] = field(default_factory=list)


Edge = tuple[np.ndarray | np.floating, np.ndarray | np.floating]
"""x and y of points on the page, or of one: right, up."""


def _placed(t: int, x: Any, y: Any, high: float) -> Edge:
    """Places x, y of 0..1 on the frame of step t, on the page."""
    x, y = np.asarray(x), np.asarray(y)
    return t + FACE * x, high * (1 - y + RISE * x)


def _add_line(drawing: _Drawing, edge: Edge, colour: str, width: float) -> None:
    x, y = edge
    line = {"color": colour, "width": width}
    drawing.marks.append({"x": x, "y": y, "mode": "lines", "line": line, "hoverinfo": "skip"})


def _add_words(drawing: _Drawing, text: str, t: int, y: float) -> None:
    """A line under the middle of the frame of step t."""
    place = {"x": t + FACE / 2, "y": y, "yanchor": "top"}
    drawing.words.append(place | {"text": text, "showarrow": False, "font": {"size": FONT - 2}})


def _add_frame(drawing: _Drawing, frame: np.ndarray, t: int, high: float, name: str) -> None:
    """The frame of step t as it is seen from the side, its edge, and its name below."""
    down = round(PIXELS * frame.shape[0] / frame.shape[1])
    drawing.images.append(
        {
            "source": _sheared(frame, round(PIXELS * FACE / 1.7), down),
            "x": t,
            "y": high * (1 + RISE),
            "xref": "x",
            "yref": "y",
            "sizex": FACE,
            "sizey": high * (1 + RISE),
            "xanchor": "left",
            "yanchor": "top",
            "sizing": "stretch",
            "layer": "below",
        }
    )
    _add_line(drawing, _placed(t, CORNERS[:, 0], CORNERS[:, 1], high), GREY, 1)
    _add_words(drawing, name, t, -0.02 * high)


def _sheared(frame: np.ndarray, across: int, down: int) -> str:
    """A uint8 RGB frame seen from the side, as a PNG data address with nothing around it."""
    lift = round(RISE * down)
    small = cv2.resize(frame, (across, down), interpolation=cv2.INTER_AREA)
    turn = np.array([[1, 0, 0], [-lift / across, 1, lift]], np.float32)
    sheared = cv2.warpAffine(
        cv2.cvtColor(small, cv2.COLOR_RGB2BGRA),
        turn,
        (across, down + lift),
        flags=cv2.INTER_LINEAR,
        borderValue=(0, 0, 0, 0),
    )
    png = cv2.imencode(".png", sheared)[1]
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()


def _add_between(
    drawing: _Drawing, places: np.ndarray, before: int, after: int, high: float
) -> None:
    """The tube between two steps: as high as each is spread."""
    corners = ((before, -1), (after, -1), (after, 1), (before, 1))
    edge = [
        _placed(t, places[t, 0], places[t, 1] + side * places[t, 3], high) for t, side in corners
    ]
    drawing.marks.append(
        {
            "x": [x for x, _ in edge],
            "y": [y for _, y in edge],
            "mode": "lines",
            "fill": "toself",
            "fillcolor": "rgba(228,87,46,0.22)",
            "line": {"width": 0},
            "hoverinfo": "skip",
        }
    )


def _add_ring(drawing: _Drawing, place: np.ndarray, t: int, high: float) -> None:
    """An ellipse of one standard deviation in step t, and its share of all attention."""
    mean_x, mean_y, wide, tall, share = place
    angle = np.linspace(0, 2 * math.pi, 41)
    edge = _placed(t, mean_x + wide * np.cos(angle), mean_y + tall * np.sin(angle), high)
    for colour, width in (("#FFFFFF", 4.5), (ACCENT, 2.5)):  # stands out on any picture
        _add_line(drawing, edge, colour, width)
    _add_words(drawing, f"<b>{100 * share:.0f} %</b>", t, -0.13 * high)


def _add_middle(
    drawing: _Drawing, places: np.ndarray, steps: list[int], high: float, names: list[str]
) -> None:
    """The line through the mean places, which say their numbers when they are pointed at."""
    middle = [_placed(t, places[t, 0], places[t, 1], high) for t in steps]
    drawing.marks.append(
        {
            "x": [x for x, _ in middle],
            "y": [y for _, y in middle],
            "mode": "lines+markers",
            "line": {"color": ACCENT, "width": 2},
            "marker": {"size": 11, "line": {"color": "white", "width": 1.5}},
            "hoverinfo": "text",
            "hovertext": [
                f"{names[t]}<br>{100 * places[t, 4]:.1f} % of the attention<br>middle at "
                f"{100 * places[t, 0]:.0f} % of the width, {100 * places[t, 1]:.0f} % of the height"
                for t in steps
            ],
        }
    )
