"""The examples, each with a small picture and parameters that its page has."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from PIL import Image

from pages.guide.examples import FILE, FOLDER, examples, picture_of

LINKS = json.loads((Path(__file__).parents[1] / "golden" / "links.json").read_text())
OTHERS = {"v", "lab", "beside-far"}
"""Parameters that a component reads by itself, or that name a model."""


def test_the_pictures_of_all_examples_together_are_small() -> None:
    names = list(tomllib.loads(FILE.read_text(encoding="utf-8")))
    assert len(examples()) == len(names) == len(list(FOLDER.glob("*.jpg"))) >= 10
    for name in names:
        with Image.open(picture_of(name)) as picture:
            assert picture.size == (240, 160)
    assert sum(picture_of(name).stat().st_size for name in names) < 150_000


def test_an_example_sets_only_what_its_page_has() -> None:
    for name, about in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        offered = {*LINKS["on every page"], *LINKS["pages"][about["page"]], *OTHERS}
        assert about["set"].keys() <= offered, name
