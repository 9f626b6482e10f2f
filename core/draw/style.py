"""What all Plotly figures share: sizes, the palette, pictures, and a layout without decoration."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8

from core.draw.overlay import diverging_lut

FONT = 16
LINE = 1.3  # height of a line of text, in parts of its size

# pixels of a figure that is as wide as the page, on the narrowest screen that is looked after
# (1280, most projectors)
WIDTH = 860

PERCENT = [0, 50, 100]  # with their own text: Plotly leaves a suffix away where ticks are given

# The palette. The text and accent of the page are in .streamlit/config.toml too, which a test
# compares.
TEXT = {"light": "#15181E", "dark": "#F2F4F8"}
"""Words on the page in its light and its dark theme."""
THEMES = {
    "light": {
        "primary-color": "#A93A1B",
        "background-color": "#FFFFFF",
        "secondary-background-color": "#F3F4F6",
        "text-color": TEXT["light"],
    },
    "dark": {
        "primary-color": "#F0764F",
        "background-color": "#0F1319",
        "secondary-background-color": "#1A202A",
        "text-color": TEXT["dark"],
    },
}
"""The page in both themes, by the names that Streamlit gives its colours in CSS."""
GREY = "rgba(140,140,140,0.9)"
GRID = "rgba(128,128,128,0.25)"
FAINT_GRID = "rgba(128,128,128,0.15)"
NOTHING = "rgba(0,0,0,0)"
ACCENT = "#E4572E"
COOL = "#2E86AB"
ASKING = "#FFB454"
"""The outline of the patch that asks, which stands out on any picture."""
LAB = {"right": "#2E9E5B", "wrong": "#D64545", "badge": "#B8401F"}
"""Frames in their true place and others, and the ground under the number of an edge."""
SERIES = (ACCENT, COOL, "#2E9E5B", "#9B5DE5", "#C9A227", "#D6457F")
"""Colours of things that are compared."""


def picture(image: UInt8[np.ndarray, "H W 3"], width: int = 160) -> str:
    """A uint8 RGB image as a JPEG data address, at most `width` pixels wide."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if image.shape[1] > width:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def colour_scale(signed: bool) -> list[tuple[float, str]] | str:
    """Plotly's name for the scale: diverging and neutral at 0 for signed values."""
    if not signed:
        return "Inferno"
    lut = diverging_lut()
    return [(i / 255, "rgb({},{},{})".format(*lut[i])) for i in range(0, 256, 15)]


def bare(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """The figure with small margins, no legend and no ground of its own, `height` pixels high."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"size": FONT},
        paper_bgcolor=NOTHING,
        plot_bgcolor=NOTHING,
        showlegend=False,
        **layout,
    )
    return figure


def named_ticks(names: Sequence[Sequence[str]]) -> dict[str, list[Any]]:
    """Ticks 0, 1, ... of an axis with these names, each given as its lines."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [" <br>".join(lines) + " " for lines in names],
    }


def numbered(axis: str, i: int) -> str:
    """Plotly's name of the i-th of several axes: x, x2, x3, ... and xaxis, xaxis2, xaxis3, ..."""
    return axis if i == 0 else f"{axis}{i + 1}"
