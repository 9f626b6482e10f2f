"""Several workers: who is lost is replaced, what is lost is made again, and a bad clip ends no job.

Ray is played by a few lines here, so that workers end when a test says so; the real one is asked in
`test_data_set_kills.py`, with kill -9.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from core.draw.data_set.actors import DEATHS, IN_FLIGHT, IN_VAIN, _Crew
from core.draw.data_set.explainer import Clips
from core.draw.data_set.job import Part
from core.draw.data_set.shards import table_of
from core.draw.data_set.wanted import Wanted
from core.errors import BadInput
from tests.core.draw.data_sets import checkpoint, differences


class ActorLost(Exception):
    """As ray.exceptions.RayActorError."""


class FakeRay:
    """Workers that make what they were given when they are waited for, and end over bad clips.

    Those after the first `places` never come to life.
    """

    exceptions = SimpleNamespace(RayActorError=ActorLost)

    def __init__(self, deadly: dict[int, int], places: int = 10**6) -> None:
        self.places = places
        self.deadly = Counter(deadly)  # clip -> how many workers it still ends
        self.most, self.calls = 0, 0
        self.alive: dict[int, list[int]] = {}
        self.given: dict[int, tuple[int, tuple[Wanted, ...]]] = {}

    def start(self) -> Any:
        worker = len(self.alive)
        self.alive[worker] = []

        def remote(clips: tuple[Wanted, ...] = (), asked: Clips | None = None) -> int:
            self.calls += 1
            self.given[self.calls] = (worker, clips)
            self.alive[worker].append(self.calls)
            self.most = max(self.most, len(self.alive[worker]))
            return self.calls

        method = SimpleNamespace(remote=remote)
        return SimpleNamespace(table=method, pid=method)

    def wait(self, references: list[int], num_returns: int) -> tuple[list[int], list[int]]:
        workers = {reference: self.given[reference][0] for reference in references}
        first = next(
            r
            for r, worker in workers.items()
            if worker < self.places and self.alive[worker][0] == r
        )
        return [first], [r for r in references if r != first]

    def get(self, reference: int) -> pa.Table:
        worker, clips = self.given[reference]
        for clip in clips:
            if self.deadly[clip.number]:
                self.deadly[clip.number] -= 1
                raise ActorLost(f"worker {worker} ended")
        self.alive[worker].remove(reference)
        return table_of([clip.identity for clip in clips])


def parts(count: int, size: int) -> list[Part]:
    clips = [Wanted(i, f"a/{i}", f"/a/{i}", "a") for i in range(count)]
    return [(n, tuple(clips[i : i + size])) for n, i in enumerate(range(0, count, size))]


def made(ray: FakeRay, given: list[Part], workers: int = 2) -> list[tuple[int, pa.Table]]:
    return list(_Crew(ray, ray.start, workers).made(given, Clips(0, 0)))


def test_every_clip_is_made_once_and_nothing_heaps_up() -> None:
    ray, given = FakeRay({}), parts(23, 5)
    tables = dict(made(ray, given))
    assert sorted(tables) == [0, 1, 2, 3, 4]
    for number, clips in given:
        assert tables[number]["number"].to_pylist() == [clip.number for clip in clips]
    assert ray.most == IN_FLIGHT


def test_what_a_lost_worker_had_is_made_again_by_another() -> None:
    ray = FakeRay({3: 1, 11: 2})
    numbers = [n for _, part in made(ray, parts(23, 5)) for n in part["number"].to_pylist()]
    assert sorted(numbers) == list(range(23))
    assert len(ray.alive) == 2 + 3


def test_a_worker_for_which_there_is_no_place_any_more_keeps_nothing_from_the_others() -> None:
    ray = FakeRay({3: 1}, places=2)  # as where a cluster has lost a machine
    numbers = [n for _, part in made(ray, parts(23, 5)) for n in part["number"].to_pylist()]
    assert sorted(numbers) == list(range(23))
    assert len(ray.alive) == 3


def test_a_clip_that_ends_every_worker_is_found_and_gets_an_error() -> None:
    ray = FakeRay({6: 10**6})
    every = pa.concat_tables([part for _, part in made(ray, parts(23, 7))]).sort_by("number")
    assert every["number"].to_pylist() == list(range(23))
    errors = {row["number"]: row["error"] for row in every.to_pylist() if row["error"]}
    assert list(errors) == [6]
    assert f"{DEATHS} processes ended" in errors[6]


def test_workers_that_are_all_lost_end_the_job_in_a_line() -> None:
    ray = FakeRay(dict.fromkeys(range(23), 10**6))
    with pytest.raises(BadInput, match=f"{IN_VAIN} workers were lost"):
        made(ray, parts(23, 23))


def test_a_worker_makes_the_rows_that_one_process_makes(tmp_path: Path) -> None:
    from core.draw.data_set.actors import Worker
    from core.draw.data_set.explainer import rows
    from core.draw.data_set.job import Weights
    from core.draw.data_set.wanted import wanted_set

    path = checkpoint(tmp_path / "tiny.safetensors")
    source, clips = Weights(None, str(path)), wanted_set("gestures", 2).clips
    worker = Worker(source, threads=1)
    assert worker.pid() == os.getpid()
    alone = table_of(rows(source.load(), clips, Clips(1, 0)))
    seconds = [name for name in alone.column_names if name.startswith("seconds_")]
    both = (worker.table(clips, Clips(1, 0)), alone)
    assert differences(*(each.drop_columns(seconds) for each in both)) == []
