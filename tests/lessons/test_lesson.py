"""Reading a lesson's file: what it becomes, and the one line that names what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.draw.lesson import Claim, read_lesson
from core.errors import BadInput

FILE = """+++
title = "Frames"
minutes = 7
see = "Frames come back."

[claims.right]
measure = "order_accuracy"
of = {seed = 13}
value = 87.5
tolerance = 0.5
unit = " %"

[claims.class]
measure = "predicted"
value = "circle"
+++

## Look
```toml
page = "frame_order"
set = {label = "circle", seed = 13, order = "1,0", v = "layer:last,query:cls"}
look = "[data-part=strip]"
own = true
```
The model gets {claim:right} of $E = mc^2$.

? Which class is it?
- [ ] star
- [x] {claim:class}
> It is {claim:class},
> as it says.

## Leave
```toml
page = "explore"
```
Done.
"""


def written(folder: Path, text: str = FILE, name: str = "3-frames.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_becomes_steps_whose_claims_stand_in_the_text(tmp_path: Path) -> None:
    lesson = read_lesson(written(tmp_path))
    assert (lesson.number, lesson.title, lesson.minutes) == (3, "Frames", 7)
    assert lesson.claims["right"] == Claim("right", "order_accuracy", {"seed": 13}, 87.5, 0.5, " %")
    look, leave = lesson.steps
    assert look.text == "The model gets 87.5 % of $E = mc^2$."
    assert look.question is not None
    assert look.question.choices == ("star", "circle") and look.question.right == 1
    assert look.question.answer == "It is circle, as it says."
    assert (leave.title, leave.text, leave.question, leave.own) == ("Leave", "Done.", None, False)


def test_an_address_names_the_page_the_parameters_the_lesson_and_the_step(tmp_path: Path) -> None:
    lesson = read_lesson(written(tmp_path))
    assert lesson.address(1) == (
        "frame_order?label=circle&seed=13&order=1,0&v=layer:last,query:cls&lesson=3&step=1"
    )
    assert lesson.address(2) == "?lesson=3&step=2"


def test_ones_own_clip_stands_in_for_the_lessons_where_a_step_allows_it(tmp_path: Path) -> None:
    lesson = read_lesson(written(tmp_path))
    own = {"source": "Upload"}
    assert lesson.address(1, own) == (
        "frame_order?order=1,0&v=layer:last,query:cls&source=Upload&own=1&lesson=3&step=1"
    )
    assert lesson.address(2, own) == "?lesson=3&step=2"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("+++\ntitle", "title", "begin it with TOML between two lines +++"),
        ("minutes = 7", "minutes = 7 7", "not TOML"),
        ("minutes = 7", "minutes = 'seven'", "minutes is 'seven'; give a whole number"),
        ("minutes = 7", "minutes = true", "minutes is True; give a whole number"),
        ('title = "Frames"\n', "", "title is missing; give a text"),
        ("minutes = 7", "minutes = 7\nhours = 1", "there is no field 'hours'"),
        ("tolerance = 0.5\n", "", "claim right: tolerance is missing"),
        ("value = 87.5", "value = [1]", "claim right: value is [1]; give a number or a text"),
        ("{claim:right}", "{claim:rigth}", "step 1: there is no claim 'rigth'"),
        ("{claim:right}", "much", "no text asks for {claim:right}"),
        ('page = "explore"', 'page = "exlpore"', "step 2: there is no page 'exlpore'; there are"),
        ('page = "explore"', "", "step 2: page is missing"),
        ("own = true", "own = 1", "step 1: own is 1; give true or false"),
        ("own = true", "ring = 'x'", "step 1: there is no field 'ring'"),
        ('```toml\npage = "explore"\n```\n', "", "step 2: begin it with a block ```toml"),
        ("Done.\n", "", "step 2: it says nothing"),
        ("- [x]", "- [ ]", "step 1: a question is a line `? ...`"),
        ("- [ ] star", "- [x] star", "step 1: a question is a line `? ...`"),
        ("- [ ] star\n", "", "step 1: a question is a line `? ...`"),
        ("> It is {claim:class},\n> as it says.\n", "", "step 1: a question is a line `? ...`"),
        ("> as it says.", "as it says.", "'as it says.' belongs neither to the question nor to"),
        ("## Look", "# Look", "move what stands before the first step"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in FILE
    path = written(tmp_path, FILE.replace(old, new))
    with pytest.raises(BadInput) as raised:
        read_lesson(path)
    line = str(raised.value)
    assert line.startswith("3-frames.md") and says in line and "\n" not in line


def test_a_file_without_steps_or_with_another_name_is_refused(tmp_path: Path) -> None:
    front = FILE[: FILE.index("## Look")]
    with pytest.raises(BadInput, match="it has no step"):
        read_lesson(written(tmp_path, front))
    with pytest.raises(BadInput, match=r"a lesson's file is called N-name\.md"):
        read_lesson(written(tmp_path, name="frames.md"))
