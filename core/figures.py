"""Results to Plotly figures. Pure: arrays in, figure out; colours work on light and dark pages."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import plotly.graph_objects as go
from plotly.colors import unlabel_rgb

from core.lettering import ink, text_width, wrapped
from core.render import diverging_lut

FONT = 16
LINE = 1.3  # height of a line of text, in parts of its size
# pixels of a figure that is as wide as the page, on the narrowest screen that is looked after
# (1440)
WIDTH = 1020
PERCENT = [0, 50, 100]  # with their own text: Plotly leaves a suffix away where ticks are given
LABEL = 250  # pixels that the name of a class may take beside a bar
GREY = "rgba(140,140,140,0.9)"
ACCENT = "#E4572E"
COOL = "#2E86AB"
SERIES = (ACCENT, COOL, "#2E9E5B", "#9B5DE5", "#C9A227", "#D6457F")
"""Colours of things that are compared."""


def picture(image: np.ndarray, width: int = 160) -> str:
    """A uint8 RGB image as a JPEG data address, at most `width` pixels wide."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if image.shape[1] > width:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def colour_scale(signed: bool) -> list[tuple[float, str]] | str:
    """Plotly's name for the scale: diverging and neutral at 0 for signed values."""
    if not signed:
        return "Inferno"
    lut = diverging_lut()
    return [(i / 255, "rgb({},{},{})".format(*lut[i])) for i in range(0, 256, 15)]


def _bare(figure: go.Figure, height: int, **layout) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font={"size": FONT},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        **layout,
    )
    return figure


def panels(
    clips: list[np.ndarray],
    times: np.ndarray,
    titles: list[str] | None = None,
    *,
    steps: list[str] | None = None,
    columns: int | None = None,
    height: int = 470,
) -> go.Figure:
    """Clips of equally many frames (T, H, W, 3) side by side, `columns` in a row, that play
    together under one slider.

    The slider's steps are named in seconds if not by `steps`. Titles that are too long for one line
    make the figure higher.
    """
    count = len(clips)
    columns = columns or count
    rows = -(-count // columns)
    size = FONT + 4 if columns < 3 else FONT + 1
    room = WIDTH / columns - 16
    lines = [wrapped(title, room, size) for title in titles or []]
    if max(map(len, lines), default=1) > 1:  # then all break alike
        lines = [
            [line for part in title.split("  ") for line in wrapped(part, room, size, most=2)]
            for title in titles or []
        ]
    more = LINE * size * (max(map(len, lines), default=1) - 1)
    height = round(height + rows * more)
    sources = [[picture(frame, 640 if count == 1 else 480) for frame in clip] for clip in clips]
    pause = 1000 * float(np.diff(times).mean()) if len(times) > 1 else 400.0
    moment = {
        "frame": {"duration": 0, "redraw": True},
        "mode": "immediate",
        "transition": {"duration": 0},
    }
    axes = [{"xaxis": f"x{i + 1}", "yaxis": f"y{i + 1}"} if i else {} for i in range(count)]
    drawn = [
        [
            go.Image(source=source[t], hoverinfo="skip", **axis)
            for source, axis in zip(sources, axes, strict=True)
        ]
        for t in range(len(sources[0]))
    ]
    figure = go.Figure(
        data=drawn[0], frames=[go.Frame(data=images, name=str(t)) for t, images in enumerate(drawn)]
    )
    play = [
        None,
        {
            "frame": {"duration": pause, "redraw": True},
            "fromcurrent": True,
            "transition": {"duration": 0},
        },
    ]
    steps = steps or [f"{t:.1f} s" for t in times]
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons",
                "direction": "left",
                "x": 0,
                "y": -0.02,
                "xanchor": "left",
                "yanchor": "top",
                "showactive": False,
                "bgcolor": "rgba(128,128,128,0.18)",
                "bordercolor": "rgba(128,128,128,0.5)",
                "pad": {"t": 6, "r": 6},
                "buttons": [
                    {"label": " ▶ ", "method": "animate", "args": play},
                    {"label": " ❚❚ ", "method": "animate", "args": [[None], moment]},
                ],
            }
        ],
        sliders=[
            {
                "x": 0.25,
                "len": 0.75,
                "y": -0.02,
                "yanchor": "top",
                "pad": {"t": 6},
                "currentvalue": {"visible": False},
                "font": {"size": 13},
                "steps": [
                    {"label": name, "method": "animate", "args": [[str(t)], moment]}
                    for t, name in enumerate(steps)
                ],
            }
        ],
    )
    _bare(figure, height, dragmode=False)
    head, gap = ((40 + 1.2 * more) / height if titles else 0.0), 0.012
    for i in range(count):
        row, column = divmod(i, columns)
        left, right = (
            column / columns + gap / 2 * (columns > 1),
            (column + 1) / columns - gap / 2 * (columns > 1),
        )
        top = 1 - row / rows - head
        x, y = (f"x{i + 1}", f"y{i + 1}") if i else ("x", "y")
        figure.update_layout(
            {
                x.replace("x", "xaxis"): {"visible": False, "domain": [left, right], "anchor": y},
                y.replace("y", "yaxis"): {
                    "visible": False,
                    "domain": [1 - (row + 1) / rows, top],
                    "anchor": x,
                    "constraintoward": "top",
                },
            }
        )
        if titles:
            figure.add_annotation(
                text="<br>".join(lines[i]),
                x=(left + right) / 2,
                y=top,
                xref="paper",
                yref="paper",
                xanchor="center",
                yanchor="bottom",
                showarrow=False,
                font={"size": size},
            )
    return figure


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
