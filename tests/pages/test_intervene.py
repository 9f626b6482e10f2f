"""The page Intervene: what it says is what core computes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.draw.matrices import share_map
from core.explain import patching as patch
from core.explain.intervene import Intervention, intervening
from core.order import read
from core.order.trials import permutation_of
from core.video import Clip
from core.weights import Model
from pages.parts import cached
from pages.parts.another_clip import another_clip
from pages.parts.intervening import _class, patch_name
from pages.parts.sources import ModelSource, Rendered
from pages.parts.subject import Choice
from tests.pages.test_pages import ROOT, no_runs, opened

__all__ = ["no_runs"]  # a fixture
CARRET = Rendered("carret", 13)


def choice(name: str = "direcformer") -> Choice:
    clip = cached.clip(CARRET, 8, "uniform", 4, None, None)
    return Choice(CARRET, clip, ModelSource("shipped", name), "fit")


def sentence(app: AppTest) -> str:
    return app.markdown[0].value


def test_heads_that_are_off_change_the_sentence_as_core_says_and_undo_brings_them_back() -> None:
    app = opened("direcformer", str(ROOT / "pages" / "intervene.py"))
    assert sentence(app).startswith("**Untouched, DirecFormer sees *carret*")
    app.multiselect(key="heads_off").set_value(["time.5.1"]).run()
    app.multiselect(key="layers_off").set_value([7]).run()
    changed = cached.changed_trace(choice(), Intervention.parse("time.5.1=0,layer.7=0"))
    best = int(changed.probabilities.argmax())
    label = changed.card.labels[best]
    assert f"sees *{label}* with {100 * changed.probabilities[best]:.1f} %" in sentence(app)
    app.button(key="undo").click().run()
    assert app.multiselect(key="layers_off").value == []
    assert app.multiselect(key="heads_off").value == ["time.5.1"]
    app.button(key="untouched").click().run()
    assert sentence(app).startswith("**Untouched")
    assert not app.exception


def test_undo_after_a_link_goes_back_to_what_the_link_shows() -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["heads_off"] = "time, layer 6, head 2"
    app.switch_page("pages/intervene.py").run()
    assert app.button(key="undo").disabled
    app.multiselect(key="layers_off").set_value([7]).run()
    app.button(key="undo").click().run()
    assert app.multiselect(key="heads_off").value == ["time.5.1"]
    assert app.multiselect(key="layers_off").value == [] and not app.exception


def test_heads_and_layers_can_be_scaled_and_patches_hidden_as_core_does_it() -> None:
    app = opened("direcformer", str(ROOT / "pages" / "intervene.py"))
    app.multiselect(key="heads_off").set_value(["time.5.1"])
    app.slider(key="factor").set_value(0.5)
    app.multiselect(key="layers_off").set_value([2])
    app.multiselect(key="patches_hidden").set_value(["4.3.2"]).run()
    intervention = Intervention.parse("time.5.1=0.5,layer.2=0.5,patch.4.3.2")
    asked = choice()
    changed = cached.changed_trace(asked, intervention)
    best = int(changed.probabilities.argmax())
    probability = f"{100 * changed.probabilities[best]:.1f} %"
    assert f"sees *{changed.card.labels[best]}* with {probability}" in sentence(app)
    with intervening(asked.seeing, intervention, cached.trace(asked).grid):
        reading = read(asked.seeing, asked.clip, permutation_of(asked.clip.source, 8, 0))
    frames = [reading.permutation[slot] + 1 for slot in reading.unflattered().order.path]
    assert "in order (untouched: " in sentence(app)
    assert f": {' '.join(map(str, frames))} (untouched: " in sentence(app)
    assert patch_name("4.3.2") == "frame 5, row 4, column 3"
    app.session_state["frames"] = 4  # then there is no fifth frame
    app.run()
    assert app.multiselect(key="patches_hidden").value == []
    assert not app.exception and not app.error


def test_the_twin_can_be_a_clip_of_another_stroke(monkeypatch: pytest.MonkeyPatch) -> None:
    twins: list[Clip] = []

    def traced(model: Model, clip: Clip, twin: Clip, progress: object) -> SimpleNamespace:
        twins.append(twin)
        return SimpleNamespace(stream=np.empty(0))

    monkeypatch.setattr(patch, "patching", traced)
    asked = choice("far")
    other = another_clip(asked)
    assert (other.clip.source, len(other.clip)) == ("render:left:13", 8)  # carret is the last
    cached.patching(asked, "another", other=other.clip)
    cached.patching(asked, "frozen")
    assert twins[0].id == other.clip.id != twins[1].id


def test_a_name_of_a_class_is_shown_as_it_is() -> None:
    named = SimpleNamespace(card=SimpleNamespace(labels=("*bold* <b>",)))
    assert _class(cast(Choice, named), np.array([1.0])) == r"*\*bold\* \<b\>* with 100.0 %"


@pytest.mark.long
def test_a_trace_names_the_head_that_brings_back_most_and_a_click_switches_it_off() -> None:
    app = opened("direcformer", str(ROOT / "pages" / "intervene.py"))
    app.button(key="trace").click().run(timeout=60)
    result = cached.patching(choice(), "reversed")
    layer, head = np.unravel_index(result.heads["time"].argmax(), result.heads["time"].shape)
    most = f"{100 * result.heads['time'].max():.0f} %"
    assert result.heads["time"].max() > result.heads["space"].max()
    text = next(m.value for m in app.markdown if "brings back" in m.value)
    assert f"time, layer {layer + 1}, head {head + 1} alone brings back {most}" in text
    app.button(key="switch_off").click().run()
    assert app.multiselect(key="heads_off").value == [f"time.{layer}.{head}"]
    assert not app.exception


def test_parts_that_another_model_does_not_have_are_let_go() -> None:
    app = opened("direcformer", str(ROOT / "pages" / "intervene.py"))
    app.multiselect(key="heads_off").set_value(["time.5.1", "space.0.0"])
    app.multiselect(key="layers_off").set_value([7]).run()
    app.session_state["model"] = "rvit"
    app.run()
    assert app.multiselect(key="heads_off").value == app.multiselect(key="layers_off").value == []
    assert not app.exception and not app.error


def test_a_share_of_nearly_nothing_is_written_without_a_sign() -> None:
    figure = share_map(np.array([[-0.001, 1.5]]), ["layer 1"], ["head 1", "head 2"])
    assert [note.text for note in figure.layout.annotations] == ["0", "150"]


@pytest.mark.parametrize("name", ["rvit", "am_flow", "far"])
def test_what_can_be_changed_is_what_the_model_has(name: str) -> None:
    parts = cached.parts(choice(name))
    expected = {
        "rvit": ({"gate": 5}, 5, True, False),
        "am_flow": ({"vit": 5}, 5, False, True),
        "far": ({"global": 7, "local": 7}, 7, False, False),
    }[name]
    heads = {tap: len(layers) for tap, layers in parts.heads.items()}
    assert (heads, parts.layers, parts.has_state, parts.has_flow) == expected
