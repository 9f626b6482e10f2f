"""Measured figures beside printed ones, and how often a verdict is right, as Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.draw.lettering import number
from core.draw.style import COOL, FONT, GREY, GRID, LAB, SERIES, bare

ROW, BAR = 26, 0.8
"""Pixels of a bar with its share of the space between groups."""
RIGHT, WRONG, SILENT = LAB["right"], LAB["wrong"], "rgba(140,140,140,0.35)"


@dataclass(frozen=True)
class Series:
    """Figures of the rows of a table: None where there is none."""

    title: str
    values: tuple[float | None, ...]
    spread: tuple[float | None, ...] = ()
    """Standard deviations over seeds, where there are several."""


def beside_paper(rows: Sequence[str], series: Sequence[Series], unit: str = " %") -> go.Figure:
    """A group of bars for each row of a table, one for each series, each with its figure."""
    figure = go.Figure()
    colours = (GREY, *SERIES[:1], COOL, *SERIES[2:])
    for one, colour in zip(series, colours, strict=False):
        spread = one.spread or (None,) * len(rows)
        figure.add_bar(
            y=list(range(len(rows))),
            x=one.values,
            orientation="h",
            name=one.title,
            marker={"color": colour},
            text=[_written(v, s, unit) for v, s in zip(one.values, spread, strict=True)],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": FONT - 2},
            customdata=list(rows),
            hovertemplate="%{customdata}: %{x:.2f}" + unit + f"<extra>{one.title}</extra>",
        )
    figure.update_xaxes(
        range=[0, 122], tickvals=[0, 25, 50, 75, 100], gridcolor=GRID, zeroline=False
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[f"{row} " for row in rows],
        tickfont={"size": FONT},
        autorange="reversed",
        automargin=True,
    )
    bare(figure, 90 + ROW * len(series) * len(rows), bargap=1 - BAR)
    return _with_legend(figure)


def _written(value: float | None, spread: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{number(value, '.1f')}{f' ± {spread:.1f}' if spread else ''}{unit}"


def reliability(panels: Mapping[str, Mapping[str, Mapping[str, int]]]) -> go.Figure:
    """How often the direction was called known and was right: a panel a data set, a bar a stroke.

    `panels` holds, by title and by stroke, the counts `shuffles`, `called` and `right`. A bar is
    all shuffles: called rightly, called wrongly, and not called.
    """
    figure = go.Figure()
    width = 1 / len(panels)
    for i, strokes in enumerate(panels.values()):
        axis = "" if i == 0 else str(i + 1)
        for title, colour, shares in _parts(strokes):
            figure.add_bar(
                y=list(strokes),
                x=[share for share, _ in shares],
                orientation="h",
                name=title,
                legendgroup=title,
                showlegend=i == 0,
                marker={"color": colour},
                customdata=[words for _, words in shares],
                hovertemplate="%{y}: %{customdata}<extra>" + title + "</extra>",
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
            )
        domain = [i * width + (0.1 if i == 0 else 0.06), (i + 1) * width - 0.1]
        figure.update_layout(
            {
                f"xaxis{axis}": _shares(domain, f"y{axis}"),
                f"yaxis{axis}": {
                    "anchor": f"x{axis}",
                    "autorange": "reversed",
                    "ticksuffix": " ",
                    "showticklabels": i == 0,
                    "tickfont": {"size": FONT},
                },
            }
        )
        for stroke, counts in strokes.items():
            figure.add_annotation(
                x=1,
                xshift=6,
                y=stroke,
                xref=f"x{axis} domain",
                yref=f"y{axis}",
                text=f"{counts['right']} of {counts['called']}" if counts["called"] else "never",
                showarrow=False,
                xanchor="left",
                font={"size": FONT - 2},
            )
    rows = max(len(strokes) for strokes in panels.values())
    bare(figure, 100 + ROW * rows, barmode="stack", bargap=0.25)
    for i, title in enumerate(panels):
        middle = i * width + width / 2
        figure.add_annotation(
            text=f"<b>{title}</b>",
            x=middle,
            y=1.0,
            xref="paper",
            yref="paper",
            showarrow=False,
            yanchor="bottom",
            font={"size": FONT},
        )
    _with_legend(figure, 1.0 + 34 / (ROW * rows))
    return figure.update_layout(margin={"t": 66, "b": 40}, meta={"columns": 3})


def _shares(domain: list[float], anchor: str) -> dict[str, object]:
    return {
        "domain": domain,
        "anchor": anchor,
        "range": [0, 100],
        "tickvals": [0, 50, 100],
        "ticktext": ["0 %", "50 %", "100 %"],
        "gridcolor": GRID,
        "zeroline": False,
    }


def _parts(
    strokes: Mapping[str, Mapping[str, int]],
) -> list[tuple[str, str, list[tuple[float, str]]]]:
    """Title, colour, and of each stroke the share in percent and the count in words."""

    def of(key: str) -> list[tuple[float, str]]:
        parts = []
        for counts in strokes.values():
            of_it = {
                "right": counts["right"],
                "wrong": counts["called"] - counts["right"],
                "silent": counts["shuffles"] - counts["called"],
            }[key]
            share = 100 * of_it / counts["shuffles"]
            parts.append((share, f"{of_it} of {counts['shuffles']} shuffles"))
        return parts

    return [
        ("called, and right", RIGHT, of("right")),
        ("called, and wrong", WRONG, of("wrong")),
        ("not called", SILENT, of("silent")),
    ]


def _with_legend(figure: go.Figure, y: float = 1.0) -> go.Figure:
    legend = {
        "orientation": "h",
        "y": y,
        "yanchor": "bottom",
        "x": 0,
        "font": {"size": FONT - 2},
    }
    return figure.update_layout(showlegend=True, legend=legend, margin={"t": 40, "b": 34})
