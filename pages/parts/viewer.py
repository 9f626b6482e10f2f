"""Mounts the attention viewer: sends one payload, and more only when the viewer asks for it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.draw import packing
from core.draw.payload import with_file
from core.errors import BadInput
from core.observe import Trace
from pages.parts import cached, links, look, session
from pages.parts.component import component
from pages.parts.kept import KINDS, kept
from pages.parts.show import plain, provenance_line
from pages.parts.subject import Choice
from pages.parts.words import message

GONE = {"who", "tube_layer", "layer_scale", "layer_opacity", "layer_colours"} | {
    f"by_{name}" for name in ("tap", "view", "head", "frame", "row", "column")
}
"""Parameters of older links: of controls that the figures below the viewer had."""


@st.fragment
def viewer(choice: Choice) -> None:
    """The viewer for a clip and a model.

    Only this part runs again when the viewer asks for a layer, a GradCAM map or a file.
    """
    try:
        payload = _answer(choice, _need())
    except BadInput as error:
        st.error(message(error), icon=":material/error:")
        return
    component("attention_viewer", "viewer/viewer")(
        key=session.VIEWER, data=payload, on_need_change=lambda: None
    )


def say_wrong_link(choice: Choice) -> None:
    """Name what the link asks of the viewer and this model and clip do not have."""
    gone = sorted(GONE & set(st.query_params))
    text = links.linked("v")
    missing = look.not_here(look.from_text(text), cached.trace(choice)) if text else []
    missing += look.unread(text or "")
    if missing:
        links.name("v", f"in the viewer {', '.join(missing)}")
    if gone:
        links.name("gone", f"{', '.join(gone)} (the figures below the viewer follow it now)")
    links.say(dict.fromkeys(("v", "gone"), str(choice.place)))


def _need() -> dict[str, Any] | None:
    """What the viewer asks for: it says all of its state, and what of that it lacks."""
    state = st.session_state.get(session.VIEWER) or {}
    return state.get("need") or None


def opening_payload(choice: Choice) -> bytes:
    """What the viewer opens on."""
    return cached.payload(choice, None, None, plain(provenance_line(choice)))


def _answer(choice: Choice, need: dict[str, Any] | None) -> bytes:
    """What to send: the payload to open on, or what the viewer needs."""
    if need is None:
        return opening_payload(choice)
    source, trace = plain(provenance_line(choice)), cached.trace(choice)
    target = need.get("target")
    payload = cached.payload(
        choice,
        _layers(need, trace),
        target if isinstance(target, int) else None,
        source,
        head_of(need.get("factors"), trace),
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


def head_of(asked: object, trace: Trace) -> packing.HeadOf | None:
    """The head whose queries and keys the viewer asks for, if it is there."""
    if not isinstance(asked, dict) or not isinstance(asked.get("head"), int):
        return None
    shown = look.read(asked, trace)
    is_there = all(getattr(shown, key) == asked.get(key) for key in ("tap", "layer", "head"))
    return packing.HeadOf(shown.tap, shown.layer, asked["head"]) if is_there else None
