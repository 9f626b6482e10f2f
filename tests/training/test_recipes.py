"""Recipes hold the numbers of the papers' tables (spec 1.5, 2.6, 3.6, 4.6)."""

from __future__ import annotations

import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from core.errors import BadInput
from core.models import available, spec
from core.order.permutations import Strategy
from core.video import Crop
from core.video.sampling import SAMPLINGS
from core.video.sets.reading import Short
from training import schedule
from training.__main__ import main
from training.data import KINDS
from training.fit import fit
from training.recipes import Recipe, recipe, recipes
from training.recipes.flags import add_flags, augment_of, recipe_of

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
FAR = IMAGENET | {
    "optimiser": "adamw",
    "momentum": 0.9,
    "beta2": 0.999,
    "weight_decay": 0.05,
    "lr_batch": 512,
    "warmup_epochs": 5,
    "schedule": "cosine",
    "batch": 768,
    "smoothing": 0.1,
    "repeated": 2,
    "ema": 0.0,
    "order": 0.0,
    "directed": 0.0,
    "fingertip": 0.0,
}
VARIED = {
    "far": {"size": 224, "magnitude": 9.0, "deviation": 0.5},
    "erase": 0.25,
    "mix": {"mixup": 0.8, "cutmix": 1.0, "switch": 0.5},
}
SSV2 = FAR | {"data": "ssv2", "sampling": "uniform", "views": (2, 3), "augment": VARIED}
K400 = FAR | {
    "data": "kinetics",
    "sampling": "dense",
    "stride": 4,
    "views": (5, 3),
    "augment": VARIED | {"mirror": 0.5},
    "lr": 1e-3,
    "layer_decay": 0.75,
}
JESTER = {
    "preset": "b",
    "data": "jester",
    "optimiser": "sgd",
    "lr": 5e-3,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "batch": 64,
    "epochs": 30,
    "schedule": "steps",
    "milestones": (11, 14),
    "gamma": 0.1,
    "mean": (0.45,) * 3,
    "std": (0.225,) * 3,
    "sampling": "uniform",
    "views": (1, 3),
    "augment": {"jittered_crop": {"size": 224, "least": 256, "most": 320}},
    "ema": 0.0,
    "smoothing": 0.0,
}
LOSSES = {
    "classify": 1.0,
    "order": 1.0,
    "directed": 1.0,
    "diagonal": True,
    "symmetric": False,
    "permutations": "greedy_min",
    "ordered": 1.0,
    "shuffled": 1.0,
    "directed_from": 0,
}
TABLE: dict[str, dict[str, Any]] = {
    "rvit_paper": IMAGENET
    | {
        "preset": "p16_224",
        "settings": {"dropout": 0.178},
        "optimiser": "adamw",
        "lr": 1e-4,
        "weight_decay": 2.77e-5,
        "schedule": "restarts",
        "restart_epochs": 5,
        "floor": 0.0,
        "epochs": 50,
        "clip_norm": 1.0,
        "alignment": 0.1,
        "sampling": "motion",
        "short": "zero",
        "balance": 100,
        "warmup": 0,
        "fingertip": 0.0,
        "smoothing": 0.0,
        "augment": {
            "rvit": {
                "size": 224,
                "scale": (0.8, 1.0),
                "degrees": 30.0,
                "colour": (0.4, 0.4, 0.4, 0.2),
                "kernel": (5, 9),
                "sigma": (0.1, 2.0),
                "distortion": 0.5,
                "perspective": 0.5,
            },
            "mirror": 0.5,
        },
    },
    "am_flow_k400": IMAGENET
    | {
        "preset": "dinov2_b",
        "data": "kinetics",
        "lr": 3e-4,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup_epochs": 5,
        "epochs": 30,
        "sampling": "uniform",
        "fingertip": 0.0,
        "settings": {},
    },
    "am_flow_ssv2": {
        "preset": "dinov2_b",
        "data": "ssv2",
        "settings": {"temporal_module": "tcn", "frames": 24},
    },
    "am_flow_smarthome": {
        "preset": "dinov2_b",
        "data": "smarthome",
        "settings": {"aligning": False, "am_blocks": "1,12"},
    },
    "am_flow_ssv2_clip": {"preset": "clip_b", "mean": (0.48145466, 0.4578275, 0.40821073)},
    "direcformer_jester": JESTER | LOSSES,
    "direcformer_k400": JESTER
    | LOSSES
    | {
        "data": "kinetics",
        "sampling": "dense",
        "stride": 32,
        "epochs": 15,
        "augment": JESTER["augment"] | {"mirror": 0.5},
    },
    "timesformer_jester": JESTER | {"order": 0.0, "directed": 0.0},
    "far_s_ssv2": SSV2 | {"preset": "s", "epochs": 40, "lr": 1e-3, "layer_decay": 0.7},
    "far_b_ssv2": SSV2 | {"preset": "b", "epochs": 30, "lr": 5e-4, "layer_decay": 0.75},
    "far_s_k400": K400 | {"preset": "s", "epochs": 150},
    "far_b_k400": K400 | {"preset": "b", "epochs": 100, "batch": 1024},
    "far_s_ssv2_mvd": SSV2
    | {
        "preset": "s",
        "epochs": 40,
        "lr": 1e-3,
        "layer_decay": 0.7,
        "settings": {"positions": "mvd"},
    },
    "far_b_k400_mvd": K400
    | {"preset": "b", "epochs": 75, "batch": 768, "settings": {"positions": "mvd"}},
}


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_the_numbers_of_its_paper(name: str) -> None:
    found = asdict(recipe(name))
    assert {k: found[k] for k in TABLE[name]} == TABLE[name]


def test_least_rates_of_far_are_a_millionth() -> None:
    for name in ("far_s_ssv2", "far_b_ssv2", "far_s_k400"):
        r = recipe(name)
        assert r.floor * r.lr == pytest.approx(1e-6) and r.warmup_from * r.lr == pytest.approx(1e-6)


def test_the_baseline_is_trained_as_far_is() -> None:
    rows = [name for name in recipes() if name.startswith("far_") and name != "far_gesture"]
    assert len(rows) == 8
    for row in rows:
        assert recipe("videomae" + row.removeprefix("far")) == replace(
            recipe(row), model="videomae"
        )


def test_every_model_has_a_gesture_recipe_and_one_of_its_paper() -> None:
    for model in available():
        mine = {name: r for name, r in recipes().items() if r.model == model}
        assert f"{model}_gesture" in mine and len(mine) > 1
        for r in mine.values():
            assert r.preset in spec(model).presets
            for key, value in r.settings.items():
                assert value in spec(model).settings.get(key, (value,))


def test_gesture_recipes_start_from_stills_that_fit() -> None:
    def sizes(name: str) -> tuple:
        preset = spec(recipe(name).model).presets["gesture"]
        depth = recipe(name).stills_depth or preset["depth"]
        return (*(preset[k] for k in ("size", "patch", "width", "heads")), depth)

    assert (
        len({sizes(f"{m}_gesture") for m in ("direcformer", "timesformer", "rvit", "am_flow")}) == 1
    )
    assert sizes("far_gesture") == sizes("videomae_gesture")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "charades"}, "charades"),
        ({"augment": {"mirror": 0.5}}, "mirror"),
        ({"repeated": 2}, "repeated"),
        ({"batch": 7, "accumulate": 2}, "batch of 7"),
        ({"clips": 3}, "3 clips"),
        ({"schedule": "slow"}, "slow"),
        ({"precision": "half"}, "half"),
        ({"classify": 0.0, "fingertip": 0.0}, "no loss"),
        ({"settings": {"gates": 1}}, "gates"),
        ({"preset": "huge"}, "huge"),
        ({"init": "nothere.safetensors"}, "nothere"),
        ({"optimiser": "lion"}, "lion"),
        ({"permutations": "best"}, "best"),
        ({"model": "am_flow", "frozen": 1}, "--frozen"),
        ({"directed": 1.0, "directed_from": 2}, "--directed-from 2"),
    ],
)
@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    weights = {} if "permutations" in changes else {"order": 0.0, "directed": 0.0}
    base = Recipe(model="direcformer", preset="tiny", workers=0, threads=1, clips=14, **weights)
    with pytest.raises(BadInput) as error:
        fit(replace(base, **{"batch": 7} | changes), "bad", tmp_path / "run")
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.usefixtures("tiny")
def test_flags_change_every_kind_of_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "fit",
        "direcformer_jester",
        "--data",
        "gestures",
        "--out",
        str(tmp_path / "run"),
        "--set",
        "time=softmax",
        "--set",
        "depth=3",
        "--lr",
        "0.25",
        "--views",
        "2,3",
        "--milestones",
        "1,2.5",
        "--diagonal",
        "false",
        "--stills_depth",
        "4",
        "--batch",
        "8",
    ]
    # Rendered clips take no augmentation: it is refused after all flags were read.
    assert main(argv) == 2
    assert "jittered_crop" in capsys.readouterr().err
    from argparse import ArgumentParser

    parser = ArgumentParser()
    add_flags(parser)
    found = recipe_of(parser.parse_args([argv[1], *argv[2:4], *argv[6:]]))
    assert (
        found.settings == {"time": "softmax", "depth": 3}
        and found.views == (2, 3)
        and found.milestones == (1.0, 2.5)
    )
    assert (found.lr, found.diagonal, found.stills_depth, found.batch) == (0.25, False, 4, 8)
    assert found == replace(
        recipe("direcformer_jester"),
        data="gestures",
        settings=found.settings,
        lr=0.25,
        views=(2, 3),
        milestones=(1.0, 2.5),
        diagonal=False,
        stills_depth=4,
        batch=8,
    )
    assert (
        main(["fit", "rvit_gesture", "--out", str(tmp_path / "run"), "--diagonal", "perhaps"]) == 2
    )
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["fit", "tune"])
def test_help_explains_every_flag(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # narrow ones break a word at its hyphen
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0 and "keeps the recipe's own value" in shown
    for f in fields(Recipe):
        assert len(f.metadata["help"]) > 5, f.name
        assert f.name in ("settings", "augment") or f.metadata["help"] in shown, f.name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("data", ("gestures", *KINDS)),
        ("sampling", SAMPLINGS),
        ("short", get_args(Short)),
        ("crop", get_args(Crop)),
        ("schedule", schedule.KINDS),
        ("permutations", get_args(Strategy)),
        ("optimiser", ("adamw", "sgd")),
        ("precision", ("auto", "float32")),
    ],
)
def test_help_names_all_that_a_flag_takes(name: str, known: tuple[str, ...]) -> None:
    help_ = next(f.metadata["help"] for f in fields(Recipe) if f.name == name)
    assert set(known) <= set(re.findall(r"\w+", help_))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "--batch must be at least 1, got 0"),
        ({"lr": float("nan")}, "--lr must be at least 0, got nan"),
        ({"ordered": 1.5}, "--ordered must be from 0 to 1, got 1.5"),
        ({"mean": (0.5, 0.5)}, "--mean must be three numbers"),
        ({"std": (0.0, 0.5, 0.5)}, "none of them 0"),
        ({"views": (1, 0)}, "--views must be two whole numbers"),
        ({"optimiser": "adam"}, "optimiser 'adam' is not known; choose one of adamw, sgd"),
        ({"schedule": "linear"}, "cosine, restarts"),
        ({"precision": "half"}, "auto, float32"),
        ({"restart_epochs": 0.0}, "--restart-epochs must be at least 0.001"),
        ({"workers": -1}, "--workers must be at least 0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_flag(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        Recipe(model="direcformer", **wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--patience", "5"], "--patience counts trials on held-out clips"),
        (["--epochs", "inf"], "--epochs must be a finite number"),
        (["--set", "frames=abc"], "frames='abc' must be a whole number"),
        (["--stills-clips", "1"], "1 clip does not fill a batch of 16"),
        (["--root", "DIR"], "--root is for clips in files"),
        (["--cache", "DIR"], "give --data folder with it"),
    ],
)
def test_a_run_that_cannot_begin_claims_no_name(
    wrong: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "rvit_gesture", "--out", str(tmp_path / "run"), *wrong]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1 and not (tmp_path / "run" / "recipe.json").exists()


def test_the_command_line_adds_replaces_and_drops_augmentations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.__main__ import main

    usual = {"mirror": 0.5, "rvit": {"size": 224}}
    assert augment_of(usual, []) == usual
    assert augment_of(usual, ["mirror=0.2", "erase=0.25"]) == {
        "mirror": 0.2,
        "rvit": {"size": 224},
        "erase": 0.25,
    }
    assert augment_of(usual, ["none", 'jittered_crop={"size": 96}']) == {
        "jittered_crop": {"size": 96}
    }
    for wrong in ("mirror", "mirror=often"):
        assert main(["fit", "rvit_paper", "--out", str(tmp_path / "run"), "--augment", wrong]) == 2
        assert f"--augment {wrong!r} is not NAME=JSON" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
