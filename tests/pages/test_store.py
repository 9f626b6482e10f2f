"""The store behind the caches: made once for a full room; nobody waits for one who left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from pages.parts import store
from pages.parts.session import leave_if_asked
from pages.parts.store import Store

WAIT = 30
"""Seconds after which a test gives up on a thread."""


class Left(BaseException):
    """What Streamlit raises in the run of a visitor who leaves is no Exception either."""


class Desk:
    """Makes a value as slowly as a test wants, and counts."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> object:
        outcome = self.outcomes[self.calls]
        self.calls += 1
        self.begun.set()
        assert self.go_on.wait(WAIT)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class Room:
    """Threads that all ask one store for one key."""

    def __init__(self, limit: int = 100) -> None:
        self.looks: dict[int, int] = {}  # how often each waiting thread asked whether it may leave
        self.leaving: set[int] = set()
        self.changed = threading.Condition()
        self.store = Store(limit, leave=self._look)
        self.pool = ThreadPoolExecutor(8)

    def _look(self) -> None:
        own = threading.get_ident()
        with self.changed:
            self.looks[own] = self.looks.get(own, 0) + 1
            self.changed.notify_all()
            if own in self.leaving:
                raise Left

    def asks(self, make: Callable[[], object]) -> Future[Any]:
        return self.pool.submit(self.store.get, "key", make, lambda value: 1)

    def waits(self, visitors: int) -> list[int]:
        """The threads that wait, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.looks) == visitors, WAIT)
            return list(self.looks)

    def leaves(self, thread: int) -> None:
        with self.changed:
            self.leaving.add(thread)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(store, "STEP", 0.002)
    return Room()


def test_four_visitors_who_ask_for_one_value_make_it_once(room: Room) -> None:
    desk = Desk("value")
    first = room.asks(desk)
    assert desk.begun.wait(WAIT)
    others = [room.asks(desk) for _ in range(3)]
    room.waits(3)
    desk.go_on.set()
    values = [visitor.result(WAIT) for visitor in (first, *others)]
    assert all(value is values[0] for value in values) and desk.calls == 1
    assert room.store.get("key", desk, len) == "value" and desk.calls == 1, "and it is kept"


def test_an_error_is_told_to_everyone_who_waits_and_is_not_kept(room: Room) -> None:
    desk = Desk(ValueError("no such clip"), "value")
    first = room.asks(desk)
    assert desk.begun.wait(WAIT)
    others = [room.asks(desk) for _ in range(3)]
    room.waits(3)
    desk.go_on.set()
    for visitor in (first, *others):
        with pytest.raises(ValueError, match="no such clip"):
            visitor.result(WAIT)
    assert desk.calls == 1 and room.store.peek("key") is None
    assert room.asks(desk).result(WAIT) == "value" and desk.calls == 2


def test_the_work_of_a_visitor_who_leaves_is_taken_over_by_one_who_waits(room: Room) -> None:
    desk = Desk(Left(), "value")
    first = room.asks(desk)
    assert desk.begun.wait(WAIT)
    others = [room.asks(desk) for _ in range(3)]
    room.waits(3)
    desk.go_on.set()
    with pytest.raises(Left):
        first.result(WAIT)
    assert [visitor.result(WAIT) for visitor in others] == ["value"] * 3 and desk.calls == 2


def test_when_the_only_visitor_leaves_nothing_is_left_behind(room: Room) -> None:
    desk = Desk(Left(), "value")
    desk.go_on.set()
    with pytest.raises(Left):
        room.asks(desk).result(WAIT)
    assert room.asks(desk).result(WAIT) == "value"


def test_a_visitor_who_waits_can_leave_and_the_others_get_their_value(room: Room) -> None:
    desk = Desk("value")
    first = room.asks(desk)
    assert desk.begun.wait(WAIT)
    others = [room.asks(desk) for _ in range(2)]
    leaves, stays = room.waits(2)
    room.leaves(leaves)
    done = []
    for visitor in others:
        visitor.add_done_callback(done.append)
    with room.changed:
        before = room.looks[stays]
        assert room.changed.wait_for(lambda: room.looks[stays] > before + 10, WAIT)
    assert len(done) == 1, "it left while the value was still being made"
    with pytest.raises(Left):
        done[0].result(WAIT)
    desk.go_on.set()
    values = [visitor.result(WAIT) for visitor in (first, *others) if visitor is not done[0]]
    assert values == ["value"] * 2 and desk.calls == 1


def test_another_value_is_made_meanwhile(room: Room) -> None:
    desk = Desk("value")
    first = room.asks(desk)
    assert desk.begun.wait(WAIT)
    assert room.store.get("other", lambda: 7, lambda value: 1) == 7
    desk.go_on.set()
    assert first.result(WAIT) == "value"


def test_values_that_need_each_other_are_refused_and_do_not_wait_for_ever() -> None:
    made = Store()

    def make() -> object:
        return made.get("key", make, len)

    with pytest.raises(RuntimeError, match="made from itself"):
        made.get("key", make, len)
    assert made.get("key", lambda: "value", len) == "value"


def test_the_store_holds_no_more_bytes_than_it_may_and_lets_go_of_what_was_used_longest_ago() -> (
    None
):
    bounded = Store(limit=10)
    for key in "abc":
        bounded.get(key, lambda: bytes(4), len)
    assert bounded.peek("a") is None and bounded.held == 8 == 4 * len(bounded)
    bounded.get("b", lambda: pytest.fail("it is here"), len)
    bounded.get("d", lambda: bytes(4), len)
    assert bounded.peek("c") is None and bounded.peek("b") == bounded.peek("d") == bytes(4)
    bounded.get("large", lambda: bytes(99), len)
    assert len(bounded) == 1 and bounded.held == 99, "the newest stays, so that it can be shown"


def test_a_value_whose_size_cannot_be_told_is_an_error_for_everyone(room: Room) -> None:
    with pytest.raises(TypeError):
        room.store.get("key", lambda: 7, len)
    assert room.store.get("key", lambda: "value", len) == "value"


def test_streamlit_can_end_the_run_of_a_visitor_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    visitors: list[LocalScriptRunner] = []

    class Watched(LocalScriptRunner):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            visitors.append(self)

    def looks_whether_it_may_leave() -> None:
        looked.set()
        leave_if_asked()

    def page(shared) -> None:  # no name of this module: Streamlit runs its text alone
        import streamlit as st

        st.text("before")
        st.text(shared.get("key", lambda: "another", len))

    monkeypatch.setattr("streamlit.testing.v1.app_test.LocalScriptRunner", Watched)
    shared, desk = Store(leave=looks_whether_it_may_leave), Desk("value")
    app = AppTest.from_function(page, default_timeout=WAIT, kwargs={"shared": shared})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shared.get, "key", desk, len)
        assert desk.begun.wait(WAIT)
        run = pool.submit(app.run)
        assert looked.wait(WAIT), "it waits"
        visitors[0].request_stop()
        assert [text.value for text in run.result(WAIT).text] == ["before"]
        assert not first.done(), "it left before the value was made"
        desk.go_on.set()
        assert first.result(WAIT) == "value"
