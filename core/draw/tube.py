"""What one query sees, as a stack of frames in space and time: the frames stand behind one another,
and a tube follows the attention.

Pure: arrays in, Plotly figure out. Flat drawings of the stack, not WebGL: they look alike in every
    browser and can be kept as SVG.
"""

from __future__ import annotations

import base64
import math
from itertools import pairwise

import cv2
import numpy as np
import plotly.graph_objects as go

from core.draw.style import ACCENT, FONT, GREY

FACE, RISE = 0.88, 0.22
"""A frame's width on the page in steps of time, and how far its right side is lifted in parts of
its height.
"""
PIXELS = 300


def centres(heat: np.ndarray) -> np.ndarray:
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
        spread = np.sqrt(np.maximum(0, np.stack([across @ x**2, down @ y**2], 1) - mean**2))
        return np.concatenate([mean, spread, (mass / mass.sum())[:, None]], 1)


def _placed(t: float, x: np.ndarray, y: np.ndarray, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Places x, y of 0..1 on the frame of step t, on the page: right, up."""
    return t + FACE * np.asarray(x), high * (1 - np.asarray(y) + RISE * np.asarray(x))


def _sheared(frame: np.ndarray, across: int, down: int) -> str:
    """A uint8 RGB frame as it is seen from the side, as a PNG data address with nothing around
    it.
    """
    lift = round(RISE * down)
    frame = cv2.cvtColor(
        cv2.resize(frame, (across, down), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGRA
    )
    turn = np.array([[1, 0, 0], [-lift / across, 1, lift]], np.float32)
    seen = cv2.warpAffine(
        frame, turn, (across, down + lift), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0)
    )
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", seen)[1]).decode()


def tube(
    frames: np.ndarray,
    heat: np.ndarray,
    names: list[str],
    asks: tuple[int, int, int] | None = None,
    height: int = 420,
) -> go.Figure:
    """Frames (T', H, W, 3) uint8, heat drawn over them, in a row through time, and the tube of
    attention (T', h, w) through them.

    The tube's middle is the mean place of |heat| in a step, its width one standard deviation to
    each side. `asks` (t, row, col) outlines the patch that asks.
    """
    T, h, w = heat.shape
    high = 1.7 * frames.shape[1] / frames.shape[2]
    figure = go.Figure()
    down = round(PIXELS * frames.shape[1] / frames.shape[2])
    found = centres(heat)
    for t in range(T):
        figure.add_layout_image(
            source=_sheared(frames[t], round(PIXELS * FACE / 1.7), down),
            x=t,
            y=high * (1 + RISE),
            xref="x",
            yref="y",
            sizex=FACE,
            sizey=high * (1 + RISE),
            xanchor="left",
            yanchor="top",
            sizing="stretch",
            layer="below",
        )
        x, y = _placed(t, np.array([0, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 0]), high)
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip"
        )
        figure.add_annotation(
            x=t + FACE / 2,
            y=-0.02 * high,
            text=names[t],
            yanchor="top",
            showarrow=False,
            font={"size": FONT - 2},
        )
    seen = [t for t in range(T) if np.isfinite(found[t]).all()]
    for before, after in pairwise(seen):
        round_it = ((before, -1), (after, -1), (after, 1), (before, 1))
        edge = [
            _placed(t, found[t, 0], found[t, 1] + side * found[t, 3], high) for t, side in round_it
        ]
        figure.add_scatter(
            x=[p[0] for p in edge],
            y=[p[1] for p in edge],
            mode="lines",
            fill="toself",
            fillcolor="rgba(228,87,46,0.22)",
            line={"width": 0},
            hoverinfo="skip",
        )
    angle = np.linspace(0, 2 * math.pi, 41)
    for t in seen:
        mean_x, mean_y, wide, tall, share = found[t]
        x, y = _placed(t, mean_x + wide * np.cos(angle), mean_y + tall * np.sin(angle), high)
        for colour, width in (("#FFFFFF", 4.5), (ACCENT, 2.5)):  # stands out on any picture
            figure.add_scatter(
                x=x, y=y, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip"
            )
        figure.add_annotation(
            x=t + FACE / 2,
            y=-0.13 * high,
            text=f"<b>{100 * share:.0f} %</b>",
            yanchor="top",
            showarrow=False,
            font={"size": FONT - 2},
        )
    middle = [_placed(t, found[t, 0], found[t, 1], high) for t in seen]
    figure.add_scatter(
        x=[p[0] for p in middle],
        y=[p[1] for p in middle],
        mode="lines+markers",
        line={"color": ACCENT, "width": 2},
        marker={"size": 11, "line": {"color": "white", "width": 1.5}},
        hoverinfo="text",
        hovertext=[
            f"{names[t]}<br>{100 * found[t, 4]:.1f} % of the attention<br>middle at "
            f"{100 * found[t, 0]:.0f} % of the width, {100 * found[t, 1]:.0f} % of the height"
            for t in seen
        ],
    )
    if asks is not None:
        t, row, col = asks
        x, y = _placed(
            t, (np.array([0, 1, 1, 0, 0]) + col) / w, (np.array([0, 0, 1, 1, 0]) + row) / h, high
        )
        for colour, width in (("#111111", 7), ("#FFB454", 3.5)):
            figure.add_scatter(
                x=x, y=y, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip"
            )
    figure.update_xaxes(visible=False, range=[-0.08, T - 1 + FACE + 0.08], fixedrange=True)
    figure.update_yaxes(
        visible=False, range=[-0.27 * high, high * (1 + RISE) * 1.02], fixedrange=True
    )
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"size": FONT},
        showlegend=False,
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
