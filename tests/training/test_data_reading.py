"""Which frames of a clip are read, at which size, from a video, a folder of pictures or memory."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.draw.overlay import write_mp4
from core.errors import BadInput, EmptyVideo, TooFewFrames
from core.video import decode
from core.video.sets.reading import short_side, view_indices_at
from training.data import Cache, Labelled, Plan, read, view_indices


def counting(frames: int, height: int = 4, width: int = 6) -> np.ndarray:
    """Frames whose every value is their number."""
    return np.tile(np.arange(frames, dtype=np.uint8)[:, None, None, None], (1, height, width, 3))


def numbers(clip: Labelled, plan: Plan) -> list:
    return read(clip, plan)[0][..., 0, 0, 0].tolist()


def memory(frames: int) -> Labelled:
    return Labelled("a/b", counting(frames), "a")


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    """60 frames at 30 a second of noise that changes at uneven times."""
    rng = np.random.default_rng(0)
    frames = np.stack(
        [
            np.random.default_rng(int(k)).integers(0, 255, (48, 64, 3), np.uint8)
            for k in np.sort(rng.integers(0, 40, 60))
        ]
    )
    path = tmp_path / "moving.mp4"
    write_mp4(path, frames, 30)
    return path


def test_two_uniform_views_of_sixteen_are_interleaved() -> None:
    assert view_indices(32, 16, 2, "uniform").tolist() == [
        list(range(0, 32, 2)),
        list(range(1, 32, 2)),
    ]
    assert view_indices(12, 3, 2, "uniform").tolist() == [[1, 5, 9], [3, 7, 11]]


def test_dense_views_spread_from_the_first_frame_to_the_last() -> None:
    assert view_indices(20, 3, 5, "dense", 4).tolist() == [
        [s, s + 4, s + 8] for s in (0, 2, 5, 8, 11)
    ]
    assert view_indices(9, 3, 5, "dense", 4).tolist() == [[0, 4, 8]] * 5, (
        "a short clip has one window"
    )


@pytest.mark.parametrize("sampling", ["uniform", "dense", "motion"])
def test_one_view_is_what_decode_chooses(moving: Path, sampling: str) -> None:
    clip = decode(moving, frames=5, sampling=sampling, stride=7)
    frames, times = read(Labelled("a/m", moving, "a"), Plan(5, sampling, 7))
    np.testing.assert_array_equal(frames[0], clip.frames)
    np.testing.assert_array_equal(times[0], clip.times)


@pytest.mark.parametrize("fps", [10, 25, 50])
def test_a_stride_that_counts_at_a_rate_is_seconds_whatever_the_clips_rate(fps: int) -> None:
    seconds = np.arange(4 * fps) / fps
    # 6 frames at 30 a second are 0.2 s: five frames span 0.8 s about the middle of 4 s - 1 frame
    middle = seconds[view_indices_at(seconds, 5, 1, 6 / 30)[0]]
    np.testing.assert_allclose(np.diff(middle), 0.2, atol=1e-9)
    assert abs(middle.mean() - seconds[-1] / 2) <= 0.5 / fps + 1e-9
    three = seconds[view_indices_at(seconds, 5, 3, 6 / 30)]
    np.testing.assert_allclose(np.diff(three), 0.2, atol=1 / fps + 1e-9)
    assert three[0, 0] == 0 and three[-1, -1] == seconds[-1]
    assert view_indices_at(seconds[:6], 5, 2, 0.001).tolist() == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]


def test_a_card_whose_stride_counts_at_a_rate_is_read_as_decode_reads_it(moving: Path) -> None:
    clip = decode(moving, frames=4, sampling="dense", stride=6, rate=20.0)
    _, times = read(Labelled("a/m", moving, "a"), Plan(4, "dense", 6, rate=20.0))
    np.testing.assert_array_equal(times[0], clip.times)
    assert (
        times[0].tolist() != read(Labelled("a/m", moving, "a"), Plan(4, "dense", 6))[1][0].tolist()
    )


def test_motion_views_share_the_informative_frames(moving: Path) -> None:
    frames, times = read(Labelled("a/m", moving, "a"), Plan(3, "motion", views=2))
    both = read(Labelled("a/m", moving, "a"), Plan(6, "motion"))[1][0]
    assert sorted(times.ravel()) == both.tolist() and times[0].tolist() == both[::2].tolist()
    assert frames.shape == (2, 3, 48, 64, 3)


def test_the_motion_threshold_is_strict_for_folders_of_pictures_too(tmp_path: Path) -> None:
    """Spec 8.12: a mean grey difference of exactly 30 is dropped, 40 kept."""
    first = np.uint8([[100, 20], [0, 40]])
    # 12 a second: every second one counts.
    for i, grey in enumerate((first * 0, first * 0, first, first, first + np.uint8(30))):
        cv2.imwrite(str(tmp_path / f"{i + 1:05d}.png"), np.repeat(grey[..., None], 3, -1))
    assert read(Labelled("a/b", tmp_path, "a"), Plan(1, "motion"))[1].tolist() == [[2 / 12]]


def test_pictures_are_read_in_the_order_of_their_numbers_as_rgb(tmp_path: Path) -> None:
    for i in (1, 2, 10, 9):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((5, 7, 3), (0, 0, i), np.uint8))
    (tmp_path / "notes.txt").write_text("beside the pictures")
    frames, times = read(Labelled("a/b", tmp_path, "a"), Plan(4))
    assert frames[0, :, 0, 0].tolist() == [[1, 0, 0], [2, 0, 0], [9, 0, 0], [10, 0, 0]]
    np.testing.assert_allclose(times[0], np.arange(4) / 12)


def test_a_part_of_a_file_is_read(tmp_path: Path) -> None:
    write_mp4(tmp_path / "v.mp4", counting(40, 32, 32) * 6, 10)
    _, times = read(Labelled("a/v", tmp_path / "v.mp4", "a", start=1.0, end=1.9), Plan(5))
    np.testing.assert_allclose(times[0], [1.1, 1.3, 1.5, 1.7, 1.9], atol=1e-6)


def test_short_clips_are_refused_or_filled_up() -> None:
    with pytest.raises(TooFewFrames, match="3 frames in the file, 5 needed"):
        read(memory(3), Plan(5))
    assert numbers(memory(3), Plan(5, short="last", views=2)) == [[0, 1, 2, 2, 2]] * 2
    frames, times = read(Labelled("a/b", counting(3) + np.uint8(9), "a"), Plan(5, short="zero"))
    assert frames[0, :, 0, 0, 0].tolist() == [9, 10, 11, 0, 0] and np.all(frames[0, 3:] == 0)
    assert times[0].tolist() == [0, 1 / 12, 2 / 12, 2 / 12, 2 / 12]


def test_frames_are_scaled_as_the_plan_says() -> None:
    clip = Labelled("a/b", counting(3, 30, 50), "a")
    assert read(clip, Plan(3))[0].shape == (1, 3, 30, 50, 3)
    assert read(clip, Plan(3, size=12))[0].shape == (1, 3, 12, 20, 3), "the short side is 12"
    assert (
        read(clip, Plan(3, size=12, shape="centre"))[0].shape
        == read(clip, Plan(3, size=12, shape="fit"))[0].shape
        == (1, 3, 12, 12, 3)
    )
    assert short_side(np.zeros((50, 30, 3), np.uint8), 60).shape == (100, 60, 3)


def test_what_is_taken_is_the_same_with_and_without_a_cache(moving: Path, tmp_path: Path) -> None:
    clip, plan, cache = (
        Labelled("a/m", moving, "a"),
        Plan(4, views=3, size=20),
        Cache(tmp_path / "cache"),
    )
    for take in (lambda v: v, lambda v: v[1], lambda v: v[[2, 0, 1, 1], np.arange(4)]):
        frames, times = read(clip, plan, None, take)
        for _ in range(2):  # decoded, then from the cache
            again, when = read(clip, plan, cache, take)
            np.testing.assert_array_equal(frames, again)
            np.testing.assert_array_equal(times, when)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_changed_file_or_plan_is_read_anew(moving: Path, tmp_path: Path) -> None:
    clip, cache = Labelled("a/m", moving, "a"), Cache(tmp_path / "cache")
    assert read(clip, Plan(4), cache)[0].max() > 9
    assert read(clip, Plan(5, size=12), cache)[0].shape == (1, 5, 12, 16, 3)
    write_mp4(moving, np.zeros((60, 48, 64, 3), np.uint8), 30)
    assert read(clip, Plan(4), cache)[0].max() < 9


def test_black_frames_survive_the_cache(tmp_path: Path) -> None:
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((5, 7, 3), 50 + i, np.uint8))
    clip, cache = Labelled("a/b", tmp_path, "a"), Cache(tmp_path.parent / "cache")
    for _ in range(2):
        frames, _ = read(clip, Plan(5, short="zero"), cache)
        assert frames[0, :, 0, 0, 0].tolist() == [50, 51, 52, 0, 0]


@pytest.mark.parametrize(
    "settings",
    [
        {"frames": 0},
        {"frames": 4, "views": 0},
        {"frames": 4, "size": 0},
        {"frames": 4, "sampling": "all"},
        {"frames": 4, "short": "loop"},
        {"frames": 4, "shape": "round"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(settings: dict) -> None:
    with pytest.raises(BadInput, match=r"at least 1|is not known"):
        Plan(**settings)


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmptyVideo, match="holds no pictures"):
        read(Labelled("a/b", tmp_path, "a"), Plan(1))
    (tmp_path / "1.jpg").write_bytes(b"")
    (tmp_path / "2.jpg").write_bytes(b"not a picture")
    for i in (0, 1):
        with pytest.raises(EmptyVideo, match=f"{i + 1}.jpg"):
            read(Labelled("a/b", tmp_path, "a"), Plan(1), take=lambda v, i=i: np.array([i]))


def test_pictures_of_two_sizes_are_no_clip_and_are_named(tmp_path: Path) -> None:
    for number, size in enumerate([(9, 12), (9, 12), (7, 12)]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((*size, 3), np.uint8))
    clip = Labelled("a/b", tmp_path, "a")
    with pytest.raises(EmptyVideo, match="its pictures differ in size"):
        read(clip, Plan(3))
    # Made alike, they are one.
    assert read(clip, Plan(3, size=6, shape="fit"))[0].shape == (1, 3, 6, 6, 3)
