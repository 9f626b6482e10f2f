"""Figures: numbers, names and axes that can be read.

Numbers can be read on their cells, names have room, axes say their unit.
"""

from __future__ import annotations

import re
import tomllib

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.colors import unlabel_rgb

from assets import ASSETS
from core.draw.bars import class_bars, score_bars
from core.draw.curves import over_pairs
from core.draw.lettering import contrast, luminance, text_width
from core.draw.matrices import agreement_map, probe_maps
from core.draw.order_figures import order_histogram
from core.draw.order_pair import Panel, order_pair
from core.draw.panels import panels
from core.draw.state_curves import state_panels
from core.draw.steps import weight_scale
from core.draw.style import ASKING, FONT, TEXT, THEMES, WIDTH
from core.order.chance import chance_distribution

LONG = [
    "Pretending to put something underneath something",
    "Pretending to put something behind something",
    "Moving something and something so they collide with each other",
    "playing squash or racquetball",
    "Putting something on a surface",
]
SHORT = ["left", "right", "up", "down", "circle"]
CONDITIONS = ("in order", "reversed", "shuffled", "frozen")


def luminance_at(heat: go.Heatmap, value: float) -> float:
    """Of the colour that Plotly gives a value: it mixes the two nearest of the scale in RGB."""
    at = (value - heat.zmin) / (heat.zmax - heat.zmin)
    (low, first), (high, second) = next(
        pair for pair in zip(heat.colorscale, heat.colorscale[1:], strict=False) if at <= pair[1][0]
    )
    mixed = np.array(unlabel_rgb(first)) + (at - low) / (high - low) * (
        np.array(unlabel_rgb(second)) - unlabel_rgb(first)
    )
    return luminance(tuple(mixed / 255))


@pytest.mark.parametrize("kind", ["agreement", "probe"])
def test_every_value_of_a_scale_can_be_read_on_its_cell(kind: str) -> None:
    if kind == "agreement":
        figure = agreement_map(
            np.linspace(-1, 1, 19 * 19).reshape(19, 19), [f"n{i}" for i in range(19)]
        )
    else:
        figure = probe_maps(
            [np.linspace(0, 1, 101 * 5).reshape(101, 5)],
            [SHORT],
            ["one"],
            tuple(f"c{i}" for i in range(101)),
        )
    heat, cells = figure.data[0], [a for a in figure.layout.annotations if a.xref == "x"]
    assert len(cells) == heat.z.size
    for cell in cells:
        value = heat.z[cell.y, cell.x]
        assert float(cell.text.replace("−", "-")) == pytest.approx(
            value, abs=0.51 if kind == "probe" else 0.0051
        )
        assert (
            contrast(luminance_at(heat, value), {"#000000": 0.0, "#FFFFFF": 1.0}[cell.font.color])
            >= 4.5
        ), value
    assert {cell.font.color for cell in cells} == {"#000000", "#FFFFFF"}


def test_a_cell_without_a_value_has_the_ink_of_the_page_and_models_of_one_name_stay_apart() -> None:
    figure = agreement_map(np.array([[1, np.nan], [np.nan, 1]]), ["DirecFormer", "DirecFormer"])
    cells = [(a.text, a.font.color is None) for a in figure.layout.annotations]
    assert cells == [("1.00", False), ("–", True), ("–", True), ("1.00", False)]
    assert [t.strip() for t in figure.layout.xaxis.ticktext] == ["DirecFormer"] * 2 and figure.data[
        0
    ].x is None
    assert figure.data[0].text[0][1] == "DirecFormer and DirecFormer"


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_names_of_classes_have_room_beside_their_heat_map(count: int) -> None:
    p = [np.full((4, 5), 0.2)] * count
    figure = probe_maps(
        p,
        [LONG, SHORT, LONG, LONG][:count],
        ["DirecFormer, taught flower_bloom.mp4"] * count,
        CONDITIONS,
    )
    before = 0.0
    for i in range(count):
        own = str(i + 1) if i else ""
        axis, left = figure.layout[f"yaxis{own}"], figure.layout[f"xaxis{own}"].domain[0]
        lines = [line for name in axis.ticktext for line in name.split("<br>")]
        assert max(text_width(line.strip(), FONT) for line in lines) + 8 <= WIDTH * (
            left - before
        ), "beside the map before"
        assert len({*axis.ticktext}) == 5 or count > 2, "names stay apart"
        before = figure.layout[f"xaxis{own}"].domain[1]
        assert before - left > 0.45 / count, "the heat map keeps about half"
        title = next(a for a in figure.layout.annotations if a.xref == f"x{own} domain")
        assert all(
            text_width(line, FONT + 2) <= WIDTH * (before - left)
            for line in title.text.split("<br>")
        )
    most = max(
        name.count("<br>") + 1
        for i in range(count)
        for name in figure.layout[f"yaxis{i + 1 if i else ''}"].ticktext
    )
    plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert plot / 5 >= 1.3 * FONT * most, "names do not run into each other"
    said = figure.data[0].text
    assert said[0][3] == f"{LONG[0]}, frozen", "the whole name on hover"


def test_bars_say_percent_on_their_axis_and_whole_names_on_hover() -> None:
    p = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    short, long = class_bars(SHORT, p, height=230), class_bars(LONG, p, height=230)
    for figure in (short, long):
        assert list(figure.layout.xaxis.ticktext) == ["0 %", "50 %", "100 %"] and list(
            figure.layout.xaxis.tickvals
        ) == [0, 50, 100]
    assert [t.strip() for t in short.layout.yaxis.ticktext] == SHORT[
        ::-1
    ] and short.layout.height == 230
    assert list(long.data[0].y) == LONG[::-1] and "%{y}" in long.data[0].hovertemplate
    lines = [line.strip() for name in long.layout.yaxis.ticktext for line in name.split("<br>")]
    assert (
        max(text_width(line, FONT + 1) for line in lines) <= 250
        and len({*long.layout.yaxis.ticktext}) == 5
    )
    assert (long.layout.height - 60) / 5 >= 2 * 1.3 * (FONT + 1), "two lines have room"


def test_panels_are_as_high_as_their_pictures_and_no_higher_than_asked() -> None:
    """Two pictures of 11 x 7 in 616 pixels: 292.6 x 186.2 each, a title and the slider."""
    clips, times = [np.zeros((2, 7, 11, 3), np.uint8)] * 2, np.array([0.0, 0.5])
    wide = panels(clips, times, ["A", "B"], height=500, width=616)
    assert wide.layout.height == round(186.2 + 40 + 76)
    assert panels(clips, times, ["A", "B"], height=500, width=1500).layout.height == 500
    assert panels(clips, times, ["A", "B"], height=None, width=1500).layout.height > 500


def test_what_plays_plays_on_from_the_first_frame() -> None:
    figure = panels([np.zeros((3, 7, 11, 3), np.uint8)], np.array([0.0, 0.5, 1.0]))
    play, pause = figure.layout.updatemenus[0].buttons
    names, how = play.args
    assert [frame.name for frame in figure.frames] == ["0", "1", "2"] == list(names[:3])
    assert len(names) >= 30 and list(names[3:]) == list(names[:-3])
    assert how["frame"]["duration"] == 500 and list(pause.args[0]) == [None]


def test_titles_of_panels_wrap_and_the_pictures_keep_their_size() -> None:
    clips, times = [np.zeros((2, 11, 7, 3), np.uint8)] * 8, np.array([0.0, 0.5])
    short = panels(clips, times, ["<b>Layer 1</b>  0 to 0.2"] * 8, columns=4, height=560)
    long = panels(clips, times, ["<b>Layer 1</b>  0 to 1, nearly even"] * 8, columns=4, height=560)
    assert (
        short.layout.height == 560
        and [a.text for a in short.layout.annotations] == ["<b>Layer 1</b>  0 to 0.2"] * 8
    )
    assert [a.text for a in long.layout.annotations] == [
        "<b>Layer 1</b><br>0 to 1, nearly even"
    ] * 8
    mixed = panels(
        clips[:2],
        times,
        ["<b>Layer 1</b>  0.01 to 0.2", "<b>Layer 2</b>  " + "0.016 to 0.13, nearly even " * 3],
        columns=2,
    )
    assert [a.text.split("<br>")[0] for a in mixed.layout.annotations] == [
        "<b>Layer 1</b>",
        "<b>Layer 2</b>",
    ], "all break alike"

    def parts(figure: go.Figure) -> tuple[float, float]:
        low, high = figure.layout.yaxis.domain
        return (high - low) * figure.layout.height, (1 - high) * figure.layout.height

    (picture, _), (kept, above) = parts(short), parts(long)
    assert kept == pytest.approx(picture, abs=8) and above * 0.85 >= 2 * 1.3 * (FONT + 1), (
        "also where the slider takes a part"
    )
    assert (
        max(
            text_width(line, FONT + 1)
            for a in long.layout.annotations
            for line in a.text.split("<br>")
        )
        <= WIDTH / 4
    )


@pytest.mark.parametrize(("units", "named"), [(4, 4), (8, 8), (16, 6), (24, 6)])
def test_the_names_below_a_histogram_do_not_run_into_each_other(units: int, named: int) -> None:
    figure = order_histogram({"model": np.full(7, 100.0)}, chance_distribution(units))
    names = figure.layout.xaxis.tickvals
    assert (
        len(names) == named
        and names[0] == "100 %"
        and set(names) <= set(figure.data[0].x)
        and len(figure.data[0].x) == units
    )
    assert sum(text_width(name, FONT - 2) for name in names) < 0.58 * WIDTH
    assert figure.data[0].y[-1] == 100 and sum(figure.data[1].y) == pytest.approx(100)


def test_the_palette_is_that_of_the_page_and_of_the_viewer_where_they_write_it_too() -> None:
    theme = tomllib.loads((ASSETS.parent / ".streamlit/config.toml").read_text())["theme"]
    assert {name: theme[name]["textColor"] for name in ("light", "dark")} == TEXT
    for name, colours in THEMES.items():
        in_css = {
            re.sub("[A-Z]", lambda c: "-" + c[0].lower(), key): theme[name][key]
            for key in theme[name]
        }
        assert in_css == colours
    paint = (ASSETS / "viewer/paint.js").read_text(encoding="utf-8")
    assert f'const LOCKED = "{ASKING}"' in paint


def test_panels_beside_each_other_ask_a_phone_to_scroll() -> None:
    """The page gives a figure the width of so many pictures, which a phone has not."""
    matrix = np.eye(3)
    panel = Panel("raw", matrix, weight_scale(matrix, False), (2, 0, 1))
    scores = {kind: [0.5, 0.7] for kind in ("energy", "AUC")}
    figures = {
        2: [
            order_pair([panel, panel]),
            score_bars(["one", "other"], scores, dict.fromkeys(scores, 0.5)),
            over_pairs({"static": np.array([1.0, 2.0])}, ["1 → 2", "2 → 3"]),
        ],
        3: [state_panels(np.arange(2.0), *(np.full((2, n), 0.5) for n in (1, 1, 2)))],
    }
    for columns, drawn in figures.items():
        assert [figure.layout.meta["columns"] for figure in drawn] == [columns] * len(drawn)
