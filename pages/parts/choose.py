"""The sidebar that every page shares: which clip, which part of it, which model."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.errors import BadInput
from core.models import available, spec
from core.observe import LEAST_FRAMES
from core.order import EXACT_FRAMES
from core.video import CROPS, Clip
from core.video.sampling import SAMPLINGS
from core.weights import Card, embedded, hub
from core.world.gestures import LABELS
from pages.parts import cached
from pages.parts.public import offer

LEAST_UNITS = 4
# frames, or as many as make EXACT_FRAMES units: beyond these the order is found by a search, which
# the page says
MOST_SHOWN = 24
VIDEO_TYPES = ["mp4", "webm", "mkv", "avi", "mov", "gif"]
SAMPLING_HELP = {
    "uniform": "**uniform**: the middle of equal parts",
    "dense": "**dense**: frames a fixed stride apart around the middle",
    "motion": "**motion**: the frames in which most changes",
}


@dataclass(frozen=True)
class Choice:
    """What the sidebar chose."""

    key: str  # source of the clip: render:LABEL:SEED, folder:PATH or upload:PATH
    clip: Clip
    model: str  # a shipped model's name, public:NAME, random:NAME or file:PATH
    crop: str

    @property
    def card(self) -> Card:
        return cached.model(self.model).card

    @property
    def title(self) -> str:
        if self.model.startswith("public:"):
            return self.model.removeprefix("public:")
        lesson = self.card.recipe.get("taught")
        return spec(self.card.model).title + (
            f", taught {', '.join(lesson['clips'])}" if lesson else ""
        )


def clips_folder() -> Path | None:
    """The folder named at start-up: `streamlit run app.py -- --clips FOLDER`."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--clips", type=Path)
    return parser.parse_known_args(sys.argv[1:])[0].clips


def _kept(upload) -> Path:
    """Put an upload into this session's temporary folder, named by its content."""
    if "uploads" not in st.session_state:
        st.session_state["uploads"] = tempfile.TemporaryDirectory(prefix="aim-")
    data = upload.getvalue()
    name = Path(upload.name).name[-80:]
    path = Path(st.session_state["uploads"].name) / hashlib.sha256(data).hexdigest()[:12] / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return path


def _remember(key: str | None) -> None:
    """Write an upload's hash into the address: a link cannot bring the file along, but knows which
    one to ask for.
    """
    linked = st.session_state.setdefault("linked_upload", st.query_params.get("upload"))
    if key is None:
        if linked:
            st.info(
                "The link shows an uploaded video. Videos stay with their owner: choose the same "
                "file again."
            )
        return
    found = cached.path_of(key).parent.name
    if linked and found != linked:
        st.warning(
            "This is not the video of the link: its content differs. The settings of the link are "
            "kept."
        )
    st.query_params["upload"] = found


def _source() -> str:
    folder = clips_folder()
    kinds = {"gesture": "Rendered", "upload": "Upload"} | ({"folder": "Folder"} if folder else {})
    kind = st.segmented_control(
        "Clip",
        list(kinds),
        format_func=kinds.get,
        key="source",
        default="gesture",
        required=True,
        bind="query-params",
        width="stretch",
        help="**Rendered**: air gestures drawn by this app, for which the truth is known. "
        "**Upload**: your own video.",
    )
    key = None
    if kind == "upload":
        upload = st.file_uploader(
            "Video",
            type=VIDEO_TYPES,
            help="mp4, webm, mkv, avi, mov or gif; it stays in this session",
        )
        key = f"upload:{_kept(upload)}" if upload is not None else None
        _remember(key)
    elif kind == "folder" and folder:
        files = sorted(
            str(p.relative_to(folder))
            for p in folder.rglob("*")
            if p.suffix.lstrip(".").lower() in VIDEO_TYPES
        )
        if files:
            key = f"folder:{folder / st.selectbox('File', files, key='file', bind='query-params')}"
        else:
            st.warning(f"{folder} holds no video ({', '.join(VIDEO_TYPES)}).")
    if key is not None:
        try:
            if cached.duration(key)[1] >= LEAST_FRAMES:
                return key
            st.error(
                f"{cached.path_of(key).name}: only one frame; a clip needs at least {LEAST_FRAMES}"
            )
        except BadInput as error:
            st.error(str(error))
    if kind != "gesture":
        st.caption("Until a video is chosen, this rendered gesture is shown:")
    left, right = st.columns([3, 2])
    label = left.selectbox(
        "Gesture",
        LABELS,
        index=LABELS.index("carret"),
        key="label",
        bind="query-params",
        help="The stroke that the hand draws. *carret* is the data set's spelling of caret (^).",
    )
    seed = right.number_input(
        "Seed",
        min_value=0,
        max_value=10**9,
        value=13,
        key="seed",
        bind="query-params",
        help="Another seed draws another hand, room, camera and speed. The same seed always draws "
        "the same clip.",
    )
    return f"render:{label}:{int(seed)}"


def taught() -> dict[str, str]:
    """The models that were taught a clip in this session: checkpoint to title."""
    return st.session_state.setdefault("taught", {})


def model_options(own: str | None, lessons: dict[str, str] | None = None) -> dict[str, str]:
    """What the model chooser offers, key to title: shipped models, those taught a clip in this
    session, public checkpoints that are here, models that no checkpoint is shipped of with random
    weights, the own one."""
    options = {name: spec(name).title for name in embedded()}
    options |= {f"file:{path}": title for path, title in (lessons or {}).items()}
    options |= {f"public:{named.name}": named.name for named in hub.ready()}
    options |= {
        f"random:{name}": f"{spec(name).title} (random weights)"
        for name in sorted(available())
        if name not in embedded()
    }
    mine = Path(
        own or ""
    )  # a run calls every checkpoint model.safetensors: there the folder is the name
    return options | (
        {
            f"file:{own}": (
                f"own: {mine.parent.name if mine.name == 'model.safetensors' else mine.name}"
            )
        }
        if own
        else {}
    )


def _changed() -> None:
    """Another model was trained on another number of frames, chosen and cut in another way: start
    from these.
    """
    st.session_state["model_changed"] = True
    st.session_state["linked_model"] = None


def _say_missing(shown: str) -> None:
    """Say that the link's model is not the one that is `shown`: weights of one's own stay with
    their owner.
    """
    linked = st.session_state["linked_model"]
    if linked in (None, shown):
        return
    why = (
        "get the public checkpoint below"
        if linked in hub.NAMED
        else "own and taught weights stay with their owner, whose file goes under *Own checkpoint*"
    )
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
            "With **K400**, **K600** (Kinetics-400, Kinetics-600) or **SSv2** (Something-Something "
            "v2) in its name it is a public checkpoint, trained on real videos.",
        ]
    )


def _model() -> str:
    st.session_state.setdefault(
        "linked_model", st.query_params.get("model")
    )  # before the chooser takes what it does not know away
    own = st.session_state.get("own_checkpoint")
    options = model_options(own, taught())
    if not options:
        raise BadInput(
            "no checkpoint is shipped in assets/checkpoints; "
            "train one with `python -m training fit direcformer_gesture --out runs/x`"
        )
    if "downloaded" in st.session_state:
        st.session_state["model"] = st.session_state.pop("downloaded")
        _changed()
    name = st.selectbox(
        "Model",
        list(options),
        key="model",
        bind="query-params",
        format_func=options.get,
        on_change=_changed,
        help=_model_help(),
    )
    _say_missing(options[name])
    offer()
    with st.expander("Own checkpoint"):
        upload = st.file_uploader(
            "A .safetensors file",
            type=["safetensors"],
            help="Written by `python -m training fit`, or a public video classifier",
        )
        if upload is not None:
            path = _kept(upload)
            try:
                cached.model(f"file:{path}")  # refuses what cannot be used, before it is offered
            except BadInput as error:
                st.error(str(error))
            else:
                if own != str(path):
                    st.session_state["own_checkpoint"] = str(path)
                    st.rerun()
    return name


def sidebar() -> Choice:
    """Draw the sidebar and load what it chose. Raises: BadInput with a line fit to be shown."""
    with st.sidebar:
        key = _source()
        name = _model()
        loaded = cached.model(name)
        card = loaded.card
        seconds, there, _ = cached.duration(key)
        with st.expander("Frames and crop", expanded=False):
            unit = loaded.unit
            most = min(max(MOST_SHOWN, EXACT_FRAMES * unit), there) // unit * unit
            least = min(LEAST_UNITS * unit, card.frames, most - unit)
            if st.session_state.pop("model_changed", False):
                st.session_state.update(
                    frames=min(card.frames, most), sampling=card.sampling, crop=card.crop
                )
            frames = st.slider(
                "Number of frames",
                least,
                most,
                min(card.frames, most),
                step=unit,
                key="frames",
                bind="query-params",
                help=f"How many frames the model sees. It was trained on {card.frames}.",
            )
            start, end = 0.0, seconds
            if seconds > 0.2:
                start, end = st.slider(
                    "Part (seconds)",
                    0.0,
                    round(seconds, 2),
                    (0.0, round(seconds, 2)),
                    step=0.05,
                    key=f"part-{hashlib.sha256('/'.join(Path(key).parts[-2:]).encode()).hexdigest()[:8]}",
                    bind="query-params",
                    help="From where to where the frames are taken; the rest of the clip "
                    "is not looked at.",
                )
            sampling = st.selectbox(
                "Sampling",
                SAMPLINGS,
                index=SAMPLINGS.index(card.sampling),
                key="sampling",
                bind="query-params",
                help="  \n".join(SAMPLING_HELP.values()),
            )
            crop = st.selectbox(
                "Crop",
                CROPS,
                index=CROPS.index(card.crop),
                key="crop",
                bind="query-params",
                format_func={"centre": "central square", "fit": "whole frame"}.get,
                help="What the model sees: the central square, or the whole frame stretched to a "
                "square.",
            )
        whole = start == 0.0 and end >= round(seconds, 2)
        try:
            clip = cached.clip(
                key, frames, sampling, card.stride, None if whole else start, None if whole else end
            )
        except BadInput as error:
            st.error(f"{error}. The whole clip is shown instead.")
            clip = cached.clip(key, frames, "uniform", card.stride, None, None)
        st.caption(
            f"**{clip.source}** · {len(clip)} of {there} frames, {clip.times[0]:.2f} s to "
            f"{clip.times[-1]:.2f} s"
        )
        learned = (
            f"Weights **{card.hash}**, trained on {card.trained_on}."
            if card.trained_on
            else "Random weights."
        )
        st.caption(learned + f" Licence: {card.license}." * bool(card.license))
    return Choice(key, clip, name, crop)


def through_router() -> None:
    """Make sure that app.py runs before a page: every page begins with this or with `chosen`.

    A link straight to a page, opened before any other on a fresh server, runs the page without the
    router: Streamlit takes `pages/` for its older kind of app until it has met st.navigation once.
        Told otherwise, it runs the router.
    """
    if "choice" not in st.session_state:
        PagesManager.uses_pages_directory = False
        st.rerun()


def chosen() -> Choice:
    """What the sidebar chose, for a page."""
    through_router()
    return st.session_state["choice"]
