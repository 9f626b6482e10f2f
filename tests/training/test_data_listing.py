"""Every public layout: which clips are found, under which label, in which split.

Files are empty: a listing opens none.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import BadInput
from training.data import Listing, listing


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def write(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / name.replace("__", ".")).write_text(text)
    return root


def pairs(found: Listing) -> list[tuple[str, str]]:
    return [(c.name, c.label) for c in found.clips]


def test_a_plain_folder_lists_videos_and_folders_of_pictures_by_label(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "wave/b.mp4",
        "wave/a.avi",
        "clap/frames/001.jpg",
        "clap/frames/002.jpg",
        "clap/.hidden.mp4",
        "clap/notes/readme.txt",
        "beside.tsv",
        ".git/x",
    )
    found = listing("folder", tmp_path)
    assert found.labels == ("clap", "wave")
    assert pairs(found) == [("clap/frames", "clap"), ("wave/a.avi", "wave"), ("wave/b.mp4", "wave")]


def test_a_folder_with_split_folders_numbers_labels_alike_in_every_split(tmp_path: Path) -> None:
    touch(tmp_path, "train/b/1.mp4", "train/c/2.mp4", "validation/a/3.mp4", "validation/b/4.mp4")
    train, val = listing("folder", tmp_path, "train"), listing("folder", tmp_path, "val")
    assert train.labels == val.labels == ("a", "b", "c")
    assert pairs(train) == [("b/1.mp4", "b"), ("c/2.mp4", "c")] and pairs(val) == [
        ("a/3.mp4", "a"),
        ("b/4.mp4", "b"),
    ]


def test_a_folder_without_split_folders_holds_out_one_clip_of_each_label(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{label}/{i}.mp4" for label in ("a", "b") for i in range(5)), "c/only.mp4")
    train, val = listing("folder", tmp_path, "train"), listing("folder", tmp_path, "val")
    assert sorted(label for _, label in pairs(val)) == ["a", "b"], (
        "a label with one clip keeps it for training"
    )
    assert len(train.clips) == 9 and not {c.name for c in train.clips} & {c.name for c in val.clips}
    assert pairs(val) == pairs(listing("folder", tmp_path, "validation"))


def test_kinetics_finds_clips_by_id_and_times_in_any_folder(tmp_path: Path) -> None:
    write(
        tmp_path / "lists",
        train__csv="label,youtube_id,time_start,time_end,split\nriding mule,-0abc_XY,7,17,train\n"
        "abseiling,gone,1,11,train\nabseiling,uncut,20,30,train\nzumba,val1,0,10,val\n",
    )
    write(
        tmp_path / "lists",
        validate__csv="label,youtube_id,time_start,time_end,split\nabseiling,val2,3,13,validate\n",
    )
    write(tmp_path / "lists", other__csv="a,b\n1,2\n")
    touch(
        tmp_path,
        "train/riding_mule/-0abc_XY_000007_000017.mp4",
        "train/uncut.mkv",
        "val/val1_000000_000010.webm",
        "val/val2_000003_000013.mp4",
    )
    train, val = listing("kinetics", tmp_path, "train"), listing("kinetics", tmp_path, "validate")
    assert train.labels == val.labels == ("abseiling", "riding mule", "zumba")
    assert pairs(train) == [
        ("riding mule/-0abc_XY_000007_000017.mp4", "riding mule"),
        ("abseiling/uncut.mkv@20-30", "abseiling"),
    ]
    assert [(c.start, c.end) for c in train.clips] == [(None, None), (20.0, 30.0)]
    assert (train.missing, train.first_missing) == (1, "gone_000001_000011")
    assert [label for _, label in pairs(val)] == ["zumba", "abseiling"] and val.missing == 0


def test_of_two_files_with_one_name_the_one_in_the_label_folder_is_taken(tmp_path: Path) -> None:
    write(
        tmp_path,
        train__csv="label,youtube_id,time_start,time_end,split\nriding mule,x,7,17,train\n",
    )
    touch(tmp_path, "abseiling/x_000007_000017.mp4", "riding_mule/x_000007_000017.mp4")
    assert (
        listing("kinetics", tmp_path).clips[0].source
        == tmp_path / "riding_mule/x_000007_000017.mp4"
    )


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_something_something_reads_templates_without_brackets_and_labels_by_number(
    tmp_path: Path, prefix: str
) -> None:
    labels = {
        "Tearing something into two pieces": "0",
        "Approaching something with your camera": "1",
    }
    rows = [
        {
            "id": "78687",
            "label": "tearing paper",
            "template": "Tearing [something] into two pieces",
            "placeholders": ["paper"],
        },
        {"id": "9", "label": "x", "template": "Approaching [something] with your camera"},
    ]
    (tmp_path / f"{prefix}labels.json").write_text(json.dumps(labels))
    (tmp_path / f"{prefix}train.json").write_text(json.dumps(rows))
    (tmp_path / f"{prefix}validation.json").write_text(json.dumps(rows[1:]))
    (tmp_path / f"{prefix}test.json").write_text('[{"id": "5"}]')
    touch(tmp_path, "20bn-something-something-v2/78687.webm", "20bn-something-something-v2/9.webm")
    found = listing("ssv2", tmp_path, "train")
    assert found.labels == (
        "Tearing something into two pieces",
        "Approaching something with your camera",
    )
    assert [(Path(c.source).name, c.label) for c in found.clips] == [
        ("78687.webm", "Tearing something into two pieces"),
        ("9.webm", "Approaching something with your camera"),
    ]
    assert len(listing("ssv2", tmp_path, "val").clips) == 1
    with pytest.raises(BadInput, match="published without labels"):
        listing("ssv2", tmp_path, "test")


@pytest.mark.parametrize("with_labels", [True, False])
def test_jester_reads_semicolons_and_folders_of_frames(tmp_path: Path, with_labels: bool) -> None:
    (tmp_path / "jester-v1-train.csv").write_text(
        "34870;Drumming Fingers\n56557;Sliding Two Fingers Right\n7;Doing other things\n"
    )
    (tmp_path / "jester-v1-validation.csv").write_text("8;Swiping Left\n")
    (tmp_path / "jester-v1-test.csv").write_text("99\n")
    order = ["Swiping Left", "Sliding Two Fingers Right", "Drumming Fingers", "Doing other things"]
    if with_labels:
        (tmp_path / "jester-v1-labels.csv").write_text("\n".join(order))
    touch(
        tmp_path,
        "20bn-jester-v1/34870/00001.jpg",
        "20bn-jester-v1/56557/00001.jpg",
        "20bn-jester-v1/8/00001.jpg",
    )
    found = listing("jester", tmp_path)
    assert list(found.labels) == (order if with_labels else sorted(order))
    assert [(Path(c.source).name, c.label) for c in found.clips] == [
        ("34870", "Drumming Fingers"),
        ("56557", "Sliding Two Fingers Right"),
    ]
    assert (found.missing, found.first_missing) == (1, "7")
    assert listing("jester", tmp_path, "validation").clips[0].name == "Swiping Left/8"
    with pytest.raises(BadInput, match="published without labels"):
        listing("jester", tmp_path, "test")


def test_ucf101_reads_its_three_lists_although_a_folder_and_its_files_differ_in_case(
    tmp_path: Path,
) -> None:
    lists = tmp_path / "ucfTrainTestlist"
    write(
        lists,
        classInd__txt="1 ApplyEyeMakeup\n2 HandstandPushups\n",
        trainlist01__txt="ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi "
        "1\nHandstandPushups/v_HandStandPushups_g08_c01.avi 2\n",
        testlist01__txt="ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\n",
        testlist02__txt="ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi\n",
    )
    touch(
        tmp_path,
        "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi",
        "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi",
        "UCF-101/HandstandPushups/v_HandStandPushups_g08_c01.avi",
    )
    train = listing("ucf101", tmp_path, "train")
    assert train.labels == ("ApplyEyeMakeup", "HandstandPushups") and [
        c.label for c in train.clips
    ] == list(train.labels)
    assert pairs(listing("ucf101", tmp_path, "test1")) == [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", "ApplyEyeMakeup")
    ]
    assert pairs(listing("ucf101", tmp_path, "test2")) == [
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi", "ApplyEyeMakeup")
    ]
    with pytest.raises(BadInput, match="trainlist03"):
        listing("ucf101", tmp_path, "train3")


def test_hmdb51_takes_1_for_training_2_for_testing_and_leaves_0_out(tmp_path: Path) -> None:
    splits = tmp_path / "testTrainMulti_7030_splits"
    write(
        splits,
        brush_hair_test_split1__txt="a b#1.avi 1 \nsame.avi 2 \nunused.avi 0 \n",
        wave_test_split1__txt="same.avi 1 \nw.avi 2\n",
        wave_test_split2__txt="w.avi 1\n",
    )
    touch(
        tmp_path,
        "brush_hair/a b#1.avi",
        "brush_hair/same.avi",
        "brush_hair/unused.avi",
        "wave/same.avi",
        "wave/w.avi",
    )
    train, test = listing("hmdb51", tmp_path, "train"), listing("hmdb51", tmp_path, "test")
    assert train.labels == ("brush_hair", "wave")
    assert [c.source for c in train.clips] == [
        tmp_path / "brush_hair/a b#1.avi",
        tmp_path / "wave/same.avi",
    ]
    assert [c.source for c in test.clips] == [
        tmp_path / "brush_hair/same.avi",
        tmp_path / "wave/w.avi",
    ]
    assert pairs(listing("hmdb51", tmp_path, "train2")) == [("wave/w.avi", "wave")]


def test_smarthome_splits_by_person(tmp_path: Path) -> None:
    persons = (2, 3, 4, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 25)
    touch(
        tmp_path,
        *(f"mp4/Cook.Cleandishes_p{p:02d}_r00_v02_c03.mp4" for p in persons),
        "mp4/Walk_p02_r01_v00_c01.mp4",
        "mp4/other.mp4",
    )
    train, test = listing("smarthome", tmp_path, "train"), listing("smarthome", tmp_path, "test")
    assert train.labels == test.labels == ("Cook.Cleandishes", "Walk")
    assert [int(c.name.split("_p")[1][:2]) for c in train.clips] == [
        3,
        4,
        6,
        7,
        9,
        12,
        13,
        15,
        17,
        19,
        25,
    ]
    assert [int(c.name.split("_p")[1][:2]) for c in test.clips] == [2, 10, 11, 14, 16, 18, 20, 2]
    assert test.clips[-1].label == "Walk"
    with pytest.raises(BadInput, match="no validation persons"):
        listing("smarthome", tmp_path, "val")


@pytest.mark.parametrize(
    ("kind", "files", "said"),
    [
        ("frames", {}, "kind 'frames' is not known"),
        ("folder", {"a/": ""}, "holds no clips"),
        ("kinetics", {"x.csv": "name,file\n1,2\n"}, "no Kinetics list"),
        (
            "kinetics",
            {"x.csv": "label,youtube_id,time_start,time_end,split\na,b,soon,later,train\n"},
            "time_start and time_end",
        ),
        (
            "kinetics",
            {"x.csv": "label,youtube_id,time_start,time_end,split\na,b,1,2,train\n"},
            "none is there .the first is b_000001_000002",
        ),
        ("ssv2", {}, "labels.json"),
        ("ssv2", {"labels.json": "{", "train.json": "[]"}, "not JSON"),
        ("ssv2", {"labels.json": "[]", "train.json": "[]"}, "expected a dict"),
        (
            "ssv2",
            {"labels.json": "{}", "train.json": '[{"id": 1, "template": "Do [x]"}]'},
            "different versions",
        ),
        ("jester", {}, "jester-v1-train.csv"),
        ("ucf101", {"classInd.txt": "1 a"}, "trainlist01.txt"),
        (
            "ucf101",
            {"classInd.txt": "1 a", "trainlist01.txt": "b/v.avi 1"},
            "not among the data set's 1 labels",
        ),
        (
            "ucf101",
            {"classInd.txt": "a", "trainlist01.txt": "a/v.avi 1"},
            "not as it was published",
        ),
        (
            "ssv2",
            {"labels.json": '{"Do x": "one"}', "train.json": '[{"id": 1, "template": "Do [x]"}]'},
            "not as it was published",
        ),
        (
            "ssv2",
            {"labels.json": '{"Do x": "1"}', "train.json": '["Do [x]"]'},
            "no template|not as it was published",
        ),
        (
            "kinetics",
            {"x.csv": "label,youtube_id,time_start,time_end,split\na,b,1,inf,train\n"},
            "not as it was published",
        ),
        ("hmdb51", {}, "split files"),
        ("hmdb51", {"a_test_split1.txt": "v.avi"}, "not as it was published"),
        ("smarthome", {"a.mp4": ""}, "no Smarthome clips"),
    ],
)
def test_what_cannot_be_listed_is_refused_in_one_line(
    tmp_path: Path, kind: str, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=said) as refused:
        listing(kind, tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "split"),
    [
        ("folder", "half"),
        ("folder", "test"),
        ("kinetics", "x"),
        ("ucf101", "val"),
        ("hmdb51", "train4"),
    ],
)
def test_an_unknown_split_is_refused(tmp_path: Path, kind: str, split: str) -> None:
    touch(tmp_path, "a/b.mp4")
    with pytest.raises(BadInput, match=r"split|no folder 'test'"):
        listing(kind, tmp_path, split)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        listing("jester", tmp_path / "none")
