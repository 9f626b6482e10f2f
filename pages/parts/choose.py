"""The sidebar that every page shares: which clip, which part of it, which model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.errors import BadInput
from core.models import spec
from core.video import CROPS, Crop, Sampling
from core.video.limits import limits_here
from core.video.sampling import SAMPLINGS
from core.weights import Card, Model, embedded
from core.world.gestures import RENDERED_FRAMES
from pages.parts import cached, links, session
from pages.parts.about import about
from pages.parts.choose_clip import OPENS_ON, clip_source
from pages.parts.choose_model import model_source
from pages.parts.controls import by_title
from pages.parts.loaded import loaded
from pages.parts.search import Search
from pages.parts.seen import (
    CROP_TITLES,
    OTHER_LENGTH,
    mark_other_length,
    most_frames,
    own_frames,
)
from pages.parts.show import clip_name, training_in_words
from pages.parts.sources import ClipSource, ModelSource
from pages.parts.subject import Choice, Part
from pages.parts.visitors import sign_in
from pages.parts.words import as_text, message

LEAST_UNITS = 4
OF_A_LONG_CLIP = 60.0
"""Seconds that are shown at first of a clip that is longer than is accepted."""
SAMPLING_HELP = {
    "uniform": "**uniform**: the middle of equal parts",
    "dense": "**dense**: frames a fixed stride apart around the middle",
    "motion": "**motion**: the frames in which most changes",
}
CLIP_CONTROLS = (session.FRAMES, session.SAMPLING, session.CROP)


def _frames(model: Model, in_clip: int) -> int:
    """Draw the number of frames that the model sees, of those in the clip."""
    card, unit = model.card, model.unit
    most, opens_on = most_frames(model, in_clip), own_frames(model, in_clip)
    least = min(LEAST_UNITS * unit, card.frames, most - unit)
    if st.session_state.pop(session.MODEL_CHANGED, False):
        st.session_state[session.FRAMES] = opens_on
        st.session_state[session.SAMPLING] = card.sampling
        st.session_state[session.CROP] = card.crop
    links.within(session.FRAMES, least, most)
    frames = st.slider(
        "Number of frames",
        least,
        most,
        opens_on,
        step=unit,
        key=session.FRAMES,
        bind="query-params",
        help="How many frames the model sees. Beside others it is the only one that follows this: "
        "they keep their own number.",
    )
    if card.trained_on:
        st.caption(f"Trained on {card.frames} frames.", help=OTHER_LENGTH)
    return frames


def _part(source: ClipSource, seconds: float) -> Part:
    """Draw the part of the clip that frames are taken from: start and end in seconds.

    They are None where that is the clip's own, and for a clip of at most 0.2 seconds, which has no
    control.
    """
    if seconds <= 0.2:
        return None, None
    last, opens_on = round(seconds, 2), _opening_part(seconds)
    name = "/".join(Path(str(source)).parts[-2:])
    start, end = st.slider(
        "Part (seconds)",
        0.0,
        last,
        opens_on,
        step=0.05,
        key=f"part-{hashlib.sha256(name.encode()).hexdigest()[:8]}",
        bind="query-params",
        help="From where to where the frames are taken; the rest of the clip is not looked at.",
    )
    if _is_long(seconds):
        st.caption(f"Of a clip this long a part is shown, of up to {limits_here().seconds:g} s.")
    return _named(seconds, (start, end))


def _named(seconds: float, part: tuple[float, float]) -> Part:
    """A part of a clip of so many seconds, without its bounds where it is the whole."""
    start, end = part
    is_whole = start == 0.0 and end >= round(seconds, 2) and not _is_long(seconds)
    return (None, None) if is_whole else (start, end)


def _is_long(seconds: float) -> bool:
    """Whether a clip is longer than is accepted, so that only a part of it can be shown."""
    return seconds > limits_here().seconds


def _opening_part(seconds: float) -> tuple[float, float]:
    """The part that a clip opens on, in seconds: the whole, or the beginning of a long one."""
    last = round(seconds, 2)
    return 0.0, min(last, OF_A_LONG_CLIP) if _is_long(seconds) else last


def _sampling(card: Card) -> Sampling:
    links.meant(session.SAMPLING, {name: name for name in SAMPLINGS})
    return st.selectbox(
        "Sampling",
        SAMPLINGS,
        index=SAMPLINGS.index(card.sampling),
        key=session.SAMPLING,
        bind="query-params",
        help="  \n".join(SAMPLING_HELP.values()),
    )


def _crop(card: Card) -> Crop:
    links.meant(session.CROP, CROP_TITLES)
    return st.selectbox(
        "Crop",
        CROPS,
        index=CROPS.index(card.crop),
        key=session.CROP,
        bind="query-params",
        format_func=by_title(CROP_TITLES),
        help="What the model sees: the central square, or the whole frame stretched to a square.",
    )


def _choice(
    source: ClipSource,
    weights: ModelSource,
    frames: int,
    sampling: Sampling,
    crop: Crop,
    part: Part,
) -> Choice:
    """The clip that the controls ask for before the model.

    What a clip opens on is taken where the frames asked for are not possible, which an error says.
    """
    card = loaded(weights).card
    stride, rate, size = card.stride, card.rate, card.size
    search = Search()
    try:
        clip = cached.clip(source, frames, sampling, stride, *part, rate, size, progress=search)
    except BadInput as error:
        seconds = cached.length(source).seconds
        instead = "beginning" if _is_long(seconds) else "whole clip"
        st.error(f"{message(error)}. The {instead} is shown instead.")
        sampling, part = "uniform", _named(seconds, _opening_part(seconds))
        clip = cached.clip(source, frames, sampling, stride, *part, rate, size)
    search.close()
    return Choice(source, clip, weights, crop, sampling, part)


def sidebar() -> Choice:
    """Draw the sidebar and load what it chose.

    Raises: BadInput with a line that is fit to be shown.
    """
    with st.sidebar:
        source = clip_source()
        weights = model_source()
        model = loaded(weights)
        card = model.card
        length = cached.length(source)
        with st.expander("Frames and crop", expanded=False):
            frames = _frames(model, length.frames)
            part = _part(source, length.seconds)
            sampling = _sampling(card)
            crop = _crop(card)
        choice = _choice(source, weights, frames, sampling, crop, part)
        clip = choice.clip
        st.caption(
            f"**{clip_name(choice)}** · {len(clip)} of {length.frames} frames, {clip.times[0]:.2f} "
            f"s to {clip.times[-1]:.2f} s",
            help=f"In links, in files and on the command line it is called {as_text(clip.source)}.",
        )
        mark_other_length(choice)
        # filled once the page is drawn, whose figures it hands out; above what is read once, so
        # that a projector shows it without scrolling
        st.session_state[session.HAND_OUT_PLACE] = st.container()
        _about_weights(card)
        _among_others(choice)
        about()
        sign_in()
    controls = (session.MODEL, "source", "label", "seed", session.SEEN, *CLIP_CONTROLS)
    links.say({key: st.session_state.get(key) for key in controls})
    return choice


def opening_choice() -> Choice:
    """What the sidebar chooses of itself.

    Raises: BadInput for a checkpoint that cannot be used.
    """
    weights = ModelSource("shipped", next(iter(embedded())))
    model = loaded(weights)
    card, frames = model.card, own_frames(model, RENDERED_FRAMES)
    how = (card.sampling, card.stride, None, None, card.rate, card.size)
    clip = cached.clip(OPENS_ON, frames, *how)
    return Choice(OPENS_ON, clip, weights, card.crop, card.sampling)


def _about_weights(card: Card) -> None:
    """What the model learned from, and under which licence its weights are."""
    if not card.trained_on:
        st.caption("Random weights: it has learned nothing.")
        return
    licence = f" Licence: {as_text(card.license)}." if card.license else ""
    st.caption(
        f"Trained on {training_in_words(card)}.{licence}",
        help=f"What it learned are the weights **{card.hash}**. Every figure and file names them.",
    )


def _among_others(choice: Choice) -> None:
    """The way to the page where the model stands among others."""
    if st.button(
        f"{spec(choice.card.model).title} among other models",
        type="tertiary",
        icon=":material/scatter_plot:",
        key="among-others",
    ):
        links.go_to("backbones")


def through_router() -> None:
    """Make sure that app.py runs before a page: every page begins with this or `current_choice`.

    A link straight to a page, opened before any other on a fresh server, runs the page without the
    router: Streamlit takes `pages/` for its older kind of app until it has met st.navigation once.
    Told otherwise, it runs the router.
    """
    if session.CHOICE not in st.session_state:
        PagesManager.uses_pages_directory = False
        st.rerun()


def current_choice() -> Choice:
    """What the sidebar chose, for a page."""
    through_router()
    choice: Choice = st.session_state[session.CHOICE]
    return choice
