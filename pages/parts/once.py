"""Functions whose values are made once for all visitors, and kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import streamlit as st

from core.errors import enough_memory
from pages.parts.budget import make_room
from pages.parts.session import STORE, leave_if_asked
from pages.parts.store import Store
from pages.parts.visitors import at_work, check_work

P = ParamSpec("P")
T = TypeVar("T")


class Origin(Protocol):
    """What a value is made of: a source of clips, or a clip before a model."""

    @property
    def place(self) -> Hashable:
        """What tells it apart from any other. Arrays are too large for a key: name them."""

    @property
    def is_upload(self) -> bool:
        """Whether it is one visitor's own, so that what comes of it stays in that session."""


class MadeOnce(Generic[P, T]):
    """A function of an Origin whose values are kept in a store; see `made_once`."""

    def __init__(
        self,
        make: Callable[P, T],
        size: Callable[[Any], int],
        place: Callable[..., Hashable] | None,
    ) -> None:
        self._make, self._size, self._place = make, size, place
        self._signature = inspect.signature(make)
        update_wrapper(self, make)

    def __call__(self, *args: P.args, **more: P.kwargs) -> T:
        store, key = self._where(*args, **more)

        def make() -> T:
            with at_work(), enough_memory():
                make_room()
                return self._make(*args, **more)

        if store.peek(key) is None:
            check_work()  # before the store: what it raises would be raised for all who wait
        value: T = store.get(key, make, self._size)
        return value

    def here(self, *args: P.args, **more: P.kwargs) -> T | None:
        """The value if it was made before and is still kept, else None."""
        store, key = self._where(*args, **more)
        value: T | None = store.peek(key)
        return value

    def _where(self, *args: P.args, **more: P.kwargs) -> tuple[Store, Hashable]:
        """The store of this origin, and the key of the value in it."""
        bound = self._signature.bind(*args, **more)
        bound.apply_defaults()
        origin, *rest = bound.args
        place = (origin.place, *rest) if self._place is None else self._place(origin, *rest)
        return store_of(origin), (self._make.__name__, place)


def made_once(
    size: Callable[[Any], int], place: Callable[..., Hashable] | None = None
) -> Callable[[Callable[P, T]], MadeOnce[P, T]]:
    """Make each value of a function once, and keep it as `pages.parts.store.Store` does.

    The function's first parameter is an Origin. Its keyword-only parameters say how a value is made
    and not which, so they are no part of the key.

    Args:
        size: the bytes of a value.
        place: what tells the value apart, from the positional arguments; by default the origin's
            place and the other arguments, which must be hashable then.
    """

    def kept(make: Callable[P, T]) -> MadeOnce[P, T]:
        return MadeOnce(make, size, place)

    return kept


def store_of(origin: Origin) -> Store:
    """Uploads, and what comes of them, stay in their own session; all else is shared."""
    if origin.is_upload:
        own: Store = st.session_state.setdefault(STORE, Store(leave=leave_if_asked))
        return own
    return _shared()


@st.cache_resource(show_spinner=False)
def _shared() -> Store:
    return Store(leave=leave_if_asked)


def nbytes(value: Any) -> int:
    """The bytes of an array."""
    return int(value.nbytes)
