"""A few clips of one's own: what is learned, what is left out, and what the folder holds then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import BadInput
from core.observe import classify
from core.runs import State, read_end, read_progress
from core.weights import load_checkpoint
from core.world.gestures import UNSEEN
from tests.core.tiny import random_model
from tests.training.test_teach import checkpoint
from tests.training.tiny import write_clips
from training import few_table
from training.__main__ import main
from training.few_shot import Example, Few, batches, parted
from training.tables import check_name

NAMES = ("high", "low", "middle")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def gestures(tmp_path: Path) -> Path:
    """Three gestures: a bright square that runs along the top, the middle or below it."""
    write_clips(tmp_path / "clips", NAMES, 4)
    return tmp_path / "clips"


def taught(folder: Path, out: Path, *flags: str) -> tuple[int, Path]:
    weights = str(checkpoint(out.parent))
    words = ["few", str(folder), "--out", str(out), "--checkpoint", weights, "--threads", "1"]
    return main([*words, *flags]), out / "model.safetensors"


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_head_is_learned_in_a_moment_and_names_the_clips(
    gestures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gestures / "low" / "broken.mp4").write_bytes(b"no video")
    (gestures / "low" / "notes.txt").write_text("not a clip")
    code, path = taught(gestures, tmp_path / "run", "--json")
    out = capsys.readouterr()
    result = json.loads(out.out)
    assert code == 0 and result["model"] == str(path)
    assert result["gestures"] == sorted(NAMES) and result["clips"] == 12
    assert len(result["skipped"]) == 1 and "low/broken.mp4" in result["skipped"][0]
    assert "left out: low/broken.mp4" in out.err and "notes" not in out.err
    head = result["head"]
    assert head["clips"] == 12 and head["chance"] == 33.33
    assert head["accuracy"] == round(100 * head["right"] / 12, 2) >= 75
    assert head["interval"][0] < head["accuracy"] <= head["interval"][1]
    model = load_checkpoint(path)
    assert model.card.labels == tuple(sorted(NAMES))
    clip = model.read(gestures / "high" / "0.mp4")
    assert model.card.labels[classify(model, clip).argmax()] == "high"
    assert rows(tmp_path / "run") == [
        {"stage": "few", "step": 0, "clips": 0, "seconds": 0.0, "head": head}
    ]
    assert read_end(tmp_path / "run").state == State.FINISHED


def test_the_whole_network_learns_and_is_tried_on_clips_that_it_never_saw(
    gestures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    code, path = taught(gestures, out, "--steps", "8", "--batch", "3", "--seed", "5")
    printed = capsys.readouterr().out
    assert code == 0 and "whole network, on held-out clips" in printed
    reports = rows(out)
    assert [row["step"] for row in reports] == [0, 0, *range(1, 9)]
    assert [row["held_out"]["clips"] for row in reports[1:]] == [3] * 9
    assert reports[-1]["done"] == 1 and reports[-1]["loss"] > 0
    assert read_progress(out).clips == 24
    tuned = load_checkpoint(path).card.recipe["few"]
    assert tuned["clips"] == 9 and tuned["held_out"] == 3 and tuned["tuned"]["steps"] == 8
    before, after = checkpoint(tmp_path), load_checkpoint(path).net
    first = load_checkpoint(before).net.state_dict()["cls_token"]
    assert not torch.allclose(first, after.state_dict()["base.cls_token"], atol=1e-5)


def test_all_clips_can_be_learned_from_and_then_none_is_claimed_to_be_held_out(
    gestures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, path = taught(gestures, tmp_path / "run", "--steps", "1", "--all", "--json")
    result = json.loads(capsys.readouterr().out)
    assert code == 0 and result["held_out"] is None
    assert load_checkpoint(path).card.recipe["few"]["clips"] == 12


def test_a_stop_keeps_what_was_learned(
    gestures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.few_shot.Tuning.run", interrupted)
    code, path = taught(gestures, tmp_path / "run", "--steps", "5")
    assert code == 0 and load_checkpoint(path).card.labels == tuple(sorted(NAMES))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: None, "holds a run already"),
        (lambda folder: (folder / "low" / "3.mp4").unlink(), ""),
        (lambda folder: [(folder / "low" / f"{i}.mp4").unlink() for i in (1, 2)], "'low' has 2"),
        (lambda folder: (folder / ("x" * 25)).mkdir(), "cannot name a gesture"),
    ],
)
def test_bad_folders_are_refused_in_one_line(
    gestures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Any,
    line: str,
) -> None:
    change(gestures)
    out = tmp_path / "run"
    if line == "holds a run already":
        out.mkdir()
        (out / "recipe.json").write_text("{}")
    code, _ = taught(gestures, out)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == ((2, 1) if line else (0, 0))
    assert line in error


def test_held_out_is_one_clip_of_each_gesture_and_every_gesture_is_seen_as_often() -> None:
    frames = np.zeros((9, 24, 24, 3), np.uint8)
    examples = [Example(f"{n}", label, frames) for n, label in enumerate([0] * 3 + [1] * 5)]
    learned, held = parted(examples, 7)
    assert [example.label for example in held] == [0, 1] and len(learned) == 6
    assert {e.name for e in learned} | {e.name for e in held} == set(map(str, range(8)))
    card = random_model("rvit").card
    video, labels = next(batches(learned, card, Few(batch=8)))
    assert video.shape == (8, 3, card.frames, 24, 24)
    assert sorted(labels.tolist()) == [0] * 4 + [1] * 4
    again = next(batches(learned, card, Few(batch=8)))
    assert torch.equal(video, again[0]), "the seed decides every clip"


def test_the_curve_learns_from_other_clips_than_it_is_measured_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[tuple[str, int]] = []
    real = few_table.render

    def render(label: str, seed: int, **how: Any) -> Any:
        drawn.append((label, seed))
        return real(label, seed, **how)

    monkeypatch.setattr(few_table, "render", render)
    monkeypatch.setattr(few_table, "COUNTS", (1,))
    result = few_table.curve("rvit, head", 0, 6, 1)
    assert result["rendered"]["clips"] == 6 and 0 <= result["rendered"]["few_1"] <= 100
    assert len(set(drawn)) == len(drawn) == 12 and {label for label, _ in drawn} == set(UNSEEN)
    check_name("few_shot")
    with pytest.raises(BadInput, match="few_shot"):
        check_name("nothing")
