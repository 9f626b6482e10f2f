"""The models in memory, each of which is loaded once for all visitors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import BadInput, enough_memory
from core.weights import Model, hub, load_checkpoint, shipped, untrained
from pages.parts.session import leave_if_asked
from pages.parts.sources import ModelSource
from pages.parts.store import Store
from pages.parts.turns import Turns

MOST_LOADED, MOST_UNTRAINED = 4, 6
"""Models in memory at once: with weights, and with random ones."""


def loaded(source: ModelSource) -> Model:
    """The model, read again if its file was replaced.

    Raises: BadInput for a checkpoint that cannot be used, or that is not on this machine: nothing
    is downloaded here.
    """
    if source.kind == "random":
        return _kept(
            _stores()["random"],
            source.name,
            "Building the model",
            lambda: untrained(source.name),
        )
    checkpoint = str(shipped()[source.name]) if source.kind == "shipped" else source.name
    files = hub.local(checkpoint)
    if files is None:
        raise BadInput(
            f"{checkpoint} is not on this machine; get it under Public checkpoints, or choose "
            "another model"
        )
    about = files.weights.stat()
    return _kept(
        _stores()["weights"],
        (checkpoint, files.weights, about.st_mtime_ns, about.st_size),
        "Loading the model",
        lambda: load_checkpoint(checkpoint),
    )


@st.cache_resource(show_spinner=False)
def _stores() -> dict[str, Store]:
    """The stores of models, which are bounded by their number."""
    return {
        "weights": Store(MOST_LOADED, leave=leave_if_asked),
        "random": Store(MOST_UNTRAINED, leave=leave_if_asked),
    }


def _kept(store: Store, key: Any, text: str, make: Callable[[], Model]) -> Model:
    """The model under `key`, with a spinner on the page that says `text` while it is made."""
    model: Model | None = store.peek(key)
    if model is not None:
        return model
    is_on_page = get_script_run_ctx(suppress_warning=True) is not None
    with st.spinner(text) if is_on_page else nullcontext(), enough_memory("choose a smaller one"):
        made: Model = store.get(key, lambda: _in_turns(make()), lambda model: 1)
    return made


def _in_turns(model: Model) -> Model:
    """The model, of which one visitor at a time makes a pass, in the order in which they came."""
    return replace(model, lock=Turns(leave_if_asked, _say_place))


def _say_place(before: int) -> None:
    """Tell a visitor who waits for a model how many are before them."""
    if get_script_run_ctx(suppress_warning=True) is not None:
        visitors = "1 visitor is" if before == 1 else f"{before} visitors are"
        st.toast(f"{visitors} before you at this model", icon=":material/hourglass_top:")
