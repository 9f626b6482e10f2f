"""The sidebar of a clip that is too long, and of a long search for motion."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import choose, search
from tests.core.video.test_video import ramp, write


def _page(share: float) -> None:
    import streamlit as st

    from pages.parts.search import Search

    st.selectbox("Sampling", ["motion", "uniform"], key="sampling")
    looking = Search()
    if st.session_state["sampling"] == "motion":
        looking(share)
    else:
        looking.close()


def test_a_long_search_has_a_bar_and_a_stop_that_takes_evenly_spaced_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "SOON", 0.0)
    page = AppTest.from_function(_page, args=(0.25,)).run()
    assert "Looking for motion: 25 %" in str(page.get("progress")[0].proto)
    page.button(key="stop-search").click().run()
    assert page.selectbox(key="sampling").value == "uniform"
    assert not page.get("progress") and not page.exception


def test_a_short_search_draws_nothing() -> None:
    assert not AppTest.from_function(_page, args=(0.25,)).run().get("progress")


def _sidebar() -> None:
    import streamlit as st

    from pages.parts.choose import sidebar

    choice = sidebar()
    st.text(f"{choice.part} {choice.clip.times[-1] < 1}")


def test_a_clip_that_is_too_long_opens_on_its_beginning_and_offers_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "long.mp4", ramp(24))
    monkeypatch.setattr(sys, "argv", ["app.py", "--clips", str(tmp_path)])
    monkeypatch.setattr(choose, "OF_A_LONG_CLIP", 0.9)
    monkeypatch.setenv("AIM_MAX_SECONDS", "1")
    page = AppTest.from_function(_sidebar, default_timeout=60)
    page.session_state["source"] = "folder"
    page.run()
    assert page.text[0].value == "(0.0, 0.9) True" and not page.error
    assert any("a part is shown, of up to 1 s" in each.value for each in page.caption)
    part = next(each for each in page.slider if each.label == "Part (seconds)")
    assert (part.min, part.max) == (0.0, 2.4)
    part.set_value((1.0, 1.9)).run()
    assert page.text[0].value == "(1.0, 1.9) False" and not page.error
    part = next(each for each in page.slider if each.label == "Part (seconds)")
    part.set_value((0.0, 2.4)).run()
    assert page.text[0].value == "(0.0, 0.9) True"
    assert "give a shorter one. The beginning is shown instead" in page.error[0].value
