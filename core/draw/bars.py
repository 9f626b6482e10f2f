"""Bars: class probabilities and scores, as Plotly figures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.draw.lettering import wrapped
from core.draw.style import ACCENT, COOL, FONT, GREY, LINE, PERCENT, SERIES, _bare

LABEL = 250  # pixels that the name of a class may take beside a bar


def _named(names: list[list[str]]) -> dict[str, list]:
    """Ticks 0, 1, ... of an axis with these names, each as lines."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [" <br>".join(lines) + " " for lines in names],
    }


def class_bars(
    labels: list[str],
    before: np.ndarray,
    after: np.ndarray | None = None,
    height: int = 260,
    names: tuple[str, str] = ("in order", "shuffled"),
) -> go.Figure:
    """The five most probable classes as bars, 0 to 100 %; `after` is drawn beside it for the same
    classes.

    Long names are broken, which makes the figure higher, and cut; the whole name stands on hover.
    """
    top = np.argsort(-before)[:5][::-1]
    said = [wrapped(labels[i], LABEL, FONT + 1, most=2) for i in top]
    if max(map(len, said)) > 1:
        height = max(height, round(2.2 * LINE * (FONT + 1) * len(top)) + 50)
    series = [(names[0], before, COOL)] + ([(names[1], after, ACCENT)] if after is not None else [])
    figure = go.Figure()
    for name, p, colour in reversed(series):
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
        ticktext=[f"{at} %" for at in PERCENT],
        gridcolor="rgba(128,128,128,0.25)",
        zeroline=False,
        automargin=True,
    )
    figure.update_yaxes(tickfont={"size": FONT + 1}, automargin=True, **_named(said))
    _bare(figure, height, bargap=0.25)
    if after is not None:
        figure.update_layout(
            showlegend=True,
            legend={"orientation": "h", "y": 1.16, "x": 0, "traceorder": "reversed"},
        )
    return figure


def score_bars(
    names: list[str], scores: dict[str, list[float]], chance: dict[str, float], height: int = 360
) -> go.Figure:
    """Scores 0..1, a panel for each kind of score, a bar for each map, a dotted line at what chance
    gives.
    """
    figure = go.Figure()
    for i, (kind, values) in enumerate(scores.items()):
        own = f"{i + 1}" if i else ""
        figure.add_bar(
            x=values,
            y=names,
            orientation="h",
            xaxis=f"x{own}",
            yaxis=f"y{own}",
            marker={"color": SERIES[i]},
            text=["–" if np.isnan(v) else f"{v:.2f}" for v in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f}<extra>" + kind + "</extra>",
        )
        left, right = 0.34 + 0.35 * i, 0.65 + 0.35 * i
        figure.update_layout(
            {
                f"xaxis{own}": {
                    "domain": [left, right],
                    "range": [0, 1.3],
                    "tickvals": [0, 0.5, 1],
                    "anchor": f"y{own}",
                    "gridcolor": "rgba(128,128,128,0.25)",
                    "zeroline": False,
                },
                f"yaxis{own}": {
                    "anchor": f"x{own}",
                    "autorange": "reversed",
                    "showticklabels": i == 0,
                    "ticksuffix": " ",
                    "tickfont": {"size": FONT},
                },
            }
        )
        figure.add_shape(
            type="line",
            x0=chance[kind],
            x1=chance[kind],
            y0=0,
            y1=1,
            xref=f"x{own}",
            yref=f"y{own} domain",
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
    _bare(figure, height)
    return figure.update_layout(margin={"l": 8, "r": 8, "t": 40, "b": 36}, bargap=0.3)
