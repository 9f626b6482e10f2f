"""Matrices of one shuffle side by side, each with the order that was read of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Real

from core.draw.lettering import number
from core.draw.steps import Scale
from core.draw.style import ACCENT, FONT, NOTHING, bare, numbered

GAP = 0.12  # of the width, between two
BAR = 0.035  # of the height, for a bar of colours


@dataclass(frozen=True)
class Panel:
    """One side: a matrix and a path through it, or the sums of its rows."""

    title: str
    matrix: Real[np.ndarray, "T T"]
    scale: Scale
    path: tuple[int, ...]
    """Slots in the order that was read."""
    sums: Float[np.ndarray, " T"] | None = None
    """What each slot gives less what it gets, which is drawn in the matrix's place."""
    row: str = "slot"
    """What a row is called."""


def order_pair(panels: list[Panel], height: int = 430) -> go.Figure:
    """The panels side by side, slots counted from 1.

    A matrix has its own colour bar below, and the steps of its path are outlined and counted.
    """
    figure = go.Figure()
    share = (1 - GAP * (len(panels) - 1)) / len(panels)
    for i, panel in enumerate(panels):
        domain = [i * (share + GAP), i * (share + GAP) + share]
        if panel.sums is None:
            _draw_matrix(figure, i, panel, domain)
        else:
            _draw_sums(figure, i, panel, panel.sums, domain)
        figure.add_annotation(
            text=f"<b>{panel.title}</b>",
            x=domain[0],
            y=1.1,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            font={"size": FONT + 1},
        )
    bare(figure, height)
    margin = {"l": 44, "r": 8, "t": 72, "b": 60}
    return figure.update_layout(margin=margin, meta={"columns": len(panels)})  # scrolls on a phone


def _draw_matrix(figure: go.Figure, i: int, panel: Panel, domain: list[float]) -> None:
    """The i-th panel as a heat map with its path."""
    T = len(panel.matrix)
    names = [str(slot + 1) for slot in range(T)]
    weights = np.array(panel.matrix, np.float64)
    np.fill_diagonal(weights, np.nan)
    x, y = numbered("x", i), numbered("y", i)
    figure.add_heatmap(
        z=weights,
        zmin=panel.scale.low,
        zmax=panel.scale.high,
        colorscale=_colour_stops(panel.scale),
        xgap=1,
        ygap=1,
        xaxis=x,
        yaxis=y,
        colorbar=_bar_below(panel.scale, domain),
        hovertemplate=(
            f"{panel.title}<br>{panel.row} %{{y}} → {panel.row} %{{x}}: %{{z:.4f}}<extra></extra>"
        ),
        x=names,
        y=names,
    )
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": domain,
                "anchor": y,
                "side": "top",
                "type": "category",
                "tickfont": {"size": FONT - 2},
                "showgrid": False,
                "constrain": "domain",
                "constraintoward": "left",
            },
            numbered("yaxis", i): {
                "anchor": x,
                "autorange": "reversed",
                "type": "category",
                "scaleanchor": x,
                "constrain": "domain",
                "tickfont": {"size": FONT - 2},
                "showgrid": False,
            },
        }
    )
    for step, (t, u) in enumerate(pairwise(panel.path), 1):
        figure.add_shape(
            type="rect",
            x0=u - 0.42,
            x1=u + 0.42,
            y0=t - 0.42,
            y1=t + 0.42,
            xref=x,
            yref=y,
            line={"color": "#15181E", "width": 3},
        )
        figure.add_annotation(
            text=f"<b>{step}</b>",
            x=u,
            y=t,
            xref=x,
            yref=y,
            showarrow=False,
            font={"size": FONT - 2, "color": "#FFFFFF"},
            bgcolor="#15181E",
            borderpad=2,
        )


def _draw_sums(
    figure: go.Figure, i: int, panel: Panel, sums: np.ndarray, domain: list[float]
) -> None:
    """The i-th panel as bars, the slot that comes first on top."""
    x, y = numbered("x", i), numbered("y", i)
    figure.add_bar(
        x=[float(sums[slot]) for slot in panel.path],
        y=[f"slot {slot + 1}" for slot in panel.path],
        orientation="h",
        marker={"color": ACCENT},
        xaxis=x,
        yaxis=y,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": domain,
                "anchor": y,
                "title": {"text": "to all others − from all others", "font": {"size": FONT - 2}},
                "tickfont": {"size": FONT - 2},
                "nticks": 5,
            },
            numbered("yaxis", i): {
                "anchor": x,
                "autorange": "reversed",
                "type": "category",
                "tickfont": {"size": FONT - 2},
                "automargin": True,
            },
        }
    )


def _colour_stops(scale: Scale) -> list[tuple[float, str]]:
    """The colours of a scale as Plotly takes them."""
    colours = np.array(scale.data()["colours"]).reshape(256, 3)
    return [(k / 255, "rgb({},{},{})".format(*colours[k])) for k in range(0, 256, 15)]


def _bar_below(scale: Scale, domain: list[float]) -> dict[str, Any]:
    """The bar of colours below a matrix, with the ends of its scale and its 0."""
    ticks = sorted({scale.low, 0.0, scale.high} if scale.low <= 0 else {scale.low, scale.high})
    return {
        "orientation": "h",
        "x": domain[0],
        "xanchor": "left",
        "y": -0.03,
        "yanchor": "top",
        "len": 0.7 * (domain[1] - domain[0]),
        "thickness": 14,
        "tickvals": ticks,
        "ticktext": [number(tick, ".3g") for tick in ticks],
        "tickfont": {"size": FONT - 2},
        "outlinecolor": NOTHING,
    }
