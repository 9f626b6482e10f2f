"""Every page opens on every model, with a result and without an error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.models import available
from core.weights import embedded

ROOT = Path(__file__).parents[2]
PAGES = sorted(p.name for p in (ROOT / "pages").glob("*.py"))
SHOWS_A_MODEL = [name for name in PAGES if name != "training.py"]


@pytest.fixture(autouse=True)
def no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training page finds no run, whatever this machine has trained."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--runs", str(tmp_path / "runs")])


def opened(name: str, page: str) -> AppTest:
    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    app = AppTest.from_function(run, default_timeout=120, kwargs={"page": page})
    app.session_state["model"] = name if name in embedded() else f"random:{name}"
    return app.run()


@pytest.mark.parametrize("page", SHOWS_A_MODEL)
@pytest.mark.parametrize("name", sorted(available()))
def test_a_page_opens_on_a_model(name: str, page: str) -> None:
    app = opened(name, str(ROOT / "pages" / page))
    assert not app.exception and not app.error
    assert app.session_state["choice"].card.model == name
    assert len(app.get("plotly_chart")) >= 2
    lines = [c.value for c in app.caption]
    assert any("not an explanation" in line for line in lines)
    assert any("random weights" in line for line in lines) == (name not in embedded())


@pytest.mark.parametrize("name", sorted(available()))
def test_the_training_page_opens_whatever_the_model(name: str) -> None:
    app = opened(name, str(ROOT / "pages" / "training.py"))
    assert not app.exception and not app.error
    assert len(app.dataframe) == 2 and app.button(key="start").label == "Start"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_on_a_model_that_is_one_new_file(toy: str, page: str) -> None:
    app = opened(toy, str(ROOT / "pages" / page))
    assert not app.exception and not app.error
    assert app.session_state["choice"].title == "Toy"


def test_random_weights_are_announced_above_every_page() -> None:
    untrained = [name for name in sorted(available()) if name not in embedded()]
    if not untrained:
        pytest.skip("every model has a shipped checkpoint")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["model"] = f"random:{untrained[0]}"
    app.run()
    assert not app.exception and "Random weights." in app.error[0].value
