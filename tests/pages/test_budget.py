"""Memory of the whole app, and turns at a model: what is kept goes first, nobody is passed over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from core.errors import BadInput
from pages.parts import about, budget
from pages.parts import turns as turns_module
from pages.parts.store import Store, stores
from pages.parts.turns import Turns

WAIT = 30


def test_the_budget_is_a_share_of_the_machine_unless_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bound").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    assert budget.machine([tmp_path / "none"]) > 10**8
    assert budget.machine([tmp_path / "none", tmp_path / "bound"]) == 1_000_000
    assert budget.budget() == int(0.85 * budget.machine())
    monkeypatch.setenv(budget.SETTING, "2500")
    assert budget.budget() == 2_500_000_000
    monkeypatch.setenv(budget.SETTING, "much")
    with pytest.raises(BadInput, match="AIM_MEMORY_MEGABYTES is 'much'"):
        budget.budget()


def test_what_is_kept_makes_room_for_new_work(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(limit=10**6)
    for key in range(5):
        store.get(key, lambda: b"", lambda value: 200)
    assert store in stores() and Store(limit=4) not in stores()
    monkeypatch.setenv(budget.SETTING, "1000")
    taken = iter([2e9, 9e8])
    monkeypatch.setattr(budget, "used", lambda: next(taken))
    monkeypatch.setattr(budget, "stores", lambda: [store])
    monkeypatch.setattr(budget.psutil.Process, "memory_info", lambda self: Info(2 * 10**9))
    budget.make_room()
    assert [store.peek(key) is not None for key in range(5)] == [False, False, False, True, True]
    assert store.held == 400


class Info:
    """What a process takes."""

    def __init__(self, rss: int) -> None:
        self.rss = rss


def test_work_for_which_there_is_no_room_is_refused_with_what_to_lower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(budget.SETTING, "1")
    monkeypatch.setattr(budget, "stores", list)
    with pytest.raises(BadInput, match=r"of its 1 MB of memory; lower the number of frames"):
        budget.make_room()


def test_threads_take_turns_in_the_order_in_which_they_came_and_know_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns_module, "PATIENCE", 0.0)
    told: dict[int, list[int]] = {}
    order: list[int] = []
    names: dict[int, int] = {}

    def tell(before: int) -> None:
        told.setdefault(names[threading.get_ident()], []).append(before)

    turns = Turns(tell=tell)

    def visit(number: int) -> None:
        names[threading.get_ident()] = number
        with turns:
            order.append(number)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    with turns, turns:  # the same thread may hold it twice
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns) < number + 2 or len(told) < number + 1:
                pass
        assert told == {0: [1], 1: [2], 2: [3]} and order == []
    for thread in threads:
        thread.join(WAIT)
    assert order == [0, 1, 2] and len(turns) == 0
    assert told[2][0] == 3 and told[2] == sorted(told[2], reverse=True)


def test_who_waits_for_less_than_a_second_is_not_told_of_it() -> None:
    told: list[int] = []
    turns = Turns(tell=told.append)

    def visit() -> None:
        with turns:
            pass

    thread = threading.Thread(target=visit)
    with turns:
        thread.start()
        while len(turns) < 2:
            pass
        time.sleep(0.3)  # three looks at whether it is its turn
    thread.join(WAIT)
    assert not thread.is_alive() and told == []


def test_who_leaves_the_line_is_not_waited_for() -> None:
    class LeftError(Exception):
        pass

    leaving = threading.Event()
    came: list[str] = []

    def leave() -> None:
        if leaving.is_set() and threading.current_thread().name == "leaves":
            raise LeftError

    turns = Turns(leave, tell=lambda before: None)

    def visit() -> None:
        try:
            with turns:
                came.append(threading.current_thread().name)
        except LeftError:
            came.append("left")

    threads = [threading.Thread(target=visit, name=name) for name in ("leaves", "stays")]
    with turns:
        for count, thread in enumerate(threads, 2):
            thread.start()
            while len(turns) < count:
                pass
        leaving.set()
        threads[0].join(WAIT)
        assert came == ["left"] and len(turns) == 2
    threads[1].join(WAIT)
    assert came == ["left", "stays"]


def test_the_panel_says_versions_limits_and_licences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIM_MAX_SECONDS", "61")
    words = "\n".join(about.lines())
    assert "61 s" in words and "torch 2" in words and "Apache-2.0: direcformer" in words
    assert "MB; " in words and "A visitor" not in words
    monkeypatch.setenv("AIM_SERVER", "1")
    assert "uploads up to 30 files" in "\n".join(about.lines())
