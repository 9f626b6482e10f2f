"""Figures of the shuffle lab: how often which OrderAcc, and how it rises while a clip is
learned.
"""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from core.draw.lettering import text_width
from core.draw.style import ACCENT, FONT, GREY, SERIES, WIDTH, _bare

_GRID = "rgba(128,128,128,0.25)"
KINDS = {
    "blocks": ("held-out blocks", ACCENT, "solid"),
    "interleaved": ("between learned frames", SERIES[3], "dash"),
}
"""Of what a lesson is tried on: name, colour and dash."""


def order_histogram(
    accuracies: dict[str, np.ndarray], chance: np.ndarray, height: int = 380
) -> go.Figure:
    """How often each OrderAcc occurs, in percent: bars for each series of accuracies (n,), a line
    for `chance` (T,) of core.order.chance.
    """
    T = len(chance)
    x = [f"{100 * k / T:.4g} %" for k in range(1, T + 1)]
    figure = go.Figure()
    for (name, values), colour in zip(accuracies.items(), SERIES, strict=False):
        counts = np.bincount(np.rint(values * T / 100).astype(int), minlength=T + 1)[1:]
        figure.add_bar(
            x=x,
            y=100 * counts / max(1, len(values)),
            name=name,
            marker={"color": colour},
            customdata=counts,
            hovertemplate="OrderAcc %{x}: %{customdata} shuffles<extra>" + name + "</extra>",
        )
    figure.add_scatter(
        x=x,
        y=100 * chance,
        name="chance, exact",
        mode="lines+markers",
        line={"color": GREY, "width": 3, "dash": "dot"},
        marker={"size": 9, "symbol": "diamond"},
        hovertemplate="OrderAcc %{x}: %{y:.3g} %<extra>chance</extra>",
    )
    widest = max(text_width(f"{name}  ", FONT - 2) for name in x)
    every = math.ceil(
        widest * T / (0.58 * WIDTH)
    )  # it shares its row with the means; all names would run into each other
    figure.update_xaxes(
        title="OrderAcc",
        type="category",
        tickvals=x[::-1][::every],
        tickfont={"size": FONT - 2},
        automargin=True,
        tickangle=0,
    )
    figure.update_yaxes(
        title="of the shuffles",
        ticksuffix=" %",
        gridcolor=_GRID,
        zeroline=False,
        rangemode="tozero",
        automargin=True,
        tickfont={"size": FONT - 2},
    )
    _bare(figure, height, bargap=0.25, bargroupgap=0.05)
    return figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )


def lesson_curve(
    trials: list[dict[str, float]], pixels: float, chance: float, seconds: float, height: int = 380
) -> go.Figure:
    """OrderAcc in percent over the seconds of a lesson.

    `trials` hold `seconds` and a value for each of KINDS that is tried; `pixels` is the baseline's
    value on the blocks.
    """
    figure = go.Figure()
    end = max([seconds, *(trial["seconds"] for trial in trials)])
    for kind, (name, colour, dash) in KINDS.items():
        found = [(trial["seconds"], trial[kind]) for trial in trials if kind in trial]
        if found:
            x, y = zip(*found, strict=True)
            figure.add_scatter(
                x=x,
                y=y,
                name=name,
                mode="lines+markers",
                marker={"size": 9, "color": colour},
                line={"color": colour, "width": 4 if dash == "solid" else 3, "dash": dash},
                hovertemplate="%{y:.1f} % after %{x:.0f} s<extra>" + name + "</extra>",
            )
    lines = {
        "chance": (chance, "dot", GREY),
        "pixel path on the blocks": (pixels, "longdash", SERIES[2]),
    }
    for name, (value, dash, colour) in lines.items():
        figure.add_scatter(
            x=[0, end],
            y=[value, value],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2.5, "dash": dash},
            hovertemplate=f"{value:.1f} %<extra>{name}</extra>",
        )
    figure.update_xaxes(
        title="seconds of learning",
        range=[-end * 0.02, end * 1.02],
        gridcolor=_GRID,
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
        gridcolor=_GRID,
        zeroline=False,
        automargin=True,
        tickfont={"size": FONT - 2},
    )
    _bare(figure, height)
    return figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
