"""Curated states of the app, each one click away: what it can show, and where it fails."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st

from assets import ASSETS
from core.draw.lesson import Fields, address
from core.errors import BadInput
from pages.guide.gallery import Card, gallery

FOLDER = ASSETS / "examples"
FILE = FOLDER / "examples.toml"
"""The examples; their pictures beside it are drawn by tests/examples.py."""


def picture_of(name: str) -> Path:
    """Where the picture of an example is."""
    return FOLDER / f"{name}.jpg"


@cache
def examples() -> Sequence[Card]:
    """Every example as a card, in the order of the file.

    Raises: BadInput for an example that is wrong: which, and what it should be.
    """
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [_card(name, Fields(f"example {name}", fields)) for name, fields in table.items()]


def _card(name: str, fields: Fields) -> Card:
    title, text, page = fields.text("title"), fields.text("text"), fields.text("page")
    place = address(page, fields.table("set"))
    fields.text("of")  # where its picture is cut from
    fields.no_others()
    path = picture_of(name)
    if not path.is_file():
        raise BadInput(f"example {name}: draw its picture with `python -m tests.examples {name}`")
    picture = base64.b64encode(path.read_bytes()).decode()
    return Card(title, place, text, picture=f"data:image/jpeg;base64,{picture}")


def start_strip(title: str) -> None:
    """Draw the examples in one row, under a title."""
    st.subheader(title, help="One click opens each as it was prepared.")
    gallery("examples", examples(), small=True)
