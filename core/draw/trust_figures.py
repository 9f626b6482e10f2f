"""Whether maps can be trusted, as Plotly figures: scores, curves and what random weights leave."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from core.draw.lettering import number, wrapped
from core.draw.style import (
    ACCENT,
    COOL,
    FAINT_GRID,
    FONT,
    GREY,
    GRID,
    bare,
    named_ticks,
    numbered,
)
from core.explain.trust.every_map import PART
from core.explain.trust.faithfulness import FILLS, WAYS, Curve, Curves, Fill, Way
from core.explain.trust.one_clip import Held
from core.explain.trust.sanity import ALIKE, Cascade
from core.explain.trust.truth_scores import NAMES

TITLES = {
    **{"hand": "on the hand", "fingertip": "at the fingertip", "energy": "energy on hand"},
    **{"auc": "ROC AUC", "precision": "av. precision"},
}
FILL_TITLES: dict[Fill, str] = {"mean": "mean colour", "blur": "blur"}
WAY_TITLES: dict[Way, str] = {
    "deletion": "Deletion: low is good",
    "insertion": "Insertion: high is good",
}
FILL_COLOURS: dict[Fill, str] = {"mean": ACCENT, "blur": COOL}
PALE = "rgba(228,87,46,0.38)"
"""Of a map that does not beat every baseline."""
HOVER = "%{customdata[0]}: %{x:.3f}<br>%{customdata[1]}<extra></extra>"
ROW = 23
"""Pixels of a map."""
NAME = 190
"""Pixels of its name."""


def truth_panels(held: Sequence[Held]) -> go.Figure:
    """A panel for each score, a bar for each map; heads are dots in a row below their layer.

    Full: better than every baseline; pale: not; grey: a baseline. The dotted line is the best of
    the baselines.
    """
    heads = [each for each in held if is_head(each.name)]
    rows = [each for each in held if each.name != "attention" and each not in heads[1:]]
    figure = go.Figure()
    for i, score in enumerate(NAMES):
        _best_baseline(figure, i, score, held)
        _bars(figure, i, score, [None if each in heads else each for each in rows])
        if heads:
            _heads(figure, i, score, rows.index(heads[0]), heads)
    names = [
        wrapped("its heads" if each in heads else plain_name(each.name), NAME, FONT - 1, most=1)
        for each in rows
    ]
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        showticklabels=False,
        tickfont={"size": FONT - 1},
        **named_ticks(names),
    )
    figure.update_layout(yaxis={"showticklabels": True, "automargin": True})
    bare(figure, ROW * len(rows) + 62, bargap=0.22, dragmode=False)
    return figure.update_layout(
        margin={"l": 8, "r": 8, "t": 32, "b": 26},
        meta={"columns": 3},  # on a phone it scrolls
    )


def is_head(name: str) -> bool:
    """Whether a map is that of one head."""
    return name.startswith(PART) and ", head " in name


def plain_name(name: str) -> str:
    """A map's name beside its bar."""
    return name.removeprefix("attention, ").replace("AM flow, as the adapters get it", "AM flow")


def _bars(figure: go.Figure, i: int, score: str, rows: Sequence[Held | None]) -> None:
    """The i-th panel of five, from left to right: its bars, its axes and its title."""
    x, y = numbered("x", i), numbered("y", i)
    width = 1 / len(NAMES)
    bars = [(row, each) for row, each in enumerate(rows) if each is not None]
    values = [each.scores.numbers[score] for _, each in bars]
    figure.add_bar(
        x=values,
        y=[row for row, _ in bars],
        orientation="h",
        xaxis=x,
        yaxis=y,
        marker={"color": [_colour(each, score) for _, each in bars]},
        text=["–" if np.isnan(value) else number(value, ".2f") for value in values],
        textposition="outside",
        textfont={"size": FONT - 2},
        cliponaxis=False,
        customdata=[_on_hover(each, score) for _, each in bars],
        hovertemplate=HOVER,
    )
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": [i * width, (i + 0.93) * width],
                "range": [-0.03, 1.34],
                "tickvals": [0, 0.5, 1],
                "tickfont": {"size": FONT - 3},
                "anchor": y,
                "gridcolor": GRID,
                "zeroline": False,
            },
            numbered("yaxis", i): {"anchor": x, "range": [len(rows) - 0.5, -0.5]},
        }
    )
    figure.add_annotation(
        text=TITLES[score],
        x=(i + 0.01) * width,
        y=1.0,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": FONT},
    )


def _on_hover(each: Held, score: str) -> list[str]:
    lost = each.not_beaten[score]
    return [each.name, f"does not beat {', '.join(lost)}" if lost else ""]


def _colour(each: Held, score: str) -> str:
    if each.is_baseline:
        return GREY
    return PALE if each.not_beaten[score] else ACCENT


def _heads(figure: go.Figure, i: int, score: str, row: int, heads: Sequence[Held]) -> None:
    """A dot for each head of the last layer, in one row."""
    figure.add_scatter(
        x=[each.scores.numbers[score] for each in heads],
        y=[row] * len(heads),
        mode="markers",
        xaxis=numbered("x", i),
        yaxis=numbered("y", i),
        marker={
            "size": 11,
            "color": [_colour(each, score) for each in heads],
            "line": {"width": 1.5, "color": ACCENT},
        },
        customdata=[_on_hover(each, score) for each in heads],
        hovertemplate=HOVER,
    )


def _best_baseline(figure: go.Figure, i: int, score: str, held: Sequence[Held]) -> None:
    best = max(each.scores.numbers[score] for each in held if each.is_baseline)
    if np.isnan(best):
        return
    figure.add_shape(
        type="line",
        x0=best,
        x1=best,
        y0=0,
        y1=1,
        xref=numbered("x", i),
        yref=f"{numbered('y', i)} domain",
        line={"color": GREY, "width": 2, "dash": "dot"},
        layer="below",
    )


def removal_figure(
    own: Curves, others: Sequence[Curves], label: str, height: int = 310
) -> go.Figure:
    """Deletion beside insertion: a line for each fill, and the spread of random orders behind it.

    `others` are those of random orders, `label` is the class.
    """
    figure = go.Figure()
    for i, way in enumerate(WAYS):
        for fill in FILLS:
            _spread(figure, i, [each[way, fill] for each in others], fill)
        for fill in FILLS:
            curve = own[way, fill]
            figure.add_scatter(
                x=100 * curve.shares,
                y=100 * curve.probabilities,
                name=FILL_TITLES[fill],
                mode="lines+markers",
                xaxis=numbered("x", i),
                yaxis=numbered("y", i),
                showlegend=i == 0,
                line={"color": FILL_COLOURS[fill], "width": 3},
                marker={"size": 7, "symbol": "circle" if fill == "mean" else "diamond"},
                hovertemplate="%{y:.1f} %<extra>" + FILL_TITLES[fill] + "</extra>",
            )
        _removal_axes(figure, i, way, label)
    bare(figure, height, hovermode="x", hoverdistance=-1, dragmode=False)
    legend = {"orientation": "h", "y": 1.11, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    return figure.update_layout(
        showlegend=True,
        legend=legend,
        margin={"l": 8, "r": 16, "t": 62, "b": 54},
        meta={"columns": 2},  # on a phone it scrolls
    )


def _spread(figure: go.Figure, i: int, curves: Sequence[Curve], fill: Fill) -> None:
    """From the lowest to the highest of several curves, as a band."""
    if not curves:
        return
    values = 100 * np.array([curve.probabilities for curve in curves])
    shares = 100 * curves[0].shares
    red, green, blue = (int(FILL_COLOURS[fill][at : at + 2], 16) for at in (1, 3, 5))
    figure.add_scatter(
        x=np.r_[shares, shares[::-1]],
        y=np.r_[values.max(0), values.min(0)[::-1]],
        name=f"random order, {FILL_TITLES[fill]}",
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.2)",
        xaxis=numbered("x", i),
        yaxis=numbered("y", i),
        showlegend=i == 0,
        hoverinfo="skip",
    )


def _removal_axes(figure: go.Figure, i: int, way: Way, label: str) -> None:
    left, right = (0, 0.47) if i == 0 else (0.53, 1)
    verb = "removed" if way == "deletion" else "put in"
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": [left, right],
                "range": [-2, 102],
                "anchor": numbered("y", i),
                "ticksuffix": " %",
                "gridcolor": FAINT_GRID,
                "zeroline": False,
                "title": {
                    "text": f"{verb}, hottest first",
                    "standoff": 4,
                    "font": {"size": FONT},
                },
            },
            numbered("yaxis", i): {
                "anchor": numbered("x", i),
                "range": [0, 104],
                "ticksuffix": " %",
                "nticks": 5,
                "gridcolor": GRID,
                "zeroline": False,
                "automargin": True,
                "title": {"text": escape(label, quote=False) if i == 0 else "", "standoff": 6},
            },
        }
    )
    figure.add_annotation(
        text=f"<b>{WAY_TITLES[way]}</b>",
        x=left,
        y=1.0,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
    )


def cascade_figure(cascade: Cascade, height: int = 260) -> go.Figure:
    """The rank correlation with the original map while weights become random, layer by layer.

    Within the grey band a map is another one.
    """
    steps = ["nothing", *cascade.steps]
    figure = go.Figure()
    figure.add_scatter(
        x=steps,
        y=[1.0, *np.nan_to_num(cascade.correlations)],
        mode="lines+markers",
        line={"color": ACCENT, "width": 3},
        marker={"size": 9},
        hovertemplate="random up to %{x}: %{y:.2f}<extra></extra>",
    )
    figure.add_hrect(y0=-ALIKE, y1=ALIKE, fillcolor=FAINT_GRID, line_width=0)
    figure.update_xaxes(title="random from the end down to", gridcolor=FAINT_GRID, automargin=True)
    figure.update_yaxes(
        title="rank correlation",
        range=[-1.08, 1.08],
        tickvals=[-1, -ALIKE, 0, ALIKE, 1],
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
    )
    return bare(figure, height, dragmode=False)
