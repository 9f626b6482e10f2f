"""Clips become rows: files are read beside the model, and clips of one length share its passes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from core.draw.data_set.rows import row_of
from core.draw.data_set.shards import Row, refused
from core.draw.data_set.wanted import Wanted, read_wanted
from core.errors import BadInput, one_line
from core.explain.explanation import seen_together
from core.observe import at_once
from core.order import Reading
from core.order.trials import permutation_of, read_together
from core.video import Clip
from core.weights import Model
from core.world.gestures import Gesture

MOST_LETTERS = 400  # of an error


@dataclass(frozen=True)
class Clips:
    """How clips are asked for the order of their frames."""

    shuffles: int  # k
    seed: int


@dataclass(frozen=True)
class _Read:
    """A clip that was read, or why it was not."""

    wanted: Wanted
    clip: Clip | None
    gesture: Gesture | None
    error: str
    seconds: float


def rows(model: Model, wanted: Sequence[Wanted], asked: Clips) -> list[Row]:
    """The rows of these clips, by their numbers. A clip that cannot be used has its error in one.

    A row depends on which clips it is computed with by rounding alone.
    """
    done: list[Row] = []
    most = at_once(model)
    for batch in _batches(_read_ahead(wanted, model, 2 * most), most):
        refusals = [read for read in batch if read.clip is None]
        done += [refused(read.wanted.identity, read.error) for read in refusals]
        done += _together(model, [read for read in batch if read.clip is not None], asked)
    return sorted(done, key=lambda row: row["number"])


def _read_ahead(wanted: Sequence[Wanted], model: Model, ahead: int) -> Iterator[_Read]:
    """The clips as they are read in a thread, which stays no more than `ahead` before the model."""
    waiting: deque[Future[_Read]] = deque()
    with ThreadPoolExecutor(1, "read") as pool:
        for each in wanted:
            waiting.append(pool.submit(_read, each, model))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read(wanted: Wanted, model: Model) -> _Read:
    start = time.perf_counter()
    try:
        clip, gesture = read_wanted(wanted, model.card)
        return _Read(wanted, clip, gesture, "", time.perf_counter() - start)
    except Exception as error:  # whatever a file does to its decoder, the others go on
        return _Read(wanted, None, None, said_of(error), time.perf_counter() - start)


def said_of(error: BaseException) -> str:
    """An error in one line."""
    text = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
    return one_line(text)[:MOST_LETTERS]


def _batches(clips: Iterable[_Read], most: int) -> Iterator[list[_Read]]:
    """Up to `most` clips of one length at a time, those that were not read by themselves."""
    by_length: dict[int, list[_Read]] = {}
    for read in clips:
        length = len(read.clip) if read.clip else 0
        batch = by_length.setdefault(length, [])
        batch.append(read)
        if len(batch) == most:
            yield by_length.pop(length)
    yield from by_length.values()


def _together(model: Model, batch: list[_Read], asked: Clips) -> list[Row]:
    """The rows of clips of one length; if one of them fails, each is tried by itself."""
    if not batch:
        return []
    try:
        return _rows_of(model, batch, asked)
    except Exception as error:
        if len(batch) == 1:
            return [refused(batch[0].wanted.identity, said_of(error))]
        return [row for read in batch for row in _together(model, [read], asked)]


def _rows_of(model: Model, batch: list[_Read], asked: Clips) -> list[Row]:
    start = time.perf_counter()
    seen = seen_together(model, [read.clip for read in batch if read.clip])
    after_pass = time.perf_counter()
    traces = [each.trace for each in seen]
    readings: list[list[Reading]] = [[] for _ in batch]
    if asked.shuffles:
        readings = read_together(model, traces, _permutations(model, batch, asked), at_once(model))
    after_order = time.perf_counter()
    result = []
    for read, each, orders in zip(batch, seen, readings, strict=True):
        began = time.perf_counter()
        row = row_of(read.wanted, each, orders, read.gesture, {"seconds_decode": read.seconds})
        row["seconds_model"] = (after_pass - start) / len(batch)
        row["seconds_order"] = (after_order - after_pass) / len(batch)
        row["seconds_rest"] = time.perf_counter() - began
        result.append(row)
    return result


def _permutations(model: Model, batch: list[_Read], asked: Clips) -> np.ndarray:
    """The orders of each clip, (n, k, T'): they follow from its name and the seed."""
    assert batch[0].clip is not None
    units = len(batch[0].clip) // model.unit
    return np.array(
        [
            [permutation_of(read.wanted.name, units, asked.seed + i) for i in range(asked.shuffles)]
            for read in batch
        ]
    )
