"""What the server does for itself now and then: what nobody needs any more is given back.

Streamlit collects garbage after every run, which takes a third of its processor time where many
look at a page; here it is done every few seconds for all of them. And it ends a session that was
left only when the next visitor leaves, and holds the one that it served last until another comes:
here a session ends in its time, and its uploads and results with it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

from streamlit.runtime import get_instance
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.parts import budget
from pages.parts.store import stores

ROUND = 15.0
"""Seconds from one look to the next."""
KEPT_FOR_NOBODY = 20_000_000
"""Bytes that the stores keep of what was shown to visitors who are all gone."""
UNUSED = 600.0
"""Seconds after which a server lets go of what nobody asked for again."""


async def keep_house(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Go round until the server ends."""
    is_resting = True
    while True:
        await sleep(ROUND)
        sessions = end_sessions()
        if sessions or not is_resting:
            await asyncio.to_thread(tidy, is_empty=not sessions)
        is_resting = not sessions


def end_sessions() -> int:
    """End the sessions that were left and whose time to come back is over. Returns those that stay.

    To be called in the thread of the server's own loop.
    """
    manager = get_instance()._session_mgr
    assert isinstance(manager, WebsocketSessionManager)
    storage = manager._session_storage
    assert isinstance(storage, MemorySessionStorage)
    assert isinstance(storage._cache, TTLCache)
    with manager._storage_lock:
        ended = [info.session for _, info in storage._cache.expire()]
        staying = len(manager._active_session_info_by_id) + len(storage._cache)
    for session in ended:
        session.shutdown()
        if session._scriptrunner is None:  # else a page is still being made of it
            session.session_state.clear()
    return staying


def tidy(*, is_empty: bool) -> None:
    """Return to the system what is garbage, and on a server what nobody asked for in a while.

    Where no visitor is left, most that was made for them goes.
    """
    from pages.parts.visitors import is_server  # is heavy: the server answers before

    for store in stores():
        if is_empty:
            store.keep(KEPT_FOR_NOBODY)
        elif is_server():
            store.forget(UNUSED)
    if is_empty:
        gc.unfreeze()  # the session of who came while the app was read is among what was frozen
    budget.give_back()
    if is_empty:
        gc.freeze()
