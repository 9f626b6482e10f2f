"""A component of the app from its page, its style and its modules in assets/.

Streamlit takes one piece of JavaScript. It would serve modules that import each other only from a
package that is installed and declares them, and without a hash in their address, so that a browser
may mix the modules of two versions; the app also runs from a checkout. So the modules are put
together here, which needs no build step.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from assets import ASSETS

IMPORT = re.compile(r'^import [^;]*? from "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
SHEET = re.compile(r'^@import "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def component(name: str, page: str) -> ComponentRenderer:
    """The component `name` of assets/`page`.html, .js, and the styles of its folder."""
    return st.components.v2.component(
        name,
        html=(ASSETS / f"{page}.html").read_text(encoding="utf-8"),
        css=styles(ASSETS / f"{page}.css"),
        js=bundle(ASSETS / f"{page}.js"),
        isolate_styles=False,
    )


def styles(entry: Path) -> str:
    """A style sheet and the others of its folder, which add to it."""
    others = sorted(path for path in entry.parent.glob("*.css") if path != entry)
    return "\n".join(_sheet(path) for path in [entry, *others])


def _sheet(path: Path) -> str:
    """A style sheet, with those that it imports in their places."""

    def imported(line: re.Match[str]) -> str:
        return _sheet(path.parent / line[1])

    return SHEET.sub(imported, path.read_text(encoding="utf-8"))


def bundle(entry: Path) -> str:
    """A module and all that it imports as one module: no imports, no exports but its default.

    All names at the top of these modules share one scope, so they must differ.
    """
    modules: dict[Path, str] = {}

    def add(path: Path) -> None:
        """Put a module behind those that it needs."""
        source = path.read_text(encoding="utf-8")
        for address in IMPORT.findall(source):
            needed = (path.parent / address).resolve()
            if needed not in modules:
                add(needed)
        modules[path] = EXPORT.sub("", IMPORT.sub("", source))

    add(entry.resolve())
    return "\n".join(modules.values())
