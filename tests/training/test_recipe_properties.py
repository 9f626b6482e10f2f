"""Round trips of recipes: by flags, by JSON, and the small texts that stand in them."""

from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser
from dataclasses import Field, asdict, fields, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluate import Views
from training.recipes import Recipe, recipe, recipes
from training.recipes.flags import add_flags, flags, recipe_of, words_of

WORDS = st.text(min_size=1).filter(lambda text: not text.startswith("-"))  # it would be a flag
NUMBERS = st.integers(0, 9) | st.floats(0, 1)
AUGMENT = st.dictionaries(
    st.sampled_from(["mirror", "erase", "mix", "rvit"]),
    NUMBERS | st.dictionaries(st.text(), NUMBERS | st.lists(NUMBERS)),
)
SETTINGS = st.dictionaries(
    st.sampled_from(["time", "gate", "depth", "dropout", "frames"]),
    st.booleans() | st.integers() | st.sampled_from(["softmax", "two words", "1:2"]),
)
CHANNELS = st.tuples(*[st.floats(1e-3, 1)] * 3)
SEVERAL: dict[str, st.SearchStrategy] = {
    "mean": CHANNELS,
    "std": CHANNELS,
    "views": st.tuples(st.integers(1, 9), st.integers(1, 9)),
    "milestones": st.lists(st.floats(0, 1e6), max_size=4).map(tuple),
}


def values(field: Field) -> st.SearchStrategy:
    """Values that make sense for a field."""
    if field.name in SEVERAL:
        return SEVERAL[field.name]
    if field.metadata.get("one_of"):
        return st.sampled_from(field.metadata["one_of"])
    least, most = field.metadata.get("least"), field.metadata.get("most")
    by_kind: dict[type, st.SearchStrategy] = {
        bool: st.booleans(),
        int: st.integers(least, most),
        float: st.floats(least, most, allow_infinity=False, allow_nan=False),
        str: WORDS,
    }
    return by_kind[field.metadata["kind"]]


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, Recipe]:
    """The name of a recipe, and what it is after some changes that make sense."""
    name = draw(st.sampled_from(sorted(recipes())))
    base = recipe(name)
    chosen = draw(st.lists(st.sampled_from(flags()), max_size=6, unique_by=lambda f: f.name))
    changes: dict[str, Any] = {f.name: draw(values(f)) for f in chosen}
    if changes.get("patience"):  # it counts trials
        changes["validate_clips"] = 1 + changes.get("validate_clips", 0)
    changes["settings"] = base.settings | draw(SETTINGS)
    if draw(st.booleans()):
        changes["augment"] = draw(AUGMENT)
    return name, replace(base, **changes)


@cache
def parser() -> ArgumentParser:
    made = ArgumentParser()
    add_flags(made)
    return made


def read_words(name: str, words: list[str]) -> Recipe:
    return recipe_of(parser().parse_args([name, *words]))


def as_json(value: Recipe) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(value)))


@settings(max_examples=60, deadline=None)
@given(changed())
def test_the_flags_that_say_a_recipe_make_it_again(asked: tuple[str, Recipe]) -> None:
    name, wanted = asked
    words = words_of(wanted, recipe(name))
    made = read_words(name, shlex.split(shlex.join(words)))
    assert as_json(made) == as_json(wanted)
    assert words_of(made, recipe(name)) == words


@settings(max_examples=60, deadline=None)
@given(changed())
def test_a_recipe_comes_back_from_json(asked: tuple[str, Recipe]) -> None:
    _, wanted = asked
    made = Recipe.read(as_json(wanted) | {"name": "a key that is no field"})
    assert as_json(made) == as_json(wanted)
    assert replace(made, augment={}) == replace(wanted, augment={})


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_needs_no_flag_to_be_itself(name: str) -> None:
    assert words_of(recipe(name), recipe(name)) == []
    assert words_of(Recipe.read(as_json(recipe(name))), recipe(name)) == []


def test_a_flag_reads_the_kind_that_its_field_has() -> None:
    plain = {f.name: f for f in fields(Recipe) if f.type in ("int", "float", "str", "bool")}
    assert len(plain) > 40
    for f in plain.values():
        assert f.metadata["kind"].__name__ == f.type, f.name


@given(st.integers(1, 99), st.integers(1, 9))
def test_views_are_read_as_they_are_written(clips: int, crops: int) -> None:
    assert Views.parse(str(Views(clips, crops))) == Views(clips, crops)
