"""Curves over pairs of frames and over training, as Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.draw.style import FAINT_GRID, FONT, GRID, SERIES, bare

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
Line = tuple[list[float], list[float], str]
"""x, y and the colour."""


def over_pairs(
    series: dict[str, Float[np.ndarray, " pairs"]], steps: list[str], height: int = 360
) -> go.Figure:
    """One line for each series over pairs of frames, scaled to its own largest value.

    Lines differ by dash and colour.
    """
    figure = go.Figure()
    for (name, values), colour, dash in zip(series.items(), SERIES, DASHES, strict=False):
        top = float(np.abs(values).max()) or 1.0
        figure.add_scatter(
            x=steps,
            y=values / top,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 3, "dash": dash},
            marker={"size": 8},
            customdata=values,
            hovertemplate="%{x}: %{customdata:.4g}<extra>" + name + "</extra>",
        )
    figure.update_yaxes(
        range=[0, 1.05],
        tickvals=[0, 0.5, 1],
        title="part of its largest",
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
    )
    figure.update_xaxes(title="pair of frames", gridcolor=FAINT_GRID, automargin=True)
    bare(figure, height)
    legend = {
        "orientation": "h",
        "y": 1.02,
        "yanchor": "bottom",
        "x": 0,
        "font": {"size": FONT - 2},
    }
    # on a phone it scrolls: its legend would leave the lines no room
    return figure.update_layout(showlegend=True, legend=legend, meta={"columns": 2})


def curves(
    lines: dict[str, Line],
    *,
    dashed: dict[str, Line] | None = None,
    percent: bool = False,
    from_zero: bool = False,
    height: int = 230,
) -> go.Figure:
    """Figures of several runs on the same axes; `dashed` are drawn as dashed lines with marks.

    With `percent` the values are shares 0..1, drawn as 0 to 100 %; with `from_zero` the axis begins
    at 0.
    """
    figure = go.Figure()
    unit, scale = (" %", 100.0) if percent else ("", 1.0)
    for dash, group in (("solid", lines), ("dash", dashed or {})):
        for name, (x, y, colour) in group.items():
            few = dash == "dash" or len(x) < 3
            figure.add_scatter(
                x=x,
                y=[scale * value for value in y],
                name=name,
                mode="lines+markers" if few else "lines",
                marker={"size": 8},
                line={"color": colour, "width": 2.5, "dash": dash},
                hovertemplate=f"%{{y:.4~g}}{unit}<extra>{name}</extra>",
            )
    figure.update_xaxes(
        gridcolor=GRID,
        zeroline=False,
        tickfont={"size": FONT - 3},
        tickangle=0,
        automargin=True,
        rangemode="tozero",
        tickformat="~s",
        nticks=6,
    )
    figure.update_yaxes(
        gridcolor=GRID,
        zeroline=not from_zero and not percent,
        zerolinecolor=GRID,
        tickfont={"size": FONT - 3},
        ticksuffix=unit,
        automargin=True,
        nticks=6,
        rangemode="tozero" if from_zero else "normal",
        tickformat="" if percent else "~g",
        exponentformat="e",
    )
    if percent:
        figure.update_yaxes(range=[0, 103])
    return bare(figure, height, hovermode="x unified")


def held_out_curve(
    trials: Sequence[Mapping[str, Any]], chance: float, height: int = 260
) -> go.Figure:
    """Accuracy on held-out clips over the seconds of learning, with its 95 % interval.

    `trials` are rows of a run's metrics, each with `seconds` and `held_out`: `accuracy` and
    `interval` in percent. `chance`, in percent, is a dotted line.
    """
    seconds = [trial["seconds"] for trial in trials]
    low, high = zip(*(trial["held_out"]["interval"] for trial in trials), strict=True)
    accuracy = [trial["held_out"]["accuracy"] for trial in trials]
    figure = go.Figure()
    figure.add_scatter(
        x=seconds,
        y=accuracy,
        name="held-out clips",
        mode="lines+markers",
        line={"color": SERIES[0], "width": 3},
        marker={"size": 9},
        error_y={
            "type": "data",
            "array": [h - a for h, a in zip(high, accuracy, strict=True)],
            "arrayminus": [a - x for a, x in zip(accuracy, low, strict=True)],
            "thickness": 1.2,
        },
        hovertemplate="%{x:.0f} s: %{y:.0f} %<extra></extra>",
    )
    figure.add_hline(y=chance, line={"dash": "dot", "width": 2}, annotation_text="guessing")
    figure.update_yaxes(range=[0, 104], title="right, %", gridcolor=GRID, automargin=True)
    figure.update_xaxes(title="seconds of learning", gridcolor=FAINT_GRID, automargin=True)
    return bare(figure, height)
