"""Files of a figure to keep: the picture, the frames that it plays, the numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from assets import ASSETS
from core.draw import export
from core.draw.export import Numbers
from pages.parts.show import NOT_AN_EXPLANATION, plain
from pages.parts.viewer import bundle

FOLDER = ASSETS / "download"


@cache
def _component():
    html, css = (
        (FOLDER / f"figure.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    js = bundle(("save", "figure"), FOLDER)
    return st.components.v2.component(
        "keep_figure", html=html, css=css, js=js, isolate_styles=False
    )


def downloads(
    key: str,
    lines: Sequence[str],
    *,
    numbers: Numbers,
    clips: Sequence[np.ndarray] = (),
    times: np.ndarray | None = None,
    titles: Sequence[str] = (),
    columns: int | None = None,
    of_attention: bool = True,
    small: bool = False,
) -> None:
    """The button that opens the list of files, `small` a mere icon; nothing is made before it is
    asked for.

    Every file carries `lines`, and a warning if it is `of_attention`.
    """
    lines = [plain(line) for line in [*lines, *[NOT_AN_EXPLANATION] * of_attention]]
    titles = [re.sub(r"<[^>]+>", "", title) for title in titles]
    name = f"attention-{key}"

    def video(
        make: Callable[[np.ndarray, np.ndarray, Sequence[str]], bytes],
        kind: str,
        mime: str,
        meaning: str,
    ) -> None:
        st.download_button(
            kind,
            lambda: make(export.tiled(clips, titles, columns), times, lines),
            f"{name}.{kind.lower()}",
            mime,
            key=f"{key}-{kind}",
            on_click="ignore",
            width="stretch",
            help=meaning,
        )

    icon = ":material/download:"
    with st.popover(
        icon if small else "Download",
        icon=None if small else icon,
        type="tertiary" if small else "secondary",
        help="Download" if small else None,
        key=f"download-{key}",
        width="content",
    ):
        st.caption("The figure as it stands", help="With a line below it that says what it shows.")
        _component()(key=f"{key}-figure", data={"chart": key, "name": name, "lines": lines})
        if len(clips):
            st.caption("The frames that it plays", help="At the clip's own speed.")
            video(export.mp4, "MP4", "video/mp4", "H.264: plays in browsers and on slides")
            video(export.gif, "GIF", "image/gif", "256 colours, repeats for ever")
        st.caption(
            "The numbers",
            help="  \n".join(f"`{k}`: {meaning}" for k, (_, meaning) in numbers.items()),
        )
        st.download_button(
            "NPZ",
            lambda: export.npz(numbers, "\n".join(lines)),
            f"{name}.npz",
            "application/octet-stream",
            key=f"{key}-NPZ",
            on_click="ignore",
            width="stretch",
            help="For `numpy.load`. Its key `about` says what each array is.",
        )


def of_lines(figure: go.Figure, x: str, y: str) -> Numbers:
    """The numbers of each line of a figure, whose axes are `x` and `y` (with their units), as they
    are drawn.
    """
    found: dict[str, tuple[np.ndarray, str]] = {}
    for i, line in enumerate(figure.data, 1):
        name = slug(line.name) if f"{slug(line.name)}_x" not in found else f"{slug(line.name)}_{i}"
        found |= {
            f"{name}_{axis}": (np.asarray(values, float), f"(n,) {meaning}: {line.name}")
            for axis, values, meaning in (("x", line.x, x), ("y", line.y, y))
        }
    return found


def slug(name: str) -> str:
    """A name as a key of an NPZ: small letters, figures and _."""
    return re.sub(r"\W+", "_", re.sub(r"<[^>]+>", "", name)).strip("_").lower()
