"""The golden files by name, and what each is made by from an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.golden import app, commands, pictures, runs

GOLDEN: dict[str, Callable[[Path], Any]] = {
    "commands": commands.commands,
    "bad_input": commands.bad_input,
    "flags": commands.flags,
    "recipes": commands.recipes,
    "strokes": pictures.strokes,
    "payloads": pictures.payloads,
    "links": app.links,
    "parts": app.parts,
    "resumed_run": runs.resumed_run,
}
