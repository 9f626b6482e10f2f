"""Visitors without a browser, as the load of `tests.benchmarks sessions` has them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.visitor import Run, Visitor

T = TypeVar("T")


def _result(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; in a thread of its own, as a browser of another test may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _visit(address: str, seed: int) -> list[Run]:
    async with Visitor(address) as visitor:
        return [
            await visitor.go(),
            await visitor.set(label="star", seed=float(seed)),
            await visitor.scroll(),
            await visitor.go("frame_order"),
            await visitor.set(shuffle=float(seed)),
        ]


def test_visitors_at_once_see_heat_maps_and_shuffles_and_no_error(address: str) -> None:
    async def all_of_them() -> list[list[Run]]:
        return await asyncio.gather(*(_visit(address, seed) for seed in (101, 102)))

    for runs in _result(all_of_them()):
        assert [run.errors for run in runs] == [[]] * 5
        drawn = [run.first is not None for run in runs]
        assert drawn == [True, True, False, True, True]
        assert all(run.bytes > 50_000 for run in runs), "each brought its pictures"


def test_a_visitor_who_asks_for_the_impossible_is_told_in_a_line(address: str) -> None:
    async def upload() -> Run:
        async with Visitor(address) as visitor:
            await visitor.go(source="Upload")
            return await visitor.upload("Video", "no.mp4", b"no video")

    run = _result(upload())
    assert len(run.errors) == 1 and "not a video that can be read" in run.errors[0]
    assert run.first is not None, "a rendered clip is shown meanwhile"
