"""Which blocks of am_flow have AM flow, and what its settings exclude."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import BadInput
from core.models.backbone import BlockSize


def check_flow(flow: bool, aligning: bool, am_mode: str | None) -> None:
    """Raises: BadInput for settings of AM flow that exclude each other."""
    if aligning and not flow:
        raise BadInput(
            "am_flow setting aligning=True changes AM flow, which flow=False leaves out; set "
            "aligning=False"
        )
    if am_mode == "aligned" and not aligning:
        raise BadInput(
            "am_flow setting am_mode='aligned' needs aligning=True; the same without the encoder "
            "is am_mode='post'"
        )


def block_indices(blocks: str | Iterable[int], depth: int) -> tuple[int, ...]:
    """all, ends, or block numbers from 1 (also as text: "1,12") -> indices from 0, ascending.

    Raises: BadInput for anything else, and for blocks that do not exist.
    """
    named = {"all": range(1, depth + 1), "ends": (1, depth)}
    numbers: Iterable[Any] = blocks
    if isinstance(blocks, str):
        numbers = named[blocks] if blocks in named else blocks.split(",")
    try:
        indices = tuple(sorted({int(number) - 1 for number in numbers}))
    except (TypeError, ValueError):
        indices = ()
    if not indices or not 0 <= indices[0] <= indices[-1] < depth:
        raise BadInput(
            f"am_flow setting am_blocks={blocks!r}: choose all, ends, or block numbers from 1 to "
            f"{depth} such as (1, {depth})"
        )
    return indices


def check_stages(sizes: Sequence[BlockSize], am_blocks: Iterable[int], aligning: bool) -> None:
    """Raises: BadInput where a backbone in stages cannot do what is asked of a block."""
    if sizes[-1].stride > 1:
        raise BadInput("am_flow's last block must not begin a stage; give its stage two or more")
    within = [i + 1 for i in am_blocks if sizes[i].windows > 1 or sizes[i].stride > 1]
    if aligning and within:
        raise BadInput(
            f"am_flow setting aligning=True lets two frames meet whole, and blocks "
            f"{', '.join(map(str, within))} look within windows or pool their queries; leave them "
            "out of am_blocks"
        )
