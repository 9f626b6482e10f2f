"""Mounts the attention viewer: sends one payload, and more only when the viewer asks for what it
does not have yet.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit as st

from assets import ASSETS
from core.draw.payload import with_file
from core.errors import BadInput
from pages.parts import cached
from pages.parts.kept import KINDS, kept
from pages.parts.look import follow, read
from pages.parts.show import plain, provenance_line
from pages.parts.subject import Choice

FOLDER = ASSETS / "viewer"
MODULES = (
    "../download/save",
    "../download/vector",
    "maths",
    "state",
    "paint",
    "controls",
    "words",
    "snapshot",
    "viewer",
)
"""In the order of their imports."""


def bundle(modules: tuple[str, ...] = MODULES, folder: Path = FOLDER) -> str:
    """The modules of a folder as one, as a component takes one piece of JavaScript: no imports, no
    exports but the default.
    """
    sources = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in modules]
    whole = re.sub(
        r'^import [^;]* from "\.{1,2}/.*";\n', "", "\n".join(sources), flags=re.MULTILINE
    )
    return re.sub(r"^export (?!default)", "", whole, flags=re.MULTILINE)


@cache
def _component():
    page, style = (
        (FOLDER / name).read_text(encoding="utf-8") for name in ("viewer.html", "viewer.css")
    )
    return st.components.v2.component(
        "attention_viewer", html=page, css=style, js=bundle(), isolate_styles=False
    )


@st.fragment
def viewer(choice: Choice, key: str = "viewer") -> None:
    """The viewer for a clip and a model. Only this part runs again when the viewer asks for a
    layer, a GradCAM map or a file.
    """
    layers, target, file = None, None, None
    try:
        if (state := st.session_state.get(key)) is not None and (need := state.get("need")):
            known = cached.trace(choice)
            layers = (
                (int(need["layer"]),)
                if need.get("layer") in {a.layer for a in known.attentions}
                else ()
            )
            target = need["target"] if isinstance(need.get("target"), int) else None
            if need.get("keep") == "follow":
                follow(read(need, known))
                st.rerun(scope="app")
            file = kept(choice, known, need) if need.get("keep") in KINDS else None
        payload = cached.payload(choice, layers, target, plain(provenance_line(choice)))
    except BadInput as error:
        st.error(str(error), icon=":material/error:")
        return
    _component()(
        key=key,
        data=payload if file is None else with_file(payload, *file),
        on_need_change=lambda: None,
    )
