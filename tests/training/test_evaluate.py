"""Evaluation and the calibration of the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.render import write_mp4
from core.video import decode
from training.__main__ import main
from training.evaluate import Row, permutation_of, summarise
from training.publish import direction_threshold


def row(label: str, first: str, order: float, reverse: float, margin: float = 0.0) -> Row:
    return Row(label, (first, "x", "y", "z", label), order, reverse, order == reverse, margin)


def test_the_summary_is_the_mean_over_clips_and_per_class() -> None:
    rows = [row("star", "star", 100, 100), row("star", "left", 50, 75), row("left", "left", 25, 100)]
    result = summarise(rows, ("star", "left", "x", "y", "z"))
    assert result["clips"] == 3 and result["top1"] == pytest.approx(2 / 3) and result["top5"] == 1
    assert result["order_accuracy"] == pytest.approx(175 / 3) and result["reversal_accuracy"] == pytest.approx(275 / 3)
    assert result["order_accuracy_directed"] == 75  # left is not a directed stroke
    assert result["per_class"]["star"] == {"clips": 2, "top1": 0.5, "order_accuracy": 75, "reversal_accuracy": 87.5}
    assert set(result["per_class"]) == {"star", "left"}
    assert result["confusion"]["counts"][0][:2] == [1, 1] and result["confusion"]["counts"][1][:2] == [0, 1]


def test_the_threshold_is_the_smallest_margin_above_which_directions_are_right() -> None:
    measured = ((0.1, False), (0.2, True), (0.3, False), (0.4, True), (0.5, True))
    rows = [row("star", "star", 100 if good else 20, 100, margin) for margin, good in measured]
    assert direction_threshold(rows) == 0.4
    assert direction_threshold([row("star", "star", 20, 100, 0.5)]) == float("inf")


def test_each_clip_has_one_permutation() -> None:
    assert (permutation_of("star/a.mp4", 8, 0) == permutation_of("star/a.mp4", 8, 0)).all()
    assert (permutation_of("star/a.mp4", 8, 0) != permutation_of("star/b.mp4", 8, 0)).any()
    assert (permutation_of("star/a.mp4", 8, 0) != permutation_of("star/a.mp4", 8, 1)).any()


def test_evaluate_skips_bad_files_and_ignores_files_beside_the_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "star").mkdir()
    (tmp_path / "notes.tsv").write_text("beside the folders")
    write_mp4(tmp_path / "star" / "a.mp4", np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8), 5)
    (tmp_path / "star" / "b.mp4").write_text("bad")
    assert main(["evaluate", "--model", "direcformer", "--data", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["clips"] == 1 and "b.mp4" in err
    assert set(result) == {"clips", "top1", "top5", "order_accuracy", "reversal_accuracy", "order_accuracy_directed", "per_class",
                           "confusion"}


@pytest.mark.parametrize("make", ["none", "empty", "unknown"])
def test_a_folder_that_cannot_be_measured_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], make: str) -> None:
    folder = tmp_path / make
    if make != "none":
        (folder / ("star" if make == "empty" else "wave")).mkdir(parents=True)
    assert main(["evaluate", "--model", "direcformer", "--data", str(folder), "--json"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and err.count("\n") == 1


def test_bad_commands_end_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for argv in (["fit", "nothing", "--out", str(tmp_path / "r")], ["fit", "direcformer_gesture"], ["evaluate"],
                 ["fit", "direcformer_gesture", "--lr", "fast", "--out", str(tmp_path / "r")],
                 ["evaluate", "--checkpoint", str(tmp_path / "none.safetensors"), "--data", "gestures"]):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: ") and err.count("\n") == 1


def test_a_public_checkpoint_is_measured_on_clips_of_its_own_labels(
        tmp_path: Path, timesformer_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    write_mp4(tmp_path / "run" / "a.mp4", np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8), 5)
    asked = []
    monkeypatch.setattr("training.evaluate.decode", lambda file, **settings: asked.append(settings) or decode(file, **settings))
    assert main(["evaluate", "--checkpoint", str(timesformer_folder), "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["confusion"]["labels"] == ["jump", "run", "swim"]
    assert asked == [{"frames": 3, "sampling": "uniform", "stride": 32}]
    assert main(["evaluate", "--checkpoint", str(timesformer_folder), "--data", "gestures", "--clips", "1"]) == 2
    assert "jump, run, swim, not the rendered gestures" in capsys.readouterr().err
