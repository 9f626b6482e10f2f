"""Clips side by side under one slider, as a Plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8

from core.draw.lettering import wrapped
from core.draw.style import FONT, LINE, WIDTH, bare, numbered, picture

GAP = 0.012
"""Room between two columns, in parts of the figure's width."""
BELOW = 76
"""Pixels that the buttons and the slider take."""
NARROW = 600
"""Pixels of a figure below which titles are small, as on a phone."""
SINGLE, SEVERAL = 640, 480
"""Pixels of a picture's width at most: of one alone, and of those side by side."""
STILL = {"duration": 0}
ROUNDS = 40
"""How often a figure plays its clip before it rests; it can be played again then."""
AT_ONCE = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": STILL}
"""How Plotly goes to a frame: without moving there."""


def panels(
    clips: list[UInt8[np.ndarray, "T _H _W 3"]],
    times: Float[np.ndarray, " T"],
    titles: list[str] | None = None,
    *,
    steps: list[str] | None = None,
    columns: int | None = None,
    height: int | None = 470,
    opens_on: int = 0,
    width: float = WIDTH,
) -> go.Figure:
    """Clips of equally many frames (T, H, W, 3), `columns` in a row, played by one slider.

    The slider's steps are named in seconds if not by `steps`, and it stands on the frame
    `opens_on`. The figure is expected to be `width` pixels wide and is as high as the pictures then
    are, but no higher than `height` (None: however high). Titles that are too long for one line
    make it higher.
    """
    columns = columns or len(clips)
    rows = -(-len(clips) // columns)
    size = FONT + 4 if columns < 3 and width > NARROW else FONT + 1
    lines = _title_lines(titles or [], width / columns - 16, size)
    more = LINE * size * (max(map(len, lines), default=1) - 1)
    title = 40 + 1.2 * more if titles else 0.0
    pictures = rows * (_tallest(clips, (width - 16) * _wide(columns)) + title)
    natural, head = round(pictures + BELOW), title / pictures
    most = natural if height is None else round(height + rows * more)
    if most < natural:
        head = title / most

    images = _images(clips)
    named_frames = [go.Frame(data=data, name=str(t)) for t, data in enumerate(images)]
    figure = go.Figure(data=images[opens_on], frames=named_frames)
    pause = 1000 * float(np.diff(times).mean()) if len(times) > 1 else 400.0
    figure.update_layout(
        updatemenus=[_buttons([frame.name for frame in named_frames], pause)],
        sliders=[_slider(steps or [f"{t:.1f} s" for t in times], opens_on)],
    )
    places = [_place(i, rows, columns, head) for i in range(len(clips))]
    axes: dict[str, Any] = {}
    for i, place in enumerate(places):
        axes |= _axes(i, place)
    if titles:
        words = zip(lines, places, strict=True)
        axes["annotations"] = [_title(*title, size) for title in words]
    high = min(natural, most)
    return bare(figure, high, dragmode=False, meta={"columns": columns}, **axes)


def _title_lines(titles: list[str], room: float, size: int) -> list[list[str]]:
    """Each title as lines of `room` pixels; where one must break, all break at their two spaces."""
    lines = [wrapped(title, room, size) for title in titles]
    if max(map(len, lines), default=1) == 1:
        return lines
    return [
        [line for part in title.split("  ") for line in wrapped(part, room, size, most=2)]
        for title in titles
    ]


def _images(clips: list[np.ndarray]) -> list[list[dict[str, Any]]]:
    """For each step of the slider the images of all clips."""
    width = SINGLE if len(clips) == 1 else SEVERAL
    sources = [_addresses(clip, width) for clip in clips]
    steps = []
    for t in range(len(sources[0])):
        images = []
        for i, source in enumerate(sources):
            # the first is on Plotly's own axes, which need no name
            axes = {"xaxis": numbered("x", i), "yaxis": numbered("y", i)} if i else {}
            images.append({"type": "image", "source": source[t], "hoverinfo": "skip", **axes})
        steps.append(images)
    return steps


def _addresses(clip: np.ndarray, width: int) -> list[str]:
    """The data address of each picture; one that stands for several frames is encoded once."""
    addresses: list[str] = []
    for t, frame in enumerate(clip):
        stands = t > 0 and np.array_equal(frame, clip[t - 1])
        addresses.append(addresses[-1] if stands else picture(frame, width))
    return addresses


def _buttons(names: list[str], pause: float) -> dict[str, Any]:
    """Play these frames over and over, and pause, at `pause` milliseconds a frame."""
    playing = {
        "frame": {"duration": pause, "redraw": True},
        "fromcurrent": True,
        "transition": STILL,
    }
    return {
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
            {"label": " ▶ ", "method": "animate", "args": [names * ROUNDS, playing]},
            {"label": " ❚❚ ", "method": "animate", "args": [[None], AT_ONCE]},
        ],
    }


def _slider(steps: list[str], opens_on: int) -> dict[str, Any]:
    """The slider beside the buttons, whose steps have these names."""
    return {
        "active": opens_on,
        "x": 0.25,
        "len": 0.72,  # the name of the last step needs room beyond its end
        "y": -0.02,
        "yanchor": "top",
        "pad": {"t": 6},
        "currentvalue": {"visible": False},
        "font": {"size": 13},
        "steps": [
            {"label": name, "method": "animate", "args": [[str(t)], AT_ONCE]}
            for t, name in enumerate(steps)
        ],
    }


def _place(i: int, rows: int, columns: int, head: float) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the i-th picture, in parts of the figure.

    `head` is left free above it for its title.
    """
    row, column = divmod(i, columns)
    left = (column + 0.5) / columns - _wide(columns) / 2
    right = left + _wide(columns)
    return left, right, 1 - (row + 1) / rows, 1 - row / rows - head


def _wide(columns: int) -> float:
    """The width of a picture, in parts of the figure's."""
    return 1 / columns - GAP if columns > 1 else 1.0


def _tallest(clips: list[np.ndarray], width: float) -> float:
    """The height of the tallest clip at this width."""
    return max(width * clip.shape[1] / clip.shape[2] for clip in clips)


def _axes(i: int, place: tuple[float, float, float, float]) -> dict[str, Any]:
    """The axes of the i-th picture, which hold it in its place."""
    left, right, bottom, top = place
    return {
        numbered("xaxis", i): {
            "visible": False,
            "domain": [left, right],
            "anchor": numbered("y", i),
        },
        numbered("yaxis", i): {
            "visible": False,
            "domain": [bottom, top],
            "anchor": numbered("x", i),
            "constraintoward": "top",
        },
    }


def _title(
    lines: Sequence[str], place: tuple[float, float, float, float], size: int
) -> dict[str, Any]:
    """A title above the picture in this place."""
    left, right, _, top = place
    return {
        "text": "<br>".join(lines),
        "x": (left + right) / 2,
        "y": top,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": size},
    }
