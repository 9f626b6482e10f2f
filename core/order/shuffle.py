"""The order in which the frames are shown: by seed, by random swaps, reversed, or made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from core.errors import BadInput
from core.video import random_order

How = Literal["seed", "swaps", "reversed", "hand"]
HOW: tuple[How, ...] = get_args(How)


def permutation(
    frames: int,
    how: How | str = "seed",
    *,
    seed: int = 0,
    swaps: int = 0,
    order: Sequence[int] = (),
) -> tuple[int, ...]:
    """The original frame that each slot shows: frame permutation[t] is in slot t.

    For a model whose tokens cover several frames, a frame here is one token. The same arguments
    always give the same order.

    Args:
        frames: how many there are.
        how: `seed`: any order is as likely as any other. `swaps`: so many times two frames, drawn
            by `seed`, change places. `reversed`: the last frame first. `hand`: `order` as it is.

    Raises: BadInput for an `order` that is no permutation, a negative seed or number of swaps, or
    an unknown `how`.
    """
    if seed < 0 or swaps < 0:
        raise BadInput(f"the seed ({seed}) and the number of swaps ({swaps}) must be 0 or more")
    if how == "seed":
        return tuple(random_order(frames, seed).tolist())
    shown = list(range(frames))
    if how == "swaps":
        rng = np.random.default_rng(seed)
        for _ in range(swaps if frames > 1 else 0):
            t, u = rng.choice(frames, 2, replace=False)
            shown[t], shown[u] = shown[u], shown[t]
    elif how == "reversed":
        shown.reverse()
    elif how == "hand":
        if sorted(order) != shown:
            raise BadInput(
                f"the order {order_text(order) or '(empty)'} must hold each of 0 to {frames - 1} "
                "once"
            )
        shown = [int(frame) for frame in order]
    else:
        raise BadInput(f"{how!r} is no way to shuffle; choose one of {', '.join(HOW)}")
    return tuple(shown)


def order_text(order: Sequence[int]) -> str:
    """An order as it is written in a link and on the command line: `3,1,0,2`.

    Frames are counted from 0.
    """
    return ",".join(map(str, order))


def parse_order(text: str) -> tuple[int, ...]:
    """The order that a text like `3,1,0,2` names.

    Raises: BadInput if it holds anything but whole numbers and commas.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"the order {text[:60]!r} must be whole numbers with commas between them, such as "
            "3,1,0,2"
        ) from None
