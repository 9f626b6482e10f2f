"""The Frame order page's figures over many shuffles.

They are of one clip against chance, and of the clips of a data set by class.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import explain
from core.draw.lettering import number
from core.draw.order_figures import order_histogram
from core.order import EXACT_FRAMES, Affinity
from core.order.chance import chance_accuracy, chance_distribution
from core.order.trials import ClassScore, Shuffles, joined, per_class, permutations_of
from core.trace import Head
from core.world.gestures import LABELS
from pages.parts import cached, links
from pages.parts.cached import Permutations
from pages.parts.choose_clip import clips_folder, videos_in
from pages.parts.controls import by_title
from pages.parts.exhibit import Exhibit
from pages.parts.show import HELP, VERDICTS, weights_line
from pages.parts.sources import ClipSource, Rendered, VideoFile
from pages.parts.subject import Choice

SEEDS, AT_ONCE = 100, 10
UNSEEN = 900_000_000_000_000  # the first seed of rendered clips that no training run draws
MATRIX_HELP = (
    "Which attention the order is read from. The paper takes the **last layer** and the **mean** "
    "over heads and places. "
    "Earlier layers have seen less of the clip; single heads may know more or less than their mean."
)
COLUMNS = {
    "label": "class",
    "clips": "clips",
    "order_accuracy": "OrderAcc",
    "either_way": "either direction",
    "pixels": "pixel path",
    "pixels_either_way": "pixel path, either direction",
}
"""Fields of a ClassScore, and their names in the table."""
Labelled = tuple[str, ClipSource]
"""A class and a clip of it."""


def layer_and_head(
    choice: Choice, left: DeltaGenerator, right: DeltaGenerator, disabled: bool = False
) -> tuple[int | None, Head]:
    """Draw the choice of a layer and of a head; the first of each is the paper's."""
    trace = cached.trace(choice)
    attentions = explain.over_time(trace) or explain.over_space(trace)
    layers: dict[str, int | None] = {"last": None}
    layers |= {str(attention.layer + 1): attention.layer for attention in attentions}
    layer_names = {name: "last (paper)" if name == "last" else name for name in layers}
    links.meant("order_layer", layer_names)
    layer = left.selectbox(
        "Layer",
        list(layers),
        format_func=by_title(layer_names),
        key="order_layer",
        bind="query-params",
        disabled=disabled,
        help=f"{HELP['layer']} {MATRIX_HELP}",
    )
    heads: dict[str, Head] = {"mean": "mean", "max": "max"}
    count = explain.of_layer(attentions, layers[layer]).heads
    heads |= {str(head + 1): head for head in range(count)}
    own_names = {"mean": "mean (paper)", "max": "strongest"}
    head_names = {name: own_names.get(name, name) for name in heads}
    links.meant("order_head", head_names)
    head = right.selectbox(
        "Head",
        list(heads),
        format_func=by_title(head_names),
        key="order_head",
        bind="query-params",
        disabled=disabled,
        help=MATRIX_HELP,
    )
    return layers[layer], heads[head]


def over_seeds(choice: Choice, affinity: Affinity) -> None:
    """OrderAcc of the clip at hand over SEEDS shuffles, as a histogram against chance."""
    units = len(choice.clip) // choice.loaded.unit
    st.subheader(
        f"Is that luck? {SEEDS} shuffles of this clip",
        help=f"Shuffle seeds 0 to {SEEDS - 1}, each put back in order. "
        f"One shuffle may come out well by luck; many cannot. {HELP['order_accuracy']} The dotted "
        "line is what guessing gives, "
        "exactly: the length of the longest increasing run (gaps allowed) of a random order.",
    )
    left, right = st.columns([3, 7], gap="large")
    chunks = [_permutations(first, units) for first in range(0, SEEDS, AT_ONCE)]
    with left:
        _shuffle_when_asked(choice, affinity, chunks)
    by_model = [cached.shuffles.here(choice, affinity, chunk) for chunk in chunks]
    by_pixels = [cached.pixel_shuffles.here(choice, chunk) for chunk in chunks]
    done = [
        (model, pixels)
        for model, pixels in zip(by_model, by_pixels, strict=True)
        if model is not None and pixels is not None
    ]
    if not done:
        right.info(
            f"{SEEDS} shuffles take some seconds: the model looks at each of them. Guessing would "
            f"give {chance_accuracy(units):.1f} % on average."
        )
        return
    model, pixels = (joined(shuffles) for shuffles in zip(*done, strict=True))
    with left:
        _figures(model, pixels, units, choice.loaded.unit)
    with right:
        _histogram(choice, affinity, model, pixels, units).draw()


def _permutations(first: int, units: int) -> Permutations:
    """The orders of AT_ONCE shuffle seeds."""
    orders = permutations_of(range(first, first + AT_ONCE), units)
    return tuple(tuple(order) for order in orders.tolist())


def _shuffle_when_asked(choice: Choice, affinity: Affinity, chunks: list[Permutations]) -> None:
    """Draw the buttons, and shuffle if the first was clicked.

    Any other click ends this run at the next chunk.
    """
    row = st.columns(2)
    is_asked = row[0].button(
        "Run", icon=":material/play_arrow:", key="run-shuffles", width="stretch"
    )
    stop, bar = row[1].empty(), st.empty()
    if not is_asked or cached.shuffles.here(choice, affinity, chunks[-1]) is not None:
        return
    stop.button("Stop", icon=":material/stop:", key="stop-shuffles", width="stretch")
    for i, chunk in enumerate(chunks):
        bar.progress(i / len(chunks), text=f"{i * AT_ONCE} of {SEEDS} shuffles")
        cached.shuffles(choice, affinity, chunk)
        cached.pixel_shuffles(choice, chunk)
    stop.empty()
    bar.empty()


def _figures(model: Shuffles, pixels: Shuffles, units: int, unit: int) -> None:
    """The mean of the model, of the pixels and of guessing, and the verdicts."""
    chance = chance_accuracy(units)
    gain = model.mean - chance
    colour: Literal["normal", "inverse"] = "normal" if gain >= 0 else "inverse"
    st.metric(
        f"OrderAcc, mean of {len(model)} shuffles",
        f"{model.mean:.1f} %",
        f"{number(gain, '+.1f')} points from chance",
        # by their own signs: Streamlit takes a hyphen alone for a minus
        delta_arrow="up" if gain >= 0 else "down",
        delta_color=colour if abs(gain) > 2 * model.error else "off",
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
    counts = ", ".join(
        f"{title.lower()} {model.verdicts.count(verdict)} times"
        for verdict, (title, _) in VERDICTS.items()
    )
    searched = ""
    if units > EXACT_FRAMES:
        searched = (
            f" Beyond {EXACT_FRAMES} frames an order is searched for and may not be the best."
        )
    st.caption(
        f"Its own verdict on these shuffles: {counts}. The figures count them all.{searched}",
        help="  \n".join(f"**{title}**: {meaning}" for title, meaning in VERDICTS.values()),
    )


def _histogram(
    choice: Choice, affinity: Affinity, model: Shuffles, pixels: Shuffles, units: int
) -> Exhibit:
    """OrderAcc over the shuffles, of the model, of the pixels and of guessing."""
    count = len(model)
    accuracies = {choice.title: model.accuracy, "pixel path": pixels.accuracy}
    of_pixels = f"({count},) the same of the pixel path"
    return Exhibit(
        order_histogram(accuracies, chance_distribution(units)),
        "over-seeds",
        f"Histogram of OrderAcc over {count} shuffles: {choice.title} {model.mean:.1f} % on "
        f"average, chance {chance_accuracy(units):.1f}",
        [(choice, f"{affinity.words}, shuffle seeds 0 to {count - 1}")],
        numbers={
            "model": (np.asarray(model.accuracy), f"({count},) OrderAcc of each shuffle, percent"),
            "pixels": (np.asarray(pixels.accuracy), of_pixels),
        },
    )


def _labelled(kind: str, each: int) -> list[Labelled]:
    """At most `each` clips of every class of a data set.

    They are rendered gestures, or the files of the folder named at start-up by their folder's name.
    """
    if kind == "rendered":
        return [(label, Rendered(label, UNSEEN + i)) for label in LABELS for i in range(each)]
    files = defaultdict(list)
    for path in videos_in(clips_folder() or Path()):
        files[path.parent.name].append(path)
    return [
        (label, VideoFile(path, is_upload=False))
        for label, paths in files.items()
        for path in paths[:each]
    ]


def over_data(choice: Choice, affinity: Affinity) -> None:
    """OrderAcc over the clips of a data set, each shuffled once, as a table by class."""
    st.subheader(
        "Over a data set",
        help=(
            "Each clip is sampled as the model was trained, shuffled once by an order that follows "
            f"from its name, and put back. {HELP['order_accuracy']} **Either direction**: "
            f"{HELP['reversal_accuracy']}"
        ),
    )
    titles = {"rendered": "Rendered gestures"}
    folder = clips_folder()
    if folder:
        titles["folder"] = folder.name
    row = st.columns([2.4, 1.8, 1.6, 1.2, 2], vertical_alignment="bottom")
    kind = row[0].segmented_control(
        "Data",
        list(titles),
        format_func=by_title(titles),
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
    clips = _labelled(kind, each)
    is_asked = row[2].button("Run", icon=":material/play_arrow:", key="run-data", width="stretch")
    scores = _scores(choice, affinity, clips, is_asked, row[3])
    rows = [(label, *both) for label, both in scores if both]
    if not rows:
        classes = {label for label, _ in clips}
        st.info(f"Run to measure {choice.title} on {len(clips)} clips of {len(classes)} classes.")
        return
    _table(per_class(rows))
    skipped = sum(both == () for _, both in scores)
    left_out = f", {skipped} cannot be used" if skipped else ""
    frames = choice.card.frames
    st.caption(
        f"{weights_line(choice)} · {titles[kind]}: {len(rows)} of {len(clips)} clips{left_out}, "
        f"{frames} frames each · {affinity.words} · chance "
        f"{chance_accuracy(frames // choice.loaded.unit):.1f} %"
    )


def _scores(
    choice: Choice,
    affinity: Affinity,
    clips: list[Labelled],
    is_asked: bool,
    room: DeltaGenerator,
) -> list[tuple[str, cached.Scored | None]]:
    """What is known of each clip, which is computed if it is asked for.

    A bar shows how far that is, and any click ends it at the next clip.
    """
    stop, bar = room.empty(), st.empty()
    if is_asked:
        stop.button("Stop", icon=":material/stop:", key="stop-data", width="stretch")
    scores: list[tuple[str, cached.Scored | None]] = []
    for i, (label, source) in enumerate(clips):
        if is_asked:
            bar.progress(i / len(clips), text=f"{i} of {len(clips)} clips")
            scores.append((label, cached.scored(source, choice, affinity)))
        else:
            scores.append((label, cached.scored.here(source, choice, affinity)))
    stop.empty()
    bar.empty()
    return scores


def _table(scores: list[ClassScore]) -> None:
    """A row for each class, in percent."""
    rows = [{COLUMNS[field]: value for field, value in asdict(score).items()} for score in scores]
    percent = {
        name: st.column_config.NumberColumn(format="%.1f %%") for name in list(COLUMNS.values())[2:]
    }
    st.dataframe(rows, column_config=percent, hide_index=True, height="content", key="order-table")
