"""The Data set page: results of a whole data set, filtered by a click, counted and drawn."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from assets import ASSETS
from core.draw.data_set.columns import SCHEMA
from core.draw.data_set.embedding import Method, Places, places
from core.draw.data_set.manifest import FILE, shards
from core.draw.data_set.results import (
    Filter,
    Results,
    Rows,
    disagreements,
    open_results,
    results_in,
)
from core.draw.words import VERDICTS
from core.errors import BadInput
from pages.parts.controls import by_title
from pages.parts.links import meant
from pages.parts.once import made_once
from pages.parts.visitors import may_teach
from pages.parts.words import as_text, message

SHIPPED = ASSETS / "results" / "sets"
"""Small results of rendered clips, on which the page opens."""
LABEL, PREDICTION, VERDICT, RIGHT, COLUMN = (
    "set_label",
    "set_prediction",
    "set_verdict",
    "set_right",
    "set_column",
)
KINDS = {LABEL: "label", PREDICTION: "prediction", VERDICT: "order_verdict"}
RIGHTS: dict[str, tuple[str, bool | None]] = {
    "all": ("All", None),
    "right": ("Right", True),
    "wrong": ("Wrong", False),
}
COLUMNS = {
    "probability": "Probability",
    "margin": "Margin to the second class",
    "label_probability": "Probability of the label",
    "domain_score": "Likeness to the training",
    "entropy": "Entropy of attention",
    "entropy_drift": "Entropy, last layer less first",
    "spread": "Spread of attention",
    "on_motion": "Attention on what moves",
    "gradcam_on_motion": "GradCAM on what moves",
    "gradcam_agreement": "GradCAM agrees with attention",
    "order_accuracy": "OrderAcc",
    "direction_margin": "Margin of the direction",
    "truth_hand": "Points at the hand",
    "truth_auc": "Attention finds the hand (AUC)",
    "truth_energy": "Attention on the hand",
    "duration": "Seconds",
}
"""Columns to filter and sort by, by what a visitor reads."""


@dataclass(frozen=True)
class Origin:
    """A folder of results as it is now."""

    folder: Path
    version: float
    shards: int
    is_upload = False

    @property
    def place(self) -> tuple[str, float, int]:
        return str(self.folder), self.version, self.shards


@dataclass(frozen=True)
class Subject:
    """What the page is about."""

    origin: Origin
    results: Results
    other: Results | None
    """Of another model on the same clips."""


@made_once(size=lambda results: results.nbytes)
def _opened(origin: Origin) -> Results:
    return open_results(origin.folder)


@made_once(size=lambda places: places.xy.nbytes + places.rows.nbytes)
def places_of(origin: Origin, method: Method) -> Places:
    """Some clips of a folder on a plane."""
    return places(_opened(origin), method)


@made_once(size=lambda mask: mask.nbytes)
def _differing(origin: Origin, other: Origin) -> np.ndarray:
    return disagreements(_opened(origin), _opened(other))


def results_folder() -> Path | None:
    """The folder named at start-up: `streamlit run app.py -- --results FOLDER`.

    None without one, and for those who may not see it.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--results", type=Path)
    folder: Path | None = parser.parse_known_args(sys.argv[1:])[0].results
    return folder if may_teach() else None


def folders() -> dict[str, Path]:
    """Every folder of results that can be opened, by its name: those given first."""
    given = results_folder()
    listed = results_in(given) if given else []
    if given and not listed:
        st.warning(
            f"{as_text(str(given))} holds no results; `python -m core explain-set` writes them.",
            icon=":material/folder_off:",
        )
    return {folder.name: folder for folder in [*listed, *results_in(SHIPPED)]}


def origin_of(folder: Path) -> Origin:
    """The folder with what tells it from an earlier state."""
    return Origin(folder, (folder / FILE).stat().st_mtime, len(shards(folder)))


def title_of(results: Results) -> str:
    """The model, the data and how many clips, for a list."""
    about = results.about
    return f"{about['title']} · {about['data']['source']} · {len(results):,} clips"


def chosen() -> Subject:
    """Draw the choice of results, and of others beside them.

    Raises: BadInput where there are none, or they cannot be read.
    """
    every: dict[str, Origin] = {}
    titles: dict[str, str] = {}
    for name, folder in folders().items():
        try:
            every[name] = origin_of(folder)
            titles[name] = title_of(_opened(every[name]))
        except BadInput as error:
            every.pop(name, None)
            st.warning(message(error), icon=":material/error:")
    if not every:
        raise BadInput(
            "there are no results here; write some with `python -m core explain-set` and start "
            "the app with `-- --results FOLDER`"
        )
    left, right = st.columns(2)
    meant("set", titles)
    name = left.selectbox(
        "Results",
        list(every),
        format_func=by_title(titles),
        key="set",
        bind="query-params",
        help="Folders that `python -m core explain-set DATA --model M --out FOLDER` wrote. The app "
        "lists those of the folder that it was started with, `-- --results FOLDER`.",
    )
    results = _opened(every[name])
    same = {
        one: titles[one]
        for one in every
        if one != name and _opened(every[one]).about["data"] == results.about["data"]
    }
    beside = {"": "no other", **same}
    meant("beside", beside)
    other = right.selectbox(
        "Beside",
        list(beside),
        format_func=by_title(beside),
        key="beside",
        bind="query-params",
        disabled=not same,
        help="Results of another model on the same clips: then clips can be listed of which the "
        "two say different things."
        + ("" if same else " There are none of these clips, so nothing can be chosen."),
    )
    return Subject(every[name], results, _opened(every[other]) if other else None)


def filtered(subject: Subject) -> Rows:
    """Draw the filters, and the clips that pass all of them."""
    results = subject.results
    columns = st.columns([2, 2, 2, 2, 2, 3], vertical_alignment="bottom")
    for column, (key, name), title in zip(
        columns, KINDS.items(), ("Class", "Called", "Order"), strict=False
    ):
        options = {text: verdict(text) for text in results.texts(name)}
        column.multiselect(
            title,
            list(options),
            format_func=by_title(options),
            key=key,
            bind="query-params",
            placeholder="all",
        )
    titles = {key: title for key, (title, _) in RIGHTS.items()}
    meant(RIGHT, titles)
    columns[3].selectbox(
        "Right or wrong",
        list(titles),
        format_func=by_title(titles),
        key=RIGHT,
        bind="query-params",
    )
    names = {name: title for name, title in COLUMNS.items() if bounds_of(results, name)}
    meant(COLUMN, names)
    name = columns[4].selectbox(
        "Number",
        list(names),
        format_func=by_title(names),
        key=COLUMN,
        bind="query-params",
        help="What the histogram shows, and the slider beside it filters by.",
    )
    low, high = bounds_of(results, name) or (0.0, 1.0)
    columns[5].slider(
        names[name],
        low,
        high,
        (low, high),
        key=slider_of(name),
        bind="query-params",
        help=described(name),
    )
    return results.where(asked(results))


def verdict(text: str) -> str:
    """A text of a column for people."""
    return VERDICTS[text][0] if text in VERDICTS else text


def slider_of(column: str) -> str:
    """The key of the slider of a column."""
    return f"set_{column}"


def described(column: str) -> str:
    """What a column holds, in a sentence."""
    return str(SCHEMA.field(column).metadata[b"is"].decode()).capitalize() + "."


def bounds_of(results: Results, column: str) -> tuple[float, float] | None:
    """The least and the largest value, rounded outwards; None where all are alike or none is."""
    low, high = results.spans.get(column, (0.0, 0.0))
    if low == high:
        return None
    return float(np.floor(100 * low) / 100), float(np.ceil(100 * high) / 100)


def asked(results: Results) -> Filter:
    """What the filters ask for."""
    state = st.session_state
    column = state[COLUMN]
    bounds = bounds_of(results, column)
    between = state.get(slider_of(column))
    ranges = {} if between is None or between == bounds else {column: between}
    kinds = {name: state[key] for key, name in KINDS.items() if state.get(key)}
    return Filter(kinds, ranges, RIGHTS[state[RIGHT]][1])


def figures_at_the_top(subject: Subject, rows: Rows) -> None:
    """How many clips pass, and what the model makes of them."""
    results = subject.results
    broken = int((~results.usable).sum())
    tiles: list[tuple[str, str, str]] = [
        ("Clips", f"{len(rows):,}", f"of {int(results.usable.sum()):,} that could be used"),
        ("Right", _mean(100 * results.right[rows], " %"), "the prediction is the label"),
        ("OrderAcc", _mean(results.numbers("order_accuracy")[rows], " %"), _of_order(results)),
        ("Direction known", _share_known(results, rows), "the commonest verdict of its shuffles"),
    ]
    if "truth_auc" in results.spans:
        auc = _mean(results.numbers("truth_auc")[rows], "", ".3f")
        tiles.append(("Finds the hand", auc, described("truth_auc")))
    if subject.other is not None:
        differ = disagreeing(subject, rows)
        tiles.append(("Disagree", f"{len(differ):,}", "clips the two models call differently"))
    tiles.append(("Not usable", f"{broken:,}", "clips with an error, listed below"))
    with st.container(horizontal=True):
        for title, value, text in tiles:
            st.metric(title, value, help=text, width="stretch")


def _of_order(results: Results) -> str:
    """What OrderAcc is a mean of."""
    shuffles = results.about["settings"]["shuffles"]
    return f"the share of frames put back in order, mean over {shuffles} shuffles of each clip"


def _mean(values: np.ndarray, unit: str, form: str = ".1f") -> str:
    values = values[~np.isnan(values)]
    return f"{values.mean():{form}}{unit}" if len(values) else "–"


def _share_known(results: Results, rows: Rows) -> str:
    codes, names = results.codes("order_verdict")
    if "known" not in names or len(rows) == 0:
        return "0.0 %" if len(rows) else "–"
    return f"{100 * float((codes[rows] == names.index('known')).mean()):.1f} %"


def disagreeing(subject: Subject, rows: Rows) -> Rows:
    """Those of some rows of which the two models say different things."""
    assert subject.other is not None
    return rows[_differing(subject.origin, origin_of(subject.other.folder))[rows]]
