"""Modules and style sheets of assets/ put together: what has no server to ask for the others.

Streamlit takes one piece of JavaScript, and a page that is opened from disk may load none. So the
modules are put together here, which needs no build step.
"""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import [^;]*? from "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
SHEET = re.compile(r'^@import "(\.{1,2}/[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
DEFAULT = re.compile(r"^export default function (\w+)", re.MULTILINE)


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


def scoped(entry: Path) -> str:
    """The same as an expression: what the module exports by default, which must be a function.

    Its other names are seen by itself alone, so that several can stand in one script.
    """
    source = bundle(entry)
    (name,) = DEFAULT.findall(source)
    inner = DEFAULT.sub(r"function \1", source)
    return f"(() => {{\n{inner}\nreturn {name};\n}})()"
