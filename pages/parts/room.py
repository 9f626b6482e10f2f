"""The folder of what a session teaches: files of its clips, and the runs that learn from them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import streamlit as st

from core.draw.overlay import frame_rate, write_mp4
from pages.parts import runs, session
from pages.parts.sources import Recorded, Rendered, VideoFile
from pages.parts.subject import Choice


class Room:
    """A folder that lives as long as its session.

    When the session is over, what runs there is ended, and all of it is removed.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="aim-lessons-")).resolve()
        weakref.finalize(self, _clear, self.path)


def _clear(path: Path) -> None:
    for run in path.glob("*"):  # none where somebody has removed the folder
        runs.stop(run)
    shutil.rmtree(path, ignore_errors=True)


def room() -> Path:
    """This session's folder."""
    if session.LESSON_ROOM not in st.session_state:
        st.session_state[session.LESSON_ROOM] = Room()
    path: Path = st.session_state[session.LESSON_ROOM].path
    return path


def new_folder(kind: str) -> Path:
    """The next folder of this kind, which is not there yet."""
    return room() / f"{kind}-{sum(1 for _ in room().glob(f'{kind}-*'))}"


def file_of(choice: Choice) -> Path:
    """The clip's file; what has none is written to one, which goes with the session."""
    if isinstance(choice.source, VideoFile):
        if not choice.is_upload:
            return choice.source.path
        # two uploads may have one name; the folder of each is called by what it holds
        path = room() / choice.source.path.parent.name / choice.source.path.name
        if not path.exists():  # another upload may take its place meanwhile
            path.parent.mkdir(exist_ok=True)
            shutil.copy(choice.source.path, path)
        return path
    if isinstance(choice.source, Recorded):
        path = room() / f"{choice.source.recording.title.replace(' ', '-')}.mkv"
        if not path.exists():
            choice.source.recording.write(path)
        return path
    assert isinstance(choice.source, Rendered)
    name = str(choice.source).removeprefix("render:").replace(":", "-")
    path = room() / f"{name}.mp4"
    if not path.exists():
        gesture = choice.source.uncut.whole()
        write_mp4(path, gesture.frames, frame_rate(gesture.times))
    return path
