"""Pages before a frozen image model: every view but classes and GradCAM, which a line says."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.models import spec
from core.weights.card import NO_CLASSES
from tests.hub_images import saved
from tests.pages.test_pages import ABOUT_ALL, PAGES, ROOT

SAYS_NOTHING = ("backbones.py", "lessons.py", "results.py", "training.py", "am_flow.py")
"""Pages that ask for no class, or not for one of this model."""
OFTEN = (("dinov2", "explore.py"), ("dinov2", "gradcam.py"), ("hiera", "explore.py"))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each family, laid out as on the hub."""
    root = tmp_path_factory.mktemp("hub")
    for family in ("dinov2", "hiera"):
        saved(family, root / family)
    return {family: root / family / "model.safetensors" for family in ("dinov2", "hiera")}


def opened(checkpoint: Path, page: str) -> AppTest:
    def run(page: str) -> None:
        import runpy

        import streamlit as st

        from pages.parts.choose import sidebar

        st.session_state["choice"] = sidebar()
        runpy.run_path(page)

    app = AppTest.from_function(
        run, default_timeout=120, kwargs={"page": str(ROOT / "pages" / page)}
    )
    app.session_state["own_checkpoint"] = str(checkpoint)
    app.session_state["model"] = f"file:{checkpoint}"
    return app.run()


@pytest.mark.parametrize(
    ("family", "page"),
    [
        pytest.param(family, page, marks=() if (family, page) in OFTEN else pytest.mark.long)
        for family in ("dinov2", "hiera")
        for page in PAGES
    ],
)
def test_a_page_shows_all_but_classes_and_says_why(
    checkpoints: dict[str, Path], family: str, page: str
) -> None:
    app = opened(checkpoints[family], page)
    assert not app.exception and not app.error
    assert app.session_state["choice"].title == spec(family).title
    if page in SAYS_NOTHING or page == "gestures.py":
        return
    assert [info.value for info in app.info if NO_CLASSES in info.value]
    if page == "gradcam.py":
        assert {"to-explore", "to-am_flow"} <= {button.key for button in app.button}
    if page not in (*ABOUT_ALL, "gradcam.py", "trust.py", "frame_order.py"):
        assert app.get("plotly_chart")


def test_random_weights_are_called_so(tmp_path: Path) -> None:
    saved("dinov2", tmp_path / "random", trained=False)
    app = opened(tmp_path / "random" / "model.safetensors", "explore.py")
    assert not app.exception and not app.error
    assert any("Random weights: it has learned nothing" in c.value for c in app.caption)
