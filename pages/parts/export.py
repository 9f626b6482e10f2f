"""A figure with everything that belongs to it: what it shows and of what, and files of it to
keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from assets import ASSETS
from core.draw import export
from core.draw.bars import class_bars
from pages.parts.choose import Choice
from pages.parts.show import NOT_AN_EXPLANATION, chart, plain, provenance, provenance_line
from pages.parts.viewer import bundle

FOLDER = ASSETS / "download"
Numbers = Mapping[str, tuple[np.ndarray, str]]
"""Key in the NPZ -> the array and what it means, with its shape and unit."""


@cache
def _component():
    html, css = (
        (FOLDER / f"figure.{kind}").read_text(encoding="utf-8") for kind in ("html", "css")
    )
    js = bundle(("save", "figure"), FOLDER)
    return st.components.v2.component(
        "keep_figure", html=html, css=css, js=js, isolate_styles=False
    )


def exhibit(
    figure: go.Figure,
    key: str,
    alt: str,
    shown: Sequence[tuple[Choice, str]],
    *,
    numbers: Numbers,
    clips: Sequence[np.ndarray] = (),
    times: np.ndarray | None = None,
    titles: Sequence[str] = (),
    columns: int | None = None,
) -> None:
    """Draw a figure, one line for each model that says what of it is `shown`, and a button with
    files of it.

    `clips` (T, H, W, 3) at `times` (seconds) are the overlays that the figure plays; they are
    offered as a video under their `titles`.
    """
    chart(figure, key, alt)
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(gap="xsmall"):
            for choice, detail in shown:
                provenance(choice, detail)
        downloads(
            key,
            [provenance_line(choice, detail) for choice, detail in shown],
            numbers=numbers,
            clips=clips,
            times=times,
            titles=titles,
            columns=columns,
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


def class_exhibit(choice: Choice, probabilities: np.ndarray, key: str) -> None:
    """The five most probable classes of a model."""
    labels = list(choice.card.labels)
    best = labels[int(np.argmax(probabilities))]
    exhibit(
        class_bars(labels, probabilities, height=230),
        key,
        f"Class probabilities of {choice.title}, most probable: {best}",
        [(choice, f"class probabilities, most probable *{best}*")],
        numbers={
            "probabilities": (probabilities, "(C,) softmax of the scores"),
            "labels": (np.array(labels), "(C,) class names"),
        },
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
