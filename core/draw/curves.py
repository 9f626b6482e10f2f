"""Curves over pairs of frames and over training, as Plotly figures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.draw.style import FONT, SERIES, _bare

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def over_pairs(series: dict[str, np.ndarray], steps: list[str], height: int = 360) -> go.Figure:
    """One line each, scaled to its own largest value, over pairs of frames. Lines differ by dash
    and colour.
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
        gridcolor="rgba(128,128,128,0.25)",
        zeroline=False,
        automargin=True,
    )
    figure.update_xaxes(title="pair of frames", gridcolor="rgba(128,128,128,0.15)", automargin=True)
    _bare(figure, height)
    return figure.update_layout(
        showlegend=True,
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "font": {"size": FONT - 2},
        },
    )


def curves(
    lines: dict[str, tuple[list[float], list[float], str]],
    *,
    dashed: dict[str, tuple[list[float], list[float], str]] | None = None,
    percent: bool = False,
    from_zero: bool = False,
    height: int = 230,
) -> go.Figure:
    """Figures of several runs on the same axes: name -> (x, y, colour). `dashed` are drawn as
    dashed lines with marks.

    With `percent` the values are shares 0..1, drawn as 0 to 100 %; with `from_zero` the axis begins
    at 0.
    """
    figure = go.Figure()
    unit, scale = (" %", 100.0) if percent else ("", 1.0)
    for style, group in (("solid", lines), ("dash", dashed or {})):
        for name, (x, y, colour) in group.items():
            few = style == "dash" or len(x) < 3
            figure.add_scatter(
                x=x,
                y=[scale * v for v in y],
                name=name,
                mode="lines+markers" if few else "lines",
                marker={"size": 8},
                line={"color": colour, "width": 2.5, "dash": style},
                hovertemplate=f"%{{y:.4~g}}{unit}<extra>{name}</extra>",
            )
    grid = "rgba(128,128,128,0.25)"
    figure.update_xaxes(
        gridcolor=grid,
        zeroline=False,
        tickfont={"size": FONT - 3},
        tickangle=0,
        automargin=True,
        rangemode="tozero",
        tickformat="~s",
        nticks=6,
    )
    figure.update_yaxes(
        gridcolor=grid,
        zeroline=not from_zero and not percent,
        zerolinecolor=grid,
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
    return _bare(figure, height, hovermode="x unified")
