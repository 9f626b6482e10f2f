"""Gestures of one's own: their names and clips, of which any clip that is open may be one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.draw.style import picture
from core.errors import BadInput
from core.explain.few_shot import Features, example_features, read_frames
from core.video import SUFFIXES
from core.weights import Model
from core.weights.own_gestures import (
    LEAST_CLIPS,
    LEAST_NAMES,
    MOST_LETTERS,
    MOST_NAMES,
    check_gestures,
    check_names,
)
from pages.parts import session
from pages.parts.record import record_for
from pages.parts.room import file_of, room
from pages.parts.show import clip_name
from pages.parts.sources import Recorded
from pages.parts.subject import Choice
from pages.parts.uploads import saved_one
from pages.parts.words import message

COLLECT = (
    "Any clip that is open in the sidebar can be added: rendered, recorded or uploaded; several "
    "files at once below each gesture. Vary what does not matter (place, size, speed, light), keep "
    "what does: the way of the hand. A file that cannot be read is named, and the others go on. "
    "Clips stay in this session; one that is rendered or recorded is written to a file for it, "
    "which goes with the session."
)
_WIDTH = 120  # pixels of a thumbnail


@dataclass
class OwnClip:
    """A clip that is to be learned from."""

    path: Path
    title: str
    thumbnail: str
    """A data address."""


@dataclass
class OwnGesture:
    """A gesture, and the clips of it."""

    number: int
    """Its own for the session: its controls are named by it."""
    name: str = ""
    clips: list[OwnClip] = field(default_factory=list)
    uploads: int = 0
    """How many times files came; the field for them is another one each time, so it is empty."""


@dataclass
class Collection:
    """The gestures of a session, and what is known of their clips."""

    gestures: list[OwnGesture] = field(default_factory=lambda: [OwnGesture(0), OwnGesture(1)])
    features: dict[tuple[str, Path], Features] = field(default_factory=dict)
    """By model and clip."""
    refused: list[str] = field(default_factory=list)
    """A line for each file that could not be read."""

    @property
    def names(self) -> list[str]:
        """Of the gestures, in their order."""
        return [gesture.name for gesture in self.gestures]

    def check(self) -> None:
        """Raises: BadInput with what is missing before they can be learned."""
        for place, name in enumerate(self.names):
            if not name:
                raise BadInput(f"gesture {place + 1} has no name; write one into its field")
        check_names(self.names)
        check_gestures({gesture.name: len(gesture.clips) for gesture in self.gestures})


def collection() -> Collection:
    """The gestures of this session."""
    gestures: Collection = st.session_state.setdefault(session.GESTURES, Collection())
    return gestures


def collect(choice: Choice) -> Collection:
    """Draw a card for each gesture, in which its name and its clips are given."""
    own = collection()
    _add_recorded(own, choice)
    for line in own.refused:
        st.warning(message(line), icon=":material/videocam_off:")
    own.refused = []
    cells = [*own.gestures, None] if len(own.gestures) < MOST_NAMES else [*own.gestures]
    columns = st.columns(3, gap="medium")
    for place, gesture in enumerate(cells):
        with columns[place % 3]:
            if gesture is not None:
                _card(own, gesture, choice)
            elif st.button(
                "Add a gesture", icon=":material/add:", key="add-gesture", width="stretch"
            ):
                number = max(gesture.number for gesture in own.gestures) + 1
                own.gestures.append(OwnGesture(number))
                st.rerun()
    return own


def _card(own: Collection, gesture: OwnGesture, choice: Choice) -> None:
    """Draw one gesture: name, clips, and the ways to add one."""
    number = gesture.number
    with st.container(border=True, key=f"gesture-{number}"):
        row = st.columns([5, 1], vertical_alignment="bottom")
        gesture.name = (
            row[0]
            .text_input(
                f"Name of gesture {own.gestures.index(gesture) + 1}",
                gesture.name,
                max_chars=MOST_LETTERS,
                key=f"gesture-name-{number}",
                placeholder="wave, for example",
            )
            .strip()
        )
        if len(own.gestures) > LEAST_NAMES and row[1].button(
            "", icon=":material/delete:", key=f"drop-gesture-{number}", help="Remove this gesture"
        ):
            own.gestures.remove(gesture)
            st.rerun()
        _clips(gesture)
        st.button(
            "Record a clip of it",
            icon=":material/videocam:",
            key=f"record-for-{number}",
            width="stretch",
            on_click=record_for,
            args=(number,),
        )
        if st.button(
            f"Add {clip_name(choice)}",
            icon=":material/add_to_photos:",
            key=f"add-open-{number}",
            width="stretch",
            help="The clip that is open in the sidebar, rendered, recorded or uploaded.",
        ):
            _add(own, gesture, choice.loaded, file_of(choice), clip_name(choice))
            st.rerun()
        uploads = st.file_uploader(
            f"Clips of {gesture.name or 'this gesture'}",
            type=list(SUFFIXES),
            accept_multiple_files=True,
            key=f"gesture-files-{number}-{gesture.uploads}",
            label_visibility="collapsed",
        )
        if uploads:
            _take(own, gesture, choice, uploads)
            gesture.uploads += 1
            st.rerun()


def _add_recorded(own: Collection, choice: Choice) -> None:
    """Add what was just recorded for a gesture."""
    number, recording = st.session_state.pop(session.RECORDED_FOR, (None, ""))
    if not isinstance(choice.source, Recorded) or choice.source.recording.id != recording:
        return
    for gesture in own.gestures:
        if gesture.number == number:
            _add(own, gesture, choice.loaded, file_of(choice), clip_name(choice))


def _clips(gesture: OwnGesture) -> None:
    """Draw the clips as pictures, and as a list from which each can be taken."""
    if len(gesture.clips) < LEAST_CLIPS:
        have = f"{len(gesture.clips)} of {LEAST_CLIPS} clips" if gesture.clips else "No clip yet"
        st.caption(f"{have}; {LEAST_CLIPS} or more are needed, five are good.")
    if not gesture.clips:
        return
    images = "".join(
        f'<figure title="{escape(clip.title)}"><img src="{clip.thumbnail}" '
        f'alt="{escape(clip.title)}"><figcaption>{place + 1}</figcaption></figure>'
        for place, clip in enumerate(gesture.clips)
    )
    st.html(f'<div class="own-clips">{images}</div>')
    places = list(range(len(gesture.clips)))
    kept = st.multiselect(
        f"Clips of {gesture.name or 'this gesture'}",
        places,
        places,
        format_func=lambda place: str(place + 1),
        # another list is another control: what is kept of it begins with all of them
        key=f"gesture-clips-{gesture.number}-{len(gesture.clips)}-{gesture.uploads}",
        label_visibility="collapsed",
    )
    if len(kept) < len(places):
        gesture.clips = [gesture.clips[place] for place in sorted(kept)]
        gesture.uploads += 1
        st.rerun()


def _take(
    own: Collection, gesture: OwnGesture, choice: Choice, uploads: list[UploadedFile]
) -> None:
    """Take files for a gesture; those that cannot be read are named, and the others go on."""
    progress = st.progress(0.0, text="Reading the clips")
    for count, upload in enumerate(uploads):
        try:
            path = saved_one(upload, "gesture")
            _add(own, gesture, choice.loaded, path, Path(upload.name).name)
        except BadInput as error:
            own.refused.append(str(error))
        progress.progress((count + 1) / len(uploads), text="Reading the clips")


def _add(own: Collection, gesture: OwnGesture, model: Model, path: Path, title: str) -> None:
    """Add a clip, and compute what the open model makes of it. Raises: BadInput if unreadable."""
    for other in own.gestures:
        if any(clip.path == path for clip in other.clips):
            name = other.name or f"gesture {own.gestures.index(other) + 1}"
            own.refused.append(f"{title} is a clip of {name} already; a gesture needs its own")
            return
    frames = read_frames(path, model.card)
    own.features[model_key(model), path] = example_features(model, frames)
    gesture.clips.append(OwnClip(path, title, picture(frames[len(frames) // 2], _WIDTH)))


def model_key(model: Model) -> str:
    """What tells apart the networks that features come from."""
    return f"{model.card.model} {model.card.hash}"


def features_of(own: Collection, model: Model) -> list[Features]:
    """What the open model makes of every clip, gesture by gesture; computed where it is not yet."""
    clips = [clip for gesture in own.gestures for clip in gesture.clips]
    missing = [clip for clip in clips if (model_key(model), clip.path) not in own.features]
    bar: Any = st.progress(0.0, text="The model reads the clips") if missing else None
    for count, clip in enumerate(missing):
        frames = read_frames(clip.path, model.card)
        own.features[model_key(model), clip.path] = example_features(model, frames)
        bar.progress((count + 1) / len(missing), text="The model reads the clips")
    if bar is not None:
        bar.empty()
    return [own.features[model_key(model), clip.path] for clip in clips]


def folder_of(own: Collection) -> Path:
    """The clips as DIR/<gesture>/<clip>, for a process that learns from them."""
    folder = room() / "gestures"
    shutil.rmtree(folder, ignore_errors=True)
    for gesture in own.gestures:
        inside = folder / gesture.name
        inside.mkdir(parents=True)
        for place, clip in enumerate(gesture.clips):
            copy = inside / f"{place}-{clip.path.name}"
            try:
                os.link(clip.path, copy)
            except OSError:  # on another disk
                shutil.copyfile(clip.path, copy)
    return folder
