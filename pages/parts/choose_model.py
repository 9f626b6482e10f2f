"""The part of the sidebar that chooses the model: shipped, taught, public, untrained or own."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import streamlit as st

from core.errors import BadInput
from core.models import available, image_models, spec
from core.weights import VARIANTS, embedded, hub, shipped, shipped_title
from pages.parts import links, session
from pages.parts.controls import by_title
from pages.parts.loaded import loaded
from pages.parts.public import offer
from pages.parts.sources import ModelSource
from pages.parts.uploads import keep_only, saved
from pages.parts.visitors import may_teach
from pages.parts.words import message


def taught() -> dict[str, str]:
    """The models that were taught a clip in this session: checkpoint to title."""
    models: dict[str, str] = st.session_state.setdefault(session.TAUGHT, {})
    return models


def model_options(
    own: str | None, lessons: dict[str, str] | None = None, asked: Collection[str | None] = ()
) -> dict[str, str]:
    """What the model chooser offers: the text of each ModelSource, and its title.

    First the shipped models, then those taught a clip in this session, public checkpoints that are
    on this machine, models with random weights, and the visitor's own checkpoint. Of a model that a
    checkpoint is shipped of, random weights are offered where they are `asked` for, by their title
    or their text: a lesson and a link may.
    """
    options = {str(ModelSource("shipped", name)): shipped_title(name) for name in shipped()}
    for path, title in (lessons or {}).items():
        options[str(ModelSource("file", path))] = title
    for named in hub.ready():
        options[str(ModelSource("public", named.name))] = named.name
    for name in sorted(available()):
        source, title = str(ModelSource("random", name)), f"{spec(name).title} (random weights)"
        if name not in embedded() or {source, title} & set(asked):
            options[source] = title
    if own:
        file = Path(own)
        # a run calls every checkpoint model.safetensors: there the folder is the name
        name = file.parent.name if file.name == "model.safetensors" else file.name
        options[str(ModelSource("file", own))] = f"own: {name}"
    return options


def _model_changed() -> None:
    """Start from another model's number of frames, way to choose them, and crop.

    It was trained with these. What the link asked for is then over.
    """
    st.session_state[session.MODEL_CHANGED] = True
    st.session_state[session.LINKED_MODEL] = None


def _is_elsewhere(linked: str | None) -> bool:
    """Whether a link's model may be at hand elsewhere: public, of somebody's own, or taught."""
    if linked is None:
        return False
    return linked in hub.NAMED or linked.startswith("own: ") or ", taught " in linked


def _say_missing(shown: str) -> None:
    """Say that the link's model is not the one that is `shown`.

    Weights of one's own stay with their owner.
    """
    linked = st.session_state[session.LINKED_MODEL]
    if linked in (None, shown):
        return
    why = "own and taught weights stay with their owner, whose file goes under *Own checkpoint*"
    if linked in hub.NAMED:
        why = "get the public checkpoint below"
    st.warning(
        f"The model of the link is not here: {why}. Shown instead: {shown}.",
        icon=":material/link_off:",
    )


def _model_help() -> str:
    """What each model is, those with a shipped checkpoint first."""
    known = [spec(name) for name in dict.fromkeys([*embedded(), *available()])]
    return "  \n".join(
        [
            *(f"**{about.title}**: {about.summary}." for about in known),
            *(f"**{about.title}**: {about.summary}." for about in VARIANTS.values()),
            *(f"**{about.title}**: {about.summary}." for about in image_models().values()),
            "With **K400**, **K600** (Kinetics-400, Kinetics-600) or **SSv2** (Something-Something "
            "v2) in its name it is a public checkpoint, trained on real videos.",
        ]
    )


def _own_checkpoint(known: str | None) -> None:
    """Draw the field for a checkpoint of one's own.

    It is shown from the next run on; `known` is offered already.
    """
    uploads = st.file_uploader(
        "Its files",
        type=[suffix.removeprefix(".") for suffix in (*hub.SUFFIXES, ".json")],
        accept_multiple_files=True,
        help="A `model.safetensors` of `python -m training fit`, a public video classifier, or an "
        "image model such as DINOv2 or CLIP: its weights as their authors saved them, with its "
        "`config.json` where there is one. Files are read as tensors only; nothing in them is "
        "run.",
    )
    if not uploads:
        return
    try:
        folder = saved(uploads, "checkpoint")
    except BadInput as error:
        st.error(message(error))
        return
    try:
        path = str(hub.in_folder(folder).weights)
        loaded(ModelSource("file", path))  # refuses what cannot be used, before it is offered
    except BadInput as error:
        st.error(message(error))
        keep_only(folder, Path(known).parent if known else None)
        return
    keep_only(folder)
    if known != path:
        st.session_state[session.OWN_CHECKPOINT] = path
        session.switch_to(ModelSource("file", path))
        st.rerun()


def model_source() -> ModelSource:
    """Draw the choice of a model."""
    # before the chooser takes away what it does not know
    linked = st.query_params.get("model")
    elsewhere = linked if _is_elsewhere(linked) else None
    st.session_state.setdefault(session.LINKED_MODEL, elsewhere)
    own = st.session_state.get(session.OWN_CHECKPOINT)
    asked = (st.query_params.get("model"), st.session_state.get(session.MODEL))
    options = model_options(own, taught(), asked)
    if not options:
        raise BadInput(
            "no checkpoint is shipped in assets/checkpoints; "
            "train one with `python -m training fit direcformer_gesture --out runs/x`"
        )
    links.meant(session.MODEL, options, *filter(None, [elsewhere]))
    if session.SWITCH_TO in st.session_state:
        st.session_state[session.MODEL] = str(st.session_state.pop(session.SWITCH_TO))
        _model_changed()
    text = st.selectbox(
        "Model",
        list(options),
        key=session.MODEL,
        bind="query-params",
        format_func=by_title(options),
        on_change=_model_changed,
        help=_model_help(),
    )
    _say_missing(options[text])
    if may_teach():
        offer()
        with st.expander("Own checkpoint"):
            _own_checkpoint(own)
    return ModelSource.parse(text)
