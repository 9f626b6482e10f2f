"""The Frame order page's figures over many shuffles: one clip against chance, and the clips of a
data set by class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import explain
from core.draw.order_figures import order_histogram
from core.models import spec
from core.order import EXACT_FRAMES
from core.order.chance import chance_accuracy, chance_distribution
from core.order.trials import Shuffles, joined, per_class, permutations_of
from core.trace import Head
from core.world.gestures import LABELS
from pages.parts import cached
from pages.parts.choose import VIDEO_TYPES, Choice, clips_folder
from pages.parts.export import exhibit
from pages.parts.show import HELP, VERDICTS

SEEDS, AT_ONCE = 100, 10
UNSEEN = 900_000_000_000_000  # the first seed of rendered clips that no training run draws
MATRIX_HELP = (
    "Which attention the order is read from. The paper takes the **last layer** and the **mean** "
    "over heads and places. "
    "Earlier layers have seen less of the clip; single heads may know more or less than their mean."
)


@dataclass(frozen=True)
class Source:
    """The matrix that an order is read from."""

    layer: int | None  # None = the last
    head: Head
    sharpness: float

    @property
    def words(self) -> str:
        heads = (
            f"head {self.head + 1}"
            if isinstance(self.head, int)
            else {"mean": "mean over heads", "max": "strongest head"}[self.head]
        )
        layer = "last layer" if self.layer is None else f"layer {self.layer + 1}"
        return f"{layer}, {heads}{', sharpened' * (self.sharpness > 0)}"


def layer_and_head(
    choice: Choice, left: DeltaGenerator, right: DeltaGenerator, disabled: bool = False
) -> tuple[int | None, Head]:
    """Draw the choice of a layer and of a head; the first of each is the paper's."""
    seen = cached.trace(choice.key, choice.model, choice.crop, choice.clip)
    found = explain.over_time(seen) or explain.over_space(seen)
    layers = {"last": None} | {str(a.layer + 1): a.layer for a in found}
    layer = layers[
        left.selectbox(
            "Layer",
            list(layers),
            format_func=lambda name: "last (paper)" if name == "last" else name,
            key="order_layer",
            bind="query-params",
            disabled=disabled,
            help=f"{HELP['layer']} {MATRIX_HELP}",
        )
    ]
    heads: dict[str, Head] = {"mean": "mean", "max": "max"} | {
        str(i + 1): i for i in range(explain.of_layer(found, layer).heads)
    }
    names = {"mean": "mean (paper)", "max": "strongest"}
    head = heads[
        right.selectbox(
            "Head",
            list(heads),
            format_func=lambda name: names.get(name, name),
            key="order_head",
            bind="query-params",
            disabled=disabled,
            help=MATRIX_HELP,
        )
    ]
    return layer, head


def over_seeds(choice: Choice, source: Source) -> None:
    """OrderAcc of the clip at hand over SEEDS shuffles, as a histogram against chance."""
    unit = spec(choice.card.model).unit_frames
    units = len(choice.clip) // unit
    chance = chance_accuracy(units)
    st.subheader(
        f"Is that luck? {SEEDS} shuffles of this clip",
        help=f"Shuffle seeds 0 to {SEEDS - 1}, each put back in order. "
        f"One shuffle may come out well by luck; many cannot. {HELP['order_accuracy']} The dotted "
        "line is what guessing gives, "
        "exactly: the length of the longest increasing run (gaps allowed) of a random order.",
    )
    left, right = st.columns([3, 7], gap="large")
    chunks = [
        permutations_of(range(first, first + AT_ONCE), units) for first in range(0, SEEDS, AT_ONCE)
    ]

    def part(name: str, permutations: np.ndarray, compute: bool) -> Shuffles | None:
        return cached.shuffles(
            choice.key,
            name,
            choice.crop,
            source.layer,
            source.head,
            source.sharpness,
            permutations,
            choice.clip,
            compute,
        )

    with left:
        row = st.columns(2)
        asked = row[0].button(
            "Run", icon=":material/play_arrow:", key="run-shuffles", width="stretch"
        )
        stop, waiting = row[1].empty(), st.empty()
        if asked and part(choice.model, chunks[-1], False) is None:
            stop.button(
                "Stop", icon=":material/stop:", key="stop-shuffles", width="stretch"
            )  # any click ends this run at the next part
            for i, permutations in enumerate(chunks):
                waiting.progress(i / len(chunks), text=f"{i * AT_ONCE} of {SEEDS} shuffles")
                for name in (choice.model, "pixels"):
                    part(name, permutations, True)
            stop.empty()
            waiting.empty()
    done = [
        both
        for both in ([part(name, p, False) for name in (choice.model, "pixels")] for p in chunks)
        if None not in both
    ]
    if not done:
        right.info(
            f"{SEEDS} shuffles take some seconds: the model looks at each of them. Guessing would "
            f"give {chance:.1f} % on average."
        )
        return
    model, pixels = (joined(parts) for parts in zip(*done, strict=True))
    with left:
        st.metric(
            f"OrderAcc, mean of {len(model)} shuffles",
            f"{model.mean:.1f} %",
            f"{model.mean - chance:+.1f} points from chance",
            delta_color="normal" if abs(model.mean - chance) > 2 * model.error else "off",
            help=HELP["order_accuracy"],
        )
        columns = st.columns(2)
        columns[0].metric(
            "pixel path",
            f"{pixels.mean:.1f} %",
            help="The path through the most similar frames, on the same shuffles.",
        )
        columns[1].metric(
            "chance",
            f"{chance:.2f} %",
            help=f"The exact mean for {units} {'frames' if unit == 1 else 'pairs of frames'}.",
        )
        said = [
            f"{title.lower()} {model.verdicts.count(verdict)} times"
            for verdict, (title, _) in VERDICTS.items()
        ]
        searched = (
            f" Beyond {EXACT_FRAMES} frames an order is searched for and may not be the best."
            if units > EXACT_FRAMES
            else ""
        )
        st.caption(
            f"Its own verdict on these shuffles: {', '.join(said)}. The figures count them "
            f"all.{searched}",
            help="  \n".join(f"**{title}**: {meaning}" for title, meaning in VERDICTS.values()),
        )
    with right:
        exhibit(
            order_histogram(
                {choice.title: model.accuracy, "pixel path": pixels.accuracy},
                chance_distribution(units),
            ),
            "over-seeds",
            f"Histogram of OrderAcc over {len(model)} shuffles: {choice.title} {model.mean:.1f} % "
            f"on average, chance {chance:.1f}",
            [(choice, f"{source.words}, shuffle seeds 0 to {len(model) - 1}")],
            numbers={
                "model": (
                    np.asarray(model.accuracy),
                    f"({len(model)},) OrderAcc of each shuffle, percent",
                ),
                "pixels": (
                    np.asarray(pixels.accuracy),
                    f"({len(model)},) the same of the pixel path",
                ),
            },
        )


def _labelled(kind: str, each: int) -> list[tuple[str, str]]:
    """(class, clip key) of a data set: rendered gestures, or the files of the folder named at
    start-up by their folder's name.
    """
    if kind == "rendered":
        return [(label, f"render:{label}:{UNSEEN + i}") for label in LABELS for i in range(each)]
    files = sorted(
        p
        for p in (clips_folder() or Path()).rglob("*")
        if p.suffix.lstrip(".").lower() in VIDEO_TYPES
    )
    classes = dict.fromkeys(p.parent.name for p in files)
    return [
        (label, f"folder:{p}")
        for label in classes
        for p in [p for p in files if p.parent.name == label][:each]
    ]


def over_data(choice: Choice, source: Source) -> None:
    """OrderAcc over the clips of a data set, each shuffled once, as a table by class."""
    st.subheader(
        "Over a data set",
        help=(
            "Each clip is sampled as the model was trained, shuffled once by an order that follows "
            f"from its name, and put back. {HELP['order_accuracy']} **Either direction**: "
            f"{HELP['reversal_accuracy']}"
        ),
    )
    kinds = {"rendered": "Rendered gestures"} | (
        {"folder": clips_folder().name} if clips_folder() else {}
    )
    row = st.columns([2.4, 1.8, 1.6, 1.2, 2], vertical_alignment="bottom")
    kind = row[0].segmented_control(
        "Data",
        list(kinds),
        format_func=kinds.get,
        default="rendered",
        required=True,
        key="order-data",
        help="**Rendered gestures** from seeds that no training drew. The folder's classes are "
        "its folders.",
    )
    each = row[1].selectbox(
        "Clips of each class",
        (2, 5, 10, 20),
        key="order-each",
        help="More clips give surer figures and take longer.",
    )
    wanted = _labelled(kind, each)
    asked = row[2].button("Run", icon=":material/play_arrow:", key="run-data", width="stretch")
    stop, waiting = row[3].empty(), st.empty()
    card, found = choice.card, []
    if asked:
        stop.button("Stop", icon=":material/stop:", key="stop-data", width="stretch")
    for i, (label, key) in enumerate(wanted):
        if asked:
            waiting.progress(i / len(wanted), text=f"{i} of {len(wanted)} clips")
        found.append(
            (
                label,
                cached.scored(
                    key,
                    choice.model,
                    choice.crop,
                    source.layer,
                    source.head,
                    source.sharpness,
                    asked,
                ),
            )
        )
    stop.empty()
    waiting.empty()
    rows, skipped = (
        [(label, *both) for label, both in found if both],
        sum(both == () for _, both in found),
    )
    if not rows:
        st.info(
            f"Run to measure {choice.title} on {len(wanted)} clips of "
            f"{len({label for label, _ in wanted})} classes."
        )
        return
    titles = {
        "label": "class",
        "clips": "clips",
        "order_accuracy": "OrderAcc",
        "either_way": "either direction",
        "pixels": "pixel path",
        "pixels_either_way": "pixel path, either direction",
    }
    table = [{titles[k]: v for k, v in asdict(score).items()} for score in per_class(rows)]
    percent = {
        name: st.column_config.NumberColumn(format="%.1f %%") for name in list(titles.values())[2:]
    }
    st.dataframe(table, column_config=percent, hide_index=True, height="content", key="order-table")
    left_out = f", {skipped} cannot be used" if skipped else ""
    weights = f"weights {card.hash}" if card.trained_on else ":red-badge[random weights]"
    st.caption(
        f"{choice.title}, {weights} · {kinds[kind]}: {len(rows)} of {len(wanted)} clips{left_out}, "
        f"{card.frames} frames each · {source.words} · chance "
        f"{chance_accuracy(card.frames // spec(card.model).unit_frames):.1f} %"
    )
