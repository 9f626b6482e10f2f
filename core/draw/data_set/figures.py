"""The figures of a data set's results: who is taken for whom, a histogram, a map, thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Literal

import cv2
import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float, Int, UInt8
from plotly.colors import qualitative

from core.draw.data_set.embedding import Places
from core.draw.lettering import cut
from core.draw.overlay import overlay
from core.draw.style import (
    ACCENT,
    FAINT_GRID,
    FONT,
    GREY,
    GRID,
    bare,
    named_ticks,
)

BINS = 24
SMALL = FONT - 3
"""Letters of a figure that takes a third of the page."""
COLOURS = (*qualitative.Safe, *qualitative.Pastel)
"""Of classes: a palette that is told apart without red and green, and paler ones beyond eleven."""
Over = Literal["attention", "gradcam"]


def confusions(counts: Int[np.ndarray, "C C"], names: list[str], height: int = 380) -> go.Figure:
    """The confusion matrix, each cell of which can be clicked: customdata (label, prediction).

    A cell's colour is its share of its row; the count stands in it.
    """
    rows = counts.sum(1, keepdims=True)
    shares = 100 * counts / np.maximum(rows, 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            zmin=0,
            zmax=100,
            colorscale=[(0, "rgba(46,134,171,0.06)"), (1, "rgba(46,134,171,0.8)")],
            xgap=2,
            ygap=2,
            showscale=False,
            hoverinfo="skip",
        )
    )
    # a heat map tells no click, and knows no theme: marks that cannot be seen lie upon it
    pairs = [(row, column) for row in range(len(names)) for column in range(len(names))]
    figure.add_scatter(
        x=[column for _, column in pairs],
        y=[row for row, _ in pairs],
        customdata=[(names[row], names[column]) for row, column in pairs],
        hovertext=[
            f"{names[r]} called {names[c]}: {counts[r, c]} clips, {shares[r, c]:.1f} %"
            for r, c in pairs
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        text=[short(int(counts[pair])) for pair in pairs],
        textfont={"size": SMALL - 2},
        mode="markers+text",
        marker={"symbol": "square", "size": max(8, round(0.6 * height / len(names))), "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )
    lines = [[cut(name, 110, SMALL)] for name in names]
    figure.update_yaxes(autorange="reversed", **named_ticks(lines))
    figure.update_xaxes(side="top", tickangle=-60, **named_ticks(lines))
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False, tickfont={"size": SMALL}, ticks="")
    return bare(figure, height)


def short(count: int) -> str:
    """A count in at most four letters; nothing for 0."""
    if count < 1000:
        return str(count) if count else ""
    if count < 999_500:
        return f"{count / 1000:.2g}k" if count < 99_500 else f"{count / 1000:.0f}k"
    return f"{count / 1e6:.2g}M"


def histogram(
    values: Float[np.ndarray, " clips"],
    chosen: Bool[np.ndarray, " clips"],
    height: int = 380,
) -> go.Figure:
    """How often which values occur; the clips that pass the filter stand before the others.

    NaN is left out. Each bar can be clicked: its customdata are where it begins and ends.
    """
    there = ~np.isnan(values)
    known = values[there]
    figure = go.Figure()
    if len(known):
        edges = bin_edges(known)
        # bins of one width are counted several times as fast as edges that are given
        bins, ends = len(edges) - 1, (edges[0], edges[-1])
        before, _ = np.histogram(known, bins, ends)
        after, _ = np.histogram(values[there & chosen], bins, ends)
        middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        for counts, colour in ((before, GREY), (after, ACCENT)):
            figure.add_bar(
                x=middles,
                y=counts,
                width=0.94 * widths,
                marker={"color": colour, "line": {"width": 0}},
                customdata=np.stack(
                    [edges[:-1], edges[1:]], 1
                ).tolist(),  # a page reads lists alone
                hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y} clips"
                "<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            )
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(
        gridcolor=FAINT_GRID,
        automargin=True,
        tickfont={"size": SMALL},
        ticks="outside",  # away from the 0 on the left
        ticklen=8,
        tickcolor=FAINT_GRID,
    )
    figure.update_yaxes(
        title={"text": "clips", "font": {"size": SMALL}},
        gridcolor=GRID,
        automargin=True,
        zeroline=False,
        tickfont={"size": SMALL},
    )
    return bare(figure, height)


def bin_edges(values: Float[np.ndarray, " known"]) -> Float[np.ndarray, " edges"]:
    """Edges of equal bins over the values, at least one value wide."""
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])


def clip_map(
    places: Places,
    groups: Mapping[str, Bool[np.ndarray, " rows"]],
    names: list[str],
    height: int = 380,
) -> go.Figure:
    """Clips on a plane, a colour for each group; `customdata` of a point is its row.

    `groups` are places among the rows; those in none are drawn grey, behind.
    """
    grouped = np.any(list(groups.values()), axis=0) if groups else np.zeros(len(places.rows), bool)
    marks: list[tuple[str, Any, str]] = [("others", ~grouped, GREY)]
    marks += [
        (name, mask, COLOURS[i % len(COLOURS)]) for i, (name, mask) in enumerate(groups.items())
    ]
    figure = go.Figure()
    for name, mask, colour in marks:
        if mask.any():
            figure.add_scattergl(
                x=places.xy[mask, 0],
                y=places.xy[mask, 1],
                customdata=places.rows[mask].tolist(),
                text=[escape(names[i], quote=False) for i in np.flatnonzero(mask)],
                name=escape(name, quote=False),
                mode="markers",
                marker={"size": 7, "color": colour, "opacity": 0.25 if name == "others" else 0.85},
                hovertemplate="%{text}<extra></extra>",
            )
    bare(figure, height)
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(showticklabels=False, zeroline=False, gridcolor=FAINT_GRID)
    legend = {"font": {"size": SMALL}, "itemsizing": "constant", "x": 1.01, "y": 1}
    return figure.update_layout(showlegend=len(groups) > 0, legend=legend, dragmode="lasso")


def thumbnail(record: Mapping[str, Any], over: Over | None) -> UInt8[np.ndarray, "H W 3"]:
    """A clip's thumbnail as RGB, with a map of the step that it shows laid over it.

    `record` has the columns `thumbnail`, `thumbnail_step`, the grid and those of the maps.
    """
    data = np.frombuffer(record["thumbnail"], np.uint8)
    picture: np.ndarray = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)  # type: ignore[assignment]
    if over is None:
        return picture
    heat = heat_of(record, over)[record["thumbnail_step"]]
    return overlay(picture[None], heat[None], signed=bool(heat.min() < 0))[0]


def heat_of(record: Mapping[str, Any], over: Over) -> Float[np.ndarray, "T h w"]:
    """A clip's map (T', h, w) in its own units, from its bytes."""
    shape = (record["grid_t"], record["grid_h"], record["grid_w"])
    parts = np.frombuffer(record[f"{over}_map"], np.uint8).reshape(shape) / 255
    low = record["attention_low"] if over == "attention" else 0.0
    return low + (record[f"{over}_high"] - low) * parts
