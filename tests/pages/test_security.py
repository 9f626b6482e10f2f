"""What a stranger can write leads nowhere: a link's parameters, and a file that is too large.

Elsewhere: names of uploads (`test_uploads.py`), words of cards (`test_strangers.py`), what is a
lecturer's (`test_visitors.py`), another session's results (`test_cached.py`), archives and
playlists (`tests/core/video`), pickles (`tests/core/weights/test_tensors.py`).
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_routes import create_upload_routes

from core.video.limits import Limits
from pages.parts import choose_model, session
from pages.parts.sources import Rendered, VideoFile
from pages.parts.subject import Choice
from tests.core.video.test_video import ramp, write
from tests.pages.test_pages import ROOT
from tests.pages.test_uploads import File


def page() -> None:
    import streamlit as st

    from pages.parts.choose import sidebar

    st.session_state["choice"] = sidebar()


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of clips that the app was started with; beside it lies another's clip."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write(folder / "open.mp4", ramp(8))
    write(tmp_path / "secret.mp4", ramp(9))
    monkeypatch.setattr(sys, "argv", ["app.py", "--clips", str(folder)])
    return folder


@pytest.mark.parametrize("name", ["../secret.mp4", "{}/secret.mp4", "..%2fsecret.mp4"])
def test_a_link_opens_no_file_outside_the_folder_of_clips(name: str, clips: Path) -> None:
    app = AppTest.from_function(page, default_timeout=60)
    secret = clips.parent / "secret.mp4"
    asked = {
        "source": "Folder",
        "file": name.format(clips.parent),
        "upload": f"../../{secret}",
        "recording": str(secret),
        "model": f"file:{secret}",
        "label": str(secret),
    }
    for key, value in asked.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    choice: Choice = app.session_state[session.CHOICE]
    assert isinstance(choice.source, VideoFile) and choice.source.path == clips / "open.mp4"
    assert choice.model.kind == "shipped"


def test_a_link_to_an_upload_of_another_session_asks_for_the_file(clips: Path) -> None:
    """The name of an upload is that of its content, which is in links: it opens nothing."""

    def uploading(folder: str) -> None:
        from pathlib import Path

        import streamlit as st

        from pages.parts.uploads import saved_one
        from tests.pages.test_uploads import File as Upload

        secret = Path(folder, "secret.mp4")
        st.session_state["own_clip"] = saved_one(Upload("mine.mp4", secret.read_bytes()), "clip")

    owner = AppTest.from_function(uploading, kwargs={"folder": str(clips.parent)}).run()
    own: Path = owner.session_state["own_clip"]
    other = AppTest.from_function(page, default_timeout=60)
    other.query_params["source"], other.query_params["upload"] = "Upload", own.parent.name
    other.run()
    assert not other.exception and own.exists()
    assert isinstance(other.session_state[session.CHOICE].source, Rendered)
    assert any("Videos stay with their owner" in each.value for each in other.info)
    owner.session_state[session.UPLOADS].cleanup()


def test_a_refused_checkpoint_takes_the_place_of_the_refused_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.parts.uploads._room", lambda: tmp_path)
    shown = tmp_path / "checkpoint" / "shown" / "model.safetensors"
    shown.parent.mkdir(parents=True)
    for content in (b"one", b"two"):
        files = [File("w.pth", content)]
        monkeypatch.setattr(choose_model.st, "file_uploader", lambda *_, files=files, **__: files)
        choose_model._own_checkpoint(str(shown))
        kept = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
        assert kept == sorted([hashlib.sha256(content).hexdigest()[:12], "shown"])


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> tuple[TestClient, MemoryUploadedFileManager]:
    """Streamlit's own way of uploading, with the settings of this app and one open session."""
    settings = {"server.maxUploadSize": 1, "server.enableXsrfProtection": False}
    get = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: settings.get(name, get(name)))
    files = MemoryUploadedFileManager("/upload")
    runtime: Any = SimpleNamespace(is_active_session=lambda name: name == "open")
    return TestClient(Starlette(routes=create_upload_routes(runtime, files, None))), files


def test_an_upload_that_is_too_large_or_for_another_session_is_not_kept(
    uploads: tuple[TestClient, MemoryUploadedFileManager],
) -> None:
    client, files = uploads
    put = "/_stcore/upload_file/{}/1"
    small, large = b"0" * 2**19, b"0" * 3 * 2**20
    assert client.put(put.format("open"), files={"f": ("a.mp4", large)}).status_code == 413
    assert client.put(put.format("none"), files={"f": ("a.mp4", small)}).status_code == 400
    assert not any(files.file_storage.values())
    assert client.put(put.format("open"), files={"f": ("a.mp4", small)}).status_code == 204
    assert len(files.file_storage["open"]) == 1


def test_what_may_be_uploaded_is_what_is_accepted_of_a_file() -> None:
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["server"]
    assert settings["maxUploadSize"] == Limits().megabytes and settings["enableXsrfProtection"]
