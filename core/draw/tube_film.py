"""The tube through space and time as a film: it grows from frame to frame.

Plotly draws in the browser alone, so the marks of its figure are drawn once more by Matplotlib.
"""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from core.draw.tube import tube

SIZE = (960, 400)
"""Width and height in pixels."""
GROUND, WORDS = "#181B21", "#F0F0F0"


def tube_film(
    frames: UInt8[np.ndarray, "T H W 3"],
    heat: Float[np.ndarray, "T h w"],
    names: list[str],
    asks: tuple[int, int, int] | None = None,
) -> UInt8[np.ndarray, "T _H _W 3"]:
    """What `core.draw.tube.tube` draws of the same arguments, up to each step."""
    steps = range(1, len(heat) + 1)
    return np.stack([_drawn(tube(frames, heat, names, asks, until=until)) for until in steps])


def _colour(name: str) -> str | tuple[float, ...]:
    """A colour of Plotly's as Matplotlib takes it."""
    if not name.startswith("rgba"):
        return name
    red, green, blue, alpha = (float(part) for part in re.findall(r"[\d.]+", name))
    return red / 255, green / 255, blue / 255, alpha


def _drawn(figure: go.Figure) -> UInt8[np.ndarray, "_H _W 3"]:
    """The images, lines and words of a figure as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    dots = 72  # an inch: a point is a pixel
    page = Figure(((SIZE[0] + 0.01) / dots, (SIZE[1] + 0.01) / dots), dots, facecolor=GROUND)
    axes = page.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for image in figure.layout.images:
        png = base64.b64decode(image.source.partition(",")[2])
        edges = (image.x, image.x + image.sizex, image.y - image.sizey, image.y)
        axes.imshow(imread(io.BytesIO(png)), extent=edges, aspect="auto")
    for trace in figure.data:
        if trace.fill:
            axes.fill(trace.x, trace.y, color=_colour(trace.fillcolor), lw=0)
            continue
        axes.plot(trace.x, trace.y, color=_colour(trace.line.color), lw=trace.line.width)
        if "markers" in trace.mode:
            axes.scatter(
                trace.x, trace.y, s=60, color=_colour(trace.line.color), ec="white", zorder=3
            )
    for words in figure.layout.annotations:
        text = re.sub(r"<[^>]+>", "", words.text)
        axes.text(words.x, words.y, text, color=WORDS, size=14, ha="center", va="top")
    axes.set_xlim(figure.layout.xaxis.range)
    axes.set_ylim(figure.layout.yaxis.range)
    canvas = FigureCanvasAgg(page)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
