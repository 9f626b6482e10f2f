"""The camera watched as it runs: the browser sends a picture, this answers with what it showed.

One picture at a time is on its way: the browser sends the newest when the last answer has come.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core import explain
from core.draw.overlay import coloured, diverging_lut, prominence
from core.errors import BadInput
from core.explain.stream import Memory, usual_rate, window_seconds
from core.models import spec
from core.video import Limits
from core.video.stills import picture
from core.weights import Model
from pages.parts import session
from pages.parts.component import component
from pages.parts.record import HELP as RECORDER_HELP
from pages.parts.record import keep, most_bytes
from pages.parts.sources import ModelSource, Recorded
from pages.parts.subject import Choice

OPACITY = 0.55
RECURRENT = "rvit"
"""The model that reads picture by picture."""
FOLLOWING = ("explore", "frame_order", "gradcam", "compare")
HELP = {
    "freeze": "Stops the camera; its last seconds become the clip of every page.",
    "forget": "Begins anew, as if the camera had just been started: the hidden state is empty.",
    "window": "How many of the last seconds become the clip when you freeze.",
    "rate": "How many pictures a second the model meets, evenly spread. As trained: as many as in "
    "the clips that taught it; with more, its state grows faster than it has learned to expect.",
    "mirror": RECORDER_HELP["mirror"],
    "state": "RViT keeps one state a layer and adds to it at every picture, h(t) = h(t−1) + a(t): "
    "nothing is taken away. Shown is its root mean square; the brightest colour is the largest "
    "value in view. It was trained on 8 pictures, so what it has met long ago weighs on what it "
    "says now: press Forget before the next gesture.",
    "best": "A model names one of its classes for whatever is before the camera. It is called "
    "no more than the closest where the last seconds do not look like what the model was trained "
    "on, and always of a model that reads picture by picture, whose film no check can judge.",
    "figures": "A map is drawn over the very picture that it was computed from. A picture that "
    "comes while another is on its way is dropped and counted; none is ever queued. The time is "
    "the median from a picture's arrival to its drawn map.",
}


@dataclass
class Film:
    """What a session's model keeps of the film that runs."""

    run: int
    """Which film: the browser's number."""
    subject: str
    """What watches it."""
    memory: Memory


def subject_of(choice: Choice) -> str:
    """What watches: other weights, or another part of the picture, begin a film anew."""
    return f"{choice.model} {choice.card.hash} {choice.crop}"


def answer(choice: Choice, sent: dict[str, Any]) -> dict[str, Any]:
    """What the model makes of the picture that a browser sent, and keeps of its film."""
    name = {"run": sent.get("run"), "n": sent.get("n")}
    try:
        image, time = _picture(sent), float(sent.get("time") or 0.0)
        film = _film(choice, int(sent.get("run") or 0), time)
        glance, film.memory = explain.see(choice.seeing, film.memory, image, time)
    except BadInput as error:
        return {**name, "error": str(error)}
    heat = np.nan_to_num(glance.heat)
    return {
        **name,
        "met": glance.met,
        "probabilities": glance.probabilities.round(5).tolist(),
        "doubted": glance.domain is None or not glance.domain.inside,
        "grid": list(heat.shape),
        "heat": [float(f"{weight:.5g}") for weight in heat.ravel()],
        "signed": glance.signed,
        "opacity": OPACITY * (1.0 if glance.signed else prominence(heat)),
        "hidden": [float(f"{size:.5g}") for size in glance.hidden],
    }


def _picture(sent: dict[str, Any]) -> np.ndarray:
    """The picture that was sent, (H, W, 3) uint8 RGB. Raises: BadInput if it is none."""
    try:
        data = base64.b64decode(sent["picture"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        data = b""
    return picture(data, "the camera's picture", Limits())


def _film(choice: Choice, run: int, time: float) -> Film:
    """The film that this picture belongs to, a new one where it is not the last."""
    film: Film | None = st.session_state.get(session.FILM)
    subject = subject_of(choice)
    goes_on = film is not None and (film.run, film.subject) == (run, subject)
    if film is None or not goes_on or (film.memory.times and time < film.memory.times[-1]):
        film = Film(run, subject, explain.begin(choice.seeing))
        st.session_state[session.FILM] = film
    return film


def live(choice: Choice) -> None:
    """The live view. Only this part runs again for a picture."""
    # a film does not outlive its page: what was answered last is no answer to a new one
    st.session_state[session.ANSWER] = None

    @st.fragment
    def watched() -> None:
        if st.session_state.pop(session.FROZEN, False):
            st.rerun()  # the sidebar shows the recording
        component("live", "live/live")(
            key=session.LIVE,
            data=_data(choice),
            on_frame_change=lambda: _see(choice),
            on_freeze_change=_freeze,
        )

    watched()


def _data(choice: Choice) -> dict[str, Any]:
    """What the browser needs to draw, with the answer to its last picture."""
    model = choice.seeing
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    return {
        "subject": subject_of(choice),
        "labels": list(choice.card.labels),
        "is_recurrent": model.net.is_recurrent,
        "window": window_seconds(model),
        "rates": rates(model),
        "crop": choice.crop,
        "what": "where the last layer looks in this picture, mean over heads",
        "plain": coloured(ramp, signed=False).ravel().tolist(),
        "diverging": diverging_lut().ravel().tolist(),
        "most": most_bytes(),
        "help": HELP,
        "answer": st.session_state.get(session.ANSWER),
    }


def rates(model: Model) -> list[tuple[float, str]]:
    """How many pictures a second can be chosen, 0 for all that there is time for, with words."""
    usual = round(usual_rate(model), 2)
    return [(0, "all it can"), (usual, f"{usual:.1f}, as trained"), (5, "5"), (10, "10")]


def _see(choice: Choice) -> None:
    """Answer the picture that came, before the view is drawn again."""
    sent = (st.session_state[session.LIVE] or {}).get("frame")
    if isinstance(sent, dict):
        st.session_state[session.ANSWER] = answer(choice, sent)


def _freeze() -> None:
    """Let the last seconds be the clip of every page."""
    sent = (st.session_state[session.LIVE] or {}).get("freeze")
    if not isinstance(sent, dict):
        return
    try:
        keep(sent)
    except BadInput as error:
        st.session_state[session.NOT_RECORDED] = str(error)
    st.session_state[session.CLIP] = "record"
    st.session_state[session.FROZEN] = True


def suggest_recurrent(choice: Choice) -> None:
    """Where the model has no state, say how it watches, and offer one that reads frame by frame."""
    model = choice.seeing
    if model.net.is_recurrent:
        return
    line, button = st.columns([5, 2], vertical_alignment="center")
    line.caption(
        f"{choice.title} takes {choice.card.frames} pictures at once: for each new one it looks "
        f"again at the last {window_seconds(model):.1f} seconds."
    )
    recurrent = spec(RECURRENT)
    button.button(
        f"Watch with {recurrent.title}",
        icon=":material/stream:",
        help=f"{recurrent.title} reads picture by picture and carries a hidden state on.",
        on_click=session.switch_to,
        args=[ModelSource("shipped", recurrent.name)],
        width="stretch",
    )


def to_the_frozen_clip(choice: Choice) -> None:
    """Where the clip is the visitor's own, the ways to the pages that show it."""
    if not isinstance(choice.source, Recorded):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"The clip is now **{choice.source.recording.source}**. See it in", width="content"
        )
        for page in FOLLOWING:
            st.page_link(f"pages/{page}.py", width="content")
