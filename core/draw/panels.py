"""Clips side by side under one slider, as a Plotly figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core.draw.lettering import wrapped
from core.draw.style import FONT, LINE, WIDTH, _bare, picture


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
