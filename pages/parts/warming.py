"""What the first visitor would wait for, done while their browser still connects.

The server answers as soon as Streamlit is there. Meanwhile a thread imports what pages need, torch
above all, and makes what the app opens on: then the first heat map is ready when it is asked for.
"""

from __future__ import annotations

import gc
import os
import threading

_imported = threading.Event()
_begun = threading.Event()


def begin() -> None:
    """Begin, in a thread that ends with the server."""
    _begun.set()
    # threads that wait for each other's part of a pass would spin: where others compute too, a
    # pass of a small model takes ten times as long so; read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    threading.Thread(target=_warm, name="warming", daemon=True).start()


def wait() -> None:
    """Wait until everything is imported, if `begin` was called.

    Some libraries look for others among the modules that are there, and take them half imported.
    """
    if _begun.is_set():
        _imported.wait()


def _warm() -> None:
    try:
        # whole before any chart: plotly takes a half-imported one from another thread
        import pandas  # noqa: F401

        from pages.parts import domain, exhibit, layers, opening, viewer  # noqa: F401

        # Streamlit collects garbage after every run: what is imported stays, and is not looked at
        gc.collect()
        gc.freeze()
    finally:  # what is wrong, the first visitor's own import says
        _imported.set()
    from core.errors import BadInput
    from pages.parts.choose import opening_choice

    try:
        viewer.opening_payload(opening_choice())
    except BadInput:
        return  # such as a missing checkpoint, which the page says
