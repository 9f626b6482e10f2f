"""Several processes on this machine or on a cluster, by Ray: each holds a model and makes shards.

A worker that is lost is replaced, and what it was about is made again. A part that loses its worker
again and again is halved, until the clip that does it is alone: that one gets an error.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from core.draw.data_set.explainer import Clips, rows
from core.draw.data_set.shards import refused, table_of
from core.draw.data_set.wanted import Wanted
from core.errors import BadInput, one_line

if TYPE_CHECKING:
    from core.draw.data_set.job import Part, Weights

INSTALL = "pip install 'attention-in-motion[scale]'"
IN_FLIGHT = 2  # parts a worker: it begins the next one while its last one travels
OBJECT_STORE = 256 * 2**20  # bytes on this machine; a shard is some megabytes
DEATHS = 3  # of a part's workers, before it is halved
IN_VAIN = 20  # workers lost one after another without a part made, before the job gives up


class Worker:
    """A process with a model of its own."""

    def __init__(self, weights: Weights, threads: int) -> None:
        import cv2
        import torch

        torch.set_num_threads(threads)
        cv2.setNumThreads(1)
        self.model = weights.load()

    def pid(self) -> int:
        """Of its process."""
        return os.getpid()

    def table(self, clips: tuple[Wanted, ...], asked: Clips) -> pa.Table:
        """The rows of some clips."""
        return table_of(rows(self.model, clips, asked))


@dataclass(eq=False)
class _Piece:
    """Clips of one shard that are made together."""

    shard: int
    clips: tuple[Wanted, ...]
    deaths: int = 0

    def halves(self) -> list[_Piece]:
        middle = len(self.clips) // 2
        return [_Piece(self.shard, part) for part in (self.clips[:middle], self.clips[middle:])]


@dataclass(eq=False)
class _Hand:
    """A worker and what it was given, first what it is about."""

    actor: Any
    waking: Any
    """The reference of its first answer; None once it is there. Of a cluster that has lost a
    machine there may be no place for it, so it is given nothing before."""
    given: list[tuple[Any, _Piece]] = field(default_factory=list)  # the reference of the result


def made_by_actors(
    weights: Weights,
    parts: list[Part],
    asked: Clips,
    *,
    workers: int | None = None,
    address: str | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """The tables of these shards in the order in which they are ready.

    Raises: BadInput without Ray, where no cluster is at the address, or where workers are lost
    again and again.
    """
    with _cluster(workers, address) as (ray, count, gpus):
        threads = 1 if address else max(1, (os.cpu_count() or 1) // count)
        device = "cuda" if gpus else "cpu"
        actor_class = ray.remote(num_cpus=0 if gpus else 1, num_gpus=gpus)(Worker)
        given = replace(weights, device=device)
        yield from _Crew(ray, lambda: actor_class.remote(given, threads), count).made(parts, asked)


@contextmanager
def _cluster(workers: int | None, address: str | None) -> Iterator[tuple[Any, int, float]]:
    """Ray, how many workers are started, and what share of a GPU each has."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 unless told: last of all on the machine
    # what Ray says of a lost worker goes to stdout, whatever log_to_driver is, and into the JSON
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    # A worker has some twenty threads. With a heap for each of them it grew to 2.2 GB over 1,000
    # clips; with two it stays at 0.6.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    try:
        import ray
    except ImportError:
        raise BadInput(
            f"more than one process needs Ray, which is not installed: {INSTALL}, or leave out "
            "--workers and --ray"
        ) from None
    how: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    here: dict[str, Any] = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE,
    }
    try:
        ray.init(address=address or "local", **(how if address else how | here))
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at {address}" if address else "on this machine"
        # a cluster begun where a token lies wants it, and says nothing of it to who comes without
        token = ", set RAY_AUTH_MODE=token if it wants a token" if address else ""
        raise BadInput(
            f"Ray cannot be used {where} ({one_line(str(error))[:200]}); start it there{token}, or "
            "give --workers alone"
        ) from None
    try:
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0))
        count = workers or max(1, gpus or int(there.get("CPU", 1)))
        yield ray, count, min(1.0, gpus / count)
    finally:
        ray.shutdown()


class _Crew:
    """Workers at their parts."""

    def __init__(self, ray: Any, start: Any, count: int) -> None:
        self.ray, self.start = ray, start
        self.hands = [_Hand(*self._woken()) for _ in range(count)]
        self.in_vain = 0

    def _woken(self) -> tuple[Any, Any]:
        """A new worker, and the reference of its first answer."""
        actor = self.start()
        return actor, actor.pid.remote()

    def made(self, parts: list[Part], asked: Clips) -> Iterator[tuple[int, pa.Table]]:
        """The table of each shard once all its pieces are there."""
        waiting = deque(_Piece(number, clips) for number, clips in parts)
        sizes = {number: len(clips) for number, clips in parts}
        pieces: dict[int, list[pa.Table]] = {}
        while waiting or any(hand.given for hand in self.hands):
            self._hand_out(waiting, asked)
            for piece, table in self._next(waiting):
                tables = pieces.setdefault(piece.shard, [])
                tables.append(table)
                if sum(map(len, tables)) == sizes[piece.shard]:
                    whole_shard = pa.concat_tables(pieces.pop(piece.shard)).sort_by("number")
                    yield piece.shard, whole_shard.combine_chunks()

    def _hand_out(self, waiting: deque[_Piece], asked: Clips) -> None:
        """No worker has more than IN_FLIGHT pieces, so results do not heap up: the rest waits."""
        for _ in range(IN_FLIGHT):
            for hand in self.hands:
                if waiting and hand.waking is None and len(hand.given) < IN_FLIGHT:
                    piece = waiting.popleft()
                    hand.given.append((hand.actor.table.remote(piece.clips, asked), piece))

    def _next(self, waiting: deque[_Piece]) -> list[tuple[_Piece, pa.Table]]:
        """What is ready first; what was lost goes back to those that wait."""
        references = {ref: hand for hand in self.hands for ref, _ in hand.given}
        references |= {hand.waking: hand for hand in self.hands if hand.waking is not None}
        (ref,), _ = self.ray.wait(list(references), num_returns=1)
        hand = references[ref]
        try:
            answer = self.ray.get(ref)
        except self.ray.exceptions.RayActorError as error:
            return self._replace(hand, waiting, error)
        if ref == hand.waking:
            hand.waking = None
            return []
        self.in_vain = 0
        piece = next(piece for own, piece in hand.given if own == ref)
        hand.given = [(own, other) for own, other in hand.given if own != ref]
        return [(piece, answer)]

    def _replace(
        self, hand: _Hand, waiting: deque[_Piece], error: Exception
    ) -> list[tuple[_Piece, pa.Table]]:
        """Another worker instead of a lost one. A clip that loses every worker gets an error."""
        self.in_vain += 1
        if self.in_vain > IN_VAIN:
            raise BadInput(
                f"{IN_VAIN} workers were lost one after another ({one_line(str(error))[:200]}); "
                "see whether memory is short, and start again: what is written stays"
            )
        lost = [piece for _, piece in hand.given]
        (hand.actor, hand.waking), hand.given = self._woken(), []
        if not lost:  # it ended before it was there
            return []
        lost[0].deaths += 1  # a worker makes its pieces in turn: it was about the first
        if lost[0].deaths < DEATHS:
            waiting.extendleft(reversed(lost))
            return []
        waiting.extendleft(reversed(lost[1:]))
        if len(lost[0].clips) > 1:
            waiting.extendleft(reversed(lost[0].halves()))
            return []
        reason = f"{DEATHS} processes ended while they read it; convert the file, or leave it out"
        return [(lost[0], table_of([refused(lost[0].clips[0].identity, reason)]))]
