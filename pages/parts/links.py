"""What a link asks for: put right where it is written otherwise, named where it is not here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NoReturn

import streamlit as st

from pages.parts import session


def meant(key: str, titles: Mapping[Any, str], *others: str) -> None:
    """Let the chooser `key`, drawn next, open on the option that the link means.

    The link may name it by its title, as the address does, or by its own name, as the command line
    does, in any case. `others` are texts that something else answers for.
    """
    text = linked(key)
    if text is None or text in titles.values() or text in others:
        return
    for option, title in titles.items():
        if text.casefold() in (title.casefold(), str(option).casefold()):
            st.session_state[key] = option
            return
    choices = ", ".join(titles.values()) if len(titles) <= 12 else f"{len(titles)} others"
    name(key, f"{key} “{text}” (there are {choices})")


def within(key: str, low: float, high: float) -> None:
    """Name a number of the link that the control `key`, drawn next, does not reach."""
    text = linked(key)
    if text is None:
        return
    try:
        is_inside = low <= float(text) <= high
    except ValueError:
        is_inside = False
    if not is_inside:
        name(key, f"{key} “{text}” (a number from {low:g} to {high:g})")


def among(key: str, titles: Mapping[Any, str]) -> None:
    """Name what of the link the chooser of several `key`, drawn next, does not offer."""
    asked = st.query_params.get_all(key)
    unknown = [text for text in asked if text not in titles.values()]
    if linked(key) is not None and unknown:
        name(key, f"{key} “{', '.join(unknown)}”")


def go_to(page: str) -> NoReturn:
    """Go to a page by its file's name; clip, model and what widgets hold stay.

    Told of no parameters Streamlit would clear those of the address, and refuses to where widgets
    are bound to them. Told that there are none, it lets the widgets write theirs again.
    """
    st.switch_page(f"pages/{page}.py", query_params={})


def linked(key: str) -> str | None:
    """What the link that opened the app says of a control: None when it was looked at before."""
    looked: set[str] = st.session_state.setdefault(session.LOOKED_AT, set())
    if key in looked:
        return None
    looked.add(key)
    return st.query_params.get(key)


def name(key: str, words: str) -> None:
    """Let `say` name what the link asks for under `key` and is not here."""
    named: dict[str, str] = st.session_state.setdefault(session.NOT_HERE, {})
    named[key] = words


def say_rest(page: str) -> None:
    """Name what the link asks of the controls of this page, where no other part says it."""
    named: dict[str, str] = st.session_state.get(session.NOT_HERE, {})
    pages: dict[str, str] = st.session_state.setdefault(session.SAID_ON, {})
    rest = [key for key in named if pages.setdefault(key, page) == page]
    say({key: str(st.session_state.get(key)) for key in rest})


def say(shown: Mapping[str, Hashable]) -> None:
    """Name in one line what of these parameters the link asks for and is not here.

    `shown` holds the value of each: one that has changed since is no longer named.
    """
    pages: dict[str, str] = st.session_state.setdefault(session.SAID_ON, {})
    pages |= {key: pages.get(key, "nowhere else") for key in shown}
    named: dict[str, str] = st.session_state.get(session.NOT_HERE, {})
    first: dict[str, Hashable] = st.session_state.setdefault(session.SHOWN_INSTEAD, {})
    for key in shown.keys() & named.keys():
        if first.setdefault(key, shown[key]) != shown[key]:
            del named[key]
    words = [named[key] for key in shown if key in named]
    if words:
        st.warning(
            f"The link asks for what is not here: {'; '.join(words)}. "
            "What the page opens on is shown instead.",
            icon=":material/link_off:",
        )
