"""What a training run reports, as curves, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import streamlit as st

from core.draw.curves import Line, curves
from core.draw.style import SERIES
from core.runs import METRICS, STILLS, VIDEO
from pages.parts.export import downloads, of_lines
from pages.parts.runs import Run
from pages.parts.show import chart


class Panel(NamedTuple):
    """One chart: a key of the reports, and how it is drawn."""

    key: str
    help: str
    percent: bool = False
    from_zero: bool = False

    @property
    def title(self) -> str:
        return METRICS[self.key].title


PANELS = (
    Panel(
        "loss",
        "The weighted sum of all losses that the model is trained to lower.",
        from_zero=True,
    ),
    Panel(
        "top1",
        "Share of the training clips whose most probable class is the right one; guessing gives 10 "
        "%. Dashed: on held-out clips that are never trained on, with the averaged weights.",
        percent=True,
    ),
    Panel(
        "classify",
        r"Cross-entropy of naming the class, $L_\mathrm{cls}$; guessing among ten gives 2.3, lower "
        "is better. Dashed: on held-out clips that are never trained on, with the averaged "
        "weights. The solid line has smoothed labels where the recipe smooths them.",
        from_zero=True,
    ),
    Panel(
        "directed_last",
        r"$L_\mathrm{self}$ of the last layer on shuffled clips: the attention from each frame to "
        r"an earlier one minus that to a later one, on average. Below 0, attention tells before "
        r"from after, which is what OrderAcc is measured on; 0 knows nothing, −1 is the best.",
    ),
    Panel(
        "pairs",
        "Cross-entropy of which of two shuffled frames came first, read from the attention of the "
        "last layer. Guessing gives 0.69; lower is better.",
    ),
    Panel(
        "order",
        r"Cross-entropy of naming the permutation among 1,001, the true order and 1,000 others: "
        r"$L_\mathrm{ord}$. Guessing gives 6.9; lower is better.",
        from_zero=True,
    ),
    Panel(
        "rank",
        "Cross-entropy of naming the true place of each shuffled frame, the side task that gets "
        "ordering going. Guessing among 8 gives 2.08; lower is better.",
        from_zero=True,
    ),
    Panel(
        "fingertip_hit",
        "Share of the frames in which the patch with the fingertip got the highest score of the "
        "side head: whether the model looks at the hand.",
        percent=True,
    ),
    Panel(
        "alignment",
        "1 − cosine between the spatial and the temporal frame maps, RViT's auxiliary loss.",
        from_zero=True,
    ),
    Panel(
        "hand_flow",
        "Cross-entropy between where AM flow lies and the patches of the hand that moves. Flow "
        "that is alike on 36 patches gives 3.6; lower is better.",
        from_zero=True,
    ),
    Panel(
        "masked",
        "Mean square error of the hidden patches that the model fills in, each less its mean and "
        "by its standard deviation. Filling in their mean gives 1; lower is better.",
        from_zero=True,
    ),
    Panel(
        "lr",
        "Size of a step. It rises while the training warms up, then falls.",
        from_zero=True,
    ),
    Panel(
        "clips_per_second",
        "Speed of the training, the rendering of the clips included.",
        from_zero=True,
    ),
)
HELD_OUT = {"top1": "validation_top1", "classify": "validation_loss"}
"""By the key of a panel, what is drawn dashed in it: the same on held-out clips."""
TITLES = {STILLS: "Still stage", VIDEO: "Video stage"}
"""The stages, as they are shown."""
Lines = dict[str, Line]


def colours(runs: list[Run]) -> dict[str, str]:
    """A colour for each run that is shown."""
    return {run.name: SERIES[i % len(SERIES)] for i, run in enumerate(runs)}


def legend(coloured: Mapping[str, str], stage: str) -> None:
    """Which colour is which run, and what runs along the axis, once for all charts."""
    marks = "".join(
        '<span style="margin-right:1.6rem;white-space:nowrap"><span '
        'style="display:inline-block;width:1.7rem;height:0.32rem;'
        "border-radius:2px;vertical-align:middle;margin-right:0.5rem;"
        f'background:{colour}"></span>{escape(name)}</span>'
        for name, colour in coloured.items()
    )
    st.html(
        f'<div data-testid="run-legend" style="font-size:1.05rem">{marks}<span '
        f'style="opacity:0.75">from left to right: {_axis(stage)}</span></div>'
    )


def draw(runs: list[Run], stage: str, columns: int = 3, named: str = "curve") -> None:
    """One chart a figure that some run reported, all runs on the same axes.

    `named` begins the names of the charts and their files, which are apart on one page.
    """
    panels = [panel for panel in PANELS if _lines(runs, stage, panel.key)]
    for first in range(0, len(panels), columns):
        row = st.columns(columns, gap="medium")
        for panel, column in zip(panels[first : first + columns], row, strict=False):
            with column:
                _draw_panel(panel, runs, stage, named)


def _draw_panel(panel: Panel, runs: list[Run], stage: str, named: str) -> None:
    """A chart under its title, with its files."""
    row = st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    )
    row.markdown(f"**{panel.title}**", help=panel.help, width="content")
    held_out = None
    if panel.key in HELD_OUT:
        held_out = _lines(runs, stage, HELD_OUT[panel.key], " held out")
    figure = curves(
        _lines(runs, stage, panel.key),
        dashed=held_out,
        percent=panel.percent,
        from_zero=panel.from_zero,
    )
    unit = f"{panel.title}, percent" if panel.percent else panel.title
    with row:
        downloads(
            f"{named}-{panel.key}",
            [f"{panel.title} over the {_axis(stage)}", *map(_source, runs)],
            of_attention=False,
            small=True,
            numbers=of_lines(figure, _axis(stage), unit),
        )
    names = ", ".join(run.name for run in runs)
    chart(figure, f"{named}-{panel.key}", f"{panel.title} of {names} over the {_axis(stage)}")


def _lines(runs: list[Run], stage: str, key: str, mark: str = "") -> Lines:
    """What each run reported of `key`, by its name and `mark`; runs without are left out."""
    coloured = colours(runs)
    lines: Lines = {}
    for run in runs:
        rows = [row for row in run.reports if row["stage"] == stage and key in row]
        if rows:
            clips, values = [row["clips"] for row in rows], [row[key] for row in rows]
            lines[run.name + mark] = (clips, values, coloured[run.name])
    return lines


def _axis(stage: str) -> str:
    """What runs along the axis."""
    return f"clips seen in the {TITLES[stage].lower()}"


def _source(run: Run) -> str:
    """The line of a file that says what a run is."""
    recipe, seed = (run.recipe.get(key, "not known") for key in ("name", "seed"))
    return f"run {run.name}: recipe {recipe}, seed {seed}, {run.state}"
