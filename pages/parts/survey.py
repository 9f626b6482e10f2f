"""The page Other models: its chart and table, a survey's, with the models of the app among it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import streamlit as st

from core.draw.backbones import PARAMETERS, YEAR, Axis, Point, scatter
from core.models import spec
from core.models.count import count
from core.models.survey import (
    DATA,
    DATA_REFERENCES,
    FAMILIES,
    Backbone,
    Printed,
    backbones,
    best,
    by_family,
    placed,
    references,
)
from core.weights import embedded
from pages.parts.controls import by_title
from pages.parts.export import downloads
from pages.parts.history import cards
from pages.parts.links import meant
from pages.parts.opened import opening
from pages.parts.show import chart
from pages.parts.subject import Choice

SURVEY = "Tang et al., A survey on backbones for deep video action recognition, Table 1"
NOUNS = {"two-stream": "two-stream network", "3d-cnn": "3D CNN", "transformer": "transformer"}
OWN = "strokes"
CHOICES = {**DATA, OWN: "Ten strokes (this app)"}
SHORT = {"hmdb51": "HMDB51", "k400": "K400", "ssv2": "SSv2"}
AXES = {"year": "Year", "parameters": "Parameters"}
COUNTED = "counted here: no table of its paper prints it"
FEW = 2
"""Values of a family below which nothing is said of it on a data set."""


def year_of(model: str) -> int:
    """When the paper of a model appeared."""
    return int(re.findall(r"\d{4}", spec(model).paper)[-1])


def accuracy(choice: Choice) -> None:
    """Accuracy on a data set against year or size, every backbone by its name."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        meant("survey_data", CHOICES)
        data = st.segmented_control(
            "Data set",
            list(CHOICES),
            default="k400",
            required=True,
            format_func=by_title(CHOICES),
            key="survey_data",
            bind="query-params",
            help="The survey compares on three. **Ten strokes**: the app's own small models on "
            "114 real clips, which no other backbone was tried on.",
        )
        meant("survey_axis", AXES)
        axis = st.segmented_control(
            "Against",
            list(AXES),
            default="year",
            required=True,
            format_func=by_title(AXES),
            key="survey_axis",
            bind="query-params",
            disabled=data == OWN,
            help="Parameters stand on a logarithmic scale, without rows of no printed size.",
        )
    points = points_of(data, axis, choice.card.model)
    if data == OWN:
        _own_clips(points)
    else:
        _published(data, axis, points)


def points_of(data: str, axis: str, shown: str) -> list[Point]:
    """What the chart shows: the survey's rows and the papers', or the app's own weights.

    `shown` is the model of the sidebar.
    """
    if data == OWN:
        return [_measured(card, shown) for card in _included().values()]
    points = [
        _point(b, data, axis)
        for b in backbones()
        if data in b.top1 and (axis == "year" or b.parameters)
    ]
    rows = {name: placed(name, data) for name in embedded()}
    return points + [_own_point(name, row, axis, shown) for name, row in rows.items() if row]


def _included() -> dict[str, dict[str, Any]]:
    """The cards of the shipped models, one each: a variant is no other backbone."""
    return {name: card for name, card in cards().items() if name in embedded()}


def axis_of(data: str, axis: str) -> Axis:
    """What runs to the right."""
    return YEAR if axis == "year" and data != OWN else PARAMETERS


def _published(data: str, axis: str, points: list[Point]) -> None:
    """The survey's rows and the papers' on a data set."""
    rows = [b for b in backbones() if data in b.top1]
    st.markdown(f"**{in_words(data)}**", help=comparable(data))
    figure = scatter(points, axis_of(data, axis), f"top-1 on {DATA[data]}")
    key = "backbones"
    chart(figure, key, f"{len(points)} backbones: top-1 on {DATA[data]} against {axis}")
    left_out = len(rows) - sum(p.kind in FAMILIES for p in points)
    line = f"{SURVEY}: {len(rows)} of its {len(backbones())} rows have a value on {DATA[data]}"
    line += f", {left_out} of these no printed size" if left_out else ""
    stars = any(point.kind == "app" for point in points)
    line += ". Stars: the best row of each paper's own tables." if stars else "."
    _below(key, points, line, comparable(data))


def _own_clips(points: list[Point]) -> None:
    """The shipped weights on real clips of the ten strokes, against their size."""
    highest, lowest = (f(points, key=lambda p: p.y) for f in (max, min))
    st.markdown(
        f"**Of the weights that the app ships {highest.name} names {highest.y:.1f} % of the real "
        f"clips, {lowest.name} {lowest.y:.1f} %; guessing names 10 %.**",
        help="Models of 2 to 9 million parameters, trained on rendered clips alone. Nothing here "
        "compares with the papers' data sets.",
    )
    chart(
        scatter(points, PARAMETERS, "top-1 on 114 real clips"),
        "backbones",
        f"{len(points)} shipped models: top-1 on 114 real clips of ten strokes against parameters",
    )
    _below("backbones", points, "Shipped weights, measured by `python -m training publish`.", "")


def _below(key: str, points: list[Point], line: str, more: str) -> None:
    """A line below the chart, what cannot be compared, and its files."""
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(gap="xsmall"):
            st.caption(line)
            if more:
                st.caption(more)
        numbers = {
            "name": (np.array([p.name for p in points]), "(n,) the backbone"),
            "x": (np.array([p.x for p in points]), "(n,) year, or millions of parameters"),
            "top1": (np.array([p.y for p in points]), "(n,) top-1 in percent"),
        }
        downloads(key, [line, more], numbers=numbers, of_attention=False)


def in_words(data: str) -> str:
    """What is highest on a data set, and what is smallest, computed from the table."""
    top = best(data)
    sentence = f"On {DATA[data]} {top.name} is highest, {top.top1[data]} %{_of_size(top)}."
    others = [b for b in backbones() if data in b.top1 and b.parameters and b is not top]
    if others:
        small = min(others, key=lambda b: b.parameters or 0)
        sentence += f" The smallest, {small.name}{_of_size(small)}, has {small.top1[data]} %."
    return sentence


def _of_size(backbone: Backbone) -> str:
    return f" with {backbone.parameters} M parameters" if backbone.parameters else ""


def comparable(data: str) -> str:
    """Which families a data set cannot compare, or an empty text."""
    counts = by_family(data)
    few = [_written(family, n) for family, n in counts.items() if n < FEW]
    if not few:
        return ""
    many = [_written(family, n) for family, n in counts.items() if n >= FEW]
    return (
        f"{DATA[data]} has values of {' and '.join(few)} beside {' and '.join(many)}: it cannot "
        "compare the families, so no trend is drawn."
    )


def _written(family: str, number: int) -> str:
    """A number of backbones of a family."""
    return f"{number or 'no'} {NOUNS[family]}" + ("" if number == 1 else "s")


def _point(backbone: Backbone, data: str, axis: str) -> Point:
    size = f"{backbone.parameters} M parameters" if backbone.parameters else "size not printed"
    words = [
        f"{backbone.year} · {size}",
        f"{DATA[data]} {backbone.top1[data]} %",
        f"reference [{backbone.reference}]",
    ]
    x = backbone.year if axis == "year" else backbone.parameters
    assert x is not None
    return Point(
        backbone.name, float(x), float(backbone.top1[data]), backbone.family, "<br>".join(words)
    )


def _own_point(name: str, row: Printed, axis: str, shown: str) -> Point:
    size, how = size_of(row)
    words = [
        f"{year_of(name)} · {size:.1f} M parameters{f' ({how})' if how else ''}",
        f"{DATA[row.data]} {row.top1} %",
        f"as {row.source} prints it",
    ]
    x = year_of(name) if axis == "year" else size
    title = spec(name).title
    is_shown = shown == name
    return Point(title, float(x), float(row.top1), "app", "<br>".join(words), is_shown)


def size_of(row: Printed) -> tuple[float, str]:
    """Millions of parameters, and how that is known where it is not printed."""
    printed = row.parameters
    if printed:
        return printed, ""
    assert row.counted is not None  # only what is built here is placed
    return float(row.counted[0]), COUNTED


def _measured(card: dict[str, Any], shown: str) -> Point:
    real = card["measured"]["real"]
    millions = own_size(card)
    words = [
        f"{millions:.1f} M parameters, counted",
        f"{real['clips']} real clips {100 * real['top1']:.1f} %",
        f"{card['measured']['rendered']['clips']} rendered ones "
        f"{100 * card['measured']['rendered']['top1']:.1f} %",
    ]
    title, is_shown = spec(card["model"]).title, shown == card["model"]
    return Point(title, millions, 100 * real["top1"], "own", "<br>".join(words), is_shown)


def own_size(card: dict[str, Any]) -> float:
    """Millions of parameters of shipped weights."""
    settings = {"classes": len(card["labels"]), **card["settings"]}
    return count(card["model"], card["preset"], **settings).parameters / 1e6


def table(choice: Choice) -> None:
    """Every row of the survey and of the app's models, to sort and to search."""
    st.subheader(
        "The table",
        help="The survey's Table 1 as it is printed, what is odd about a row below its name. Rows "
        "on violet are the app's models: the best row of their papers' tables, and apart from "
        "these, in the last column, what the app's own small weights reach on its own clips.",
    )
    columns = [
        ("Backbone", "", "wide"),
        ("Family", "", "text"),
        ("Year", "", "number"),
        ("Params (M)", "Millions of parameters", "number"),
        *(
            (
                SHORT[data],
                f"{title}: top-1 in percent; reference [{DATA_REFERENCES[data]}]",
                "number",
            )
            for data, title in DATA.items()
        ),
        ("Ten strokes", "The app's small weights on 114 real clips, top-1 in percent", "number"),
        ("Source", "The reference's number in the survey's list, or the paper's tables", "text"),
    ]
    data = {
        "name": "Backbones",
        "columns": [{"title": title, "help": help, "kind": kind} for title, help, kind in columns],
        "rows": [
            *(_app_row(choice, name, card) for name, card in _included().items()),
            *(_survey_row(backbone) for backbone in backbones()),
        ],
        "listed": f"References of the survey that its table names ({len(references())})",
        "references": [[number, text] for number, text in references().items()],
    }
    opening("backbones_table", "table/table", "backbones-table", data)
    st.caption(
        f"{SURVEY}, 32 rows as printed; three data sets: "
        + ", ".join(f"{title} [{DATA_REFERENCES[data]}]" for data, title in DATA.items())
        + "."
    )


def _survey_row(backbone: Backbone) -> dict[str, Any]:
    return {
        "kind": "survey",
        "cells": [
            {"text": backbone.name, "note": " ".join(filter(None, _notes(backbone)))},
            {"text": FAMILIES[backbone.family]},
            _number(backbone.year),
            _number(backbone.parameters),
            *(_number(backbone.top1.get(data)) for data in DATA),
            {"text": ""},
            {"text": f"[{backbone.reference}]", "reference": backbone.reference},
        ],
    }


def _notes(backbone: Backbone) -> tuple[str, str]:
    """What the survey says of it, and what is odd about its row."""
    idea = backbone.idea
    return f"{idea[0].upper()}{idea[1:]}." if idea else "", backbone.note


def _app_row(choice: Choice, name: str, card: dict[str, Any]) -> dict[str, Any]:
    """A model of the app: its paper's best figures, and this project's own."""
    model = card["model"]
    rows = {data: placed(model, data) for data in DATA}
    shown = [row for row in rows.values() if row is not None]
    sizes = [size_of(row) for row in shown]
    size, how = sizes[0] if sizes else (None, "")
    sources = _tables_of(shown)
    summary = spec(model).summary
    summary = f"{summary[0].upper()}{summary[1:]}."
    note = (
        ""
        if shown
        else "Its paper prints no figure on these: 0.143 at best, on 21 of K400's classes."
    )
    own = 100 * card["measured"]["real"]["top1"]
    return {
        "kind": "own shown" if choice.card.model == model else "own",
        "cells": [
            {"text": spec(model).title, "open": name, "note": f"{summary} {note}"},
            {"text": FAMILIES["transformer"]},
            _number(year_of(model)),
            _number(f"{size:.1f}" if size else None) | ({"note": "counted here"} if how else {}),
            *(_printed_cell(rows[data]) for data in DATA),
            _number(f"{own:.1f}") | {"note": f"{own_size(card):.1f} M"},
            {"text": sources or spec(model).paper},
        ],
    }


def _printed_cell(row: Printed | None) -> dict[str, Any]:
    if row is None:
        return {"text": ""}
    variant = re.sub(f"^{re.escape(spec(row.model).title)}[ ,]+", "", row.method)
    is_plain = variant.casefold() == spec(row.model).title.casefold()
    return _number(row.top1) | {"note": "" if is_plain else variant}


def _tables_of(rows: list[Printed]) -> str:
    """Where rows are printed: papers, each with its tables."""
    papers: dict[str, list[str]] = {}
    for row in rows:
        paper, number = row.source.split(", ")[:2]
        papers.setdefault(paper, []).append(number)
    return "; ".join(f"{paper}, {' and '.join(sorted(set(n)))}" for paper, n in papers.items())


def _number(value: object) -> dict[str, Any]:
    """A place with a number as it is printed, empty for none."""
    return {"text": ""} if value is None else {"text": str(value), "value": float(str(value))}
