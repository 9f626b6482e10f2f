"""What a key of the caches is made of, and that a full room of visitors costs one computation."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import observe
from core.draw.overlay import write_mp4
from core.errors import NotAVideo, OverLimitNow
from core.order import Affinity
from core.video import Clip
from core.weights import Model, load, load_checkpoint
from core.world.gestures import render
from pages.parts import cached, loaded, once, session, subject
from pages.parts.once import made_once, nbytes
from pages.parts.sources import ModelSource, Rendered, VideoFile
from pages.parts.store import Store
from pages.parts.subject import Choice


@dataclass(frozen=True)
class Place:
    """An origin of values in these tests."""

    place: str = "here"
    is_upload: bool = False


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of this test's own in place of the one that all visitors share."""
    own = Store()
    monkeypatch.setattr(once, "_shared", lambda: own)
    return own


def a_choice(seed: int = 0) -> Choice:
    frames = np.random.default_rng(seed).integers(0, 255, (8, 24, 32, 3), np.uint8)
    clip = Clip(frames, np.arange(8) / 8, "noise", f"noise {seed}")
    return Choice(Rendered("tick", seed), clip, ModelSource("shipped", "direcformer"), "fit")


def test_a_value_is_told_apart_by_its_function_its_origin_and_its_arguments(shared: Store) -> None:
    calls = []

    @made_once(size=nbytes)
    def ones(origin: Place, count: int, value: float = 1.0) -> np.ndarray:
        calls.append((origin, count, value))
        return np.full(count, value)

    @made_once(size=nbytes)
    def zeros(origin: Place, count: int, value: float = 1.0) -> np.ndarray:
        return np.zeros(count)

    assert ones.here(Place(), 3) is None and not calls
    assert ones(Place(), 3) is ones(Place(), count=3) is ones.here(Place(), 3, 1.0)
    assert len(calls) == 1 and shared.held == 24
    assert zeros(Place(), 3).sum() == 0, "another function"
    assert len(ones(Place(), 4)) == 4 and ones(Place("there"), 3) is not ones(Place(), 3)
    assert ones(Place(), 3, 2.0).sum() == 6 and len(calls) == 4


def test_what_says_how_a_value_is_made_does_not_tell_it_apart(shared: Store) -> None:
    told: list[float] = []

    @made_once(size=nbytes)
    def slowly(origin: Place, *, progress: object = None) -> np.ndarray:
        progress(1.0)
        return np.zeros(2)

    first = slowly(Place(), progress=told.append)
    assert slowly(Place(), progress=pytest.fail) is first is slowly.here(Place())
    assert told == [1.0]


def test_the_place_of_a_value_can_be_another_one(shared: Store) -> None:
    @made_once(size=nbytes, place=lambda origin, count: count)
    def anywhere(origin: Place, count: int) -> np.ndarray:
        return np.zeros(count)

    assert anywhere(Place(), 3) is anywhere(Place("there"), 3)


def test_four_visitors_who_open_a_clip_run_the_model_once(
    shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "loaded", lambda source: model)
    model, calls = load("direcformer"), []
    meeting = threading.Barrier(4)
    known = observe.observe

    def counted(*args: object) -> observe.Trace:
        calls.append(threading.get_ident())
        return known(*args)

    def visit() -> np.ndarray:
        meeting.wait(30)
        cached.gradcam(choice, 0)
        cached.payload(choice, None, None, "noise")
        return cached.trace(choice).logits

    monkeypatch.setattr(observe, "observe", counted)
    choice = a_choice()
    with ThreadPoolExecutor(4) as room:
        logits = [visitor.result(120) for visitor in [room.submit(visit) for _ in range(4)]]
    assert len(calls) == 1 and all(one is logits[0] for one in logits)


def test_four_visitors_who_open_a_model_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, meeting = [], threading.Barrier(4)
    stores = {"weights": Store(4), "random": Store(4)}

    def counted(source: str) -> Model:
        calls.append(source)
        return load_checkpoint(source)

    def visit() -> Model:
        meeting.wait(30)
        return loaded.loaded(ModelSource("shipped", "rvit"))

    monkeypatch.setattr(loaded, "_stores", lambda: stores)
    monkeypatch.setattr(loaded, "load_checkpoint", counted)
    with ThreadPoolExecutor(4) as room:
        models = [visitor.result(120) for visitor in [room.submit(visit) for _ in range(4)]]
    assert len(calls) == 1 and all(model is models[0] for model in models)


def test_what_the_pixels_say_is_made_once_for_all_models(
    shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "loaded", lambda source: load(source.name))
    direcformer = a_choice()
    timesformer = replace(direcformer, model=ModelSource("shipped", "timesformer"))
    once = ((3, 1, 0, 2, 7, 6, 5, 4),)
    assert cached.optical_flow(direcformer) is cached.optical_flow(timesformer)
    assert cached.pixel_shuffles(direcformer, once) is cached.pixel_shuffles(timesformer, once)
    affinity = Affinity(None, "mean", 0.0)
    assert cached.shuffles(direcformer, affinity, once) is cached.shuffles.here(
        direcformer, affinity, once
    )
    assert cached.shuffles.here(timesformer, affinity, once) is None
    assert cached.shuffles.here(direcformer, replace(affinity, sharpness=8.0), once) is None


def test_a_file_that_is_refused_is_asked_once_unless_only_the_computer_was_busy(
    shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(path: Path, *_: object, **__: object) -> None:
        asked.append(path.name)
        raise (OverLimitNow if path.name == "slow.mp4" else NotAVideo)(f"{path.name}: no")

    def page(path) -> None:
        import pytest

        from core.errors import VideoError
        from pages.parts import cached
        from pages.parts.sources import VideoFile

        for _ in range(3):
            with pytest.raises(VideoError, match=f"^{path.name}: no$"):
                cached.length(VideoFile(path, is_upload=True))

    monkeypatch.setattr(cached, "probe_apart", refuse)
    for name in ("bad.mp4", "slow.mp4"):
        visit = AppTest.from_function(page, kwargs={"path": tmp_path / name}).run()
        assert not visit.exception
    assert asked == ["bad.mp4", *["slow.mp4"] * 3]


def test_an_upload_and_what_comes_of_it_stay_in_its_session(shared: Store, tmp_path: Path) -> None:
    def page(source) -> None:
        from pages.parts import cached

        cached.clip(source, 4, "uniform", 1, None, None)

    path = tmp_path / "clip.mp4"
    write_mp4(path, render("tick", 1, frames=8).frames, 12)
    visits = [
        AppTest.from_function(page, kwargs={"source": VideoFile(path, is_upload)}).run()
        for is_upload in (True, False)
    ]
    assert not any(visit.exception for visit in visits)
    assert len(visits[0].session_state[session.STORE]) == 1 == len(shared)
    assert session.STORE not in visits[1].session_state
