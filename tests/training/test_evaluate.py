"""Evaluation and the calibration of the verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.models import VideoModel
from core.order.trials import permutation_of
from core.video import Clip, decode
from core.video.sets.named import named
from core.weights import Card, Model, load, load_checkpoint, untrained
from core.world.gestures import LABELS
from tests.training.tiny import REAL, write_clips
from training import evaluation
from training.__main__ import main
from training.evaluate import (
    Row,
    Sample,
    Views,
    folder_clips,
    listed_clips,
    measure,
    opened,
    probabilities,
    rendered_clips,
    summarise,
)
from training.sources import source


def row(label: str, first: str, order: float, reverse: float, margin: float = 0.0) -> Row:
    return Row(label, (first, "x", "y", "z", label), order, reverse, order == reverse, margin)


def test_the_summary_is_the_mean_over_clips_and_per_class() -> None:
    rows = [
        row("star", "star", 100, 100),
        row("star", "left", 50, 75),
        row("left", "left", 25, 100),
    ]
    result = summarise(rows, ("star", "left", "x", "y", "z"))
    assert result["clips"] == 3 and result["top1"] == pytest.approx(2 / 3) and result["top5"] == 1
    assert result["order_accuracy"] == pytest.approx(175 / 3) and result[
        "reversal_accuracy"
    ] == pytest.approx(275 / 3)
    assert result["order_accuracy_directed"] == 75  # left is not a directed stroke
    assert result["per_class"]["star"] == {
        "clips": 2,
        "top1": 0.5,
        "order_accuracy": 75,
        "reversal_accuracy": 87.5,
    }
    assert set(result["per_class"]) == {"star", "left"}
    assert result["confusion"]["counts"][0][:2] == [1, 1] and result["confusion"]["counts"][1][
        :2
    ] == [0, 1]


def test_each_clip_has_one_permutation() -> None:
    assert (permutation_of("star/a.mp4", 8, 0) == permutation_of("star/a.mp4", 8, 0)).all()
    assert (permutation_of("star/a.mp4", 8, 0) != permutation_of("star/b.mp4", 8, 0)).any()
    assert (permutation_of("star/a.mp4", 8, 0) != permutation_of("star/a.mp4", 8, 1)).any()


def test_evaluate_skips_bad_files_and_ignores_files_beside_the_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "star").mkdir()
    (tmp_path / "notes.tsv").write_text("beside the folders")
    write_mp4(
        tmp_path / "star" / "a.mp4",
        np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8),
        5,
    )
    (tmp_path / "star" / "b.mp4").write_text("bad")
    assert main(["evaluate", "--model", "direcformer", "--data", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["clips"] == 1 and "b.mp4" in err
    assert set(result) == {
        "clips",
        "top1",
        "top5",
        "order_accuracy",
        "reversal_accuracy",
        "order_accuracy_directed",
        "order_head",
        "per_class",
        "confusion",
        "views",
        "passes",
        "skipped",
    }
    assert result["skipped"] == 1 and result["views"] == "1x1"


@pytest.mark.parametrize("make", ["none", "empty", "unknown"])
def test_a_folder_that_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: str
) -> None:
    folder = tmp_path / make
    if make != "none":
        (folder / ("star" if make == "empty" else "wave")).mkdir(parents=True)
    assert main(["evaluate", "--model", "direcformer", "--data", str(folder), "--json"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1


def test_bad_commands_end_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for argv in (
        ["fit", "nothing", "--out", str(tmp_path / "r")],
        ["fit", "direcformer_gesture"],
        ["evaluate"],
        ["fit", "direcformer_gesture", "--lr", "fast", "--out", str(tmp_path / "r")],
        ["evaluate", "--checkpoint", str(tmp_path / "none.safetensors"), "--data", "gestures"],
        ["evaluate", "--model", "rvit", "--data", "gestures", "--clips", "0"],
    ):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_public_checkpoint_is_measured_on_clips_of_its_own_labels(
    tmp_path: Path, timesformer_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    write_mp4(
        tmp_path / "run" / "a.mp4",
        np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8),
        5,
    )
    assert (
        main(
            ["evaluate", "--checkpoint", str(timesformer_folder), "--data", str(tmp_path), "--json"]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["confusion"]["labels"] == ["jump", "run", "swim"]
    card = load_checkpoint(timesformer_folder).card
    assert (
        (plan := opened(str(tmp_path), card).plan).stride == 32
        and plan.frames == 3
        and plan.sampling == "uniform"
    )
    assert (
        main(
            [
                "evaluate",
                "--checkpoint",
                str(timesformer_folder),
                "--data",
                "gestures",
                "--clips",
                "1",
            ]
        )
        == 2
    )
    assert "jump, run, swim, not the rendered gestures" in capsys.readouterr().err


def test_clips_are_read_and_viewed_as_the_recipe_that_trained_the_weights_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "left").mkdir()
    write_mp4(
        tmp_path / "left" / "short.mp4",
        np.random.default_rng(0).integers(0, 255, (5, 48, 64, 3), np.uint8),
        5,
    )
    model = load("timesformer")
    card = model.card
    trained = replace(card, recipe={"stages": [{"views": [1, 3], "short": "last"}]})
    assert (
        opened(str(tmp_path), trained).plan.short == "last"
        and opened(str(tmp_path), replace(card, recipe={})).plan.short == "refuse"
    )
    monkeypatch.setattr(evaluation, "load", lambda name: replace(model, card=trained))
    for asked, views in ((["--views", "1x1"], "1x1"), ([], "1x3")):
        assert (
            main(["evaluate", "--model", "timesformer", "--data", str(tmp_path), "--json", *asked])
            == 0
        )
        assert json.loads(capsys.readouterr().out)["views"] == views


def test_an_evaluation_that_fails_leaves_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "evaluate",
                "--model",
                "timesformer",
                "--data",
                str(tmp_path / "none"),
                "--report",
                str(tmp_path / "report"),
            ]
        )
        == 2
    )
    assert not list((tmp_path / "report").iterdir())


class Bright(VideoModel):
    """Two classes: the logit of the second is the mean over the clip, in the model's own units."""

    def forward(self, video: Tensor) -> Tensor:
        self.seen = video.shape
        return torch.stack([torch.zeros(len(video)), video.mean((1, 2, 3, 4))], 1)


CARD = Card(
    "bright",
    "tiny",
    ("dark", "bright"),
    (0.0,) * 3,
    (0.1,) * 3,
    size=4,
    frames=3,
    sampling="uniform",
    crop="centre",
    trained_on="",
)


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def clip_of(frames: np.ndarray) -> Clip:
    return Clip(frames, np.arange(len(frames)) / 5, "c", "")


def test_three_crops_are_softmaxed_and_then_averaged() -> None:
    frames = np.zeros((3, 4, 12, 3), np.uint8)
    # Left 0.2, centre 0, right 0.4, divided by the std 0.1.
    frames[:, :, :4], frames[:, :, 8:] = 51, 102
    sample, model = Sample("dark", clip_of(frames), "c"), Bright()
    assert probabilities(Model(model, CARD), sample)[1] == pytest.approx(0.5), (
        "one crop is the card's: the centre"
    )
    expected = np.mean([sigmoid(2.0), 0.5, sigmoid(4.0)])
    assert probabilities(Model(model, CARD), sample, Views(1, 3))[1] == pytest.approx(
        expected, abs=1e-5
    )
    assert expected != pytest.approx(sigmoid(2.0), abs=1e-2), (
        "averaging logits first would give another number"
    )
    assert model.seen == (1, 3, 3, 4, 4)


def test_temporal_views_times_crops_are_averaged() -> None:
    many = np.stack([np.full((3, 4, 4, 3), level, np.uint8) for level in (0, 51)])
    sample = Sample("dark", clip_of(many[0]), "c", many)
    for views in (Views(2, 1), Views(2, 3)):
        assert probabilities(Model(Bright(), CARD), sample, views)[1] == pytest.approx(
            (0.5 + sigmoid(2.0)) / 2, abs=1e-5
        )


def test_views_are_written_as_clips_times_crops() -> None:
    assert Views.parse("5x3") == Views(5, 3) and str(Views(2, 3)) == "2x3"
    for text in ("3", "0x1", "2x0", "axb", "2x3x4", ""):
        with pytest.raises(BadInput, match="clips x crops"):
            Views.parse(text)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Two clips of two strokes that brighten with time."""
    for i, label in enumerate(("star", "left")):
        (tmp_path / "data" / label).mkdir(parents=True)
        ramp = np.linspace(20, 220, 40).astype(np.uint8)[:, None, None, None]
        write_mp4(
            tmp_path / "data" / label / f"{i}.mp4", np.broadcast_to(ramp, (40, 48, 64, 3)), 10
        )
    return tmp_path / "data"


def test_clips_of_a_folder_are_those_that_decode_gives_and_views_share_the_file(real: Path) -> None:
    card = load("direcformer").card
    plain = list(folder_clips(real, card))
    assert [(s.label, s.name, s.views) for s in plain] == [
        ("left", "left/1.mp4", None),
        ("star", "star/0.mp4", None),
    ]
    np.testing.assert_array_equal(
        plain[1].clip.frames, decode(real / "star" / "0.mp4", frames=card.frames).frames
    )
    assert plain[1].clip.source == "0.mp4"
    for views, shape in (
        (Views(2, 1), (card.size, card.size)),
        (Views(2, 3), (card.size, round(card.size * 4 / 3))),
    ):
        sample = next(listed_clips(opened(str(real), card), card, views))
        assert sample.views.shape == (2, card.frames, *shape, 3)
        early, late = sample.views.mean((1, 2, 3, 4))
        assert early < late, "view 0 takes the earlier frame of each pair"
        np.testing.assert_array_equal(sample.clip.frames, plain[0].clip.frames)


def test_clips_that_are_measured_together_get_what_each_gets_alone() -> None:
    model = untrained("direcformer", size=24, patch=8, frames=8, width=10, depth=2, heads=5)
    samples = list(rendered_clips(3, model.card))
    together = measure(model, samples, seed=2)
    for sample, row in zip(samples, together, strict=True):
        (alone,) = measure(model, [sample], seed=2)
        # the order that the head is asked for follows from a clip's place among the others
        left_out = {"probabilities": (), "direction_margin": 0.0, "named": None}
        assert replace(row, **left_out) == replace(alone, **left_out)
        assert row.direction_margin == pytest.approx(alone.direction_margin, abs=1e-4)
        assert row.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_rendered_views_interleave() -> None:
    card = load("direcformer").card
    sample = next(iter(rendered_clips(1, card, views=Views(2, 1))))
    assert sample.views.shape == (2, *sample.clip.frames.shape) and not np.array_equal(
        *sample.views
    )


def test_other_data_sets_are_named_with_their_kind_root_and_split(tmp_path: Path) -> None:
    card = load("direcformer").card
    (tmp_path / "jester-v1-train.csv").write_text("1;star\n")
    (tmp_path / "jester-v1-validation.csv").write_text("2;left\n3;left\n")
    for clip in "123":
        (tmp_path / clip).mkdir()
        for i in range(9):
            cv2.imwrite(
                str(tmp_path / clip / f"{i + 1:05d}.jpg"), np.full((12, 16, 3), 20 * i, np.uint8)
            )
    assert [c.name for c in opened(f"jester:{tmp_path}:train", card).clips] == ["star/1"]
    data = opened(f"jester:{tmp_path}", card)
    assert [c.name for c in data.clips] == ["left/2", "left/3"] and data.labels == LABELS
    assert [s.clip.frames.shape for s in listed_clips(data, card)] == [(card.frames, 12, 16, 3)] * 2
    assert [
        named(f"{kind}:{tmp_path}", share)[2]
        for kind, share in (("jester", 0), ("jester", 0.1), ("ucf101", 0), ("folder", 0))
    ] == ["val", "train", "test", None], (
        "what was not trained on, or what a share was held back from"
    )
    (tmp_path / "test").mkdir()
    assert named(str(tmp_path))[2] == "test"
    with pytest.raises(BadInput, match="split 'later'"):
        opened(f"jester:{tmp_path}:later", card)
    for wrong in (f"movies:{tmp_path}", "jester:", str(tmp_path / "none")):
        with pytest.raises(BadInput, match=r"is not a folder.*KIND:ROOT"):
            opened(wrong, card)


def test_what_a_run_held_out_can_be_measured_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clips(tmp_path, ("star", "left"), 5)
    card = load("direcformer").card
    trained = source(
        replace(REAL, root=str(tmp_path), holdout=0.4), frames=8, size=24, patch=8, seed=3
    ).files
    held = opened(str(tmp_path), card, 0.4)
    assert len(held.clips) == 4 and {c.name for c in held.clips}.isdisjoint(
        c.name for c in trained.clips
    )
    assert {c.name for c in (*held.clips, *trained.clips)} == {
        c.name for c in opened(str(tmp_path), card).clips
    }
    for data, share in ((str(tmp_path), "1.5"), ("gestures", "0.4")):
        assert main(["evaluate", "--model", "direcformer", "--data", data, "--holdout", share]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_row_keeps_the_labels_with_their_probabilities_falling(real: Path) -> None:
    model = load("direcformer")
    card = model.card
    row = measure(model, list(folder_clips(real, card))[:1], views=Views(1, 3))[0]
    assert row.name == "left/1.mp4" and len(row.ranking) == len(row.probabilities) == len(LABELS)
    assert list(row.probabilities) == sorted(row.probabilities, reverse=True) and sum(
        row.probabilities
    ) == pytest.approx(1)


def test_the_command_writes_a_report_beside_the_json(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs" / "report"
    assert (
        main(
            [
                "evaluate",
                "--model",
                "direcformer",
                "--data",
                f"folder:{real}",
                "--views",
                "2x3",
                "--report",
                str(out),
                "--json",
            ]
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert result["views"] == "2x3" and result["clips"] == 2
    assert sorted(p.name for p in out.iterdir()) == [
        "evaluation.json",
        "evaluation.tsv",
        "report.html",
        "report.txt",
    ]
    assert json.loads((out / "evaluation.json").read_text()) == result


def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert (
        main(
            [
                "evaluate",
                "--model",
                "none",
                "--data",
                "gestures",
                "--report",
                str(tmp_path / "file" / "r"),
            ]
        )
        == 2
    )
    assert "cannot be written" in capsys.readouterr().err
