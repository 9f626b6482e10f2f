"""Every page opens on every model, with a result and without an error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.models import available
from core.weights import VARIANTS, load, model_of, shipped, shipped_title

ROOT = Path(__file__).parents[2]
PAGES = sorted(p.name for p in (ROOT / "pages").glob("*.py"))
ABOUT_ALL = (
    "backbones.py",
    "data_set.py",
    "gestures.py",
    "lessons.py",
    "live.py",
    "results.py",
    "training.py",
)
"""Pages that are about no one model's pass over the clip."""
SHOWS_A_MODEL = [name for name in PAGES if name not in ABOUT_ALL]


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
    app.session_state["model"] = name if name in shipped() else f"random:{name}"
    return app.run()


def often(name: str, is_often: bool) -> Any:
    """A value of every run of the tests, or one for make long."""
    return pytest.param(name, marks=() if is_often else pytest.mark.long)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        pytest.param(
            name,
            page,
            marks=() if name == "direcformer" or page == "explore.py" else pytest.mark.long,
        )
        for name in [*sorted(available()), *VARIANTS]
        for page in SHOWS_A_MODEL
    ],
)
def test_a_page_opens_on_a_model(name: str, page: str) -> None:
    app = opened(name, str(ROOT / "pages" / page))
    assert not app.exception and not app.error
    assert app.session_state["choice"].card.model == model_of(name)
    assert app.get("plotly_chart")
    # a model's name is a link to where it stands among others
    lines = [re.sub(r"^\[(.+?)\]\(backbones.*?\)", r"\1", c.value) for c in app.caption]
    assert any("not an explanation" in line for line in lines)
    figures = [
        line.split(",")[0]
        for line in lines
        if " frames" in line and "weights" in line.split("·")[0]
    ]
    assert figures, "every figure says where it comes from"
    included = {shipped_title(shown) for shown in shipped()}
    for line in lines:
        if line.split(",")[0] in figures:  # a page may show another model beside the chosen one
            assert ("random weights" in line) == (line.split(",")[0] not in included), line


@pytest.mark.parametrize(
    "name", [often(name, name == "direcformer") for name in sorted(available())]
)
def test_the_training_page_opens_whatever_the_model(name: str) -> None:
    app = opened(name, str(ROOT / "pages" / "training.py"))
    assert not app.exception and not app.error
    assert len(app.dataframe) >= 2 and app.button(key="start").label == "Start"


@pytest.mark.parametrize(
    "page",
    [often(page, page in ("explore.py", "frame_order.py", "intervene.py")) for page in PAGES],
)
def test_a_page_opens_on_a_model_that_is_one_new_file(toy: str, page: str) -> None:
    app = opened(toy, str(ROOT / "pages" / page))
    assert not app.exception and not app.error
    assert app.session_state["choice"].title == "Toy"


def test_random_weights_are_announced_above_every_page(toy: str) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["model"] = f"random:{toy}"
    app.run()
    assert not app.exception and "Random weights." in app.error[0].value
    assert [m.value for m in app.markdown if "icon" in m.value] == [], "app.py writes no comment"


def test_an_attribution_is_computed_when_asked_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.explain import attribute

    calls: list[int] = []
    known = attribute.attribute
    monkeypatch.setattr(attribute, "attribute", lambda *args: calls.append(1) or known(*args))
    app = opened("timesformer", str(ROOT / "pages" / "gradcam.py"))
    before = len(app.get("plotly_chart"))
    assert any(i.value.endswith(" s where the score jumps.") for i in app.info)
    asked: list[str] = []
    monkeypatch.setattr(attribute, "seconds", lambda method, *_: asked.append(method) or 38.2)
    app.selectbox(key="method").set_value("saliency").run()
    assert len(app.get("plotly_chart")) == before and not calls
    assert any(i.value.endswith("when asked: about 38 s on this computer.") for i in app.info)
    app.button(key="attribute").click().run()
    assert not app.exception and len(app.get("plotly_chart")) == before + 1 and calls == [1]
    assert not app.get("doc_string"), "nothing is drawn by a bare expression"
    assert any("Saliency of" in c.value for c in app.caption)
    app.selectbox(key="method").set_value("occlusion").run()
    app.selectbox(key="method").set_value("saliency").run()
    assert len(app.get("plotly_chart")) == before + 1 and calls == [1]
    assert asked == ["saliency", "occlusion"], "each is timed once"


def test_a_model_that_cannot_take_the_clip_is_left_out_of_the_comparison_with_a_line() -> None:
    app = opened("timesformer", str(ROOT / "pages" / "compare.py"))
    part = next(slider for slider in app.slider if slider.label == "Part (seconds)")
    part.set_value((1.0, 1.6)).run()
    app.multiselect[0].set_value(["timesformer", "direcformer", "far"]).run()
    assert not app.exception and not app.error
    assert ["16 needed" in w.value for w in app.warning] == [True]
    app.multiselect[0].set_value(["far", "videomae"]).run()
    assert not app.exception and not app.error and len(app.warning) == 2
    assert any("TimeSformer" in c.value and "layer 8" in c.value for c in app.caption), (
        "where none is left, the sidebar's own is shown"
    )


def test_the_aligning_encoder_is_shown_where_the_weights_have_one() -> None:
    app = opened("am_flow", str(ROOT / "pages" / "am_flow.py"))
    has = load("am_flow").net.aligning is not None
    assert not app.exception and any("no aligning encoder" in i.value for i in app.info) != has
    assert any("aligned" in c.value for c in app.caption) == has


TWO_VISITORS = """
import importlib.abc, runpy, sys, threading
import plotly.graph_objects, streamlit
from pages.parts import choose

class HalfWay(importlib.abc.MetaPathFinder):
    reached, go_on = threading.Event(), threading.Event()

    def find_spec(self, name, path, target=None):
        if name == "pandas.core.api":
            self.reached.set()
            self.go_on.wait()

sys.meta_path.insert(0, HalfWay())
threading.Thread(target=__import__, args=["pandas"]).start()
if not HalfWay.reached.wait(60):
    sys.exit("pandas was imported already, or imports its parts under other names")
threading.Timer(1, HalfWay.go_on.set).start()
streamlit.set_page_config = lambda **settings: sys.exit(
    0 if hasattr(sys.modules["pandas"], "Series") else "pandas is half imported"
)
runpy.run_path("app.py")
"""


@pytest.mark.long
def test_pandas_is_whole_before_a_page_runs_though_another_visitors_thread_is_importing_it() -> (
    None
):
    done = subprocess.run(
        [sys.executable, "-c", TWO_VISITORS], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
