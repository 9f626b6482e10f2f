"""What all Plotly figures share: sizes, colours for light and dark pages, pictures, the layout."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import plotly.graph_objects as go

from core.draw.overlay import diverging_lut

FONT = 16
LINE = 1.3  # height of a line of text, in parts of its size

# pixels of a figure that is as wide as the page, on the narrowest screen that is looked after
# (1440)
WIDTH = 1020

PERCENT = [0, 50, 100]  # with their own text: Plotly leaves a suffix away where ticks are given
GREY = "rgba(140,140,140,0.9)"
ACCENT = "#E4572E"
COOL = "#2E86AB"

SERIES = (ACCENT, COOL, "#2E9E5B", "#9B5DE5", "#C9A227", "#D6457F")
"""Colours of things that are compared."""


def picture(image: np.ndarray, width: int = 160) -> str:
    """A uint8 RGB image as a JPEG data address, at most `width` pixels wide."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if image.shape[1] > width:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def colour_scale(signed: bool) -> list[tuple[float, str]] | str:
    """Plotly's name for the scale: diverging and neutral at 0 for signed values."""
    if not signed:
        return "Inferno"
    lut = diverging_lut()
    return [(i / 255, "rgb({},{},{})".format(*lut[i])) for i in range(0, 256, 15)]


def _bare(figure: go.Figure, height: int, **layout) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"size": FONT},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        **layout,
    )
    return figure
