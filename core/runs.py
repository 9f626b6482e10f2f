"""A run folder: what it holds, for those who write it and for those who read it.

A run begins with its recipe, reports a row every few steps, says how far it is every few seconds
and how it ended, and leaves weights. One process at a time works in a folder; the system itself
forgets its claim when that process ends, however it ends.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import lock_descriptor

from core.errors import BadInput


class File(StrEnum):
    """The files of a run folder."""

    RECIPE = "recipe.json"  # what the run is
    METRICS = "metrics.jsonl"  # a row a report
    PROGRESS = "progress.json"  # how far it is
    END = "end.json"  # how it ended; none while it goes on, or where it was killed
    STATE = "state.pt"  # all that a resume needs
    STILLS = "stills.safetensors"  # weights of the still stage
    VIDEO = "video.safetensors"  # weights of the video stage with its side heads
    MODEL = "model.safetensors"  # the checkpoint; its card says what trained it
    LOG = "log.txt"  # what the process printed that another one started
    LOCK = ".lock"


STILLS, VIDEO = "stills", "video"
STAGES = (STILLS, VIDEO)
"""The stages of a run, in their order."""
LESSON, FEW, STUDY = "teach", "few", "tune"
"""The one stage of a lesson, of a few clips of one's own, and of a search for settings."""


class State(StrEnum):
    """What a run is doing; the last three also stand in end.json."""

    RUNNING = "running"
    ELSEWHERE = "elsewhere"  # another program drives it
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """How far a stage is."""

    stage: str
    clips: int  # seen so far
    total: int  # that it sees in all; of a lesson by the clock an estimate, 0 where none is known
    clips_per_second: float  # since its process began; 0 where it is not known yet


@dataclass(frozen=True)
class End:
    """How a run ended."""

    state: State  # FINISHED, STOPPED or FAILED
    error: str = ""  # one line


def write_atomically(path: Path, save: Callable[[Path], Any]) -> None:
    """Call save(temporary path), then move it into place.

    A reader or a kill never sees half a file, and what fails leaves none. Its permissions are those
    of any new file; safetensors would let nobody else read it.

    Raises: BadInput where the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode & 0o777
        save(temporary)
        temporary.chmod(mode)
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if _is_full(error):
            raise BadInput(
                f"{path} cannot be written: there is no room for it; free some on its disk, or "
                "choose another folder"
            ) from None
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8, as `write_atomically`."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write a compressed NPZ, as `write_atomically`."""

    def save(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_atomically(path, save)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_IN_WORDS = ("PytorchStreamWriter failed", "unexpected pos", "I/O error")
"""What torch and safetensors say, in errors of their own, of a file that cannot grow."""


def _is_full(error: BaseException) -> bool:
    """Whether a file could not be written for want of room."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(words in str(error) for words in _FULL_IN_WORDS)


def check_writable(folder: Path) -> None:
    """Make a folder where it is missing, and try to write into it.

    Raises: BadInput where that is not allowed, or no room is left.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"room")
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be written into ({error.strerror}); choose another place, or change "
            "its permissions"
        ) from None


def write_progress(folder: Path, progress: Progress) -> None:
    """Replace progress.json."""
    # Windows does not replace a file that is being read; the next report comes in seconds.
    with suppress(PermissionError):
        _write_json(folder / File.PROGRESS, asdict(progress))


def read_progress(folder: Path) -> Progress | None:
    """What progress.json says; None without it, or where it is damaged."""
    values = read_json(folder / File.PROGRESS)
    names_its_stage = isinstance(values.get("stage"), str)
    numbers = ("clips", "total", "clips_per_second")
    if not names_its_stage or not all(is_number(values.get(key)) for key in numbers):
        return None
    return Progress(values["stage"], values["clips"], values["total"], values["clips_per_second"])


def write_end(folder: Path, end: End) -> None:
    """Replace end.json."""
    _write_json(folder / File.END, asdict(end))


def read_end(folder: Path) -> End | None:
    """What end.json says; None without it, or where it is damaged."""
    values = read_json(folder / File.END)
    if values.get("state") not in (State.FINISHED, State.STOPPED, State.FAILED):
        return None
    return End(State(values["state"]), str(values.get("error", "")))


def forget_end(folder: Path) -> None:
    """Remove end.json: the run goes on."""
    (folder / File.END).unlink(missing_ok=True)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Every row of metrics.jsonl that is whole: with its `stage`, and numbers of `clips`.

    A kill cuts the last one short, and a reader may meet it half written.
    """
    rows = []
    for line in read_text(folder / File.METRICS).splitlines():
        with suppress(json.JSONDecodeError):
            row = json.loads(line)
            if _is_row(row):
                rows.append(row)
    return rows


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("stage"), str)
        and is_number(row.get("clips"))
        and is_number(row.get("of", 0))
    )


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a number; true and false are none."""
    return type(value) in (int, float)


def read_text(file: Path) -> str:
    """The text of a file; empty where it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none that can be read."""
    with suppress(json.JSONDecodeError):
        values = json.loads(read_text(file) or "{}")
        if isinstance(values, dict):
            return values
    return {}


MOST_ROWS = 200
"""Of a shipped model's curves, for each stage."""


def thinned(rows: Sequence[dict[str, Any]], most: int = MOST_ROWS) -> list[dict[str, Any]]:
    """At most so many rows of each stage, evenly, the last among them; trials all stay."""
    kept: list[dict[str, Any]] = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        of_stage = [row for row in rows if row["stage"] == stage]
        trials = [row for row in of_stage if "validation_top1" in row]
        reports = [row for row in of_stage if "validation_top1" not in row]
        step = max(1, -(-len(reports) // most))
        taken = reports[::-1][::step][::-1]
        kept += sorted([*taken, *trials], key=lambda row: row["clips"])
    return kept


def _write_json(file: Path, values: dict[str, Any]) -> None:
    write_text(file, json.dumps(values))


class Metric(NamedTuple):
    """One number of a run's reports."""

    title: str  # of its curve
    weight: str = ""  # of a loss: the field of the recipe with its weight
    shuffled: bool = False  # of a loss: whether it is learned from shuffled clips


METRICS = {
    "loss": Metric("Loss"),
    "top1": Metric("Top-1"),
    "validation_top1": Metric("Top-1 on held-out clips"),
    "validation_loss": Metric("Class (L_cls) on held-out clips"),
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
    "hand_flow": Metric("AM flow off the hand", "hand_flow"),
    "masked": Metric("Hidden patches filled in", "masked"),
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
        # Not a FileLock: that one is closed in processes which are forked from this one, and the
        # loaders of a run that was killed hold its folder until they are gone.
        opened = open(folder / File.LOCK, "a")  # noqa: SIM115
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be used as a folder to write into ({error.strerror}); choose another"
        ) from None
    with opened as file:
        until = time.monotonic() + patience
        while not lock_descriptor(file.fileno(), blocking=False):
            if time.monotonic() > until:
                raise BadInput(
                    f"another process works in {folder}; wait until it ends, or choose another "
                    "folder"
                )
            time.sleep(0.05)
        yield


_asking = threading.Lock()
_ASKED = 3  # times, before a claim is believed


def is_claimed(folder: Path) -> bool:
    """Whether a process works in `folder`.

    To ask is to hold the lock for an instant: a process that starts there is patient, and another
    one that asks at the same time asks again.
    """
    with _asking:  # the threads of this process, one after another
        for attempt in range(_ASKED):
            if attempt:
                time.sleep(0.005)
            try:
                with open(folder / File.LOCK) as file:
                    if lock_descriptor(file.fileno(), blocking=False):
                        return False
            except OSError:
                return False
    return True
