"""Matrices as Plotly figures: how far models agree, and their answers to the motion probe."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.colors import unlabel_rgb

from core.draw.bars import _named
from core.draw.lettering import ink, text_width, wrapped
from core.draw.style import FONT, LINE, WIDTH, _bare, colour_scale


def agreement_map(matrix: np.ndarray, names: list[str], height: int = 420) -> go.Figure:
    """Correlations -1..1 of each two models (n, n), written into the cells."""
    n = len(names)
    size = FONT - 1 if n < 4 else FONT - 2
    pairs = [[f"{row} and {column}" for column in names] for row in names]
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            text=pairs,
            zmin=-1,
            zmax=1,
            colorscale=colour_scale(True),
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{text}: %{z:.4f}<extra></extra>",
        )
    )
    _written(figure, matrix, "{:.2f}")
    beside, width = 150, 0.55 * WIDTH  # it shares its row of the page
    said = [wrapped(name, beside, FONT) for name in names]
    above = [wrapped(name, (width - beside) / n, size) for name in names]
    figure.update_yaxes(autorange="reversed", tickfont={"size": FONT}, **_named(said))
    figure.update_xaxes(side="top", tickangle=0, tickfont={"size": size}, **_named(above))
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, showgrid=False, zeroline=False)
    return _bare(figure, height)


def probe_maps(
    probabilities: list[np.ndarray],
    labels: list[list[str]],
    titles: list[str],
    conditions: tuple[str, ...],
    height: int = 420,
) -> go.Figure:
    """For each model the five classes that any condition finds most probable (rows) under each
    condition (columns), in percent.

    Values are written without the sign, which the page says. Long names of classes are broken and
    cut; the whole name stands on hover.
    """
    count = len(titles)
    figure = go.Figure()
    top = [np.argsort(-p.max(0), kind="stable")[:5] for p in probabilities]
    rows = [
        [wrapped(names[c], 0.42 * WIDTH / count, FONT, most=4) for c in best]
        for names, best in zip(labels, top, strict=True)
    ]
    room = [
        16 + max(text_width(line, FONT) for lines in names for line in lines) for names in rows
    ]  # pixels beside each heat map
    heads = [
        wrapped(title, 0.98 * WIDTH / count - left, FONT + 2)
        for title, left in zip(titles, room, strict=True)
    ]
    cell = (0.98 * WIDTH / count - max(room)) / len(conditions)
    angle = (
        0
        if cell > 8 + max(text_width(name, FONT - 1) for name in conditions)
        else -25
        if cell > 45
        else -45
    )
    for i, (p, names, title, best) in enumerate(
        zip(probabilities, labels, titles, top, strict=True)
    ):
        own = f"{i + 1}" if i else ""
        shown = 100 * p[:, best].T
        said = [[f"{names[c]}, {condition}" for condition in conditions] for c in best]
        figure.add_heatmap(
            z=shown,
            text=said,
            zmin=0,
            zmax=100,
            colorscale="Blues",
            xgap=2,
            ygap=2,
            showscale=False,
            xaxis=f"x{own}",
            yaxis=f"y{own}",
            hovertemplate=title + "<br>%{text}: %{z:.2f} %<extra></extra>",
        )
        _written(figure, shown, "{:.0f}", own)
        figure.update_layout(
            {
                f"xaxis{own}": {
                    "domain": [i / count + room[i] / WIDTH, (i + 0.98) / count],
                    "anchor": f"y{own}",
                    "tickfont": {"size": FONT - 1},
                    "tickangle": angle,
                    **_named([[name] for name in conditions]),
                },
                f"yaxis{own}": {
                    "anchor": f"x{own}",
                    "autorange": "reversed",
                    "tickfont": {"size": FONT},
                    **_named(rows[i]),
                },
            }
        )
        figure.add_annotation(
            text="<br>".join(heads[i]),
            x=0.5,
            y=1.02,
            xref=f"x{own} domain",
            yref="paper",
            yanchor="bottom",
            showarrow=False,
            font={"size": FONT + 2},
        )
    more = round(LINE * (FONT + 2)) * (max(map(len, heads)) - 1)
    lines = max(len(name) for names in rows for name in names)
    _bare(figure, more + max(height, round(130 + 5 * (8 + LINE * FONT * lines))))
    figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(
        showgrid=False, zeroline=False
    )  # they would shine through the gaps
    return figure.update_layout(
        margin={"l": 8, "r": 8, "t": 44 + more, "b": 60 if angle > -45 else 76}
    )


def _written(figure: go.Figure, values: np.ndarray, form: str, axis: str = "") -> None:
    """Write values (rows, columns) into the cells of the heat map that was added last, each in the
    ink that its colour needs.

    A cell without a value has no colour: there the ink is that of the page.
    """
    heat = figure.data[-1]
    stops, colours = zip(
        *((stop, unlabel_rgb(colour)) for stop, colour in heat.colorscale), strict=True
    )
    cells = []
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            text, font = "–", {"size": FONT}
        else:
            share = (value - heat.zmin) / (heat.zmax - heat.zmin)
            red, green, blue = (
                np.interp(share, stops, part) / 255 for part in zip(*colours, strict=True)
            )
            text, font = form.format(value), {"size": FONT, "color": ink((red, green, blue))}
        cells.append(
            {
                "x": column,
                "y": row,
                "xref": f"x{axis}",
                "yref": f"y{axis}",
                "text": text,
                "showarrow": False,
                "font": font,
            }
        )
    figure.layout.annotations = [
        *figure.layout.annotations,
        *cells,
    ]  # at once: Plotly checks all that are there for each that is added
