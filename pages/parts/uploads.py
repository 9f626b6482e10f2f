"""The files that a visitor uploads: in a folder of their session, no longer than they are shown.

The folder ends with the session. What a server leaves that is killed, the next one removes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import psutil
import streamlit as st

from core.runs import write_atomically
from pages.parts import session
from pages.parts.visitors import count_upload

_PREFIX = "aim-uploads-"
_LONGEST = 80
"""Characters of a name; file systems take 255 bytes."""


class Upload(Protocol):
    """What is needed of Streamlit's uploaded file."""

    name: str

    def getvalue(self) -> bytes: ...


def saved(uploads: Sequence[Upload], kind: str) -> Path:
    """Put what was uploaded at once into a folder of this session, named by its content.

    `kind` tells apart what is shown at the same time: a clip, a checkpoint.

    Raises: BadInput where the disk is full, and then no file is left; where a visitor may upload no
    more.
    """
    contents = [upload.getvalue() for upload in uploads]
    folder = _room() / kind / _name_of(contents)
    if not folder.exists():
        count_upload(sum(map(len, contents)))
    folder.mkdir(parents=True, exist_ok=True)
    for upload, content in zip(uploads, contents, strict=True):
        path = folder / _file_name(upload.name)
        if not path.exists():
            _write(path, content)
    return folder


def saved_one(upload: Upload, kind: str) -> Path:
    """The file of an upload that came alone, as `saved`."""
    return saved([upload], kind) / _file_name(upload.name)


def keep_only(folder: Path, shown: Path | None = None) -> None:
    """Remove what was uploaded before in the place of this, unless it is `shown` still."""
    for other in folder.parent.iterdir():
        if other not in (folder, shown):
            shutil.rmtree(other, ignore_errors=True)


def _name_of(contents: list[bytes]) -> str:
    """Twelve hex digits that name files by what they hold; of one file they are in links."""
    digest = hashlib.sha256(contents[0])
    for content in contents[1:]:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def _file_name(name: str) -> str:
    """The name without folders, short enough for any disk, its ending kept."""
    bare = Path(name.replace("\\", "/").replace("\0", "")).name
    bare = bare if bare.strip(".") else "upload"
    while len(bare[-_LONGEST:].encode()) > 200:
        bare = bare[1:]
    return bare[-_LONGEST:]


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _room() -> Path:
    """This session's folder."""
    if session.UPLOADS not in st.session_state:
        remove_left_behind(Path(tempfile.gettempdir()))
        st.session_state[session.UPLOADS] = tempfile.TemporaryDirectory(
            prefix=f"{_PREFIX}{os.getpid()}-"
        )
    return Path(st.session_state[session.UPLOADS].name)


@cache
def remove_left_behind(temporary: Path) -> None:
    """Remove the folders of servers that are no more: once for a server, at its first upload."""
    for folder in temporary.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
