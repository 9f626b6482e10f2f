"""Sites of a forward pass: where a value goes by that can be kept, changed or put back.

A network calls `passed(site, value)` and goes on with what that returns. That is the value itself
unless `with watching(change):` is active in the same thread, so nothing is stored on modules, no
hooks are registered, and two threads never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

from einops import rearrange
from torch import Tensor

EMBEDDED = -1
"""The layer of the stream that enters the first block."""


class Part(Enum):
    """What goes by at a site. B clips, T' temporal tokens, N tokens a frame, D the width."""

    INPUT = "input"
    """The normalised video, (B, 3, T, H, W)."""
    STREAM = "stream"
    """The tokens that leave a block, (B, T', N, D); a frame's own class token stands first."""
    CLASS = "class"
    """The one class token of a clip that leaves a block, (B, 1, D)."""
    QUERIES = "queries"
    """The queries of an attention, (groups, heads, n, d)."""
    HEADS = "heads"
    """What each head of an attention mixed, before its projection, (groups, heads, n, d)."""
    HALVES = "halves"
    """What a frame and the state bring to a recurrent layer's Q, K and V, (2, B, N, 3D)."""
    STATE = "state"
    """What a recurrent layer remembers when it reads a frame, and in the end, (B, N, D)."""
    ADAPTER = "adapter"
    """What an adapter adds to the tokens, (B * T, N, D)."""
    FLOW = "flow"
    """AM flow that goes into a block's adapter, (B, T - 1, N)."""


@dataclass(frozen=True)
class Site:
    """One place of a forward pass."""

    part: Part
    layer: int = EMBEDDED
    name: str = ""
    """Of the attention's tap, for QUERIES and HEADS."""
    frame: int | None = None
    """Of a recurrent layer, which passes here once a frame."""
    is_end: bool = False
    """Whether this is the state after the last frame, which the classifier reads."""


Change = Callable[[Site, Tensor], Tensor]
_CHANGE: ContextVar[Change | None] = ContextVar("change", default=None)


def watched() -> bool:
    """Whether somebody watches in this thread."""
    return _CHANGE.get() is not None


def passed(site: Site, value: Tensor) -> Tensor:
    """What a forward pass goes on with at this site: a tensor of the same shape."""
    change = _CHANGE.get()
    return value if change is None else change(site, value)


def passed_stream(tokens: Tensor, layout: str, layer: int, **sizes: int) -> Tensor:
    """The stream that leaves block `layer`, given in einops' words for how it lies in memory.

    `layout` is such as "b (n t) d"; `sizes` are those that it does not show.
    """
    if not watched():
        return tokens
    stream = rearrange(tokens, f"{layout} -> b t n d", **sizes)
    return rearrange(passed(Site(Part.STREAM, layer), stream), f"b t n d -> {layout}")


@contextmanager
def watching(change: Change) -> Iterator[None]:
    """Let `change` see, and decide, what goes by in the passes of this thread.

    Whoever watches already is asked first: changes add up.
    """
    outer = _CHANGE.get()

    def both(site: Site, value: Tensor) -> Tensor:
        return change(site, value if outer is None else outer(site, value))

    token = _CHANGE.set(both)
    try:
        yield
    finally:
        _CHANGE.reset(token)
