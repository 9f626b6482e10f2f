"""The clips of the Data set page: thumbnails by the page, each a click from the other pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from core.draw.data_set.figures import Over, thumbnail
from core.draw.data_set.results import CANDIDATES, Results, Rows
from core.draw.lettering import number
from core.draw.style import picture
from core.errors import BadInput
from core.weights import shipped, shipped_as
from core.world.gestures import STROKES
from pages.parts import links, session
from pages.parts.component import component
from pages.parts.controls import by_title
from pages.parts.data_set import COLUMN, COLUMNS, Subject, described, disagreeing
from pages.parts.data_set_charts import ringed
from pages.parts.links import meant
from pages.parts.sources import ClipSource, ModelSource, Rendered
from pages.parts.words import as_text

SORT, DOWN, OVER, SHOWN, PAGE = "set_sort", "set_down", "set_over", "set_show", "set_page"
ON_A_PAGE = 24
OVERLAYS: dict[str, tuple[str, Over | None]] = {
    "none": ("Picture", None),
    "attention": ("Attention", "attention"),
    "gradcam": ("GradCAM", "gradcam"),
}
OPENS = {"explore": "Explore", "frame_order": "Order", "trust": "Trust"}
"""The pages that a clip can be opened on."""
PICTURES = (
    "clip",
    "path",
    "start",
    "end",
    "label",
    "prediction",
    "second",
    "probability",
    "correct",
    "order_verdict",
    "order_accuracy",
    "grid_t",
    "grid_h",
    "grid_w",
    "attention_map",
    "attention_low",
    "attention_high",
    "gradcam_map",
    "gradcam_high",
    "thumbnail",
    "thumbnail_step",
)
REASON = (
    "Clips that are called rightly while attention and GradCAM, both, look away from what moves: "
    "each gives the moving part less than its room. What else could have told the model? A small "
    "share is a reason to look, not a proof."
)
CLIPS = "set-clips"
NOT_THERE = "set-not-there"
"""Why the last clip could not be opened, in words."""


def clips(subject: Subject, rows: Rows) -> None:
    """The clips that pass, in the order asked for, a page of them at a time."""
    lists = {"all": "All", "reason": "Right for the wrong reason"}
    if subject.other is not None:
        lists["differ"] = "The models disagree"
    lists["broken"] = "Not usable"
    meant(SHOWN, lists)
    shown = st.segmented_control(
        "Clips",
        list(lists),
        format_func=by_title(lists),
        default="all",
        required=True,
        key=SHOWN,
        bind="query-params",
        help=f"**Right for the wrong reason**: {REASON} At most {CANDIDATES} are listed.",
    )
    if shown == "broken":
        _broken(subject.results)
        return
    listed = ringed(rows)
    if listed is not None:
        st.caption(f"Of the {len(listed):,} clips that are ringed in the map.")
        rows = listed
    if shown == "reason":
        rows = subject.results.wrong_reasons(rows)
        st.caption(REASON)
    elif shown == "differ":
        rows = disagreeing(subject, rows)
    _grid(subject, rows, is_ranked=shown == "reason")


def _broken(results: Results) -> None:
    lines = results.errors()
    if not lines:
        st.success("Every clip could be used.", icon=":material/check:")
        return
    st.dataframe(lines, hide_index=True, key="set-errors", column_config={"error": "Reason"})


def _grid(subject: Subject, rows: Rows, is_ranked: bool) -> None:
    """Sorting, overlay and page, and the thumbnails; ranked clips stay in their order."""
    results = subject.results
    one, two, three, four = st.columns([3, 2, 3.8, 1.7], vertical_alignment="bottom")
    by = {"number": "Place in the data set"} | {
        name: title for name, title in COLUMNS.items() if name in results.spans
    }
    by |= {"label": "Class", "prediction": "Called", "order_verdict": "Order"}
    meant(SORT, by)
    column = one.selectbox(
        "Sort by",
        list(by),
        format_func=by_title(by),
        key=SORT,
        bind="query-params",
        disabled=is_ranked,
        help="These are ranked by how far both maps look away."
        if is_ranked
        else "Clips without a value come last.",
    )
    largest_first = two.toggle("Largest first", key=DOWN, bind="query-params", disabled=is_ranked)
    titles = {key: title for key, (title, _) in OVERLAYS.items()}
    meant(OVER, titles)
    over = three.segmented_control(
        "Over the picture",
        list(titles),
        format_func=by_title(titles),
        default="attention",
        required=True,
        key=OVER,
        bind="query-params",
        help="Attention of the last layer, or GradCAM of the predicted class, at the step that is "
        "shown. Colours end at each picture's own largest value.",
    )
    last = max(1, -(-len(rows) // ON_A_PAGE))
    if st.session_state.get(PAGE, 1) > last:
        st.session_state[PAGE] = last
    page = four.number_input(
        f"Page of {last:,}", 1, last, key=PAGE, bind="query-params", disabled=last == 1
    )
    if len(rows) == 0:
        st.info("No clip passes. Take a filter away to see some.", icon=":material/filter_alt:")
        return
    ordered = rows if is_ranked else results.by(rows, column, largest_first)
    on_page = ordered[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    sorted_by = column if column in COLUMNS and not is_ranked else st.session_state[COLUMN]
    _draw(subject, on_page, OVERLAYS[over][1], sorted_by)


def _draw(subject: Subject, rows: Rows, over: Over | None, column: str) -> None:
    results = subject.results
    records = results.records(rows, PICTURES)
    values = results.numbers(column)[rows]
    items = [
        {
            "row": int(row),
            "title": record["clip"],
            "says": f"{record['prediction']}, {100 * record['probability']:.0f} %",
            "wrong": record["correct"] is False,
            "note": f"{COLUMNS[column]} {_three_digits(float(value))}",
            "picture": picture(thumbnail(record, over), 224),
        }
        for row, record, value in zip(rows, records, values, strict=True)
    ]
    data = {"items": items, "pages": list(OPENS.items())}
    result = component("clips", "clips/clips")(
        key=CLIPS, data=data, on_open_change=lambda: _take(subject, rows, records)
    )
    if NOT_THERE in st.session_state:
        st.error(st.session_state.pop(NOT_THERE), icon=":material/error:")
    elif result.open:
        links.go_to(result.open["page"])
    st.caption(f"{described(column)} {verdict_words(results)}")


def _three_digits(value: float) -> str:
    """A value with as many digits as its neighbours have: 0.940 beside 0.957."""
    return "–" if np.isnan(value) else number(value, "#.3g").rstrip(".")


def verdict_words(results: Results) -> str:
    """How the order was asked for."""
    settings = results.about["settings"]
    return (
        f"Each clip was shuffled {settings['shuffles']} times for its order; of "
        f"{settings['frames']} frames, {settings['sampling']} sampling."
    )


def _take(subject: Subject, rows: Rows, records: list[dict[str, Any]]) -> None:
    """Choose the clip that a button asks for, and the model of the results."""
    sent = (st.session_state[CLIPS] or {}).get("open")
    if not sent or sent["row"] not in rows or sent["page"] not in OPENS:
        return
    try:
        _choose_clip(records[rows.tolist().index(sent["row"])])
    except BadInput as error:
        st.session_state[NOT_THERE] = as_text(str(error))
        return
    about = subject.results.about
    name = shipped_as(about["weights_sha256"], about["model"])
    if not about["checkpoint"] and name in shipped():
        session.switch_to(ModelSource("shipped", name))


def _choose_clip(record: Mapping[str, Any]) -> None:
    """Let the sidebar show a clip from the next run on.

    Raises: BadInput where its file is gone.
    """
    path = record["path"]
    if path.startswith("render:"):
        source = ClipSource.parse(path)
        assert isinstance(source, Rendered)
        if source.label in STROKES:
            st.session_state[session.CLIP] = "gesture"
            st.session_state[session.LABEL] = source.label
            st.session_state[session.SEED] = source.seed
            st.session_state[session.SEEN] = source.view
            return
        raise BadInput(f"{path}: this app draws no such stroke; choose another clip")
    file = Path(path)
    if not file.exists():
        raise BadInput(f"{file.name} is no longer where the results name it; bring it back there")
    st.session_state[session.OWN_CLIP] = file
    st.session_state[session.CLIP] = "upload"
    if record["start"] is not None and record["end"] is not None:
        name = "/".join(file.parts[-2:])
        key = f"part-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        st.session_state[key] = (round(record["start"], 2), round(record["end"], 2))
