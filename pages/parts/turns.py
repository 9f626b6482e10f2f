"""One pass of a model at a time: who waits sees their place, and may leave."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

_STEP = 0.1
"""Seconds between two looks at whether it is one's turn, and whether to leave."""
PATIENCE = 1.0
"""Seconds before who waits is told so: the model that is being warmed at the start takes less."""


class Turns:
    """A lock whose threads get it in the order in which they came; it may be held twice by one.

    Args:
        leave: called while a thread waits; whatever it raises ends the waiting.
        tell: called with the number of those before, once a thread waits for longer than PATIENCE,
            and when it changes.
    """

    def __init__(
        self,
        leave: Callable[[], object] = lambda: None,
        tell: Callable[[int], object] = lambda before: None,
    ) -> None:
        self._leave, self._tell = leave, tell
        self._changed = threading.Condition()
        self._line: deque[int] = deque()
        """Threads by their number: the first has the turn, the others wait."""
        self._depth = 0

    def __enter__(self) -> bool:
        me = threading.get_ident()
        with self._changed:
            if self._line and self._line[0] == me:
                self._depth += 1
                return True
            self._line.append(me)
        told, since = 0, time.monotonic()
        try:
            while True:
                with self._changed:
                    place = self._line.index(me)
                    if place:
                        self._changed.wait(_STEP)
                        place = self._line.index(me)
                if not place:
                    break
                if place != told and time.monotonic() - since >= PATIENCE:
                    self._tell(place)
                    told = place
                self._leave()
        except BaseException:
            with self._changed:
                self._line.remove(me)
                self._changed.notify_all()
            raise
        self._depth = 1
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._depth -= 1
            if not self._depth:
                self._line.popleft()
                self._changed.notify_all()

    def __len__(self) -> int:
        """How many have or wait for a turn."""
        return len(self._line)
