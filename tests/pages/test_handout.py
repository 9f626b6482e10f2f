"""Hand out: what the dialog says and makes, and what it keeps in mind of the page's figures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.handout import again, file_name
from pages.parts.sources import VideoFile

ROOT = Path(__file__).parents[2]


def opened(page: str, model: str = "rvit") -> AppTest:
    """A page as the router draws it, with the button behind it."""

    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts import slides
        from pages.parts.choose import sidebar
        from pages.parts.handout import hand_out

        choice = st.session_state["choice"] = sidebar()
        slides.forget()
        runpy.run_path(page)
        hand_out(choice)

    app = AppTest.from_function(
        run, default_timeout=120, kwargs={"page": str(ROOT / "pages" / page)}
    )
    app.session_state["model"] = model
    return app.run()


@pytest.fixture(scope="module")
def app() -> AppTest:
    return opened("gradcam.py")


def test_the_button_opens_a_page_of_the_models_that_are_asked_for(app: AppTest) -> None:
    assert not app.exception and app.button(key="hand-out").label == "Hand out"
    app.button(key="hand-out").click().run()
    assert not app.exception and not app.error
    assert app.multiselect(key="hand-out-models").value == ["rvit"]
    labels = [button.proto.label for button in app.get("download_button")]
    assert [label for label in labels if re.fullmatch(r"Download, [12]\.\d MB", label)]
    assert not any("Your clip is in the file" in warning.value for warning in app.warning)


def test_the_figures_of_the_page_are_kept_in_mind_by_the_keys_of_their_charts(
    app: AppTest,
) -> None:
    figures = app.session_state["figures"]
    assert {"cam", "classes-rvit"} <= set(figures)
    assert figures["cam"].name == "attention-cam"
    assert any("GradCAM" in line for line in figures["cam"].lines)
    assert set(figures["cam"].numbers) >= {"gradcam_rvit", "token_times_rvit"}


def test_the_command_makes_the_same_page_where_one_does(app: AppTest) -> None:
    choice = app.session_state["choice"]
    clip = "python -m core render --label carret --seed 13 --out carret.mp4"
    page = "python -m core handout carret.mp4 --models rvit --out page.html"
    assert again([choice]) == f"{clip} && {page}"
    assert file_name(choice) == "rendered_carret_seed_13"
    file = replace(choice, source=VideoFile(Path("a b.mp4"), is_upload=True))
    file = replace(file, clip=replace(file.clip, source="a b.mp4"))
    assert again([file]) == page.replace("carret.mp4", "'a b.mp4'").replace(clip, "")
    assert again([replace(choice, part=(0.5, 1.5))]) == ""
    assert again([replace(choice, crop="fit" if choice.crop == "centre" else "centre")]) == ""
