"""What the server gives back by itself: sessions that were left, garbage, results for nobody."""

from __future__ import annotations

import asyncio
import gc
import tomllib
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.parts import housekeeping
from pages.parts.store import Store
from tests.pages.test_pages import ROOT


class Left:
    """A session that a visitor has left."""

    id = "left"
    _scriptrunner: object = None

    def __init__(self) -> None:
        self.is_over = False
        self.session_state = {"uploads": "a folder that ends with what holds it"}

    def shutdown(self) -> None:
        self.is_over = True


@pytest.fixture
def clock() -> Any:
    return SimpleNamespace(now=0.0)


@pytest.fixture
def manager(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebsocketSessionManager]:
    """The sessions of a server, whose time the test sets."""
    storage = MemorySessionStorage()
    monkeypatch.setattr(storage._cache, "_timer", lambda: clock.now)
    nothing: Any = None
    manager = WebsocketSessionManager(storage, nothing, nothing, nothing)
    runtime = SimpleNamespace(_session_mgr=manager)
    monkeypatch.setattr(housekeeping, "get_instance", lambda: runtime)
    yield manager
    storage._cache.clear()  # type: ignore[attr-defined]


def test_a_session_ends_when_its_visitor_did_not_come_back_in_time(
    manager: WebsocketSessionManager, clock: Any
) -> None:
    session: Any = Left()
    manager._session_storage.save(SimpleNamespace(session=session))  # type: ignore[arg-type]
    clock.now = 119.0
    assert housekeeping.end_sessions() == 1 and session.session_state
    clock.now = 121.0
    assert not session.is_over, "Streamlit ends it only when somebody else leaves"
    assert housekeeping.end_sessions() == 0
    # though it is still held, as Streamlit's loop holds the session that it served last
    assert session.is_over and not session.session_state


def test_a_session_that_ends_while_its_page_is_made_keeps_what_that_is_made_of(
    manager: WebsocketSessionManager, clock: Any
) -> None:
    session: Any = Left()
    session._scriptrunner = object()
    manager._session_storage.save(SimpleNamespace(session=session))  # type: ignore[arg-type]
    clock.now = 121.0
    assert housekeeping.end_sessions() == 0
    assert session.is_over and session.session_state


def test_what_was_made_for_visitors_who_are_gone_is_let_go_once(
    manager: WebsocketSessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[bool] = []
    monkeypatch.setattr(housekeeping, "tidy", lambda *, is_empty: tidied.append(is_empty))
    rounds = iter([0, 1, 0, 0])  # visitors in each round: nobody yet, one, gone, still gone

    async def sleep(seconds: float) -> None:
        try:
            here = {str(place): Left() for place in range(next(rounds))}
        except StopIteration:
            raise asyncio.CancelledError from None
        manager._active_session_info_by_id = here  # type: ignore[assignment]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(housekeeping.keep_house(sleep))
    assert tidied == [False, True]


def test_a_round_collects_garbage_and_an_empty_server_keeps_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AIM_SERVER", raising=False)
    store = Store(10_000)
    for place in range(5):
        store.get(place, lambda: "value", lambda value: 1000)
    cycle: Any = Left()
    cycle.own = cycle
    gone = weakref.ref(cycle)
    gc.disable()
    try:
        del cycle
        housekeeping.tidy(is_empty=False)
    finally:
        gc.enable()
    assert gone() is None and store.held == 5000
    monkeypatch.setattr(housekeeping, "KEPT_FOR_NOBODY", 2000)
    housekeeping.tidy(is_empty=True)
    assert store.held == 2000 and store.peek(4) and not store.peek(0)


def test_who_came_while_the_app_was_read_is_let_go_too() -> None:
    cycle: Any = Left()
    cycle.own = cycle
    gone = weakref.ref(cycle)
    try:
        gc.freeze()  # as is done once everything is imported
        del cycle
        housekeeping.tidy(is_empty=False)
        assert gone() is not None, "what is frozen is not looked at while somebody waits"
        housekeeping.tidy(is_empty=True)
        assert gone() is None and gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(("server", "kept"), [("0", [True, True]), ("1", [False, True])])
def test_a_server_lets_go_of_what_nobody_asked_for_in_a_while(
    server: str, kept: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIM_SERVER", server)
    store, clock = Store(10_000), SimpleNamespace(now=0.0)
    monkeypatch.setattr("pages.parts.store.time.monotonic", lambda: clock.now)
    for place in range(2):
        store.get(place, lambda: "value", lambda value: 1000)
    clock.now = housekeeping.UNUSED - 1
    store.peek(1)
    clock.now = housekeeping.UNUSED + 1
    housekeeping.tidy(is_empty=False)
    assert store.held == 1000 * sum(kept)
    assert [store.peek(place) is not None for place in range(2)] == kept


def test_streamlit_leaves_the_garbage_to_us() -> None:
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert settings["runner"]["postScriptGC"] is False
