"""The lessons that ship: every claim is measured, every step can be opened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.draw.handout.scenes import named
from core.draw.lesson import FOLDER, Claim, Lesson, lessons
from core.models import spec
from core.weights import DEFAULT
from core.world.gestures import LABELS
from tests.lessons.measures import holds, measured, trace_of

LINKS = json.loads((Path(__file__).parents[1] / "golden" / "links.json").read_text())
UNBOUND = {"lab", "v"}
"""Parameters that a component reads by itself."""
A_FIGURE = re.compile(r"(?<![\w^_{])\d+(\.\d+)?\s?%|(?<![\w^_{])\d+\.\d+")


def claims() -> list[object]:
    return [
        pytest.param(claim, id=f"{number}-{name}")
        for number, lesson in lessons().items()
        for name, claim in lesson.claims.items()
    ]


@pytest.mark.parametrize("claim", claims())
def test_a_claim_of_a_lesson_is_what_the_shipped_weights_give(claim: Claim) -> None:
    value = measured(claim)
    assert holds(claim, value), f"{value} is measured"


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: str(lesson.number))
def test_a_figure_stands_in_a_lesson_only_as_a_claim(lesson: Lesson) -> None:
    path = next(FOLDER.glob(f"{lesson.number}-*.md"))
    _, _, body = path.read_text(encoding="utf-8").split("+++\n", 2)
    text = re.sub(r"```toml.*?```|\$[^$]*\$|\{claim:[\w-]+\}", "", body, flags=re.DOTALL)
    assert A_FIGURE.findall(text) == [] and A_FIGURE.search(text) is None


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: str(lesson.number))
def test_a_lesson_has_five_to_ten_steps_and_takes_five_to_ten_minutes(lesson: Lesson) -> None:
    assert 5 <= len(lesson.steps) <= 10 and 5 <= lesson.minutes <= 10
    assert any(step.question for step in lesson.steps), "something is to be guessed"


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: str(lesson.number))
def test_a_lesson_sets_only_what_its_pages_have(lesson: Lesson) -> None:
    """A link would drop what it names and the page has not."""
    for step in lesson.steps:
        pages = [keys for visit, keys in LINKS["pages"].items() if visit.split(",")[0] == step.page]
        offered = {key for keys in pages for key in keys} | set(LINKS["on every page"]) | UNBOUND
        for name, value in step.parameters.items():
            assert name in offered or name.startswith(("class-", "beside-", "models-")), name
            options = LINKS["widgets"].get(name, {}).get("options", [])
            if isinstance(options, list) and options:
                value = value.removesuffix(" (random weights)")
                assert value in options, f"{name}: {value} is none of {options}"
        assert step.parameters.get("label", "circle") in LABELS


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: str(lesson.number))
def test_a_patch_that_a_step_names_is_on_the_grid_of_its_model(lesson: Lesson) -> None:
    """The app would put it right in silence, and show another query than the text speaks of."""
    for step in lesson.steps:
        patch = re.search(r"query:(\d+)-(\d+)-(\d+)", step.parameters.get("v", ""))
        if patch is None:
            continue
        model = named(step.parameters.get("model", spec(DEFAULT).title))
        grid = trace_of(model, step.parameters["label"], int(step.parameters["seed"])).grid
        query = tuple(map(int, patch.groups()))
        assert all(place < size for place, size in zip(query, grid, strict=True)), query
