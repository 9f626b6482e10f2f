"""Files of a figure to keep: the picture, the frames that it plays, the numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.draw import export
from core.draw.export import Numbers
from pages.parts.component import component
from pages.parts.show import NOT_AN_EXPLANATION, plain
from pages.parts.slides import Figure, remember

Clips = Sequence[np.ndarray] | Callable[[], Sequence[np.ndarray]]
ICON = ":material/download:"


def downloads(
    key: str,
    lines: Sequence[str],
    *,
    numbers: Numbers,
    clips: Clips = (),
    times: np.ndarray | None = None,
    titles: Sequence[str] = (),
    columns: int | None = None,
    of_attention: bool = True,
    small: bool = False,
) -> None:
    """The button that opens the list of files; nothing is made before it is asked for.

    Every file carries `lines`, and a warning if it is `of_attention`. `small` makes the button a
    mere icon.
    """
    warning = [NOT_AN_EXPLANATION] if of_attention else []
    lines = [plain(line) for line in [*lines, *warning]]
    name = f"attention-{key}"
    remember(key, Figure(name, lines, numbers))
    with st.popover(
        ICON if small else "Download",
        icon=None if small else ICON,
        type="tertiary" if small else "secondary",
        help="Download" if small else None,
        key=f"download-{key}",
        width="content",
    ):
        st.caption("The figure as it stands", help="With a line below it that says what it shows.")
        component("keep_figure", "download/figure")(
            key=f"{key}-figure", data={"chart": key, "name": name, "lines": lines}
        )
        if (callable(clips) or len(clips)) and times is not None:
            _videos(key, name, lines, clips, times, titles, columns)
        _arrays(key, name, lines, numbers)


def _videos(
    key: str,
    name: str,
    lines: Sequence[str],
    clips: Clips,
    times: np.ndarray,
    titles: Sequence[str],
    columns: int | None,
) -> None:
    """Buttons that make a video and an animation of the clips side by side."""
    titles = [re.sub(r"<[^>]+>", "", title) for title in titles]

    def sheet() -> np.ndarray:
        return export.tiled(clips() if callable(clips) else clips, titles, columns)

    st.caption("The frames that it plays", help="At the clip's own speed.")
    _button(
        key,
        f"{name}.mp4",
        "video/mp4",
        lambda: export.mp4(sheet(), times, lines),
        help="H.264: plays in browsers and on slides",
    )
    _button(
        key,
        f"{name}.gif",
        "image/gif",
        lambda: export.gif(sheet(), times, lines),
        help="256 colours, repeats for ever",
    )


def _arrays(key: str, name: str, lines: Sequence[str], numbers: Numbers) -> None:
    """A button that makes an NPZ of the numbers."""
    meanings = [f"`{array}`: {meaning}" for array, (_, meaning) in numbers.items()]
    st.caption("The numbers", help="  \n".join(meanings))
    _button(
        key,
        f"{name}.npz",
        "application/octet-stream",
        lambda: export.npz(numbers, "\n".join(lines)),
        help="For `numpy.load`. Its key `about` says what each array is.",
    )


def _button(key: str, file: str, mime: str, make: Callable[[], bytes], help: str) -> None:
    """A button that makes a file when it is pressed; its label is the file's ending."""
    kind = file.rpartition(".")[2].upper()
    st.download_button(
        kind,
        make,
        file,
        mime,
        key=f"{key}-{kind}",
        on_click="ignore",
        width="stretch",
        help=help,
    )


def of_lines(figure: go.Figure, x: str, y: str) -> Numbers:
    """The numbers of each line of a figure as they are drawn; `x` and `y` say what its axes are."""
    numbers: dict[str, tuple[np.ndarray, str]] = {}
    for i, line in enumerate(figure.data, 1):
        name = slug(line.name)
        if f"{name}_x" in numbers:
            name = f"{name}_{i}"
        for axis, values, meaning in (("x", line.x, x), ("y", line.y, y)):
            array = np.asarray(values, float)
            numbers[f"{name}_{axis}"] = (array, f"(n,) {meaning}: {line.name}")
    return numbers


def slug(name: str) -> str:
    """A name as a key of an NPZ: small letters, figures and _."""
    return re.sub(r"\W+", "_", re.sub(r"<[^>]+>", "", name)).strip("_").lower()
