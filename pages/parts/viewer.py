"""Mounts the attention viewer: sends one payload, and more only when the viewer asks for it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.draw.payload import with_file
from core.errors import BadInput
from core.observe import Trace
from pages.parts import cached, session
from pages.parts.component import component
from pages.parts.kept import KINDS, kept
from pages.parts.look import follow, read
from pages.parts.show import plain, provenance_line
from pages.parts.subject import Choice


@st.fragment
def viewer(choice: Choice) -> None:
    """The viewer for a clip and a model.

    Only this part runs again when the viewer asks for a layer, a GradCAM map or a file.
    """
    try:
        payload = _answer(choice, _need())
    except BadInput as error:
        st.error(str(error), icon=":material/error:")
        return
    component("attention_viewer", "viewer/viewer")(
        key=session.VIEWER, data=payload, on_need_change=lambda: None
    )


def _need() -> dict[str, Any] | None:
    """What the viewer asks for: it says all of its state, and what of that it lacks."""
    state = st.session_state.get(session.VIEWER) or {}
    return state.get("need") or None


def _answer(choice: Choice, need: dict[str, Any] | None) -> bytes:
    """What to send: the payload to open on, or what the viewer needs."""
    source = plain(provenance_line(choice))
    if need is None:
        return cached.payload(choice, None, None, source)
    trace = cached.trace(choice)
    if need.get("keep") == "follow":
        follow(read(need, trace))
        st.rerun(scope="app")
    target = need.get("target")
    payload = cached.payload(
        choice, _layers(need, trace), target if isinstance(target, int) else None, source
    )
    if need.get("keep") in KINDS:
        name, content = kept(choice, trace, need)
        return with_file(payload, name, content)
    return payload


def _layers(need: dict[str, Any], trace: Trace) -> tuple[int, ...]:
    """The layer that the viewer lacks, if there is one."""
    layer = need.get("layer")
    if layer not in {attention.layer for attention in trace.attentions}:
        return ()
    return (int(layer),)
