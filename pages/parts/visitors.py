"""What a visitor may do: everything on a laptop; on a server what costs others is a lecturer's.

AIM_SERVER=1 makes a server of the app. There only signed-in lecturers train, teach, see the folder
of clips, bring weights of their own and download others; and each visitor has a share of the work.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import BadInput
from pages.parts import lecturers, session
from pages.parts.words import as_text, message

SERVER, LECTURERS = "AIM_SERVER", "AIM_LECTURERS"
_PAUSE = 1.0
"""Seconds that a wrong password takes; one is tried at a time on the whole server."""
_trying = threading.Lock()


@dataclass(frozen=True)
class Share:
    """What a visitor of a server may use in one session; AIM_VISITOR_... sets each."""

    uploads: int = 30
    megabytes: int = 1000
    seconds: int = 1200
    """Of computing, one after the other."""


@dataclass
class Used:
    """What a session has used of its share."""

    uploads: int = 0
    megabytes: float = 0.0
    seconds: float = 0.0
    depth: int = 0
    """Values that are being made for one another: only the outermost is timed."""


def is_server() -> bool:
    """Whether the app serves strangers."""
    return os.environ.get(SERVER, "").lower() in ("1", "true", "yes", "on")


def lecturer() -> str | None:
    """The signed-in lecturer's name; None for any other visitor, and on a laptop."""
    if not is_server():
        return None
    name: str | None = st.session_state.get(session.LECTURER)
    return name or _vouched()


def may_teach() -> bool:
    """Whether this visitor may do what costs others: train, teach, weights, the folder of clips.

    What the server does for itself has no visitor, and may.
    """
    is_visitor = is_server() and get_script_run_ctx(suppress_warning=True) is not None
    return not is_visitor or lecturer() is not None


def own_folder(runs: Path) -> Path:
    """Where this visitor's training runs are: on a server each lecturer has a folder below."""
    name = lecturer()
    if name is None:
        return runs
    if lecturers.NAME.fullmatch(name):
        return runs / name
    # an address: no two share a folder, and none leads elsewhere
    return runs / f"at-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def only_for_lecturers(what: str) -> None:
    """Say in place of a control who may use it."""
    st.info(
        f"{what} is for lecturers on this server: sign in at the end of the sidebar.",
        icon=":material/lock:",
    )


def sign_in() -> None:
    """Draw the field to sign in, or out; nothing on a laptop."""
    if not is_server():
        return
    name = lecturer()
    if name is not None:
        st.caption(f"Signed in as **{as_text(name)}**.")
        if st.button("Sign out", icon=":material/logout:", key="sign-out"):
            st.session_state.pop(session.LECTURER, None)
            if st.user.get("is_logged_in"):
                st.logout()
            st.rerun()
        return
    with st.expander("For lecturers", icon=":material/lock:"):
        if _has_provider() and st.button("Sign in with your institution", key="sign-in-oidc"):
            st.login()
        with st.form("sign-in", border=False):
            given = st.text_input("Name", key="lecturer-name", max_chars=31)
            password = st.text_input("Password", type="password", key="lecturer-password")
            asked = st.form_submit_button("Sign in", icon=":material/login:")
        if asked:
            _try(given, password)


def _try(name: str, password: str) -> None:
    """Sign in, or say that it was wrong, after a pause: guesses are few."""
    try:
        with _trying:
            is_right = lecturers.is_right(_file(), name, password)
            if not is_right:
                time.sleep(_PAUSE)
    except BadInput as error:
        st.error(message(error))
        return
    if not is_right:
        st.error("No lecturer has this name and password; ask whoever runs this server.")
        return
    st.session_state[session.LECTURER] = name
    st.rerun()


def _file() -> Path:
    return Path(os.environ.get(LECTURERS, "lecturers.txt"))


def _has_provider() -> bool:
    """Whether an identity provider is set up in secrets.toml."""
    try:
        return "auth" in st.secrets
    except (FileNotFoundError, KeyError):
        return False


def _vouched() -> str | None:
    """The address that the identity provider vouches for, if it is a lecturer's."""
    if not _has_provider() or not st.user.get("is_logged_in"):
        return None
    address = str(st.user.get("email", "")).lower()
    if st.user.get("email_verified") is False:
        return None
    try:
        _, addresses = lecturers.read(_file())
    except BadInput:
        return None
    return address if address in addresses else None


def share() -> Share:
    """Raises: BadInput for a setting that is no whole number above 0."""
    values = {}
    for name in ("uploads", "megabytes", "seconds"):
        text = os.environ.get(f"AIM_VISITOR_{name.upper()}", "")
        if text and not (text.isdecimal() and int(text)):
            raise BadInput(
                f"AIM_VISITOR_{name.upper()} is {text!r}; set it to a whole number above 0, or "
                "leave it out"
            )
        if text:
            values[name] = int(text)
    return Share(**values)


def _used() -> Used:
    used: Used = st.session_state.setdefault(session.USED, Used())
    return used


def count_upload(size: int) -> None:
    """Take an upload of so many bytes from the visitor's share.

    Raises: BadInput where nothing of it is left.
    """
    if may_teach():
        return
    most, used = share(), _used()
    if used.uploads + 1 > most.uploads or used.megabytes + size / 1e6 > most.megabytes:
        raise BadInput(
            f"a visitor may upload {most.uploads} files and {most.megabytes} MB in all on this "
            "server; use what is there, or run the app on your own computer"
        )
    used.uploads += 1
    used.megabytes += size / 1e6


def check_work() -> None:
    """Raises: BadInput where nothing of the visitor's share of computing is left."""
    if may_teach():
        return
    most = share().seconds
    if _used().seconds > most:
        raise BadInput(
            f"this server computes {most} seconds for a visitor, and yours are used; what was "
            "shown already can be looked at, or run the app on your own computer"
        )


@contextmanager
def at_work() -> Iterator[None]:
    """Count the seconds of what is computed inside for this visitor."""
    if may_teach():
        yield
        return
    used = _used()
    begin = time.monotonic()
    used.depth += 1
    try:
        yield
    finally:
        used.depth -= 1
        if not used.depth:
            used.seconds += time.monotonic() - begin
