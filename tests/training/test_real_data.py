"""Runs on real files: fit, resume, export, load and evaluate; the papers' recipes in small."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from core.errors import BadInput
from core.weights import load_checkpoint
from tests.training.test_loop import killed_run
from tests.training.tiny import REAL, rows, write_clips
from training import stages
from training.__main__ import main
from training.augment import random_erasing
from training.data import Batch
from training.fit import fit
from training.recipes import Recipe, recipe
from training.stages import Video

pytestmark = pytest.mark.usefixtures("tiny")
LABELS = ("clap", "tap left", "tap right")
VARIED = {
    "far": {"size": 224, "magnitude": 9.0},
    "erase": 0.5,
    "mix": {"mixup": 0.8, "cutmix": 1.0, "switch": 0.5},
    "mirror": 0.5,
}


def test_the_commands_train_and_evaluate_a_folder(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {
        "preset": "tiny",
        "stills-clips": 0,
        "clips": 4,
        "batch": 2,
        "workers": 0,
        "threads": 1,
        "validate-clips": 3,
        "permutations": "random",
        "mean": "0.4,0.5,0.6",
        "std": "0.2,0.3,0.4",
        "sampling": "dense",
        "stride": 2,
        "crop": "centre",
        "directed-from": 0,
    }
    assert (
        main(
            [
                "fit",
                "direcformer_gesture",
                "--data",
                "folder",
                "--root",
                str(clips),
                "--out",
                str(tmp_path / "run"),
                *(f"--{k}={v}" for k, v in flags.items()),
            ]
        )
        == 0
    )
    path = tmp_path / "run" / "model.safetensors"
    assert capsys.readouterr().out.strip() == str(path)
    model = load_checkpoint(path)
    card = model.card
    assert (card.labels, card.mean, card.std) == (LABELS, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    assert (card.size, card.frames, card.sampling, card.stride, card.crop) == (
        24,
        8,
        "dense",
        2,
        "centre",
    )
    assert card.trained_on == f"4 clips of the folder {clips.name}" and card.license == ""
    (stage,) = card.recipe["stages"]
    assert stage["data"] == "folder" and stage["root"] == clips.name and stage["skipped"] == 0
    assert model.net(torch.zeros(1, 3, 8, 24, 24)).shape == (1, 3)
    found = rows(tmp_path / "run")
    assert [r["step"] for r in found] == [2, 2] and "fingertip" not in found[0], (
        "real clips come without fingertips"
    )
    command = ["evaluate", "--checkpoint", str(path), "--json", "--data"]
    assert main([*command, f"folder:{clips}:val"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["clips"] == 3 and set(result["per_class"]) == set(LABELS)
    assert result["top1"] == pytest.approx(found[1]["validation_top1"], abs=1e-4)
    assert main([*command, str(clips)]) == 0 and json.loads(capsys.readouterr().out)["clips"] == 15


@pytest.fixture(scope="module")
def damaged(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips, one of which cannot be read."""
    root = tmp_path_factory.mktemp("damaged") / "data"
    copytree(clips, root)
    (root / "clap" / "9.mp4").write_text("bad")
    return root


def varied(root: Path, **changes: Any) -> Recipe:
    return replace(
        REAL,
        root=str(root),
        clips=28,
        draws=2,
        augment=VARIED,
        repeated=2,
        validate_clips=6,
        validate_every=8,
        holdout=0.4,
        **changes,
    )


@pytest.fixture(scope="module")
def undisturbed(damaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        from tests.training.tiny import install

        install(patch)
        fit(varied(damaged), "real", out)
    return out


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize(("steps", "workers"), [((0, 3, 13), 0), ((9,), 2)])
@pytest.mark.long
def test_a_killed_run_goes_on_with_the_same_losses(
    undisturbed: Path, damaged: Path, tmp_path: Path, steps: tuple[int, ...], workers: int
) -> None:
    asked = varied(damaged, workers=workers)
    for step in steps:
        killed_run(tmp_path / "run", stages.Video, step, asked, "real")
    fit(asked, "real", tmp_path / "run")
    assert rows(tmp_path / "run") == rows(undisturbed)
    before, after = (
        json.loads((run / "recipe.json").read_text()) for run in (undisturbed, tmp_path / "run")
    )
    assert before | {"workers": workers} == after
    kept = [
        torch.load(run / "state.pt", weights_only=True)["module"]
        for run in (undisturbed, tmp_path / "run")
    ]
    assert all(torch.equal(kept[0][k], kept[1][k]) for k in kept[0])


def test_the_run_says_how_many_files_were_passed_over(
    damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those that a part of the run met which was killed since."""
    asked = replace(REAL, root=str(damaged), clips=30, checkpoint_seconds=0.0)
    killed_run(tmp_path / "run", stages.Video, 14, asked, "real")
    once = capsys.readouterr().err
    assert once.count("9.mp4") == 1 and "in all" not in once
    path = fit(asked, "real", tmp_path / "run")
    assert f"skipped: 1 files of {damaged} in all" in capsys.readouterr().err
    assert load_checkpoint(path).card.recipe["stages"][0]["skipped"] == 1


def test_a_run_does_not_go_on_with_other_files(damaged: Path, tmp_path: Path) -> None:
    copytree(damaged, tmp_path / "data")
    asked = replace(REAL, root=str(tmp_path / "data"), clips=4)
    killed_run(tmp_path / "run", stages.Video, 1, asked, "real")
    copytree(tmp_path / "data", tmp_path / "moved")
    next((tmp_path / "data" / "clap").iterdir()).unlink()
    other = "holds other clips or labels for training than when the run began"
    with pytest.raises(BadInput, match=other):
        fit(asked, "real", tmp_path / "run")
    path = fit(replace(asked, root=str(tmp_path / "moved")), "real", tmp_path / "run")
    assert [r["step"] for r in rows(tmp_path / "run")] == [2]
    copytree(tmp_path / "moved", tmp_path / "renamed")
    (tmp_path / "renamed" / "clap").rename(tmp_path / "renamed" / "bow")
    # As many clips, and the run is finished: its labels stay.
    with pytest.raises(BadInput, match=other):
        fit(replace(asked, root=str(tmp_path / "renamed")), "real", tmp_path / "run")
    assert "clap" in load_checkpoint(path).card.labels


def stage(**changes: Any) -> Video:
    torch.manual_seed(0)
    made = Video(
        replace(REAL, settings={"drop_path": 0.0}, **{"order": 0.0, "directed": 0.0} | changes),
        LABELS,
        LABELS,
        fingertips=False,
    )
    return made.train()


BATCH = Batch(
    torch.randint(
        0, 256, (4, 8, 24, 24, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    ),
    torch.tensor([0, 1, 2, 1]),
)


def seen(module: Video, seed: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the model is shown of BATCH, what it answers, and the loss."""
    shown: list[torch.Tensor] = []
    hook = module.model.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    answered: list[Any] = []
    after = module.model.register_forward_hook(
        lambda _, inputs, output: answered.append(output.logits)
    )
    torch.manual_seed(seed)
    with torch.no_grad():
        means = module.means(module.plan(BATCH, np.arange(4), 0, 4))
    hook.remove()
    after.remove()
    return shown[0], answered[0], means["classify"]


def test_clips_are_mixed_and_their_smoothed_labels_with_them() -> None:
    plain, *_ = seen(stage())
    video, logits, loss = seen(stage(smoothing=0.1, augment={"mix": {"mixup": 0.8, "cutmix": 0.0}}))
    keep = ((video[0] - plain[3]) / (plain[0] - plain[3])).nanmedian()
    assert 0 < keep < 1
    torch.testing.assert_close(
        video, keep * plain + (1 - keep) * plain.flip(0), atol=1e-4, rtol=1e-4
    )
    hard = torch.eye(3)[BATCH.label] * 0.9 + 0.1 / 3
    torch.testing.assert_close(loss, cross_entropy(logits, keep * hard + (1 - keep) * hard.flip(0)))


def test_boxes_are_erased_in_training_only() -> None:
    plain, *_ = seen(stage())
    module = stage(augment={"erase": 1.0})
    video, logits, loss = seen(module)
    changed = (video != plain).any(1).any(1).flatten(1).float().mean(1)
    assert (changed > 0.01).all() and (changed < 0.4).all()
    assert (
        video == random_erasing(plain, torch.Generator().manual_seed(_first_draw(7)), 1.0)
    ).all(), "drawn from the step's own chance"
    torch.testing.assert_close(
        loss, cross_entropy(logits, BATCH.label, label_smoothing=REAL.smoothing)
    )
    assert (seen(module, seed=8)[0] != video).any() and (seen(module.eval())[0] == plain).all()


def _first_draw(seed: int) -> int:
    return int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(seed)))


def test_shuffled_clips_are_not_mixed() -> None:
    plain, *_ = seen(stage(order=1.0, permutations="random"))
    video, *_ = seen(stage(order=1.0, permutations="random", augment={"mix": {}}))
    assert len(plain) == 6 and (video[:4] != plain[:4]).any() and (video[4:] == plain[4:]).all()


def test_the_recipe_of_rvit_runs_in_small(clips: Path, tmp_path: Path) -> None:
    """Motion frames, and the paper's augmentation.

    Each of three classes is filled up to 100 clips: 4 clips are 4/300 of a pass.
    """
    paper = replace(
        recipe("rvit_paper"),
        preset="tiny",
        root=str(clips),
        epochs=4 / 300,
        batch=2,
        workers=0,
        threads=1,
        validate_clips=3,
    )
    card = load_checkpoint(fit(paper, "rvit_paper", tmp_path / "run")).card
    report, trial = rows(tmp_path / "run")
    assert (
        report["step"] == 2
        and {"classify", "alignment"} <= set(report)
        and 0 <= trial["validation_top1"] <= 1
    )
    assert (card.sampling, card.labels, card.settings) == ("motion", LABELS, {"dropout": 0.178})
    assert card.mean == (0.485, 0.456, 0.406)


@pytest.fixture
def ssv2(tmp_path: Path) -> Path:
    """Something-Something v2 in small."""
    root = tmp_path / "ssv2"
    write_clips(root, ("clips",), 4, frames=25)  # am_flow_ssv2 takes 24
    (root / "labels.json").write_text(
        json.dumps({"Pushing something": "0", "Holding something": "1"})
    )
    templates = ("Pushing [something]", "Holding [something]")
    listed = [{"id": str(i), "template": templates[i % 2]} for i in range(4)]
    (root / "train.json").write_text(json.dumps(listed))
    (root / "validation.json").write_text(json.dumps(listed[:2]))
    return root


@pytest.mark.parametrize("name", ["far_s_ssv2", "am_flow_ssv2", "videomae_s_ssv2"])
def test_recipes_of_something_something_run_in_small(ssv2: Path, tmp_path: Path, name: str) -> None:
    paper = replace(
        recipe(name),
        preset="tiny",
        root=str(ssv2),
        epochs=0.0,
        clips=4,
        batch=2,
        workers=0,
        threads=1,
    )
    card = load_checkpoint(fit(paper, name, tmp_path / "run")).card
    (report,) = rows(tmp_path / "run")
    assert report["step"] == 2 and report["loss"] > 0
    assert (
        card.labels == ("Pushing something", "Holding something")
        and card.trained_on == "4 clips of ssv2"
    )


def test_the_number_of_classes_is_that_of_the_data(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="3 labels, not 10; leave --set classes out"):
        fit(replace(REAL, root=str(clips), settings={"classes": 10}), "real", tmp_path / "run")


def test_a_real_run_goes_on_from_rendered_stills(clips: Path, tmp_path: Path) -> None:
    fit(replace(REAL, root=str(clips), stills_clips=4, clips=2), "real", tmp_path / "run")
    assert [r["stage"] for r in rows(tmp_path / "run")] == ["stills", "video"]


def test_a_real_run_goes_on_from_a_rendered_run_with_other_labels(
    whole: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fit(
        replace(
            REAL, root=str(clips), clips=2, lr=0.0, ema=0.0, init=str(whole / "video.safetensors")
        ),
        "real",
        tmp_path / "run",
    )
    assert (
        "but for model.head.bias, model.head.weight: it knew other labels"
        in capsys.readouterr().err
    )
    before, after = (
        load_file(whole / "video.safetensors"),
        load_file(tmp_path / "run" / "video.safetensors"),
    )
    assert {k for k in after if not torch.equal(before[k], after[k])} == {
        "model.head.weight",
        "model.head.bias",
    }
    card = load_checkpoint(path).card
    assert (
        card.trained_on
        == f"18 rendered gesture clips (core.world), 2 clips of the folder {clips.name}"
        and card.labels == LABELS
    )
    assert [s["data"] for s in card.recipe["stages"]] == ["gestures", "folder"] and str(
        clips.parent
    ) not in json.dumps(card.recipe)
