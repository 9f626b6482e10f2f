"""The cache of decoded clips: exact, bounded, and safe against damage and company."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from training.data import Cache


def pool(seed: int = 0, side: int = 11) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, (5, side, side + 2, 3), np.uint8),
        np.arange(5) / 7,
        np.array([[0, 2, 4], [1, 3, -1]]),
    )


def whole(views: np.ndarray) -> np.ndarray:
    return views


def test_what_is_stored_comes_back_to_the_byte(tmp_path: Path) -> None:
    frames, times, views = pool()
    cache = Cache(tmp_path)
    assert cache.load("k", whole) is None and cache.store("k", frames, times, views)
    got, when = Cache(tmp_path).load("k", whole)
    np.testing.assert_array_equal(got[0], frames[[0, 2, 4]])
    np.testing.assert_array_equal(
        got[1], np.stack([frames[1], frames[3], np.zeros_like(frames[0])])
    )
    assert when.tolist() == [[0, 2 / 7, 4 / 7], [1 / 7, 3 / 7, 4 / 7]]
    some, _ = cache.load("k", lambda views: views[:, 1])
    np.testing.assert_array_equal(some, frames[[2, 3]])
    assert [p.name for p in tmp_path.iterdir()] == ["k.clip"], "nothing half-written is left"


@pytest.mark.parametrize("damage", [b"", b"not a cached clip, not at all", "head", "middle", "cut"])
def test_a_damaged_file_counts_as_not_there_and_is_replaced(
    tmp_path: Path, damage: bytes | str
) -> None:
    cache = Cache(tmp_path)
    cache.store("k", *pool())
    path = tmp_path / "k.clip"
    data = bytearray(path.read_bytes())
    data[{"head": 40, "middle": len(data) // 2}.get(str(damage), 0)] ^= 1
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.write_bytes(data)
    assert cache.load("k", whole) is None
    cache.store("k", *pool())
    assert cache.load("k", whole) is not None


def size_of_one(tmp_path: Path) -> int:
    Cache(tmp_path / "one").store("k", *pool())
    return (tmp_path / "one" / "k.clip").stat().st_size


def test_a_full_cache_keeps_this_runs_clips_and_takes_no_more(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", 2.5 * size_of_one(tmp_path) / 1e9)
    assert [cache.store(str(i), *pool(i)) for i in range(4)] == [True, True, False, False]
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["0.clip", "1.clip"]


def test_clips_of_earlier_runs_make_room_the_longest_unused_first(tmp_path: Path) -> None:
    gigabytes = 3.5 * size_of_one(tmp_path) / 1e9
    before = Cache(tmp_path / "c", gigabytes)
    for i in range(3):
        before.store(str(i), *pool(i))
        os.utime(tmp_path / "c" / f"{i}.clip", (1000 + i, 1000 + i))
    cache = Cache(tmp_path / "c", gigabytes)
    cache._opened = time.time() - 10
    assert cache.load("0", whole) is not None, "a hit marks the file as used"
    assert cache.store("new", *pool(9))
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["0.clip", "2.clip", "new.clip"]


def test_a_clip_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c", 0.5 * size_of_one(tmp_path) / 1e9)
    assert not cache.store("k", *pool()) and not list((tmp_path / "c").iterdir())


def _work(folder: Path, gigabytes: float, worker: int) -> bool:
    cache, exact = Cache(folder, gigabytes), True
    for i in range(30):
        key = str((i * (worker + 1)) % 12)
        found = cache.load(key, whole)
        exact &= found is None or bool((found[0][0] == pool(int(key))[0][[0, 2, 4]]).all())
        cache.store(key, *pool(int(key)))
    return exact


@pytest.mark.skipif(
    "fork" not in get_all_start_methods(),
    reason="processes start slowly where they cannot be forked",
)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_several_processes_share_one_folder(tmp_path: Path) -> None:
    one = size_of_one(tmp_path)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as workers:
        assert all(workers.map(_work, [tmp_path / "c"] * 2, [6.5 * one / 1e9] * 2, range(2)))
    files = list((tmp_path / "c").iterdir())
    assert (
        all(p.suffix == ".clip" for p in files) and sum(p.stat().st_size for p in files) < 10 * one
    )
    assert all(Cache(tmp_path / "c").load(p.stem, whole) is not None for p in files)


def test_what_a_killed_process_left_half_written_is_removed_after_an_hour(tmp_path: Path) -> None:
    (tmp_path / ".old.1").write_bytes(b"x")
    (tmp_path / ".new.2").write_bytes(b"x")
    os.utime(tmp_path / ".old.1", (1000, 1000))
    Cache(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".new.2"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, gigabytes in ((tmp_path / "file" / "c", 1.0), (tmp_path / "c", 0.0)):
        with pytest.raises(BadInput):
            Cache(folder, gigabytes)


def test_a_disk_that_takes_no_more_is_reported_once_and_training_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Cache(tmp_path / "c")
    (tmp_path / "c").rmdir()
    assert not cache.store("k", *pool()) and not cache.store("l", *pool())
    assert capsys.readouterr().err.count("takes no more clips") == 1
