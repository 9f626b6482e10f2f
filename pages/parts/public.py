"""Public checkpoints that are not on this machine yet: what they are, and how to get them."""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Thread

import streamlit as st

from core.errors import BadInput
from core.weights import hub
from pages.parts import session
from pages.parts.session import switch_to
from pages.parts.sources import ModelSource
from pages.parts.words import message


def offer() -> None:
    """Draw the list of what is missing, with a button that downloads it."""
    missing = {named.name: named for named in hub.offered() if not hub.local(named.source)}
    if not missing:
        return
    with st.expander(
        "Public checkpoints", expanded=st.session_state.pop(session.OPEN_PUBLIC, False)
    ):
        named = missing[
            st.selectbox(
                "Not on this machine yet",
                list(missing),
                key="missing",
                help="Trained by the authors of the papers: DINOv2, CLIP and the like on pictures, "
                "the others on real videos.",
            )
        ]
        st.caption(about(named))
        if st.button("Download", key="download", icon=":material/download:"):
            try:
                _download(named)
            except (BadInput, OSError) as error:
                st.error(message(error))
            else:
                switch_to(ModelSource("public", named.name))
                st.rerun()
        st.caption(
            "Without a network: put its files (config.json and the weights) into "
            f"`{named.source.split('/')[-1]}/` in a folder, "
            f"and start the app with `{hub.FOLDER}` set to that folder."
        )


def about(named: hub.Named) -> str:
    """What a checkpoint was trained on, what it shows, its size and its licence."""
    shows = ""
    if named.is_image:
        shows = " It shows where it looks on any clip, and names no classes."
    terms = ": not for commercial use" if "-NC-" in named.license else ""
    return (
        f"Trained on {named.data}, about {named.megabytes} MB, licence {named.license}{terms}."
        f"{shows} From `{named.source}`."
    )


def _download(named: hub.Named) -> None:
    """Download in a thread of its own, and show how far it is.

    So the bar moves, and a click elsewhere does not wait for it.

    Raises: BadInput or OSError where the checkpoint cannot be had.
    """
    expected = 1_000_000 * named.megabytes
    so_far, total = 0, expected
    done: Future[hub.Files] = Future()

    def hear(loaded_bytes: int, all_bytes: int) -> None:
        nonlocal so_far, total
        so_far, total = loaded_bytes, max(all_bytes, expected)

    def work() -> None:
        try:
            done.set_result(hub.fetch(named.source, hear))
        except Exception as error:  # handed to the thread that waits
            done.set_exception(error)

    Thread(target=work, daemon=True).start()
    bar = st.progress(0.0, text=f"Asking the hub for {named.name}")
    while not done.done():
        if so_far:
            bar.progress(
                min(1.0, so_far / total), text=f"{so_far / 1e6:.0f} of {total / 1e6:.0f} MB"
            )
        time.sleep(0.1)
    bar.empty()
    done.result()
