"""A store that makes each value once, however many threads ask for it at the same time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

BYTES = 1_000_000_000
_MOST_THINGS = 1000
"""A store with a lower limit counts things, not their bytes."""
STEP = 0.05
"""Seconds between two looks of a waiting thread at whether it may leave."""


class _Making:
    """A value that one thread is making.

    Once `over` is set, it is one of three things: a value, an error, or `given_up` without either.
    """

    def __init__(self) -> None:
        self.maker = threading.get_ident()
        self.over = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None
        self.given_up = False


@dataclass
class _Item:
    """A value that is kept."""

    value: Any
    cost: int
    used: float
    """When it was asked for last, in seconds of the clock that never goes back."""


_stores: WeakSet[Store] = WeakSet()
_listing = threading.Lock()


def stores() -> list[Store]:
    """Every store of values by their bytes that there is."""
    with _listing:
        return [store for store in _stores if store.limit > _MOST_THINGS]


class Store:
    """A least-recently-used store, bounded by bytes and shared by threads.

    The newest value always stays, even if it alone is larger than `limit`. A thread that waits for
    another one's value calls `leave` every STEP seconds: whatever that raises ends its waiting, and
    nobody else's.
    """

    def __init__(self, limit: int = BYTES, leave: Callable[[], object] = lambda: None) -> None:
        self.limit, self.held = limit, 0
        self._leave = leave
        self._items: OrderedDict[Hashable, _Item] = OrderedDict()
        self._making: dict[Hashable, _Making] = {}
        self._lock = threading.Lock()
        with _listing:
            _stores.add(self)

    def __len__(self) -> int:
        return len(self._items)

    def peek(self, key: Hashable) -> Any | None:
        """The value under `key`, or None where it is not here yet."""
        with self._lock:
            return self._used(key) if key in self._items else None

    def get(self, key: Hashable, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """The value under `key`, made by the first thread that asks where it is not here.

        All others that ask meanwhile wait for it.

        Args:
            make: makes the value. An Exception that it raises is raised in every waiting thread and
                is not kept. Any other BaseException, as Streamlit raises where a visitor leaves,
                ends the making only: one of the waiting threads makes the value instead.
            size: the value's size in bytes.

        Raises: what `make` raises; what `leave` raises, in a thread that waits; RuntimeError if
        `make` asks for the value that it is making.
        """
        while True:
            with self._lock:
                if key in self._items:
                    return self._used(key)
                making = self._making.get(key)
                is_maker = making is None
                if making is None:
                    making = self._making[key] = _Making()
            if is_maker:
                return self._made(key, making, make, size)
            if making.maker == threading.get_ident():
                raise RuntimeError(f"the value of {key!r} is made from itself")
            while not making.over.wait(STEP):
                self._leave()
            if making.error is not None:
                raise making.error
            if not making.given_up:
                return making.value

    def _used(self, key: Hashable) -> Any:
        """The value under `key`, which becomes the one used last. Call it with the lock held."""
        self._items.move_to_end(key)
        item = self._items[key]
        item.used = time.monotonic()
        return item.value

    def _made(
        self,
        key: Hashable,
        making: _Making,
        make: Callable[[], Any],
        size: Callable[[Any], int],
    ) -> Any:
        """Make the value and keep it, or tell those who wait why there is none."""
        try:
            making.value = make()
            cost = size(making.value)
        except BaseException as error:
            if isinstance(error, Exception):
                making.error = error
            else:
                making.given_up = True
            with self._lock:
                del self._making[key]
            raise
        else:
            with self._lock:
                del self._making[key]
                self._keep(key, making.value, cost)
            return making.value
        finally:
            making.over.set()

    def _keep(self, key: Hashable, value: Any, cost: int) -> None:
        """Keep a value, and let go of those used longest ago. Call it with the lock held."""
        self._items[key] = _Item(value, cost, time.monotonic())
        self.held += cost
        self._let_go(self.limit)

    def halve(self) -> None:
        """Let go of half of what is kept, what was used longest ago first."""
        self.keep(self.held // 2)

    def keep(self, most: int) -> None:
        """Let go of all but so many bytes, what was used longest ago first."""
        with self._lock:
            self._let_go(most)

    def _let_go(self, most: int) -> None:
        """Until no more than `most` is held, or the newest value alone. With the lock held."""
        while self.held > most and len(self._items) > 1:
            self._drop_oldest()

    def forget(self, seconds: float) -> None:
        """Let go of what was not used for so long."""
        oldest = time.monotonic() - seconds
        with self._lock:
            while self._items and next(iter(self._items.values())).used < oldest:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Let go of what was used longest ago. Call it with the lock held."""
        _, item = self._items.popitem(last=False)
        self.held -= item.cost
