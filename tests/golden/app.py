"""What links and scripts rely on: the URL parameters of each page, and the names of parts."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from streamlit.runtime.state.query_params_proxy import QueryParamsProxy
from streamlit.testing.v1 import AppTest

from app import PAGES

ROOT = Path(__file__).parents[2]
MANY = 12  # options, of which only the number is kept
VISITS = {
    **{page: (page, {"model": "direcformer"}) for page in PAGES},
    "explore, a model with two taps": ("explore", {"model": "am_flow"}),
    "gradcam, a model with pairs of frames": ("gradcam", {"model": "far"}),
    "training, clips of a folder": ("training", {"model": "direcformer", "source": "folder"}),
    "training, an uploaded clip": ("training", {"model": "direcformer", "source": "upload"}),
    "training, a recording": ("training", {"model": "direcformer", "source": "record"}),
}
"""Page and session state of each visit."""


def links(folder: Path) -> dict[str, Any]:
    """The widgets that are bound to the URL, and the parameters that pages read by themselves."""
    clips = folder / "clips"
    clips.mkdir()
    (clips / "none.mp4").touch()
    argv = ["app.py", "--runs", str(folder / "runs"), "--clips", str(clips)]
    asked: set[str] = set()
    reading = QueryParamsProxy.__getitem__

    def read(self: QueryParamsProxy, key: str) -> str:
        asked.add(key)
        return reading(self, key)

    bound: dict[str, Any] = {}
    pages = {}
    with patch.object(sys, "argv", argv), patch.object(QueryParamsProxy, "__getitem__", read):
        for visit, (page, state) in VISITS.items():
            widgets = dict(visited(str(ROOT / "pages" / f"{page}.py"), state))
            pages[visit] = sorted(widgets)
            bound = widgets | bound
    everywhere = set.intersection(*map(set, pages.values()))
    return {
        "read by name": sorted(asked),
        "on every page": sorted(everywhere),
        "pages": {
            visit: [key for key in keys if key not in everywhere] for visit, keys in pages.items()
        },
        "widgets": dict(sorted(bound.items())),
    }


def visited(page: str, state: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameter of each bound widget of a page, with the widget's kind and options."""

    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    app = AppTest.from_function(run, default_timeout=120, kwargs={"page": page})
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception, app.exception[0].value
    for proto in protos(app._tree):
        if key := getattr(proto, "query_param_key", ""):
            yield key, {"kind": type(proto).__name__, **options(proto)}


def protos(block: Any) -> Iterator[Any]:
    """What every element of a page is made of."""
    for child in getattr(block, "children", {}).values():
        yield from protos(child)
    yield getattr(block, "proto", None)


def options(proto: Any) -> dict[str, Any]:
    """What can be chosen, which is what the URL holds."""
    names = [getattr(option, "content", option) for option in getattr(proto, "options", [])]
    if names:
        return {"options": len(names) if len(names) > MANY else names}
    if hasattr(proto, "min"):
        return {"range": [float(proto.min), float(proto.max)]}
    return {}


def parts(folder: Path) -> dict[str, list[str]]:
    """The names of parts in the app's own HTML and scripts."""
    files = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]
    files += [path for ending in ("js", "html") for path in (ROOT / "assets").rglob(f"*.{ending}")]
    text = "\n".join(path.read_text(encoding="utf8") for path in files)
    found = {
        kind: set(re.findall(rf"data-{kind}=[\"']?([\w-]+)", text)) for kind in ("testid", "part")
    }
    found["testid"] = {name for name in found["testid"] if not re.match("st[A-Z]", name)}
    found["read from the URL by scripts"] = set(re.findall(r"\.search\)\.get\(\"(\w+)\"", text))
    return {kind: sorted(names) for kind, names in found.items()}
