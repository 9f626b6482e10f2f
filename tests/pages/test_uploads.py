"""What a visitor uploads is kept while it is shown, and no longer."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import BadInput
from pages.parts import room as room_of_lessons
from pages.parts import uploads
from pages.parts.sources import VideoFile
from pages.parts.uploads import keep_only, remove_left_behind, saved, saved_one


@dataclass(frozen=True)
class File:
    """An upload without a server."""

    name: str
    content: bytes

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(uploads, "_room", lambda: tmp_path)
    return tmp_path


def files(room: Path) -> list[str]:
    return sorted(str(path.relative_to(room)) for path in room.rglob("*") if path.is_file())


def test_an_upload_takes_the_place_of_the_one_before_of_its_kind(room: Path) -> None:
    names = [hashlib.sha256(content).hexdigest()[:12] for content in (b"one", b"two")]
    keep_only(saved([File("a.mp4", b"one")], "clip"))
    saved([File("w.pth", b"weights"), File("config.json", b"{}")], "checkpoint")
    keep_only(saved([File("b.mp4", b"two")], "clip"))
    assert [name for name in files(room) if name.startswith("clip")] == [f"clip/{names[1]}/b.mp4"]
    assert sum(name.startswith("checkpoint") for name in files(room)) == 2


def test_files_that_came_together_lie_together_and_another_set_elsewhere(room: Path) -> None:
    weights = File("w.pth", b"weights")
    first = saved([weights, File("config.json", b"1")], "checkpoint")
    assert saved([weights, File("config.json", b"2")], "checkpoint") != first
    assert {path.name for path in first.iterdir()} == {"w.pth", "config.json"}


def test_one_content_under_two_names_is_two_files(room: Path) -> None:
    paths = [saved_one(File(name, b"1"), "gesture") for name in ("a.mp4", "b.mp4")]
    assert [path.name for path in paths] == ["a.mp4", "b.mp4"]
    assert all(path.read_bytes() == b"1" for path in paths)


def test_two_uploads_of_one_name_are_taught_each_from_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    monkeypatch.setattr(room_of_lessons, "room", lambda: tmp_path / "room")
    copies = []
    for content in (b"one", b"two"):
        path = tmp_path / content.decode() / "clip.mp4"
        path.parent.mkdir()
        path.write_bytes(content)
        source = VideoFile(path, is_upload=True)
        choice: Any = SimpleNamespace(source=source, is_upload=True)
        copies.append(room_of_lessons.file_of(choice))
        shutil.rmtree(path.parent)  # the next upload takes its place
    assert [path.read_bytes() for path in copies] == [b"one", b"two"]
    assert {path.name for path in copies} == {"clip.mp4"}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.mp4", "evil.mp4"),
        ("/etc/cron.d/x.mp4", "x.mp4"),
        ("x" * 300 + ".mp4", "x" * 76 + ".mp4"),
        ("字" * 300 + ".mp4", "字" * 65 + ".mp4"),
        ("a\0b.mp4", "ab.mp4"),
        ("..", "upload"),
        ("", "upload"),
    ],
)
def test_a_name_leads_nowhere_else(room: Path, name: str, kept: str) -> None:
    folder = saved([File(name, b"1")], "clip")
    assert [path.name for path in folder.iterdir()] == [kept] and len(files(room)) == 1


def test_a_full_disk_leaves_no_half_upload(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        with open(self, "wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BadInput, match="there is no room for it"):
        saved([File("a.mp4", b"video")], "clip")
    assert files(room) == []


def test_what_a_killed_server_left_is_removed_and_nothing_of_a_running_one(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for owner in (str(gone.pid), str(os.getpid()), "other"):
        folder = tmp_path / f"aim-uploads-{owner}-x"
        folder.mkdir()
        (folder / "clip.mp4").write_bytes(b"1")
    (tmp_path / "aim-else").mkdir()
    remove_left_behind(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"aim-uploads-{os.getpid()}-x",
        "aim-uploads-other-x",
        "aim-else",
    }
