"""A lesson to take home: its words, its figures and its size."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.draw.handout import LIMIT, lesson_document, pieces
from core.draw.handout.fitting import _fewer
from core.draw.handout.maths import Writer
from core.draw.handout.scenes import Scenes, named
from core.draw.lesson import Step, lessons
from core.draw.steps import weight_scale
from core.errors import BadInput


def test_markdown_and_equations_become_html_without_styles_of_their_own() -> None:
    writer = Writer()
    html = writer.html(
        "A **bold** *a < b*, `code`, [a page](frame_order).\n\n$x_t / \\sqrt d$ ends."
    )
    assert html.startswith(
        "<p>A <strong>bold</strong> <em>a &lt; b</em>, <code>code</code>, a page.</p><p>"
    )
    assert html.endswith(" ends.</p>") and "style=" not in html
    (label,) = re.findall('aria-label="([^"]+)"', html)
    assert label == "x_t / \\sqrt d", "a reader who does not see hears the TeX"
    assert re.fullmatch(
        r"\.le-eq-0 \{ height: [\d.]+em; width: [\d.]+em; vertical-align: -[\d.]+em; \}",
        writer.style,
    )


def test_a_drawn_equation_is_as_large_as_its_box_says_and_stands_on_its_line() -> None:
    def box(tex: str) -> list[float]:
        (text,) = re.findall('viewBox="([^"]+)"', Writer().equation(tex))
        return [float(number) for number in text.split()]

    left, top, width, height = box("x")
    assert top + height == pytest.approx(4, abs=2), "nothing of an x is below the line"
    assert box("x_t")[1] + box("x_t")[3] > 10, "a subscript is"
    assert box("x x x")[2] > 2 * width and left <= 4


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: str(lesson.number))
def test_every_equation_of_the_lessons_is_drawn(lesson) -> None:
    writer = Writer()
    for step in lesson.steps:
        asked = step.question
        texts = [step.text, *([asked.text, *asked.choices, asked.answer] if asked else [])]
        assert all("$" not in writer.html(text) for text in texts)


def test_a_matrix_is_drawn_cell_by_cell_with_the_path_through_it() -> None:
    weights = np.array([[0, 0.5, -0.25], [1.0, 0, 0.125], [-1.0, 0.75, 0]])
    html = pieces.matrix("M", weights, weight_scale(weights, True), (1, 0, 2))
    assert html.count("<title>slot ") == 6 and "slot 2 → slot 1: 1.0000" in html
    assert html.count('class="le-step"') == 2 and html.count('class="le-count"') == 2
    red = re.findall(r'fill="rgb\((\d+),(\d+),(\d+)\)"><title>slot 2 → slot 1', html)[0]
    blue = re.findall(r'fill="rgb\((\d+),(\d+),(\d+)\)"><title>slot 3 → slot 1', html)[0]
    assert int(red[0]) > int(red[2]) and int(blue[2]) > int(blue[0])


def test_bars_and_shares_say_their_values() -> None:
    html = pieces.bars(["a <b>", "c"], {"in order": [0.25, 0.5], "shuffled": [0.125, 1.0]})
    assert re.findall(r'width="([\d.]+)"', html) == ["25.000", "12.500", "50.000", "100.000"]
    assert "a &lt;b&gt;" in html and "12.5 %" in html
    assert html.count("ho-key ") == 2
    table = pieces.shares(["frozen"], ["left", "up"], np.array([[0.25, 0.75]]))
    assert re.findall(r">(\d+)</text>", table) == ["25", "75"]


def test_layers_that_a_step_names_stay_longest() -> None:
    layers = [0, 1, 2, 3]
    for expected in ([1, 2, 3], [1, 3], [3]):
        layers = _fewer(layers, {1, 3})
        assert layers == expected


def test_what_cannot_be_handed_out_is_said() -> None:
    with pytest.raises(BadInput, match="'Train' is on the page training, which cannot"):
        Scenes().of(Step("Train", "text", "training", {}))
    assert named("AM Flow") == named("am_flow") == "am_flow"
    assert named("TimeSformer (random weights)") == "timesformer"
    with pytest.raises(BadInput, match=r"no included model 'Nothing'; there are .*DirecFormer"):
        named("Nothing")


def test_every_page_of_the_lessons_can_be_handed_out() -> None:
    shows = Scenes().shows
    pages = {(number, step.page) for number, lesson in lessons().items() for step in lesson.steps}
    assert {(number, page) for number, page in pages if page not in shows} == set()


def test_a_table_of_correlations_is_blue_below_zero_red_above_and_legible() -> None:
    html = pieces.likeness(["map <a>", "the hand"], np.array([[1.0, -0.875], [0.25, 1.0]]))
    assert re.findall(r"le-cell[^>]*>([^<]+)<", html) == ["1.00", "−0.88", "0.25", "1.00"]
    fills = [tuple(map(int, rgb)) for rgb in re.findall(r"rgb\((\d+),(\d+),(\d+)\)", html)]
    assert fills[0][0] > fills[0][2] and fills[1][2] > fills[1][0]
    assert html.count("le-on-light") == 1 and "map &lt;a&gt;" in html


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([], "give a clip, or --lesson"),
        (["clip.mp4", "--lesson", "1"], "not both"),
        (["--lesson", "99"], "there is no lesson 99; there are 1, 2"),
        (["--lesson", "1", "--models", "far"], "leave them out with --lesson"),
    ],
)
def test_the_command_says_what_it_wants(
    flags: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["handout", *flags, "--out", "page.html"]) == 2
    assert line in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("number", lessons())
def test_every_lesson_fits_into_a_file_and_the_command_writes_it(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lesson.html"
    assert main(["handout", "--lesson", str(number), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == out.stat().st_size <= LIMIT
    page = out.read_text(encoding="utf-8")
    lesson = lessons()[number]
    assert said["steps"] == len(lesson.steps) == page.count('class="le-step-text"')
    assert "default-src 'none'" in page and not re.search(r'(src|href)="https?:', page)


def test_a_lesson_that_needs_no_viewer_is_small_and_deterministic() -> None:
    from dataclasses import replace

    lesson = replace(lessons()[2], steps=lessons()[2].steps[-1:])
    page = lesson_document(lesson)
    assert len(page) < 1_000_000 and page.count("le-step-text") >= 1
    assert page == lesson_document(lesson)
