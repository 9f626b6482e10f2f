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
from typing import Any

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
        viewer=component("viewer/viewer.html"),
        classes=_each(sheets, _classes),
        warning=escape(NOT_AN_EXPLANATION),
        lab=component("lab/lab.html"),
        about=_each(sheets, _about) + common(again),
    )
    sheet = sheet_of("viewer/viewer.css", "lab/lab.css", "handout/handout.css")
    return whole(title, f"{body}\n{_data(sheets)}", sheet, _script())


def whole(title: str, body: str, style: str, script: str) -> str:
    """The document, which may load nothing but this script and this style sheet.

    `body` is HTML, `title` is text. The script runs once the body is there.
    """
    assert "</script" not in script, "it would end the script too soon"
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
<script>{script}</script>
</body>
</html>
"""


def sheet_of(*sheets: str) -> str:
    """The palette, then these style sheets of assets/, each with the others of its folder."""
    return "\n".join([_palette(), *(styles(ASSETS / sheet) for sheet in sheets)])


def component(page: str) -> str:
    """The HTML of a component of the app."""
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
    return in_scopes("handout/handout.js", "viewer/viewer.js", "lab/lab.js")


def in_scopes(page: str, *components: str) -> str:
    """The module of a page, which is called with these components' modules."""
    lines = ['"use strict";']
    names = [f"component{number}" for number in range(len(components))]
    for name, module in zip(names, components, strict=True):
        lines.append(f"const {name} = {scoped(ASSETS / module)};")
    return "\n".join([*lines, f"({scoped(ASSETS / page)})({', '.join(names)});"])


def _hash(text: str) -> str:
    """The name by which a policy allows a script or a style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(sheets: Sequence[Sheet]) -> str:
    """What the script reads: nothing in it can end its node, or be taken for markup."""
    shown = [{"title": sheet.title, "lab": sheet.lab, "flow": sheet.flow} for sheet in sheets]
    return nodes_of("ho-sheets", shown, [sheet.payload for sheet in sheets])


def nodes_of(name: str, data: Any, payloads: Sequence[bytes]) -> str:
    """Nodes that hold data for the script: JSON by this name, and bytes as ho-payload-N."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    nodes = [f'<script type="application/json" id="{name}">{_without_markup(text)}</script>']
    for number, payload in enumerate(payloads):
        content = base64.b64encode(payload).decode()
        kind = "application/octet-stream;base64"
        nodes.append(f'<script type="{kind}" id="ho-payload-{number}">{content}</script>')
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
    sees = " sees" if sheet.looks_like_training else ": closest of its classes is"
    return (
        f'<p class="ho-sees"><strong>{escape(sheet.title)}</strong>{sees} '
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


def common(again: str) -> str:
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
