"""Data sets of real files: draws, bad files, balance, workers, and the front door."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.draw.overlay import write_mp4
from core.errors import BadInput
from training.data import (
    Batch,
    Cache,
    Clips,
    Labelled,
    Plan,
    Selection,
    Stream,
    collated,
    listing,
    loaded,
    open_dataset,
)
from training.data.clips import balanced

ONE_CORE = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def counting(frames: int, value: int = 0) -> np.ndarray:
    return np.tile(
        np.arange(value, value + frames, dtype=np.uint8)[:, None, None, None], (1, 4, 6, 3)
    )


def in_memory(views: int = 1, clips: int = 3, sampling: str = "uniform", **settings) -> Clips:
    labelled = tuple(Labelled(f"a/{i}", counting(30, 50 * i), "ab"[i % 2]) for i in range(clips))
    return Clips(("a", "b"), labelled, Plan(5, sampling, 3, views), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good clips and a bad one under two labels."""
    root = tmp_path / "data"
    for i, name in enumerate(("a/0.mp4", "a/1.mp4", "b/3.mp4")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_mp4(
            root / name, np.random.default_rng(i).integers(0, 255, (9, 48, 64, 3), np.uint8), 5
        )
    (root / "a" / "2.mp4").write_text("bad")
    return root


def batches(
    data: Clips, *, stop: int, size: int, start: int = 0, seed: int = 0, workers: int = 0
) -> list[Batch]:
    stream = Stream(data, seed=seed)
    return list(loaded(stream, collated, start=start, clips=stop, batch=size, workers=workers))


def values(item) -> list[int]:
    return item[0][:, 0, 0, 0].tolist()


def test_items_are_frames_label_and_name() -> None:
    data = in_memory()
    frames, label, name = data[1]
    assert frames.shape == (5, 4, 6, 3) and frames.dtype == np.uint8 and (label, name) == (1, "a/1")
    assert values(data[1]) == [53, 59, 65, 71, 77] and len(data) == 3 and len(list(data)) == 3


def test_without_views_every_draw_shows_the_same_frames() -> None:
    data = in_memory()
    assert values(data[2]) == values(data[3 + 2]) == values(data[300 + 2])
    with pytest.raises(IndexError):
        data[-1]


def test_uniform_draws_choose_each_frame_among_its_neighbours() -> None:
    data = in_memory(views=3)  # segments of 6 frames, candidates 1, 3, 5 in each
    drawn = np.array([values(data[3 * draw]) for draw in range(60)])
    assert {tuple(sorted(set(column))) for column in drawn.T} == {
        (s + 1, s + 3, s + 5) for s in range(0, 30, 6)
    }
    assert len({tuple(row) for row in drawn}) > 40, "frames are drawn apart from each other"


def test_dense_draws_choose_a_window() -> None:
    data = in_memory(views=4, sampling="dense")
    drawn = {tuple(values(data[3 * draw])) for draw in range(40)}
    assert drawn == {tuple(range(s, s + 13, 3)) for s in (0, 5, 11, 17)}


def test_a_sample_depends_on_seed_draw_and_index_only() -> None:
    data, other = in_memory(views=9), in_memory(views=9)
    late = values(other[3 * 7 + 2])
    assert values(data[2]) != late == values(data[3 * 7 + 2])
    assert values(in_memory(views=9, seed=1)[3 * 7 + 2]) != late


def test_the_transform_gets_a_generator_of_the_sample() -> None:
    def noise(frames: np.ndarray, label: int, generator: torch.Generator) -> tuple[np.ndarray, int]:
        return torch.randint(
            0, 256, frames.shape, generator=generator, dtype=torch.uint8
        ).numpy(), 1 - label

    data = in_memory(transform=noise)
    frames, label, _ = data[1]
    assert label == 0
    np.testing.assert_array_equal(frames, in_memory(transform=noise)[1][0])
    assert (frames != data[4][0]).any() and (frames != data[0][0]).any()


def test_a_bad_file_is_reported_once_and_the_next_takes_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = open_dataset("folder", folder, None, Plan(4))
    assert data.labels == ("a", "b") and len(data) == 4 and data.skipped == 0
    assert [name for _, _, name in data] == ["a/0.mp4", "a/1.mp4", "b/3.mp4"]
    assert data[2][1:] == (1, "b/3.mp4") and data[4 + 2][2] == "b/3.mp4"
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("skipped: a/2.mp4: not") and data.skipped == 1


@ONE_CORE
@pytest.mark.parametrize("cached", [False, True])
def test_workers_change_nothing_and_report_a_bad_file_once(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], cached: bool
) -> None:
    def shown(workers: int):
        data = open_dataset("folder", folder, None, Plan(4, views=2))
        if cached:
            data.cache = Cache(tmp_path / "cache")
        made = batches(data, seed=3, stop=24, size=4, workers=workers)
        return [(b.video, b.label, b.names) for b in made], data.skipped

    (alone, skipped), (together, skipped_together) = shown(0), shown(2)
    assert skipped == skipped_together == 1 and len(alone) == len(together) == 6
    for (video, label, names), (video2, label2, names2) in zip(alone, together, strict=True):
        assert torch.equal(video, video2) and torch.equal(label, label2) and names == names2
    assert 2 <= capfd.readouterr().err.count("skipped: a/2.mp4: not") <= 3, (
        "once a run, unless two workers meet it at the same moment"
    )


def test_the_second_epoch_needs_no_decoder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_dataset("folder", folder, None, Plan(4, views=2, size=20, shape="fit"))
    data.cache = Cache(tmp_path / "cache")
    first = [data[i] for i in range(4)]
    monkeypatch.setattr("core.video.sets.reading.decode_at", None)
    for i in range(4):
        np.testing.assert_array_equal(data[i][0], first[i][0])
    assert data[4][0].shape == (4, 20, 20, 3), "another draw comes from the same pool"


def test_if_nothing_can_be_read_the_error_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.mp4").write_text("bad")
    data = open_dataset("folder", tmp_path, None, Plan(8))
    for workers in (0, 1):
        with pytest.raises(BadInput, match=r"^not one of 1 clips can be read$"):
            batches(data, stop=4, size=2, workers=workers)


def test_small_classes_are_repeated_up_to_the_target() -> None:
    clips = tuple(
        Labelled(f"{label}/{i}", counting(9), label)
        for label, n in (("a", 5), ("b", 2), ("c", 1))
        for i in range(n)
    )
    even = balanced(clips, 4)
    assert Counter(c.label for c in even) == {"a": 5, "b": 4, "c": 4} and even[:8] == clips
    assert Counter(c.name for c in even if c.label == "b") == {"b/0": 2, "b/1": 2}


def test_repeats_of_a_balanced_clip_are_augmented_each_in_its_own_way_and_count_once_if_bad(
    folder: Path,
) -> None:
    def numbered(
        frames: np.ndarray, label: int, generator: torch.Generator
    ) -> tuple[np.ndarray, int]:
        return frames, int(torch.randint(10**6, (), generator=generator))

    data = open_dataset("folder", folder, None, Plan(4), Selection(balance=6))
    data.transform = numbered
    assert len(data) == 12 and len({label for _, label, name in data if name == "b/3.mp4"}) == 6
    assert data.skipped == 1


def places(length: int, stop: int, **settings) -> list[int]:
    stream = Stream(in_memory(clips=length), **settings)
    return [stream.number(place) for place in range(stop)]


def test_an_epoch_shows_every_clip_and_each_epoch_has_an_order_of_its_own() -> None:
    numbers = places(5, 15, seed=1)
    epochs = [numbers[i : i + 5] for i in (0, 5, 10)]
    assert [sorted(n - 5 * e for n in epoch) for e, epoch in enumerate(epochs)] == [
        list(range(5))
    ] * 3
    assert len({tuple(n % 5 for n in epoch) for epoch in epochs}) == 3
    assert places(5, 15, seed=2) != numbers and places(3, 6, shuffle=False) == [0, 1, 2, 3, 4, 5]


def test_a_place_of_the_stream_does_not_depend_on_what_was_loaded_before() -> None:
    stream = Stream(in_memory(clips=5), seed=1, repeats=2)
    late = stream.number(23)
    assert [stream.number(p) for p in (3, 23, 11, 23)][1::2] == [late, late] and stream.epoch == 10
    np.testing.assert_array_equal(stream[23][0], stream.data[late][0])


def test_repeated_augmentation_shows_a_clip_twice_in_a_row_as_two_draws() -> None:
    numbers = places(4, 16, seed=2, repeats=2)
    assert all(b == a + 4 for a, b in zip(numbers[::2], numbers[1::2], strict=True))
    assert sorted(numbers) == list(range(16)), "two epochs of two draws"
    with pytest.raises(BadInput, match="at least once"):
        places(4, 1, repeats=0)


def test_batches_go_on_where_they_stopped() -> None:
    whole, rest = (batches(in_memory(views=3), start=start, stop=12, size=4) for start in (0, 4))
    assert [b.names for b in whole[1:]] == [b.names for b in rest] and len(rest) == 2
    assert all(torch.equal(a.video, b.video) for a, b in zip(whole[1:], rest, strict=True))


def test_clips_of_different_sizes_do_not_make_a_batch() -> None:
    clips = (
        Labelled("a/0", counting(9), "a"),
        Labelled("a/1", np.zeros((9, 5, 6, 3), np.uint8), "a"),
    )
    stream = Stream(Clips(("a",), clips, Plan(3)), shuffle=False)
    with pytest.raises(BadInput, match=r"^the clips a/0 .* a/1 .*differ in size"):
        list(loaded(stream, collated, start=0, clips=2, batch=2, workers=0))


def test_clips_can_be_numbered_by_other_labels(folder: Path) -> None:
    listed = listing("folder", folder).clips
    data = Clips(("b", "x", "a"), listed, Plan(4))
    assert data.labels == ("b", "x", "a") and [label for _, label, _ in data] == [2, 2, 0]
    with pytest.raises(BadInput, match=r"'b'.*not known; known are a, c"):
        Clips(("a", "c"), listed, Plan(4))


def test_a_data_set_of_frame_folders_opens_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jester-v1-train.csv").write_text("1;Stop Sign\n2;Thumb Up\n3;Thumb Up\n")
    for clip in ("1", "2"):
        (tmp_path / "20bn-jester-v1" / clip).mkdir(parents=True)
        for i in range(6):
            cv2.imwrite(
                str(tmp_path / "20bn-jester-v1" / clip / f"{i + 1:05d}.jpg"),
                np.full((10, 18, 3), 10 * i, np.uint8),
            )
    data = open_dataset("jester", tmp_path, "train", Plan(3, size=8))
    assert [(frames.shape, label, name) for frames, label, name in data] == [
        ((3, 8, 14, 3), 0, "Stop Sign/1"),
        ((3, 8, 14, 3), 1, "Thumb Up/2"),
    ]
    assert values(data[0]) == [10, 30, 50] and data.skipped == 1
    assert "1 of 3 listed clips are not in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "selection", "said"),
    [
        ("movies", Selection(), "choose one of folder, kinetics"),
        ("gestures", Selection(), "'gestures' is not known"),
        ("folder", Selection(holdout=1.0), "at least 0 and below 1, got 1.0"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    folder: Path, kind: str, selection: Selection, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        open_dataset(kind, folder, None, Plan(4), selection)
