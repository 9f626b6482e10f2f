"""Figures of the shuffle lab: how often which OrderAcc occurs, and how it rises in a lesson."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.draw.lettering import text_width
from core.draw.style import ACCENT, FONT, GREY, GRID, SERIES, WIDTH, bare

KINDS = {
    "blocks": ("held-out blocks", ACCENT, "solid"),
    "interleaved": ("between learned frames", SERIES[3], "dash"),
}
"""Of what a lesson is tried on: name, colour and dash."""
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}


def order_histogram(
    accuracies: dict[str, Float[np.ndarray, " _n"]],
    chance: Float[np.ndarray, " T"],
    height: int = 380,
) -> go.Figure:
    """How often each OrderAcc occurs, in percent.

    Bars for each series of accuracies (n,), a line for `chance` (T,) of core.order.chance.
    """
    T = len(chance)
    names = [f"{100 * k / T:.4g} %" for k in range(1, T + 1)]
    figure = go.Figure()
    for (name, values), colour in zip(accuracies.items(), SERIES, strict=False):
        right = np.rint(values * T / 100).astype(int)  # frames that stand in the right order
        counts = np.bincount(right, minlength=T + 1)[1:]
        figure.add_bar(
            x=names,
            y=100 * counts / max(1, len(values)),
            name=name,
            marker={"color": colour},
            customdata=counts,
            hovertemplate="OrderAcc %{x}: %{customdata} shuffles<extra>" + name + "</extra>",
        )
    figure.add_scatter(
        x=names,
        y=100 * chance,
        name="chance, exact",
        mode="lines+markers",
        line={"color": GREY, "width": 3, "dash": "dot"},
        marker={"size": 9, "symbol": "diamond"},
        hovertemplate="OrderAcc %{x}: %{y:.3g} %<extra>chance</extra>",
    )
    widest = max(text_width(f"{name}  ", FONT - 2) for name in names)
    room = 0.58 * WIDTH  # it shares its row with the means
    every = math.ceil(widest * T / room)  # all names would run into each other
    figure.update_xaxes(
        title="OrderAcc",
        type="category",
        tickvals=names[::-1][::every],
        tickfont={"size": FONT - 2},
        automargin=True,
        tickangle=0,
    )
    figure.update_yaxes(
        title="of the shuffles",
        ticksuffix=" %",
        gridcolor=GRID,
        zeroline=False,
        rangemode="tozero",
        automargin=True,
        tickfont={"size": FONT - 2},
    )
    bare(figure, height, bargap=0.25, bargroupgap=0.05)
    return figure.update_layout(showlegend=True, legend=LEGEND)


def lesson_curve(
    trials: list[dict[str, Any]], pixels: float, chance: float, seconds: float, height: int = 380
) -> go.Figure:
    """OrderAcc in percent over the seconds of a lesson.

    `trials` are rows of a run's metrics, with `seconds` and a value for each of KINDS that is
    tried; `pixels` is the baseline's value on the blocks, `chance` that of guessing.
    """
    figure = go.Figure()
    end = max([seconds, *(trial["seconds"] for trial in trials)])
    for kind in KINDS:
        points = [(trial["seconds"], trial[kind]) for trial in trials if kind in trial]
        if points:
            figure.add_trace(_tried(kind, points))
    figure.add_trace(_level("chance", chance, end, "dot", GREY))
    figure.add_trace(_level("pixel path on the blocks", pixels, end, "longdash", SERIES[2]))
    figure.update_xaxes(
        title="seconds of learning",
        range=[-end * 0.02, end * 1.02],
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
        tickfont={"size": FONT - 2},
    )
    ticks = [0, 25, 50, 75, 100]
    figure.update_yaxes(
        title="OrderAcc",
        range=[0, 104],
        tickvals=ticks,
        ticktext=[f"{tick} % " for tick in ticks],
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
        tickfont={"size": FONT - 2},
    )
    bare(figure, height)
    return figure.update_layout(showlegend=True, legend=LEGEND)


def _tried(kind: str, points: list[tuple[float, float]]) -> go.Scatter:
    """The line of one of KINDS through (seconds, OrderAcc)."""
    name, colour, dash = KINDS[kind]
    x, y = zip(*points, strict=True)
    return go.Scatter(
        x=x,
        y=y,
        name=name,
        mode="lines+markers",
        marker={"size": 9, "color": colour},
        line={"color": colour, "width": 4 if dash == "solid" else 3, "dash": dash},
        hovertemplate="%{y:.1f} % after %{x:.0f} s<extra>" + name + "</extra>",
    )


def _level(name: str, value: float, end: float, dash: str, colour: str) -> go.Scatter:
    """A level line from the beginning to the `end`."""
    return go.Scatter(
        x=[0, end],
        y=[value, value],
        name=name,
        mode="lines",
        line={"color": colour, "width": 2.5, "dash": dash},
        hovertemplate=f"{value:.1f} %<extra>{name}</extra>",
    )
