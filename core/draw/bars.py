"""Bars: class probabilities and scores, as Plotly figures."""

from __future__ import annotations

from html import escape

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.draw.lettering import number, wrapped
from core.draw.style import (
    ACCENT,
    COOL,
    FONT,
    GREY,
    GRID,
    LINE,
    PERCENT,
    SERIES,
    bare,
    named_ticks,
    numbered,
)

LABEL = 250  # pixels that the name of a class may take beside a bar


def class_bars(
    labels: list[str],
    before: Float[np.ndarray, " C"],
    after: Float[np.ndarray, " C"] | None = None,
    height: int = 260,
    names: tuple[str, str] = ("in order", "shuffled"),
) -> go.Figure:
    """The five most probable classes as bars, 0 to 100 %.

    `before` and `after` are probabilities (C,), by default of the frames in order and shuffled;
    `after` is drawn beside `before` for the same classes, and `names` says what they are. Long
    names of classes are broken, which makes the figure higher, and cut; the whole name stands on
    hover.
    """
    top = np.argsort(-before)[:5][::-1]
    labels = [escape(label, quote=False) for label in labels]  # Plotly reads some HTML
    ticks = [wrapped(labels[i], LABEL, FONT + 1, most=2) for i in top]
    if max(map(len, ticks)) > 1:
        height = max(height, round(2.2 * LINE * (FONT + 1) * len(top)) + 50)
    series = [(names[0], before, COOL)]
    if after is not None:
        series.append((names[1], after, ACCENT))
    figure = go.Figure()
    for name, p, colour in reversed(series):  # Plotly draws from below
        figure.add_bar(
            y=[labels[i] for i in top],
            x=100 * p[top],
            orientation="h",
            name=name,
            marker={"color": colour},
            text=[f"{100 * p[i]:.1f} %" for i in top],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": FONT - 1},
            hovertemplate="%{y}: %{x:.2f} %<extra>" + name + "</extra>",
        )
    figure.update_xaxes(
        range=[0, 122],
        tickvals=PERCENT,
        ticktext=[f"{percent} %" for percent in PERCENT],
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
    )
    figure.update_yaxes(tickfont={"size": FONT + 1}, automargin=True, **named_ticks(ticks))
    bare(figure, height, bargap=0.25)
    if after is not None:
        legend = {"orientation": "h", "y": 1.16, "x": 0, "traceorder": "reversed"}
        figure.update_layout(showlegend=True, legend=legend)
    return figure


def score_bars(
    names: list[str], scores: dict[str, list[float]], chance: dict[str, float], height: int = 360
) -> go.Figure:
    """Scores 0..1: a panel for each kind of score, a bar for each map, a dotted line at chance."""
    figure = go.Figure()
    for i, (kind, values) in enumerate(scores.items()):
        room = (i / len(scores), (i + 0.9) / len(scores))
        _score_panel(figure, i, room, kind, names, values, chance[kind])
    bare(figure, height, bargap=0.3, meta={"columns": len(scores)})  # on a phone it scrolls
    return figure.update_layout(margin={"l": 8, "r": 8, "t": 40, "b": 36})


def _score_panel(
    figure: go.Figure,
    i: int,
    room: tuple[float, float],
    kind: str,
    names: list[str],
    values: list[float],
    chance: float,
) -> None:
    """Add the i-th panel, from left to right in its room: bars, axes, line at chance and title."""
    x, y = numbered("x", i), numbered("y", i)
    left, right = room
    figure.add_bar(
        x=values,
        y=names,
        orientation="h",
        xaxis=x,
        yaxis=y,
        marker={"color": SERIES[i]},
        text=["–" if np.isnan(value) else number(value, ".2f") for value in values],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.3f}<extra>" + kind + "</extra>",
    )
    x_axis = {
        "domain": [left, right],
        "range": [0, 1.3],
        "tickvals": [0, 0.5, 1],
        "anchor": y,
        "gridcolor": GRID,
        "zeroline": False,
    }
    y_axis = {
        "anchor": x,
        "autorange": "reversed",
        "showticklabels": i == 0,
        "automargin": True,
        "ticksuffix": " ",
        "tickfont": {"size": FONT},
    }
    figure.update_layout({numbered("xaxis", i): x_axis, numbered("yaxis", i): y_axis})
    figure.add_shape(
        type="line",
        x0=chance,
        x1=chance,
        y0=0,
        y1=1,
        xref=x,
        yref=f"{y} domain",
        line={"color": GREY, "width": 3, "dash": "dot"},
    )
    figure.add_annotation(
        text=kind,
        x=(left + right) / 2,
        y=1.0,
        xref="paper",
        yref="paper",
        xanchor="center",
        yanchor="bottom",
        showarrow=False,
        font={"size": FONT + 1},
    )
