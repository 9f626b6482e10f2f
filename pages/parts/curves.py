"""What a training run reports, as curves, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import streamlit as st

from core.draw.curves import curves
from core.draw.style import SERIES
from core.runs import METRICS
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
STAGES = {"stills": "Still stage", "video": "Video stage"}


def colours(runs: list[Run]) -> dict[str, str]:
    """A colour for each run that is shown."""
    return {run.name: SERIES[i % len(SERIES)] for i, run in enumerate(runs)}


def legend(coloured: Mapping[str, str], stage: str) -> None:
    """Which colour is which run, and what runs along the axis, once for all charts."""
    marks = "".join(
        '<span style="margin-right:1.6rem;white-space:nowrap"><span '
        'style="display:inline-block;width:1.7rem;height:0.32rem;'
        f'border-radius:2px;vertical-align:middle;margin-right:0.5rem;background:{colour}"></span>{escape(name)}</span>'
        for name, colour in coloured.items()
    )
    st.html(
        f'<div data-testid="run-legend" style="font-size:1.05rem">{marks}<span '
        'style="opacity:0.75">'
        f"from left to right: clips seen in the {STAGES[stage].lower()}</span></div>"
    )


def draw(runs: list[Run], stage: str, columns: int = 3) -> None:
    """One chart a figure that some run reported, all runs on the same axes."""
    coloured = colours(runs)

    def lines(key: str, mark: str = "") -> dict[str, tuple[list[float], list[float], str]]:
        found = {
            run.name: [
                (row["clips"], row[key])
                for row in run.reports
                if row["stage"] == stage and key in row
            ]
            for run in runs
        }
        return {
            name + mark: (*map(list, zip(*points, strict=True)), coloured[name])
            for name, points in found.items()
            if points
        }

    drawn = [panel for panel in PANELS if lines(panel.key)]
    made = [
        f"run {run.name}: recipe {run.recipe.get('name', 'not known')}, seed "
        f"{run.recipe.get('seed', 'not known')}, {run.state}"
        for run in runs
    ]
    for first in range(0, len(drawn), columns):
        for panel, column in zip(
            drawn[first : first + columns], st.columns(columns, gap="medium"), strict=False
        ):
            with column:
                row = st.container(
                    horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
                )
                row.markdown(f"**{panel.title}**", help=panel.help, width="content")
                held_out = lines("validation_top1", " held out") if panel.key == "top1" else None
                figure = curves(
                    lines(panel.key),
                    dashed=held_out,
                    percent=panel.percent,
                    from_zero=panel.from_zero,
                )
                seen = f"clips seen in the {STAGES[stage].lower()}"
                with row:
                    downloads(
                        f"curve-{panel.key}",
                        [f"{panel.title} over the {seen}", *made],
                        of_attention=False,
                        small=True,
                        numbers=of_lines(
                            figure, seen, f"{panel.title}{', percent' * panel.percent}"
                        ),
                    )
                chart(
                    figure,
                    f"curve-{panel.key}",
                    f"{panel.title} of {', '.join(coloured)} over the {seen}",
                )
