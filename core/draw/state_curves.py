"""A recurrent model's hidden state over a clip, as Plotly figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from core.draw.style import ACCENT, FONT, GRID, SERIES, bare, numbered

GAP = 0.075  # of the width, between two panels
READ = "What the classifier reads"


def state_panels(
    times: Float[np.ndarray, " T"],
    hidden: Float[np.ndarray, "T L"],
    gate: Float[np.ndarray, "T L"],
    tokens: Float[np.ndarray, "T tokens"],
    height: int = 320,
) -> go.Figure:
    """Three panels over seconds: the state's size, the gate, and what the classifier reads.

    `hidden` is the root mean square of each layer's state, `gate` the share of the state in its Q,
    K and V, `tokens` the shares of T_s and of each layer's T_t, which are stacked.
    """
    figure = go.Figure()
    titles = ("Hidden state, root mean square", "Share of the state in the gate", READ)
    share = (1 - 2 * GAP) / 3
    for i, title in enumerate(titles):
        left = i * (share + GAP)
        _axes(figure, i, [left, left + share], title, percent=i > 0)
    for layer in range(hidden.shape[1]):
        name, colour = f"layer {layer + 1}", SERIES[(layer + 1) % len(SERIES)]
        _line(figure, 0, times, hidden[:, layer], name, colour, "%{y:.3g}", legend=True)
        _line(figure, 1, times, 100 * gate[:, layer], name, colour, "%{y:.1f} %")
    for token in range(tokens.shape[1]):
        name = "newest frame (T_s)" if token == 0 else f"memory of layer {token} (T_t)"
        colour = ACCENT if token == 0 else SERIES[token % len(SERIES)]
        figure.add_scatter(
            x=times,
            y=100 * tokens[:, token],
            name=name,
            mode="lines",
            line={"width": 0.5, "color": colour},
            fillcolor=colour,
            stackgroup="tokens",
            xaxis="x3",
            yaxis="y3",
            showlegend=token == 0,
            hovertemplate=f"{name}: %{{y:.1f}} %<extra></extra>",
        )
    bare(figure, height, hovermode="x unified")
    legend = {"orientation": "h", "y": -0.16, "x": 0, "font": {"size": FONT - 2}}
    figure.update_layout(showlegend=True, legend=legend)
    margin = {"l": 8, "r": 8, "t": 40, "b": 8}
    return figure.update_layout(margin=margin, meta={"columns": 3})  # on a phone it scrolls


def _axes(figure: go.Figure, i: int, domain: list[float], title: str, *, percent: bool) -> None:
    x, y = numbered("x", i), numbered("y", i)
    figure.update_layout(
        {
            numbered("xaxis", i): {
                "domain": domain,
                "anchor": y,
                "gridcolor": GRID,
                "zeroline": False,
                "ticksuffix": " s",
                "tickfont": {"size": FONT - 3},
                "nticks": 5,
            },
            numbered("yaxis", i): {
                "anchor": x,
                "gridcolor": GRID,
                "rangemode": "tozero",
                "ticksuffix": " %" if percent else "",
                "range": [0, 100] if percent else None,
                "tickfont": {"size": FONT - 3},
                "automargin": True,
                "nticks": 6,
            },
        }
    )
    figure.add_annotation(
        text=f"<b>{title}</b>",
        x=domain[0],
        y=1.02,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": FONT},
    )


def _line(
    figure: go.Figure,
    i: int,
    x: np.ndarray,
    y: np.ndarray,
    name: str,
    colour: str,
    shown: str,
    *,
    legend: bool = False,
) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        legendgroup=name,
        showlegend=legend,
        mode="lines+markers",
        line={"color": colour, "width": 2.5},
        marker={"size": 7},
        xaxis=numbered("x", i),
        yaxis=numbered("y", i),
        hovertemplate=f"{name}: {shown}<extra></extra>",
    )


def score_bars_over_time(
    times: Float[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    taken: Sequence[int],
    threshold: float,
    height: int = 300,
) -> go.Figure:
    """A bar for each candidate frame, those that are taken in the accent, and the threshold."""
    colours = [ACCENT if i in set(taken) else "rgba(140,140,140,0.7)" for i in range(len(times))]
    figure = go.Figure()
    figure.add_bar(
        x=times,
        y=scores,
        marker={"color": colours},
        hovertemplate="%{x:.2f} s: %{y:.2f}<extra></extra>",
    )
    figure.add_hline(
        y=threshold,
        line={"dash": "dot", "width": 2},
        annotation_text=f"the paper’s threshold, {threshold:g}",
        annotation_position="top left",
    )
    top = max(1.15 * threshold, 1.1 * float(np.max(scores, initial=0)))
    figure.update_yaxes(
        range=[0, top], title="mean change of grey, 0..255", gridcolor=GRID, automargin=True
    )
    figure.update_xaxes(ticksuffix=" s", gridcolor=GRID, zeroline=False, automargin=True)
    return bare(figure, height, bargap=0.25)
