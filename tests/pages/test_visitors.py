"""Who may do what on a server, and how much of its work a visitor gets."""

from __future__ import annotations

import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from pages.parts import lecturers, visitors
from pages.parts.visitors import Share, Used
from tests.pages.test_pages import ROOT

WORD = "a long password"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server with a lecturer called ada; returns the file of lecturers."""
    file = tmp_path / "lecturers.txt"
    lecturers.add(file, "ada", WORD)
    monkeypatch.setenv(visitors.SERVER, "1")
    monkeypatch.setenv(visitors.LECTURERS, str(file))
    monkeypatch.setattr(visitors, "_PAUSE", 0.0)
    (tmp_path / "clips").mkdir()
    argv = ["app.py", "--runs", str(tmp_path / "runs"), "--clips", str(tmp_path / "clips")]
    monkeypatch.setattr(sys, "argv", argv)
    return file


def opened(page: str) -> AppTest:
    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    path = str(ROOT / "pages" / page)
    return AppTest.from_function(run, default_timeout=120, kwargs={"page": path}).run()


def keys(app: AppTest) -> set[str]:
    return {str(each.key) for each in (*app.button, *app.text_input, *app.selectbox)}


def test_training_is_for_lecturers_who_sign_in_and_out_again(server: Path) -> None:
    app = opened("training.py")
    assert not app.exception and "start" not in keys(app)
    assert any("Training is for lecturers" in each.value for each in app.info)
    labels = [option for each in app.get("button_group") for option in each.options]
    assert "Folder" not in labels, "nor is the lecturer's folder of clips shown"
    assert "Own checkpoint" not in [each.label for each in app.expander]

    def sign_in(name: str, password: str) -> None:
        app.text_input(key="lecturer-name").set_value(name)
        app.text_input(key="lecturer-password").set_value(password)
        next(each for each in app.button if each.label == "Sign in").click()
        app.run()

    sign_in("ada", "another word")
    assert "start" not in keys(app) and "No lecturer has this name" in app.error[0].value
    sign_in("ada", WORD)
    assert not app.exception and "start" in keys(app)
    labels = [option for each in app.get("button_group") for option in each.options]
    assert "Folder" in labels
    app.button(key="sign-out").click().run()
    assert "start" not in keys(app)


def test_on_a_laptop_all_is_open_and_nobody_signs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--runs", str(tmp_path / "runs")])
    app = opened("training.py")
    assert "start" in keys(app)
    assert "For lecturers" not in [each.label for each in app.expander]
    assert visitors.may_teach() and visitors.own_folder(tmp_path) == tmp_path


class Session(dict[str, Any]):
    """A session without a browser."""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Session:
    session = Session()
    monkeypatch.setattr(visitors.st, "session_state", session)
    monkeypatch.setattr(visitors, "get_script_run_ctx", lambda **_: object())
    return session


def test_each_lecturer_has_a_folder_of_runs(server: Path, state: Session, tmp_path: Path) -> None:
    assert visitors.own_folder(tmp_path) == tmp_path
    folders = set()
    for name in ("ada", "bob", "at-x", "a@x.org", "a@x.org.evil", "../b@x.org"):
        state["lecturer"] = name
        folder = visitors.own_folder(tmp_path)
        assert folder.parent == tmp_path
        folders.add(folder.name)
    assert len(folders) == 6


def test_an_address_counts_only_if_the_provider_vouches_for_it(
    server: Path, state: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write_text(server.read_text() + "prof@example.org\n")
    user: dict[str, Any] = {"is_logged_in": True, "email": "Prof@Example.org"}
    monkeypatch.setattr(visitors.st, "user", user)
    assert visitors.lecturer() is None, "no provider is set up"
    monkeypatch.setattr(visitors, "_has_provider", lambda: True)
    assert visitors.lecturer() == "prof@example.org"
    for change in (
        {"is_logged_in": False},
        {"email": "student@example.org"},
        {"email_verified": False},
    ):
        monkeypatch.setattr(visitors.st, "user", user | change)
        assert visitors.lecturer() is None


def test_a_visitor_gets_a_share_of_uploads_and_of_work(
    server: Path, state: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIM_VISITOR_UPLOADS", "3")
    monkeypatch.setenv("AIM_VISITOR_MEGABYTES", "10")
    assert visitors.share() == Share(3, 10, 1200)
    visitors.count_upload(4_000_000)
    with pytest.raises(BadInput, match="may upload 3 files and 10 MB in all"):
        visitors.count_upload(7_000_000)
    visitors.count_upload(5_000_000)
    visitors.count_upload(1)
    with pytest.raises(BadInput, match="may upload 3 files"):
        visitors.count_upload(1)
    now = iter([100.0, 101.0, 103.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    with visitors.at_work(), visitors.at_work():
        pass
    assert state["used"] == Used(3, 9.000001, 3.0), "what is made for another is counted once"
    visitors.check_work()
    state["used"].seconds = 1201
    with pytest.raises(BadInput, match="computes 1200 seconds for a visitor"):
        visitors.check_work()
    state["lecturer"] = "ada"
    visitors.check_work()
    visitors.count_upload(10**9)
    monkeypatch.setenv("AIM_VISITOR_SECONDS", "many")
    with pytest.raises(BadInput, match="AIM_VISITOR_SECONDS is 'many'"):
        visitors.share()


def test_passwords_are_kept_as_hashes_that_differ(tmp_path: Path) -> None:
    file = tmp_path / "lecturers.txt"
    lecturers.add(file, "ada", WORD)
    lecturers.add(file, "bob", WORD)
    names, _ = lecturers.read(file)
    assert WORD not in file.read_text() and names["ada"] != names["bob"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert lecturers.is_right(file, "ada", WORD) and not lecturers.is_right(file, "ada", WORD + "x")
    lecturers.add(file, "ada", "another password")
    assert len(lecturers.read(file)[0]) == 2 and not lecturers.is_right(file, "ada", WORD)
    assert not lecturers.is_right(tmp_path / "none", "ada", WORD)
    assert not lecturers.is_right(file, "eve", WORD) and not lecturers.is_right(file, "", "")


def test_a_hash_is_that_of_scrypt() -> None:
    """The third vector of RFC 7914, whose cost is ours: n = 2**14, r = 8, p = 1."""
    assert lecturers.hashed("pleaseletmein", b"SodiumChloride") == (
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )


def test_bad_names_passwords_and_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lecturers.txt"
    monkeypatch.setattr("getpass.getpass", lambda prompt: "short")
    for name, words in (("Ada", "cannot name a lecturer"), ("ada", "10 letters or more")):
        assert lecturers.main([str(file), name]) == 2 and words in capsys.readouterr().err
    assert not file.exists()
    monkeypatch.setattr("getpass.getpass", lambda prompt: WORD)
    assert lecturers.main([str(file), "ada"]) == 0 and "ada may sign in" in capsys.readouterr().out
    file.write_text("ada:plain:secret\n")
    assert lecturers.main([str(file), "ada"]) == 2
    assert "line 1 of" in capsys.readouterr().err and file.read_text() == "ada:plain:secret\n"
