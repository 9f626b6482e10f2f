"""The part of the sidebar that chooses the clip: rendered, uploaded, recorded, or of a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import BadInput
from core.observe import LEAST_FRAMES
from core.video import SUFFIXES
from core.video.apart import keep_ready
from core.video.stills import PICTURES, is_animation
from core.world.gestures import STROKES, UNSEEN, View
from pages.parts import cached, links, session
from pages.parts.controls import by_title
from pages.parts.record import recording_source
from pages.parts.sources import ClipSource, Rendered, VideoFile
from pages.parts.uploads import keep_only, saved_one
from pages.parts.visitors import may_teach
from pages.parts.words import as_text, message

MOST_SEED = 10**9
OPENS_ON = Rendered("carret", 13)
"""The clip that the app opens on."""
VIDEO_TYPES = list(SUFFIXES)


def clips_folder() -> Path | None:
    """The folder named at start-up: `streamlit run app.py -- --clips FOLDER`.

    None without one, and for those who may not see it.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--clips", type=Path)
    folder: Path | None = parser.parse_known_args(sys.argv[1:])[0].clips
    return folder if may_teach() else None


def videos_in(folder: Path) -> list[Path]:
    """The clips of a folder and of those in it, sorted by path: videos, and folders of pictures."""
    clips = set()
    for path in folder.rglob("*"):
        ending = path.suffix.lower()
        if ending in PICTURES and not is_animation(path):
            clips |= {path.parent} - {folder}
        elif ending.removeprefix(".") in VIDEO_TYPES:
            clips.add(path)
    return sorted(clips)


def _kept(upload: UploadedFile) -> Path:
    """The file of an upload, which takes the place of the one before."""
    path = saved_one(upload, "clip")
    keep_only(path.parent)
    return path


def _remember_upload(path: Path | None) -> None:
    """Write an upload's hash into the address, and ask for the upload that a link names.

    A link cannot bring the file along, but knows which one to ask for.
    """
    linked = st.session_state.setdefault(session.LINKED_UPLOAD, st.query_params.get("upload"))
    if path is None:
        if linked:
            st.info(
                "The link shows an uploaded video. Videos stay with their owner: choose the same "
                "file again."
            )
        return
    content = path.parent.name
    if linked and content != linked:
        st.warning(
            "This is not the video of the link: its content differs. The settings of the link are "
            "kept."
        )
    st.query_params["upload"] = content


def _uploaded() -> VideoFile | None:
    """Draw the field for a video of one's own."""
    upload = st.file_uploader(
        "Video",
        type=VIDEO_TYPES,
        help="mp4, webm, mkv, avi, mov, gif and others, or a zip or tar file of pictures of one "
        "clip; it stays in this session",
        key=session.UPLOADER,
        on_change=_forget_upload,
    )
    keep_ready()
    try:
        if upload is not None:
            st.session_state[session.OWN_CLIP] = _kept(upload)
    except BadInput as error:
        st.error(message(error))
        st.session_state.pop(session.OWN_CLIP, None)
    path: Path | None = st.session_state.get(session.OWN_CLIP)
    if path is not None and upload is None:
        st.caption(f"Still here: {as_text(path.name)}")
    _remember_upload(path)
    return None if path is None else VideoFile(path, is_upload=True)


def _forget_upload() -> None:
    """Let go of the video that was taken out of the field.

    One that only left the screen with its field, in a lesson, stays.
    """
    if st.session_state.get(session.UPLOADER) is None:
        st.session_state.pop(session.OWN_CLIP, None)


def _in_folder(folder: Path) -> VideoFile | None:
    """Draw the list of the videos in the folder named at start-up."""
    names = sorted(str(path.relative_to(folder)) for path in videos_in(folder))
    if not names:
        st.warning(f"{folder} holds no video ({', '.join(VIDEO_TYPES)}).")
        return None
    links.meant("file", dict(zip(names, names, strict=True)))
    name = st.selectbox("File", names, key="file", bind="query-params")
    return VideoFile(folder / name, is_upload=False)


def _gesture() -> Rendered:
    """Draw the choice of a gesture that the app renders."""
    left, right = st.columns([3, 2])
    links.meant("label", {label: label for label in STROKES})
    links.within("seed", 0, MOST_SEED)
    label = left.selectbox(
        "Gesture",
        STROKES,
        index=STROKES.index(OPENS_ON.label),
        key="label",
        bind="query-params",
        help="The stroke that the hand draws. *carret* is the data set's spelling of caret (^). "
        f"No shipped model has learned {', '.join(UNSEEN[:-1])} and {UNSEEN[-1]}: they are there "
        "to be taught under *Your gestures*.",
    )
    seed = right.number_input(
        "Seed",
        min_value=0,
        max_value=MOST_SEED,
        value=OPENS_ON.seed,
        key="seed",
        bind="query-params",
        help="Another seed draws another hand, room, camera and speed. The same seed always draws "
        "the same clip.",
    )
    return Rendered(label, int(seed), _view())


def _view() -> View:
    """Draw the choice of where a rendered gesture is seen from."""
    titles: dict[View, str] = {"own": "Own eyes", "front": "From the front"}
    links.meant(session.SEEN, titles)
    view: View = st.segmented_control(
        "Seen",
        list(titles),
        format_func=by_title(titles),
        key=session.SEEN,
        default="own",
        required=True,
        bind="query-params",
        width="stretch",
        help="**Own eyes**: as the person who draws sees the hand. **From the front**: as a webcam "
        "sees that person.",
    )
    if view == "front":
        st.caption(
            "The picture is as in a mirror: what the person draws to the right runs to the right."
        )
    return view


def _can_be_shown(file: VideoFile) -> bool:
    """Whether a file is a video of enough frames; if not, an error says what it is."""
    try:
        length = cached.length(file)
        if length.frames >= LEAST_FRAMES:
            if length.changed:
                st.caption(f"Shown as the file asks: {as_text(', '.join(length.changed))}.")
            return True
        st.error(f"{as_text(file.path.name)}: only one frame; a clip needs at least {LEAST_FRAMES}")
    except BadInput as error:
        st.error(message(error))
    return False


def clip_source() -> ClipSource:
    """Draw the choice of a clip; until a video can be shown it is a rendered gesture."""
    folder = clips_folder()
    titles = {"gesture": "Rendered", "upload": "Upload", "record": "Record"}
    if folder:
        titles["folder"] = "Folder"
    links.meant("source", titles, "Folder")  # the folder of another machine is no fault of a link
    kind = st.segmented_control(
        "Clip",
        list(titles),
        format_func=by_title(titles),
        key=session.CLIP,
        default="gesture",
        required=True,
        bind="query-params",
        width="stretch",
        help="**Rendered**: air gestures drawn by this app, for which the truth is known. "
        "**Upload**: your own video. **Record**: your own camera.",
    )
    if kind == "record":
        recording = recording_source()
        if recording is not None:
            return recording
    file = None
    if kind == "upload":
        file = _uploaded()
    elif kind == "folder" and folder:
        file = _in_folder(folder)
    if file is not None and _can_be_shown(file):
        return file
    if kind != "gesture":
        own = "recorded" if kind == "record" else "chosen"
        st.caption(f"Until a video is {own}, this rendered gesture is shown:")
    return _gesture()
