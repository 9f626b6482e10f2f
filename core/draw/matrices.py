"""Matrices as Plotly figures: how far models agree, and their answers to the motion probe."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.colors import unlabel_rgb

from core.draw.lettering import ink, number, text_width, wrapped
from core.draw.style import FONT, LINE, WIDTH, bare, colour_scale, named_ticks, numbered


def _signed_cells(
    values: Float[np.ndarray, "rows columns"],
    rows: list[str],
    columns: list[str],
    most: float,
    between: str,
    value: str,
) -> go.Figure:
    """Cells from blue at -`most` to red at `most`, 0 neutral.

    A cell says on hover its row and column, with `between` between them, and its value.
    """
    return go.Figure(
        go.Heatmap(
            z=values,
            text=[[f"{row}{between}{column}" for column in columns] for row in rows],
            zmin=-most,
            zmax=most,
            colorscale=colour_scale(True),
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate=f"%{{text}}: {value}<extra></extra>",
        )
    )


def agreement_map(
    matrix: Float[np.ndarray, "n n"], names: list[str], height: int = 420
) -> go.Figure:
    """Correlations -1..1 of each two models (n, n), written into the cells."""
    n = len(names)
    size = FONT - 1 if n < 4 else FONT - 2
    figure = _signed_cells(matrix, names, names, 1, " and ", "%{z:.4f}")
    _write_values(figure, matrix, ".2f")
    beside, width = 150, 0.55 * WIDTH  # it shares its row of the page
    row_names = [wrapped(name, beside, FONT) for name in names]
    column_names = [wrapped(name, (width - beside) / n, size) for name in names]
    figure.update_yaxes(autorange="reversed", tickfont={"size": FONT}, **named_ticks(row_names))
    figure.update_xaxes(
        side="top", tickangle=0, tickfont={"size": size}, **named_ticks(column_names)
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False)
    return bare(figure, height, meta={"columns": n})


def correlation_map(
    matrix: Float[np.ndarray, "rows columns"],
    rows: list[str],
    columns: list[str],
    height: int | None = None,
) -> go.Figure:
    """Correlations -1..1 (rows, columns), written into the cells; NaN is a cell without colour."""
    beside = 200  # pixels of the rows' names
    cell = (WIDTH - beside) / len(columns)
    size = FONT if cell > 56 else FONT - 3
    figure = _signed_cells(matrix, rows, columns, 1, " and ", "%{z:.3f}")
    _write_values(figure, np.round(matrix, 2) + 0.0, ".2f", size=size)  # no cell says -0.00
    angle = 0 if cell > 8 + max(text_width(name, FONT - 1) for name in columns) else -40
    row_names = [wrapped(name, beside, FONT, most=1) for name in rows]
    figure.update_yaxes(autorange="reversed", tickfont={"size": FONT - 1}, **named_ticks(row_names))
    figure.update_xaxes(
        side="top",
        tickangle=angle,
        tickfont={"size": FONT - 1},
        **named_ticks([[name] for name in columns]),
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False)
    bare(figure, height or 60 + 30 * len(rows) + (0 if angle == 0 else 90))
    if angle:  # Plotly leaves out a name that ends beyond the figure
        beyond = 0.77 * text_width(columns[-1], FONT - 1) - cell / 2
        figure.update_xaxes(ticklabeloverflow="allow")
        figure.update_layout(margin={"r": max(8, round(beyond) + 14)})
    return figure.update_layout(meta={"columns": min(4, len(columns))})  # scrolls on a phone


def share_map(
    shares: Float[np.ndarray, "rows columns"],
    rows: list[str],
    columns: list[str],
    height: int | None = None,
) -> go.Figure:
    """Shares of a whole (rows, columns), written into the cells in percent.

    Red speaks for the whole, blue against it; the colours end at 100 % whatever goes beyond.
    """
    height = height or 70 + 34 * len(rows)
    figure = _signed_cells(100 * shares, rows, columns, 100, ", ", "%{z:.1f} %")
    _write_values(figure, np.round(100 * shares) + 0.0, ".0f")  # no cell says -0
    size = FONT - 1
    figure.update_yaxes(
        autorange="reversed", tickfont={"size": size}, **named_ticks([[row] for row in rows])
    )
    figure.update_xaxes(
        side="top", tickfont={"size": size}, **named_ticks([[column] for column in columns])
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False)
    return bare(figure, height)


def probe_maps(
    probabilities: list[Float[np.ndarray, "conditions _C"]],
    labels: list[list[str]],
    titles: list[str],
    conditions: tuple[str, ...],
    height: int = 420,
) -> go.Figure:
    """For each model its five most probable classes (rows) under each condition (columns), percent.

    `probabilities` are (conditions, C), one a model; a class counts by the condition that finds it
    most probable. Values are written without the sign, which the page says. Long names of classes
    are broken and cut; the whole name stands on hover.
    """
    figure = go.Figure()
    # Plotly reads some HTML
    labels = [[escape(label, quote=False) for label in each] for each in labels]
    share = WIDTH / len(titles)  # pixels for each model
    best = [np.argsort(-p.max(0), kind="stable")[:5] for p in probabilities]
    rows = [
        [wrapped(names[c], 0.42 * share, FONT, most=4) for c in classes]
        for names, classes in zip(labels, best, strict=True)
    ]
    beside = [16 + _widest(names) for names in rows]  # pixels that the names take
    heads = [
        wrapped(title, 0.98 * share - left, FONT + 2)
        for title, left in zip(titles, beside, strict=True)
    ]
    angle = _tick_angle(conditions, (0.98 * share - max(beside)) / len(conditions))
    for i, classes in enumerate(best):
        shown = 100 * probabilities[i][:, classes].T
        full_names = [[f"{labels[i][c]}, {name}" for name in conditions] for c in classes]
        _probe_heat(figure, i, shown, full_names, titles[i])
        _write_values(figure, shown, ".0f", i)
        domain = [i / len(titles) + beside[i] / WIDTH, (i + 0.98) / len(titles)]
        figure.update_layout(_probe_axes(i, domain, conditions, rows[i], angle))
        figure.add_annotation(
            text="<br>".join(heads[i]),
            x=0.5,
            y=1.02,
            xref=f"{numbered('x', i)} domain",
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            font={"size": FONT + 2},
        )
    more = round(LINE * (FONT + 2)) * (max(map(len, heads)) - 1)
    lines = max(len(name) for names in rows for name in names)
    bare(figure, more + max(height, round(130 + 5 * (8 + LINE * FONT * lines))))
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(showgrid=False, zeroline=False)  # they would shine through the gaps
    below = 60 if angle > -45 else 76
    margin = {"l": 8, "r": 8, "t": 44 + more, "b": below}
    return figure.update_layout(margin=margin, meta={"columns": len(titles)})


def _widest(names: list[list[str]]) -> float:
    """Pixels of the widest line of all these names."""
    return max(text_width(line, FONT) for lines in names for line in lines)


def _tick_angle(names: tuple[str, ...], cell: float) -> int:
    """How the names of columns `cell` pixels wide are turned, in degrees."""
    if cell > 8 + max(text_width(name, FONT - 1) for name in names):
        return 0
    return -25 if cell > 45 else -45


def _probe_heat(
    figure: go.Figure, i: int, shown: np.ndarray, full_names: list[list[str]], title: str
) -> None:
    """Add the i-th model's answers in percent (classes, conditions)."""
    figure.add_heatmap(
        z=shown,
        text=full_names,
        zmin=0,
        zmax=100,
        colorscale="Blues",
        xgap=2,
        ygap=2,
        showscale=False,
        xaxis=numbered("x", i),
        yaxis=numbered("y", i),
        hovertemplate=title + "<br>%{text}: %{z:.2f} %<extra></extra>",
    )


def _probe_axes(
    i: int, domain: list[float], conditions: tuple[str, ...], rows: list[list[str]], angle: int
) -> dict[str, Any]:
    """The axes of the i-th model: conditions below, classes on the left."""
    return {
        numbered("xaxis", i): {
            "domain": domain,
            "anchor": numbered("y", i),
            "tickfont": {"size": FONT - 1},
            "tickangle": angle,
            **named_ticks([[name] for name in conditions]),
        },
        numbered("yaxis", i): {
            "anchor": numbered("x", i),
            "autorange": "reversed",
            "tickfont": {"size": FONT},
            **named_ticks(rows),
        },
    }


def _write_values(
    figure: go.Figure, values: np.ndarray, form: str, axis: int = 0, size: int = FONT
) -> None:
    """Write values (rows, columns) into the cells of the heat map that was added last.

    Each has the ink that its colour needs. A cell without a value has no colour: there the ink is
    that of the page. `axis` is the number of the heat map's axes.
    """
    heat = figure.data[-1]
    stops = [stop for stop, _ in heat.colorscale]
    channels = list(zip(*(unlabel_rgb(colour) for _, colour in heat.colorscale), strict=True))
    cells = []
    for (row, column), value in np.ndenumerate(values):
        text = "–"
        font: dict[str, Any] = {"size": size}
        if not np.isnan(value):
            share = (value - heat.zmin) / (heat.zmax - heat.zmin)
            red, green, blue = (np.interp(share, stops, channel) / 255 for channel in channels)
            text = number(float(value), form)
            font |= {"color": ink((red, green, blue))}
        cells.append(
            {
                "x": column,
                "y": row,
                "xref": numbered("x", axis),
                "yref": numbered("y", axis),
                "text": text,
                "showarrow": False,
                "font": font,
            }
        )
    # at once: Plotly checks all that are there for each that is added
    figure.layout.annotations = [*figure.layout.annotations, *cells]


def confusion_map(
    counts: Float[np.ndarray, "C C"], names: list[str], height: int = 300
) -> go.Figure:
    """How many clips of each class (row) are taken for which (column), written into the cells."""
    size = FONT if len(names) < 5 else FONT - 2
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            text=[[f"{row} taken for {column}" for column in names] for row in names],
            zmin=0,
            zmax=max(1.0, float(counts.max())),
            colorscale="Blues",
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{text}: %{z} clips<extra></extra>",
        )
    )
    _write_values(figure, counts, ".0f")
    column_names = [wrapped(name, 0.28 * WIDTH / len(names), size) for name in names]
    row_names = [wrapped(name, 110, size) for name in names]
    figure.update_yaxes(autorange="reversed", tickfont={"size": size}, **named_ticks(row_names))
    figure.update_xaxes(
        side="top", tickangle=0, tickfont={"size": size}, **named_ticks(column_names)
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False)
    return bare(figure, height)
