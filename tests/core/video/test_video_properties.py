"""Sampling, cropping and shuffling hold for any size, any count and any permutation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.video import (
    SAMPLINGS,
    Clip,
    Sampling,
    crop_box,
    dense_indices,
    motion_indices,
    shuffled,
    subclip,
    uniform_indices,
)


@st.composite
def counts(draw: st.DrawFn, most: int = 300) -> tuple[int, int]:
    """A number of frames, and how many of them are wanted."""
    count = draw(st.integers(1, most))
    return count, draw(st.integers(1, count))


def assert_ascending_within(indices: np.ndarray, count: int, frames: int) -> None:
    assert len(indices) == frames
    assert indices[0] >= 0
    assert indices[-1] < count
    assert (np.diff(indices) > 0).all()


@given(counts())
def test_uniform_indices_ascend_within_the_clip(sizes: tuple[int, int]) -> None:
    count, frames = sizes
    indices = uniform_indices(count, frames)
    assert_ascending_within(indices, count, frames)
    middles = (np.arange(frames) + 0.5) * count / frames
    assert ((indices <= middles) & (middles < indices + 1)).all()


@given(counts(), st.integers(1, 40))
def test_dense_indices_ascend_within_the_clip_at_one_distance(
    sizes: tuple[int, int], stride: int
) -> None:
    count, frames = sizes
    indices = dense_indices(count, frames, stride)
    assert_ascending_within(indices, count, frames)
    assert len(set(np.diff(indices))) <= 1
    assert (np.diff(indices) <= stride).all()
    before, after = indices[0], count - 1 - indices[-1]
    assert 0 <= after - before <= 1


@given(st.lists(st.integers(0, 255), min_size=1, max_size=30), st.data())
def test_motion_indices_ascend_within_the_clip(greys: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, len(greys)))
    frames = np.array(greys, np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    assert_ascending_within(motion_indices(frames, wanted), len(greys), wanted)


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_crop_lies_within_the_frame_and_in_its_middle(height: int, width: int) -> None:
    assert crop_box(height, width, "fit") == (0, 0, height, width)
    top, left, rows, columns = crop_box(height, width, "centre")
    assert rows == columns == min(height, width)
    below, right = height - top - rows, width - left - columns
    assert 0 <= below - top <= 1
    assert 0 <= right - left <= 1


def numbered(frames: int) -> Clip:
    """Frame i is grey level i, at i tenths of a second."""
    pictures = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones(3, np.uint8)
    return Clip(np.tile(pictures, (1, 2, 2, 1)), np.arange(frames) / 10, "numbered", "0" * 16)


@given(st.permutations(range(7)), st.integers(1, 3))
def test_shuffling_back_gives_the_clip_again(permutation: list[int], unit: int) -> None:
    clip = numbered(len(permutation) * unit)
    there = shuffled(clip, tuple(permutation), unit)
    assert there.frames[::unit, 0, 0, 0].tolist() == [unit * i for i in permutation]
    back = shuffled(there, np.argsort(permutation), unit)
    np.testing.assert_array_equal(back.frames, clip.frames)
    np.testing.assert_array_equal(back.times, clip.times)


@given(counts(most=60), st.sampled_from(SAMPLINGS), st.integers(1, 9))
def test_a_part_of_a_clip_keeps_its_frames_with_their_times(
    sizes: tuple[int, int], sampling: Sampling, stride: int
) -> None:
    count, frames = sizes
    sampled = subclip(numbered(count), frames=frames, sampling=sampling, stride=stride)
    indices = sampled.frames[:, 0, 0, 0]
    assert_ascending_within(indices.astype(int), count, frames)
    np.testing.assert_allclose(sampled.times, indices / 10)
