"""Frames of a large clip are held small, and a model sees what it sees of the large ones."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.video import CROPS, Clip, cropped, decode, shuffled, subclip
from tests.core.video.test_video import write

HEIGHT, WIDTH, LARGEST = 270, 480, 160
VIEWS = tuple((crop, size) for crop in CROPS for size in (22, 35))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven frames of noise: no two ways to shrink them give the same."""
    noise = np.random.default_rng(0).integers(0, 256, (11, HEIGHT, WIDTH, 3), np.uint8)
    return write(tmp_path_factory.mktemp("large") / "noise.mp4", noise)


@pytest.fixture(scope="module")
def small(file: Path) -> Clip:
    return decode(file, frames=5, largest=LARGEST, views=VIEWS)


def test_a_large_clip_is_held_small_and_a_model_sees_the_same_pixels(
    file: Path, small: Clip
) -> None:
    large = decode(file, frames=5)
    assert large.size == (HEIGHT, WIDTH) and small.size == (90, LARGEST)
    assert (small.id, small.source) == (large.id, large.source)
    for crop, size in VIEWS:
        np.testing.assert_array_equal(small.seen(crop, size), large.seen(crop, size))
        np.testing.assert_array_equal(large.seen(crop, size), cropped(large.frames, crop, size))
    assert not np.array_equal(cropped(small.frames, "centre", 22), small.seen("centre", 22)), (
        "twice shrunk is another picture"
    )


def test_what_is_made_of_the_clip_keeps_what_models_see(file: Path, small: Clip) -> None:
    large = decode(file, frames=5)
    for made, expected in (
        (shuffled(small, [4, 0, 3, 1, 2]), shuffled(large, [4, 0, 3, 1, 2])),
        (subclip(small, frames=3), subclip(large, frames=3)),
        (small.picked([2, 2], "x"), large.picked([2, 2], "x")),
    ):
        np.testing.assert_array_equal(made.seen("fit", 35), expected.seen("fit", 35))
        np.testing.assert_array_equal(made.times, expected.times)
        assert made.id == expected.id


def test_a_clip_that_is_small_enough_is_held_as_it_is(file: Path) -> None:
    clip = decode(file, frames=3, largest=WIDTH, views=VIEWS)
    np.testing.assert_array_equal(clip.frames, decode(file, frames=3).frames)
    assert not clip.views, "it is cut out of the frames themselves"


def test_large_frames_are_never_held_together(file: Path) -> None:
    tracemalloc.start()
    decode(file, frames=11, largest=LARGEST, views=VIEWS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 3 * HEIGHT * WIDTH, "of eleven"
