"""The charts of the Data set page, in each of which a click filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from core.draw.data_set.embedding import Method, methods
from core.draw.data_set.figures import clip_map, confusions, histogram
from core.draw.data_set.results import Results, Rows
from pages.parts.controls import by_title
from pages.parts.data_set import (
    COLUMN,
    COLUMNS,
    LABEL,
    PREDICTION,
    Subject,
    asked,
    bounds_of,
    described,
    places_of,
    slider_of,
    verdict,
)
from pages.parts.links import meant
from pages.parts.show import NOT_AN_EXPLANATION, chart
from pages.parts.words import as_text

CONFUSIONS, HISTOGRAM, MAP = "set-confusions", "set-histogram", "set-map"
GROUPS = {"label": "Class", "prediction": "Called", "order_verdict": "Order", "filter": "Filter"}
HEIGHT = 320
"""Pixels of a chart: the three and what is above them fill 1280 x 720."""
METHODS: dict[Method, str] = {"pca": "PCA", "umap": "UMAP"}


def charts(subject: Subject, rows: Rows) -> None:
    """Who is taken for whom, the chosen number, and a map; a click in each filters."""
    left, middle, right = st.columns([5, 4, 5])
    with left:
        _confusions(subject.results)
    with middle:
        _histogram(subject.results, rows)
    with right:
        _map(subject, rows)
    about = subject.results.about
    weights = f"weights {about['weights']}" if about["weights"] else "random weights"
    st.caption(
        f"{as_text(about['title'])}, {weights}, {as_text(about['data']['source'])}. Click a cell "
        "or a bar to filter by it, ring points of the map to list these clips. "
        f"{NOT_AN_EXPLANATION}"
    )


def _confusions(results: Results) -> None:
    """The matrix of all clips that pass the other filters."""
    rows = results.where(asked(results).without("label", "prediction", "correct"))
    names = list(results.about["labels"])
    there = {*results.texts("label"), *results.texts("prediction")}
    used = [name for name in names if name in there]
    places = [names.index(name) for name in used]
    counts = results.counts(rows)[np.ix_(places, places)]
    st.markdown("**Class (row), called (column)**")
    chart(
        confusions(counts, used, HEIGHT),
        CONFUSIONS,
        f"Confusion matrix of {len(rows)} clips",
        _take_cell,
    )


def _selected(key: str) -> list[dict[str, Any]]:
    state = st.session_state.get(key)
    return list(state["selection"]["points"]) if state else []


def _take_cell() -> None:
    """Filter by the clicked cell; clicked again, by none."""
    points = _selected(CONFUSIONS)
    label, prediction = points[-1]["customdata"] if points else (None, None)
    st.session_state[LABEL] = [label] if label else []
    st.session_state[PREDICTION] = [prediction] if prediction else []


def _histogram(results: Results, rows: Rows) -> None:
    column = st.session_state[COLUMN]
    values = results.numbers(column)
    st.markdown(f"**{COLUMNS[column]}**", help=described(column))
    chart(
        histogram(np.where(results.usable, values, np.nan), results.holds(rows), HEIGHT),
        HISTOGRAM,
        f"Histogram of {COLUMNS[column]} over {int(results.usable.sum())} clips",
        lambda: _take_bars(results, column),
    )


def _take_bars(results: Results, column: str) -> None:
    """Filter by the clicked bars, from the first to the last; without any, by none."""
    points, bounds = _selected(HISTOGRAM), bounds_of(results, column)
    if bounds is None:
        return
    edges = [edge for point in points for edge in point["customdata"]]
    low, high = (min(edges), max(edges)) if edges else bounds
    st.session_state[slider_of(column)] = (max(bounds[0], low), min(bounds[1], high))


def _map(subject: Subject, rows: Rows) -> None:
    results = subject.results
    row = st.container(horizontal=True, vertical_alignment="center")
    with row:
        st.markdown(
            "**Alike to the model**",
            width="stretch",
            help="Two coordinates of each clip's embedding, the mean of its patches after the last "
            "block. PCA keeps the two directions in which clips differ most; what is far apart on "
            "it is far apart in the network, what is near may still differ in other directions.",
        )
        meant("set_colour", GROUPS)
        by = st.selectbox(
            "Colour by",
            list(GROUPS),
            format_func=by_title(GROUPS),
            key="set_colour",
            bind="query-params",
            label_visibility="collapsed",
            width=130,
        )
        offered = {name: METHODS[name] for name in methods()}
        method: Method = "pca"
        if len(offered) > 1:
            method = st.segmented_control(
                "Map", list(offered), format_func=by_title(offered), default="pca", required=True
            )
    there = places_of(subject.origin, method)
    texts = results.table["clip"].take(there.rows).to_pylist()
    chart(
        clip_map(there, _groups(results, there.rows, by, rows), texts, HEIGHT - 20),
        MAP,
        f"Map of {len(there.rows)} clips",
        lambda: None,
    )
    if there.share is not None:
        st.caption(
            f"{len(there.rows):,} of {int(results.usable.sum()):,} clips; the plane holds "
            f"{100 * there.share:.0f} % of what tells their embeddings apart."
        )


def _groups(results: Results, drawn: Rows, by: str, rows: Rows) -> dict[str, np.ndarray]:
    """The masks of the map's colours: of those that pass the filter."""
    passes = results.holds(rows)[drawn]
    if by == "filter":
        return {"pass": passes}
    codes, names = results.codes(by)
    codes = codes[drawn]
    return {verdict(text): (codes == names.index(text)) & passes for text in results.texts(by)}


def ringed(rows: Rows) -> Rows | None:
    """The clips that are ringed in the map and pass the filter; None where nothing is."""
    points = _selected(MAP)
    if not points:
        return None
    return rows[np.isin(rows, [int(point["customdata"]) for point in points])]
