"""A folder that one process at a time works in; the system itself forgets the claim when that
process ends, however it ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows: no claim is made, and none is seen
    fcntl = None

_FILE = ".lock"


class Metric(NamedTuple):
    """One number of a run's reports."""

    title: str  # of its curve
    weight: str = ""  # of a loss: the field of the recipe with its weight
    shuffled: bool = False  # of a loss: whether it is learned from shuffled clips


METRICS = {
    "loss": Metric("Loss"),
    "top1": Metric("Top-1"),
    "validation_top1": Metric("Top-1 on held-out clips"),
    "classify": Metric("Class (L_cls)", "classify"),
    "order": Metric("Which permutation (L_ord)", "order", shuffled=True),
    "directed": Metric("Before and after (L_self)", "directed", shuffled=True),
    "directed_last": Metric("Order signal (L_self)"),
    "pairs": Metric("Pairs of slots", "pairs", shuffled=True),
    "rank": Metric("Place of each frame", "rank", shuffled=True),
    "fingertip": Metric("Place of the fingertip", "fingertip"),
    "hand": Metric("Place of the hand", "fingertip"),
    "fingertip_hit": Metric("Fingertip found"),
    "alignment": Metric("Frame maps apart", "alignment"),
    "lr": Metric("Learning rate"),
    "clips_per_second": Metric("Clips per second"),
}
"""By the key of metrics.jsonl."""


@contextmanager
def alone(folder: Path, patience: float = 1.0) -> Iterator[None]:
    """Claim `folder`, which is made if it is not there.

    Args:
        patience: seconds to wait for a claim that another process is about to give up.

    Raises: BadInput while another process holds it, or where no folder can be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = open(folder / _FILE, "a")  # noqa: SIM115
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be used as a folder to write into ({error.strerror}); choose another"
        ) from None
    with opened as file:
        until = time.monotonic() + patience
        while not _locked(file, shared=False):
            if time.monotonic() > until:
                raise BadInput(
                    f"another process works in {folder}; wait until it ends, or choose another "
                    "folder"
                )
            time.sleep(0.05)
        yield


def is_claimed(folder: Path) -> bool:
    """Whether a process works in `folder`."""
    try:
        with open(folder / _FILE) as file:
            return not _locked(file, shared=True)
    except OSError:
        return False


def _locked(file, shared: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
