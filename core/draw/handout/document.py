"""A page to take home: one HTML file that holds all that it shows, and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import re
import tomllib
from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

from assets import ASSETS
from core.draw.bundle import scoped, styles
from core.draw.handout.sheet import Sheet
from core.draw.style import THEMES
from core.draw.words import NOT_AN_EXPLANATION
from core.errors import BadInput

FOLDER = ASSETS / "handout"
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""What the page may load: nothing but the one script and the one style sheet that it holds."""
FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', "
    "sans-serif"
)
LICENCE = (
    "Attention in Motion and its included weights are under the Apache License 2.0. The clip "
    "belongs to whoever made it; a clip rendered by the app is free to use."
)
IN_FILE = (
    "The clip and everybody who is seen in it: whoever has the file can look at them. The file "
    "asks no server for anything."
)


def document(sheets: Sequence[Sheet], *, again: str = "", made: date | None = None) -> str:
    """The page of what models show of one clip, one sheet each, as HTML.

    Args:
        again: the command that makes this page once more.
        made: the day on which it was made; None is today.

    Raises: BadInput without a sheet.
    """
    if not sheets:
        raise BadInput("a page to take home needs at least one model; name one")
    day = made or date.today()
    title = sheets[0].clip
    body = Template((FOLDER / "handout.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        made=f"Attention in Motion, {day.day} {day:%B %Y}",
        sees=_each(sheets, _sees),
        viewer=_component("viewer/viewer.html"),
        classes=_each(sheets, _classes),
        warning=escape(NOT_AN_EXPLANATION),
        lab=_component("lab/lab.html"),
        about=_each(sheets, _about) + _common(again),
    )
    style = f"{_palette()}\n{styles(ASSETS / 'viewer' / 'viewer.css')}\n"
    style += f"{styles(ASSETS / 'lab' / 'lab.css')}\n{styles(FOLDER / 'handout.css')}"
    script = _script()
    icon = base64.b64encode((ASSETS / "icon.svg").read_bytes()).decode()
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}: Attention in Motion</title>
<link rel="icon" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
</head>
<body>
{body}
{_data(sheets)}
<script>{script}</script>
</body>
</html>
"""


def _component(page: str) -> str:
    return (ASSETS / page).read_text(encoding="utf-8")


def _palette() -> str:
    """The colours of the app in both themes, under the names that its components know."""

    def variables(theme: str) -> str:
        colours = "".join(f"--st-{name}: {value}; " for name, value in THEMES[theme].items())
        return f"color-scheme: {theme}; --st-font: {FONT}; {colours}"

    return (
        f":root {{ {variables('light')} }}\n"
        "@media (prefers-color-scheme: dark) "
        f"{{ :root:not([data-theme]) {{ {variables('dark')} }} }}\n"
        f":root[data-theme=dark] {{ {variables('dark')} }}"
    )


def _script() -> str:
    """The viewer, the lab and the page around them: a scope each, as their names are alike."""
    script = "\n".join(
        [
            '"use strict";',
            f"const attentionViewer = {scoped(ASSETS / 'viewer' / 'viewer.js')};",
            f"const shuffleLab = {scoped(ASSETS / 'lab' / 'lab.js')};",
            f"({scoped(FOLDER / 'handout.js')})(attentionViewer, shuffleLab);",
        ]
    )
    assert "</script" not in script, "it would end the script too soon"
    return script


def _hash(text: str) -> str:
    """The name by which a policy allows a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(sheets: Sequence[Sheet]) -> str:
    """What the script reads: nothing in it can end its node, or be taken for markup."""
    shown = [{"title": sheet.title, "lab": sheet.lab, "flow": sheet.flow} for sheet in sheets]
    text = json.dumps(shown, separators=(",", ":"), allow_nan=False)
    nodes = [f'<script type="application/json" id="ho-sheets">{_without_markup(text)}</script>']
    for number, sheet in enumerate(sheets):
        payload = base64.b64encode(sheet.payload).decode()
        kind = "application/octet-stream;base64"
        nodes.append(f'<script type="{kind}" id="ho-payload-{number}">{payload}</script>')
    return "\n".join(nodes)


def _without_markup(text: str) -> str:
    """JSON in which no letter means anything to HTML."""
    return re.sub("[<>&\u2028\u2029]", lambda letter: f"\\u{ord(letter[0]):04x}", text)


def _each(sheets: Sequence[Sheet], draw: Callable[[Sheet], str]) -> str:
    """A part of the page for each sheet, of which one is shown at a time."""
    return "\n".join(
        f'<div data-sheet="{number}"{" hidden" if number else ""}>{draw(sheet)}</div>'
        for number, sheet in enumerate(sheets)
    )


def _sees(sheet: Sheet) -> str:
    if not sheet.classes:
        line = "shows where it looks, and names no class."
        return f'<p class="ho-sees"><strong>{escape(sheet.title)}</strong> {line}</p>'
    label, probability = sheet.classes[0]
    return (
        f'<p class="ho-sees"><strong>{escape(sheet.title)}</strong> sees '
        f"<strong>{escape(label)}</strong>, {100 * probability:.1f} %.</p>"
    )


def _classes(sheet: Sheet) -> str:
    """Bars of the most probable classes, which need no script."""
    rows = "".join(
        f"<dt>{escape(label)}</dt><dd>"
        '<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * probability:.3f}" height="1"/></svg>'
        f"<span>{100 * probability:.1f} %</span></dd>"
        for label, probability in sheet.classes
    )
    notes = "".join(f'<p class="ho-remark">{escape(text)}</p>' for text in sheet.remarks)
    return f'<dl class="ho-classes">{rows}</dl>{notes}'


def _listed(rows: dict[str, str]) -> str:
    lines = "".join(f"<dt>{escape(what)}</dt><dd>{text}</dd>" for what, text in rows.items())
    return f'<dl class="ho-about">{lines}</dl>'


def _about(sheet: Sheet) -> str:
    return _listed({what: escape(text) for what, text in sheet.about.items()})


def _common(again: str) -> str:
    """What is the same for all sheets: versions, licence, and how it is made again."""
    rows = {"Made with": escape(", ".join(_versions()))}
    if again:
        rows["Make it again"] = f"<code>{escape(again)}</code>"
    rows["Licence"] = escape(LICENCE)
    rows["In this file"] = escape(IN_FILE)
    note = f'<p class="ho-notice">{escape(NOT_AN_EXPLANATION)}</p>'
    return f'<div class="ho-common">{_listed(rows)}</div>{note}'


def _versions() -> list[str]:
    """The programs that made the page."""
    return [
        f"Attention in Motion {_own_version()}",
        f"Python {platform.python_version()}",
        f"PyTorch {version('torch')}",
        f"NumPy {version('numpy')}",
    ]


def _own_version() -> str:
    """That of the checkout, else that which is installed."""
    settings = Path(__file__).parents[3] / "pyproject.toml"
    if settings.exists():
        project = tomllib.loads(settings.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == "attention-in-motion":
            return str(project["version"])
    try:
        return version("attention-in-motion")
    except PackageNotFoundError:
        return "of unknown version"
