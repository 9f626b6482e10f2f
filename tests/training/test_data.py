"""Training data: every sample follows from its index alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core.world.gestures import LABELS, render
from training.data import Batch, Gestures, loaded, stacked

FRAMES, SIZE, PATCH = 3, 40, 8


def gestures(seed: int = 0) -> Gestures:
    return Gestures(seed=seed, frames=FRAMES, size=SIZE, patch=PATCH)


def batches(start: int = 0, clips: int = 12, batch: int = 4, workers: int = 0) -> list[Batch]:
    return list(loaded(gestures(), stacked, start=start, clips=clips, batch=batch, workers=workers))


def assert_equal(first: Batch, second: Batch) -> None:
    for name in ("video", "label", "tip", "occupied"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_a_batch_has_the_shapes_types_and_ranges_it_says() -> None:
    batch = batches(clips=4)[0]
    assert batch.video.shape == (4, FRAMES, SIZE, SIZE, 3) and batch.video.dtype == torch.uint8
    assert (
        batch.label.shape == (4,)
        and batch.label.dtype == torch.int64
        and batch.label.max() < len(LABELS)
    )
    assert batch.tip.shape == (4, FRAMES, 2) and batch.tip.dtype == torch.float32
    assert batch.occupied.shape == (4, FRAMES, 5, 5) and batch.occupied.dtype == torch.float32
    assert batch.occupied.min() >= 0 and 0 < batch.occupied.max() <= 1


def test_a_sample_is_the_rendered_clip_in_patches() -> None:
    rng = np.random.default_rng([3, 17])
    label = int(rng.integers(len(LABELS)))
    clip = render(LABELS[label], int(rng.integers(2**40)), frames=FRAMES, size=(SIZE, SIZE))
    frames, found, tip, occupied = gestures(3)[17]
    assert found == label
    np.testing.assert_array_equal(frames, clip.frames)
    np.testing.assert_allclose(tip, clip.fingertip / PATCH)
    for t, row, col in ((0, 0, 0), (1, 4, 3), (2, 2, 4)):
        patch = clip.mask[t, row * PATCH : (row + 1) * PATCH, col * PATCH : (col + 1) * PATCH]
        assert occupied[t, row, col] == pytest.approx(patch.mean())


def test_a_sample_depends_on_seed_and_index_only() -> None:
    data = gestures()
    late = data[5][0].copy()
    data[1], data[2]
    np.testing.assert_array_equal(gestures()[5][0], late)
    assert not np.array_equal(gestures(1)[5][0], late) and not np.array_equal(data[6][0], late)


def test_a_resumed_stream_goes_on_where_it_stopped() -> None:
    whole, rest = batches(), batches(start=4)
    assert len(whole) == 3 and len(rest) == 2
    for first, second in zip(whole[1:], rest, strict=True):
        assert_equal(first, second)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # a machine with one core
def test_workers_change_nothing() -> None:
    for first, second in zip(batches(clips=8), batches(clips=8, workers=2), strict=True):
        assert_equal(first, second)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_no_opencv_thread_lives_when_workers_are_forked() -> None:
    """A worker inherits the count of threads but none of them, and would wait for them for ever."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        next(
            iter(
                loaded(
                    Gestures(seed=3, frames=2, size=28, patch=7),
                    stacked,
                    start=0,
                    clips=2,
                    batch=2,
                    workers=1,
                )
            )
        )
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


def test_a_finished_stream_is_empty() -> None:
    assert batches(start=12) == []


def test_labels_are_spread_over_all_ten() -> None:
    labels = [int(np.random.default_rng([0, i]).integers(len(LABELS))) for i in range(200)]
    assert set(labels) == set(range(10))
    assert [gestures()[i][1] for i in range(5)] == labels[:5]
