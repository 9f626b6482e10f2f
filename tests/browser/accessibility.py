"""What axe-core, the usual checker of accessibility, finds on a page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


@cache
def _axe() -> str:
    import axe_playwright_python

    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def barriers(page: Any) -> list[str]:
    """Every serious or critical violation on the page as one line: rule, element, what is wrong.

    Contrast below 4.5 : 1 is one.
    """
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} "
        f"{[check['message'] for check in node['any'] + node['all'] + node['none']][:1]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
