"""Where a recipe's clips come from: splits, labels, draws, augmentation, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.world.gestures import LABELS, USUAL, Odds
from tests.training.tiny import REAL, write_clips
from training.data import Gestures
from training.recipes import Recipe
from training.sources import Sharing, Source, batches, source


def opened(root: Path, held: bool = False, **changes: Any) -> Source:
    return source(
        replace(REAL, root=str(root), **changes), frames=8, size=24, patch=8, seed=3, held=held
    )


def names(clips: Source) -> set[str]:
    return {clip.name for clip in clips.files.clips}


def test_items_are_cropped_clips_with_the_labels_of_the_folder(clips: Path) -> None:
    data = opened(clips)
    video, label, name = data.dataset[0]
    assert (
        video.shape == (8, 24, 24, 3)
        and video.dtype == np.uint8
        and data.labels == ("clap", "tap left", "tap right")
    )
    assert data.labels[label] == name.split("/")[0] and data.epoch == len(data.files) == 3 * 4
    assert data.directed == data.labels, "of data other than strokes every label has a direction"


def test_validation_clips_are_never_trained_on(clips: Path) -> None:
    train, held = opened(clips), opened(clips, held=True)
    assert (
        not names(train) & names(held)
        and len(names(train) | names(held)) == 15
        and len(names(held)) == 3
    )
    shares = [opened(clips, held=held, holdout=0.4) for held in (False, True)]
    assert [list(Counter(c.label for c in s.files.clips).values()) for s in shares] == [
        [3, 3, 3],
        [2, 2, 2],
    ]
    assert not names(shares[0]) & names(shares[1]) and shares[0].labels == shares[1].labels


def test_held_out_clips_come_once_and_in_no_order_of_labels(clips: Path) -> None:
    held = opened(
        clips, held=True, holdout=0.4, augment={"erase": 1.0, "mirror": 1.0}, repeated=2, balance=9
    )
    shown = [held.dataset[i] for i in range(held.epoch)]
    assert len(shown) == 6 and {name for *_, name in shown} == names(held)
    assert [label for _, label, _ in shown] != sorted(label for _, label, _ in shown)
    assert all(held.labels[label] == name.split("/")[0] for _, label, name in shown), (
        "and are not mirrored"
    )


def test_strokes_keep_their_own_directions(tmp_path: Path) -> None:
    write_clips(tmp_path, ("left", "right", "star"), 2)
    data = opened(tmp_path)
    assert data.labels == ("left", "right", "star") and data.directed == ("star",)


def test_small_classes_are_filled_up(clips: Path) -> None:
    data = opened(clips, balance=7)
    assert (
        Counter(clip.label for clip in data.files.clips)
        == {"clap": 7, "tap left": 7, "tap right": 7}
        and data.epoch == 21
    )


def test_copies_of_a_clip_stand_together_and_are_drawn_anew(clips: Path) -> None:
    data = opened(clips, repeated=2, augment={"far": {"size": 224, "magnitude": 9.0}})
    first, second = data.dataset[0], data.dataset[1]
    assert first[2] == second[2] and (first[0] != second[0]).any() and data.epoch == 24
    assert first[0].shape == (8, 24, 24, 3), "the crop follows the model's size, not the paper's"


def test_the_mirror_turns_labels_that_tell_sides(clips: Path) -> None:
    data = opened(clips, augment={"mirror": 1.0})
    for i in range(12):
        _, label, name = data.dataset[i]
        assert (
            data.labels[label]
            == {"tap left": "tap right", "tap right": "tap left", "clap": "clap"}[
                name.split("/")[0]
            ]
        )


def test_a_jittered_crop_keeps_its_proportions(clips: Path) -> None:
    data = opened(clips, augment={"jittered_crop": {"size": 224, "least": 256, "most": 320}})
    crop = data.files.transform.augment
    assert (crop.size, crop.least, crop.most) == (24, 27, 34) and data.files.plan.size == 34
    assert data.dataset[5][0].shape == (8, 24, 24, 3)


def test_draws_choose_other_frames_each_time(clips: Path) -> None:
    fixed, drawn = opened(clips), opened(clips, draws=3)
    index = 0
    same = [i for i in range(48) if fixed.dataset[i][2] == fixed.dataset[index][2]]
    assert len(same) == 4
    assert all((fixed.dataset[i][0] == fixed.dataset[0][0]).all() for i in same)
    assert any((drawn.dataset[i][0] != drawn.dataset[same[0]][0]).any() for i in same[1:])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 2])
def test_each_process_reads_its_places_whatever_the_workers(clips: Path, workers: int) -> None:
    data = opened(clips, repeated=2, draws=2, augment={"rvit": {"size": 224}, "mirror": 0.5})
    ((part,),) = batches(data, Sharing(4, 1, 2, 1), start=2, steps=3, workers=workers)
    for got, place in zip(part.video, (9, 11), strict=True):
        assert torch.equal(got, torch.from_numpy(data.dataset[place][0]))
    assert part.names == tuple(data.dataset[p][2] for p in (9, 11)) and part.tip is None


def test_decoded_clips_are_kept_where_a_cache_is_named(clips: Path, tmp_path: Path) -> None:
    cached, plain = opened(clips, cache=str(tmp_path / "cache")), opened(clips)
    for _ in range(2):
        np.testing.assert_array_equal(cached.dataset[4][0], plain.dataset[4][0])
    assert len(list((tmp_path / "cache").glob("*.clip"))) == 1


def test_splits_that_are_folders_are_used(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 2)):
        write_clips(tmp_path / split, ("a", "b"), count)
    assert (
        opened(tmp_path).epoch,
        opened(tmp_path, held=True).epoch,
        opened(tmp_path, split="val").epoch,
    ) == (6, 4, 4)
    assert (
        opened(tmp_path, holdout=0.34).epoch,
        opened(tmp_path, held=True, holdout=0.34).epoch,
    ) == (4, 2)


def test_rendered_clips_are_validated_on_as_many_as_were_asked_for() -> None:
    recipe = Recipe(model="direcformer", validate_clips=7)
    held = source(recipe, frames=3, size=24, patch=8, seed=3, held=True)
    assert held.epoch == 7 and held.labels == LABELS and held.files is None


def test_strokes_that_are_hard_to_order_can_be_drawn_more_often() -> None:
    recipe = Recipe(model="direcformer", emphasis="star=5,left=0.5", validate_clips=7)
    drawn = source(recipe, frames=1, size=8, patch=8, seed=3).dataset
    found = Counter(LABELS[drawn[i][1]] for i in range(160))
    # 5 and 0.5 of 14.5 in all: 55 and 6.
    assert 36 < found["star"] < 75 and found["left"] < 14
    assert source(recipe, frames=1, size=8, patch=8, seed=3, held=True).dataset.shares is None


@pytest.mark.parametrize(
    "emphasis", ["comet=2", "star", "star=0", "star=-1", "star=two", "star=3,,tick=1"]
)
def test_an_emphasis_that_names_no_stroke_or_number_is_refused(emphasis: str) -> None:
    with pytest.raises(BadInput, match="is not STROKE=NUMBER"):
        source(Recipe(model="direcformer", emphasis=emphasis), frames=1, size=8, patch=8, seed=3)


def test_clips_that_are_hard_to_see_can_be_drawn_more_often_but_not_to_validate() -> None:
    recipe = Recipe(model="direcformer", odds="dim=1,recoloured=0.25", validate_clips=7)
    assert source(recipe, frames=1, size=8, patch=8, seed=3).dataset.odds == Odds(
        dim=1.0, recoloured=0.25
    )
    assert source(recipe, frames=1, size=8, patch=8, seed=3, held=True).dataset.odds == USUAL
    drawn = [
        source(replace(recipe, odds=odds), frames=2, size=24, patch=8, seed=3).dataset
        for odds in ("dim=1", "")
    ]
    dim, usual = (np.mean([found[i][0].mean() for i in range(40)]) for found in drawn)
    assert dim < 0.7 * usual


def test_a_share_of_the_clips_is_seen_from_the_front_and_the_others_are_as_they_were() -> None:
    def clips(front: float, **how: Any) -> Gestures:
        recipe = Recipe(model="direcformer", front=front, validate_clips=5)
        dataset = source(recipe, frames=1, size=16, patch=8, seed=3, **how).dataset
        assert isinstance(dataset, Gestures)
        return dataset

    own, both, front = (clips(share) for share in (0.0, 0.4, 1.0))
    is_own = [bool((own[i][0] == both[i][0]).all()) for i in range(60)]
    is_front = [bool((front[i][0] == both[i][0]).all()) for i in range(60)]
    assert is_own == [not seen for seen in is_front]
    assert 14 <= sum(is_front) <= 34  # 24 of 60, and what chance adds or takes
    assert clips(0.4, held=True).front == 0.4


@pytest.mark.parametrize("odds", ["fog=1", "dim", "dim=-1", "dim=half", "dim=1,", "star=1"])
def test_odds_that_name_no_condition_or_number_are_refused(odds: str) -> None:
    with pytest.raises(BadInput, match="not NAME=NUMBER from 0 to 1") as error:
        source(Recipe(model="direcformer", odds=odds), frames=1, size=8, patch=8, seed=3)
    assert "same_colour" in str(error.value)
    with pytest.raises(BadInput, match=r"odds of 1.5 for dim"):
        source(Recipe(model="direcformer", odds="dim=1.5"), frames=1, size=8, patch=8, seed=3)


@pytest.mark.parametrize(
    "changes",
    [{"draws": 2}, {"holdout": 0.1}, {"split": "train"}, {"sampling": "motion"}, {"balance": 9}],
)
def test_rendered_clips_refuse_what_is_for_files(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"cannot use {next(iter(changes))}; leave it out"):
        source(Recipe(model="direcformer", **changes), frames=3, size=24, patch=8, seed=3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "charades"}, "one of folder, kinetics"),
        ({"root": ""}, "--root"),
        ({"root": "nowhere"}, "nowhere is not a folder"),
        ({"augment": {"twirl": 1}}, "twirl"),
        ({"augment": {"erase": 2.0}}, "erase"),
        ({"augment": {"mix": {"blend": 1.0}}}, "mixup"),
        ({"augment": {"rvit": {"sizes": 2}}}, "sizes"),
        ({"augment": {"jittered_crop": 0.5}}, "takes the numbers size, least, most"),
        ({"augment": {"rvit": True}}, "takes the numbers"),
        ({"augment": {"jittered_crop": {"least": "x"}}}, "least of jittered_crop must be a number"),
        ({"augment": {"rvit": {"kernel": 4}}}, "kernel of rvit must be 2 numbers"),
        ({"augment": {"mix": {"mixup": "x"}}}, "mixup of mix"),
        ({"augment": {"rvit": {"kernel": [4, 8]}}}, "odd"),
        ({"augment": {"rvit": {"sigma": [0, 0]}}}, "sigma of rvit must rise"),
        ({"augment": {"far": {"layers": 2.5}}}, "layers of far must be a whole number"),
        (
            {"augment": {"jittered_crop": {"size": 224, "least": 100, "most": 120}}},
            "must rise in this order, got 224, 100 and 120",
        ),
        (
            {"augment": {"jittered_crop": {"least": 0}}},
            "least of jittered_crop must be a whole number above 0",
        ),
        ({"augment": {"mirror": True}}, "probability"),
        ({"augment": {"far": {"layers": -1}}}, "layers of far"),
        ({"sampling": "some"}, "sampling"),
        ({"holdout": 1.0}, "--holdout must be from 0"),
        ({"emphasis": "star=3"}, "--balance"),
        ({"odds": "dim=1"}, "odds are for rendered gestures"),
        ({"front": 0.4}, "front is for rendered gestures"),
        ({"split": "test"}, "no folder 'test'"),
        ({"short": "stretch"}, "stretch"),
        ({"crop": "middle"}, "middle"),
        ({"repeated": 0}, "--repeated must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    clips: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput) as error:
        opened(**{"root": clips} | changes)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["ucf101", "hmdb51", "smarthome"])
def test_data_without_validation_clips_ask_for_a_share(clips: Path, kind: str) -> None:
    with pytest.raises(BadInput, match=f"{kind} has no clips for validation.*--holdout"):
        opened(clips, held=True, data=kind)


def test_a_share_of_training_clips_validates_smarthome(tmp_path: Path) -> None:
    write_clips(tmp_path, ("x",), 4)
    for i, path in enumerate(sorted((tmp_path / "x").iterdir())):
        path.rename(tmp_path / f"Cook.Cut_p03_r00_v0{i}_c03.mp4")
    train, held = (
        opened(tmp_path, held=held, data="smarthome", holdout=0.25) for held in (False, True)
    )
    assert (train.epoch, held.epoch, train.labels) == (3, 1, ("Cook.Cut",)) and not names(
        train
    ) & names(held)
