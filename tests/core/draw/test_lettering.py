"""Words on figures: widths, breaks, and ink that can be read."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from core.draw.lettering import (
    broken,
    contrast,
    cut,
    ink,
    luminance,
    number,
    text_width,
    wrapped,
)
from core.draw.matrices import agreement_map


def test_luminance_and_contrast_are_those_of_wcag() -> None:
    assert luminance((0, 0, 0)) == 0 and luminance((1, 1, 1)) == pytest.approx(1)
    assert luminance((1, 0, 0)) == pytest.approx(0.2126) and contrast(1, 0) == pytest.approx(
        21
    ) == contrast(0, 1)
    # The well-known lightest grey on white.
    assert contrast(luminance((0x76 / 255,) * 3), 1) == pytest.approx(4.54, abs=0.01)


def test_ink_can_be_read_on_every_colour() -> None:
    steps = [i / 10 for i in range(11)]
    for colour in itertools.product(steps, repeat=3):
        there = luminance(colour)
        assert contrast(there, {"#000000": 0.0, "#FFFFFF": 1.0}[ink(colour)]) >= 4.5, colour
    assert ink((1, 1, 0.9)) == "#000000" and ink((0.1, 0.1, 0.5)) == "#FFFFFF"


def test_a_width_counts_letters_and_not_tags() -> None:
    assert text_width("illicit", 10) < text_width("mammoth", 10) == text_width("mammoth", 20) / 2
    assert (
        text_width("<b></b>mammoth<br>", 10)
        == text_width("mammoth", 10)
        < text_width("<b>mammoth</b>", 10)
    )


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("Pretending to put something behind something", 379.6),
        ("massaging person's head", 204.5),
        ("TimeSformer K400", 149.9),
        ("<b>DirecFormer, taught flower_bloom.mp4</b>", 355.7),
    ],
)
def test_a_width_is_no_less_than_that_of_dejavu_sans_and_little_more(
    text: str, pixels: float
) -> None:
    # `pixels` are the sums of the font's own advance widths.
    assert pixels <= text_width(text, 16) < 1.1 * pixels


@pytest.mark.parametrize("width", [60, 97, 150, 257, 600])
@pytest.mark.parametrize(
    "text",
    [
        "Pretending to put something underneath something",
        "<b>Layer 3</b>  0.016 to 0.13, nearly even",
        "star",
        "DirecFormer, taught a_very_long_name_of_a_file.mp4",
    ],
)
def test_lines_fit_and_keep_every_word_that_has_room(text: str, width: int) -> None:
    lines = wrapped(text, width, 17, most=4)
    assert 1 <= len(lines) <= 4 and all(text_width(line, 17) <= width for line in lines)
    if not any("…" in line for line in lines):
        assert " ".join(lines).split() == text.split()


def test_a_title_breaks_first_where_it_has_two_spaces() -> None:
    title = "<b>Layer 3</b>  0.016 to 0.13, nearly even"
    assert wrapped(title, 270, 17) == ["<b>Layer 3</b>", "0.016 to 0.13, nearly even"]
    assert wrapped(title, 500, 17) == [title], "and only where it must"


def test_what_is_too_long_ends_in_an_ellipsis_and_keeps_its_tags() -> None:
    assert wrapped("one two three four five", 60, 16, most=2)[-1].endswith("…")
    short = cut("<b>flower_bloom_by_the_window.mp4</b>", 120, 16)
    assert short.startswith("<b>flow") and short.endswith("…</b>") and text_width(short, 16) <= 120
    assert cut("star", 100, 16) == "star"


@pytest.mark.parametrize("piece", ["a", "a ", "<b>", "<b> ", "字"])
def test_words_of_any_length_are_broken_soon_and_what_looks_like_a_tag_is_letters(
    piece: str,
) -> None:
    text = piece * (4000 // len(piece))
    begin = time.thread_time()
    assert len(wrapped(text, 400, 14)) <= 3
    lines = broken(text, 400, 14)
    assert time.thread_time() - begin < 3, "the time does not grow with the square of the length"
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    most = 400 / text_width("a", 14)
    assert all(0 < len(line) <= 2 * most for line in lines)


def test_a_number_has_a_minus_sign_and_no_hyphen_also_in_the_cells_of_a_map() -> None:
    assert number(-0.083, ".3f") == "−0.083" and number(0.5, ".1f") == "0.5"
    assert number(-5.7e-09, ".2g") == "−5.7·10⁻⁹" and number(2e12, ".0e") == "2·10¹²"
    figure = agreement_map(np.array([[1.0, -0.25], [-0.25, 1.0]]), ["a", "b"])
    assert [cell.text for cell in figure.layout.annotations] == ["1.00", "−0.25", "−0.25", "1.00"]
