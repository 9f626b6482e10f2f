"""The Results page: the papers' printed figures, and what was measured here, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import takewhile
from typing import Any

import streamlit as st

from core.draw.backbones import COST, Point, scatter
from core.draw.results import Series, beside_paper, reliability
from core.models import available, spec
from core.models.count import Count, count
from core.models.survey import DATA, Printed, printed
from core.models.tables import Row, Table, tables
from core.weights import embedded, shipped_title, shipped_with
from core.world.gestures import DIRECTED
from pages.parts.controls import by_title
from pages.parts.history import measured, metrics_file
from pages.parts.links import meant
from pages.parts.opened import open_model, opening
from pages.parts.show import chart
from pages.parts.subject import Choice

COSTS = {data: DATA[data] for data in ("k400", "ssv2")}
PROBES = {
    "as_it_is": "as it is",
    "reversed": "backwards",
    "shuffled": "shuffled",
    "frozen": "frozen",
}
MINIATURE = (
    "In miniature: rows that differ in one setting, trained with equal budgets on rendered clips. "
    "Another data set, a small model, a short training and few seeds: the order of rows can be "
    "compared, not the figures."
)
PLACES = {
    "first": "after the first layer",
    "middle": "after a layer in the middle",
    "last_but_one": "after the last layer but one",
    "norm": "at the last block's first norm",
}
BEWARE = {
    "direcformer_table1": "All rows here begin with softmax attention: their top-1 says how far a "
    "kernel is from that, not which is better. ",
    "am_flow_adapters": "Neither row is near its end: who learns first is seen here. ",
}
"""What a miniature does not ask."""
OWN_TABLES = {
    "order_side_tasks": (
        "Do two side tasks teach the order?",
        "DirecFormer learned the order with two side tasks that are in no paper: which of two "
        "frames came first, and each frame's true place. Here a TimeSformer, whose attention is a "
        "softmax, learns with the same, and so does a DirecFormer, from the same start and with "
        "the same clips; the last two rows go without. OrderAcc of guessing is 47.1 %.",
        {
            "top1": "top-1",
            "order_accuracy": "OrderAcc, raw",
            "order_accuracy_sharpened": "OrderAcc, sharpened",
            "order_accuracy_directed_sharpened": "of the directed strokes, sharpened",
        },
    ),
    "supervision": (
        "What if nobody says where the hand is?",
        "All shipped weights were told where the fingertip is and which patches the hand covers. "
        "Here one small AM Flow is, and one is not; both begin with random weights. *Attention on "
        "the hand*: ROC AUC of the last layer's attention, 50 % by chance.",
        {"top1": "top-1", "hand_auc": "attention on the hand"},
    ),
}
"""What no paper prints: title, what is asked, and the figures that are shown."""
WAYS_HELP = (
    "**Raw path**: the heaviest path through the attention itself, as in the paper. **Sharpened "
    "path**: through the sharpened matrix, as the app reads DirecFormer. **Row sums**: the frames "
    "sorted by what each gives to all others less what it gets, without any path; a symmetric "
    "matrix tells nothing so."
)


@cache
def counted(build: str) -> Count:
    """What a row's model costs for one clip, as `python -m core count` says."""
    name, preset, settings = Row((), build).settings
    return count(name, preset, **settings)


def against_cost(choice: Choice) -> None:
    """DirecFormer's Figure 1: accuracy against cost, from all three papers' tables."""
    st.subheader(
        "Accuracy against cost",
        help="Figure 1 of DirecFormer, with the rows of FAR's and AM Flow's tables too. "
        "GFLOPs are multiply-accumulates of all views of a video, as the papers print them; AM "
        "Flow's tables print TFLOPs, and its own rows there are not what is counted here.",
    )
    meant("cost_data", COSTS)
    data = st.segmented_control(
        "Data set",
        list(COSTS),
        default="k400",
        required=True,
        format_func=by_title(COSTS),
        key="cost_data",
        bind="query-params",
    )
    points = costs(data, choice.card.model)
    chart(
        scatter(points, COST, f"top-1 on {COSTS[data]}"),
        "accuracy-cost",
        f"{len(points)} methods: top-1 on {COSTS[data]} against GFLOPs of all views",
    )
    st.caption(
        "As printed in DirecFormer's Tables 3 to 5, FAR's Tables 7 and 8 and AM Flow's Tables 1 "
        "and 2; a row without a printed cost is left out. Stars: what can be built here."
    )


def costs(data: str, shown: str) -> list[Point]:
    """The rows of the papers' tables on a data set; `shown` is the model of the sidebar."""
    return [_costing(row, shown) for row in printed() if row.data == data]


def _costing(row: Printed, shown: str) -> Point:
    cost = row.cost.replace("x", " × ") + (" GFLOPs" if "x" in row.cost else "FLOPs, all views")
    words = [f"{DATA[row.data]} {row.top1} %", cost]
    if row.counted:
        words.append(f"counted here: {row.counted[1]} GFLOPs a view")
    words.append(row.source)
    kind = "app" if row.build else row.source.split(",")[0]
    return Point(
        row.method,
        row.gflops,
        float(row.top1),
        kind,
        "<br>".join(words),
        bool(row.build) and row.model == shown,
    )


def beside_the_papers() -> None:
    """A table of a paper as it is printed, with its miniature beside it where there is one."""
    st.subheader(
        "The papers' tables",
        help="As printed, with the digits that are printed. A method's name in a row that can be "
        "built here opens its setting.",
    )
    names = {table.name: f"{table.name}: {table.title}" for table in tables()}
    meant("paper_table", names)
    name = st.selectbox(
        "Table",
        list(names),
        index=list(names).index("DirecFormer, Table 2"),
        format_func=by_title(names),
        key="paper_table",
        bind="query-params",
    )
    table = next(table for table in tables() if table.name == name)
    for miniature in table.miniatures:
        _miniature(table, miniature)
    asked = opening("paper_table_view", "table/table", f"table-{table.name}", as_table(table))
    note = f" {table.note}" if table.note else ""
    data = f", on {table.data}" if table.data else ""
    st.caption(f"{table.name}{data}, as printed.{note}")
    if asked is not None and asked.isdigit() and int(asked) < len(table.rows):
        setting_of(table.rows[int(asked)])


def as_table(table: Table) -> dict[str, Any]:
    """A table as assets/table reads it."""
    rows = []
    for i, row in enumerate(table.rows):
        cells = [_cell(text) for text in row.cells]
        if row.build:
            cells[0]["ask"] = str(i)
        rows.append({"kind": "own" if row.build else "", "cells": cells})
    kinds = [
        "number" if any("value" in row["cells"][i] for row in rows) and i else "text"
        for i in range(len(table.columns))
    ]
    columns = [
        {"title": title, "help": "", "kind": kind}
        for title, kind in zip(table.columns, kinds, strict=True)
    ]
    return {"name": table.name, "columns": columns, "rows": rows, "listed": "", "references": []}


def _cell(text: str) -> dict[str, Any]:
    """A place of a table, with its number where it is one."""
    try:
        return {"text": text, "value": float(text.removesuffix("M"))}
    except ValueError:
        return {"text": "" if text in ("—", "-", "N/A") else text}


def setting_of(row: Row) -> None:
    """What a row speaks of: its model and setting, what that costs, and a way to look at it."""
    name, preset, settings = row.settings
    words = "".join(f" --set {key}={_flag(value)}" for key, value in settings.items())
    cost = counted(row.build)
    named = takewhile(lambda text: "value" not in _cell(text), row.cells)
    title = " ".join(text for text in named if text not in ("", "—", "-", "✓"))
    st.info(
        f"**{title}** is `python -m core count {name} --preset "
        f"{preset}{words}`: {cost.parameters / 1e6:.2f} M parameters, {cost.macs / 1e9:.1f} GFLOPs "
        "for one view.",
        icon=":material/tune:",
    )
    included = shipped_with(name, settings)
    is_another = preset != "gesture" or (settings and included == name)
    which = ", in its included setting" if is_another else ""
    text = f"Look at {shipped_title(included)}{which}"
    if st.button(text, key="look-at", icon=":material/visibility:"):
        open_model(included)


def _flag(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _miniature(table: Table, name: str) -> None:
    """The rows of a paper beside the same rows of a table in miniature, as far as it was made."""
    results = measured(name)
    if results is None:
        return
    rows, series = side_by_side(table, results)
    if len(rows) < 2:  # one row is compared with nothing
        return
    chart(
        beside_paper(rows, series),
        f"miniature-{name}",
        f"{table.name} beside its miniature: " + ", ".join(rows),
    )
    seeds = {line["row"]: line["seeds"] for line in results["summary"] if line["row"] in rows}
    st.caption(
        f"{results['title']}. {MINIATURE} {BEWARE.get(name, '')}{results['clips']:,} clips a row. "
        "Seeds: "
        f"{', '.join(f'{row} {n}' for row, n in seeds.items())}; ± is one standard deviation over "
        "these. docs/experiments.md says how it was made and what agrees.",
    )


def side_by_side(table: Table, results: dict[str, Any]) -> tuple[list[str], list[Series]]:
    """The rows that both have, and for each its printed figure and those measured here."""
    lines = {line["row"]: line for line in results["summary"]}
    rows = [row for row in table.rows if row.miniature in lines]
    of_order = table.columns[-1] == "OrderAcc"
    column = len(table.columns) - 1 if of_order else table.columns.index("Top-1")
    series = [Series(f"the paper, {table.data}", tuple(float(r.cells[column]) for r in rows))]
    keys = ["order_accuracy", "order_accuracy_sharpened"] if of_order else ["top1"]
    names = {"order_accuracy": ", raw", "order_accuracy_sharpened": ", sharpened", "top1": ""}
    for data in ("rendered", "real") if not of_order else ("real",):
        for key in keys:
            figures = [lines[row.miniature][data][key] for row in rows]
            series.append(_series(f"here, {data} clips{names[key]}", figures, key))
    return [row.miniature for row in rows], series


def beside_no_paper(name: str) -> None:
    """A table in miniature that no paper prints, where it was made."""
    results = measured(name)
    if results is None:
        return
    title, about, keys = OWN_TABLES[name]
    st.subheader(title, help=about)
    rows, series = own_rows(results, keys)
    chart(beside_paper(rows, series), f"miniature-{name}", f"{title} " + ", ".join(rows))
    seeds = ", ".join(f"{line['row']} {line['seeds']}" for line in results["summary"])
    st.caption(f"{MINIATURE} {results['clips']:,} clips a row. Seeds: {seeds}.")


def own_rows(results: dict[str, Any], keys: Mapping[str, str]) -> tuple[list[str], list[Series]]:
    """The rows of a table, and a series for each of its figures, in percent."""
    lines = results["summary"]
    series = []
    for key, title in keys.items():
        series.append(_series(title, [line["rendered"][key] for line in lines], key))
    return [line["row"] for line in lines], series


def _series(title: str, figures: list[dict[str, Any]], key: str) -> Series:
    """A figure of several rows, its mean and spread over seeds, in percent."""
    scale = 100 if key == "top1" else 1  # which is a share
    return Series(
        title,
        tuple(scale * figure["mean"] for figure in figures),
        tuple(figure["sd"] and scale * figure["sd"] for figure in figures),
    )


def do_they_read_motion() -> None:
    """The motion probe of the shipped models on real clips."""
    results = measured("motion_probe")
    if results is None:
        return
    st.subheader(
        "Do the models read motion?",
        help="The class of a clip as it is, backwards, shuffled, and frozen at one frame; top-1 "
        "against the label of the clip as it is. Left and right, up and down are each other "
        "backwards, so of a model that reads motion at most six in ten stay right backwards.",
    )
    lines = results["summary"]
    clips = results["runs"][0]["real"]["clips"]
    series = [
        Series(title, tuple(100 * line["real"][f"top1_{probe}"]["mean"] for line in lines))
        for probe, title in PROBES.items()
    ]
    rows = [spec(line["row"]).title for line in lines]
    chart(beside_paper(rows, series), "probe", "Top-1 of each model as it is, backwards, shuffled")
    st.caption(f"Shipped weights, {clips} real clips. No paper prints this.")


def where_the_answer_passes() -> None:
    """How much of the shipped models' answers passes where GradCAM can be read."""
    results = measured("gradcam_places")
    if results is None:
        return
    st.subheader(
        "How much of the answer passes where GradCAM is read?",
        help="At one place of the network another stroke's patches stand in: how far the scores "
        "move towards that stroke's own. Usually GradCAM is read at the last block's first norm; "
        "*More* on its page has the other places.",
    )
    rows, series = own_rows(results, PLACES)
    titles = [spec(row).title for row in rows]
    chart(beside_paper(titles, series), "gradcam-places", f"What passes, by place: {titles}")
    clips = results["runs"][0]["rendered"]["clips"]
    st.caption(f"Shipped weights, mean over {clips} rendered clips. No paper prints this.")


def from_a_few_clips() -> None:
    """How well strokes that no weights have seen are told from a few clips of each."""
    results = measured("few_shot")
    if results is None:
        return
    st.subheader(
        "New strokes from a few clips",
        help="Six strokes that no shipped weights have seen, taught from so many clips of each and "
        "asked of others: `python -m training reproduce few_shot`. **head**: only a new classifier "
        "is learned, on the features of the shipped weights; **tuned**: the whole network too. "
        "Guessing names one in six.",
    )
    rows, series = few_shot(results)
    chart(beside_paper(rows, series), "few-shot", f"Top-1 by clips of each stroke: {rows}")
    tested = results["runs"][0]["rendered"]["clips"]
    st.caption(f"Top-1 on {tested} other rendered clips. No paper prints this.")


def few_shot(results: dict[str, Any]) -> tuple[list[str], list[Series]]:
    """The rows, and a series for each number of clips that were learned from."""
    lines = results["summary"]
    keys = [key for key in lines[0]["rendered"] if key.startswith("few_")]
    series = []
    for key in keys:
        number = key.removeprefix("few_")
        title = f"{number} clip{'' if number == '1' else 's'} of each"
        series.append(_series(title, [line["rendered"][key] for line in lines], key))
    return [_taught(line["row"]) for line in lines], series


def _taught(row: str) -> str:
    """A model and how it was taught, `rvit, head`, as the screen names them."""
    name, comma, way = row.partition(", ")
    return f"{spec(name).title}{comma}{way}" if name in available() else row


def can_it_be_trusted() -> None:
    """The reliability of the verdict: how often it was called, and right, by stroke."""
    results = measured("readings")
    if results is None:
        return
    st.subheader(
        "Can “Direction known” be trusted?",
        help="A shuffled clip's order is called *Direction known* where it beats its own reverse "
        "by the card's margin, the clip looks like training, and its stroke is not another one "
        "backwards. Right: the order fits the truth at least as well as its reverse does.",
    )
    row = next(row for row in results["models"] if row["model"] == "direcformer")
    panels = {f"{data} clips": row[data]["verdict"] for data in ("real", "rendered") if data in row}
    st.markdown(f"**{in_words(row)}**")
    chart(reliability(panels), "reliability", in_words(row))
    st.caption(
        f"DirecFormer, weights {row['weights']}; real clips shuffled {results['seeds']} times, "
        f"{results['test_clips']} rendered ones once. Behind a bar: right of called. Made by "
        "`python -m training readings`. DirecFormer C-C’s own stand on the page Training; the "
        "other models call no direction known: their cards have no margin."
    )


def in_words(row: dict[str, Any]) -> str:
    """How often the verdict was called and right, in a sentence."""
    parts = []
    for data in ("real", "rendered"):
        if data in row:
            counts = row[data]["verdict"]["all"]
            share = (
                f" ({100 * counts['right'] / counts['called']:.0f} %)" if counts["called"] else ""
            )
            parts.append(
                f"on {data} clips in {counts['called']} of {counts['shuffles']} shuffles, and "
                f"rightly in {counts['right']}{share}"
            )
    return f"The direction was called known {'; '.join(parts)}."


def three_ways() -> None:
    """OrderAcc of each model by three readings of one matrix."""
    results = measured("readings")
    if results is None:
        return
    st.subheader("Three ways to read one matrix", help=WAYS_HELP)
    rows = []
    for row in results["models"]:
        part = row.get("real") or row["rendered"]
        rows.append(
            {
                "model": shipped_title(row["model"]),
                **part["ways"],
                **{f"{way}, directed": value for way, value in part["ways_directed"].items()},
            }
        )
    percent = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(
        rows,
        hide_index=True,
        key="three-ways",
        column_config={key: percent for key in rows[0] if key != "model"},
    )
    st.caption(
        f"OrderAcc in percent on real clips, {results['seeds']} shuffles each; *directed*: the "
        f"strokes {', '.join(DIRECTED)}. Chance is 47.1 for 8 frames. Sharpened with slope "
        f"{results['sharpness']:g}, also for models that the app reads as they are."
    )


def where_the_curves_are() -> None:
    """Where training curves of the shipped models are, and of which none were kept."""
    lost = [spec(name).title for name in embedded() if not metrics_file(name).exists()]
    kept = "those of the last stage of each are on the page Training"
    if lost:
        kept = f"they were not kept of {', '.join(lost)}; any others are on the page Training"
    st.caption(f"Training curves of the shipped weights: {kept}, which names every stage, too.")
