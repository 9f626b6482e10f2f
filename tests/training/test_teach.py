"""Lessons: a tiny net learns which way time runs in a clip.

A stop at any moment leaves what can be read.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.models import build
from core.runs import End, File, State, read_end, read_progress
from core.weights import Card, load_checkpoint, save_checkpoint
from core.weights.card import UNCALIBRATED
from core.world.gestures import LABELS
from tests.training.tiny import TINY
from training.__main__ import main
from training.lesson import Lesson, batches, read_subject
from training.teach import teach
from training.windows import draw

ROOT = Path(__file__).parents[2]
FRAMES = 83


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def checkpoint(folder: Path, model: str = "direcformer") -> Path:
    """Tiny random weights, with time attention that is not zero from the start."""
    torch.manual_seed(0)
    settings = {k: v for k, v in TINY[model].items() if k != "classes"}
    net = build(model, **settings)
    for block in getattr(net, "blocks", []):
        if hasattr(block, "temporal_fc"):
            torch.nn.init.eye_(block.temporal_fc.weight)
    path = folder / f"{model}.safetensors"
    half = (0.5,) * 3
    card = Card(
        model,
        "gesture",
        LABELS,
        half,
        half,
        net.size,
        net.frames,
        "uniform",
        "fit",
        "nothing",
        settings,
        sharpness=8.0,
        direction_threshold=1.5,
    )
    save_checkpoint(path, net.state_dict(), card)
    return path


@pytest.fixture
def rising(tmp_path: Path) -> Path:
    """A clip with an arrow of time: a bright floor rises over a dark ground, 83 frames."""
    frames = np.full((FRAMES, 48, 64, 3), 40, np.uint8)
    for t, frame in enumerate(frames):
        frame[47 - t * 47 // FRAMES :] = 210
    path = tmp_path / "rising.mp4"
    write_mp4(path, frames, 20)
    return path


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.long
def test_a_tiny_net_learns_which_way_time_runs(tmp_path: Path, rising: Path) -> None:
    out = tmp_path / "lesson"
    lesson = Lesson(steps=90, batch=8, lr=1e-2, frozen=0, threads=1)
    result = teach([rising], out, lesson, str(checkpoint(tmp_path)))
    assert result["windows"] == 720 and result["after"]["interleaved"] > max(
        80, result["before"]["interleaved"] + 20
    )
    assert result["after"]["blocks"] > result["before"]["blocks"]
    reports = rows(out)
    assert (
        reports[0]["clips"] == 0
        and reports[0]["pixels_blocks_either_way"] > reports[0]["pixels_blocks"]
        and reports[-1]["done"] == 1
    )
    assert all(
        {"stage", "step", "clips", "seconds", "blocks", "interleaved", "blocks_either_way"}
        <= set(row)
        for row in reports
    )

    card = load_checkpoint(out / File.MODEL).card
    assert (
        "taught the order of rising.mp4" in card.trained_on
        and "one session only" in card.trained_on
    )
    assert card.direction_threshold == UNCALIBRATED, "what was calibrated are the weights before"
    assert (
        card.recipe["taught"]["clips"] == ["rising.mp4"]
        and card.measured["taught"]["after"]["blocks"] == result["after"]["blocks"]
    )
    assert read_end(out) == End(State.FINISHED)
    progress = read_progress(out)
    assert progress is not None and progress.clips == progress.total == 720
    about = json.loads((out / "recipe.json").read_text())
    assert (
        about["clips"][0]["frames"] == FRAMES == len(about["clips"][0]["parts"])
        and about["window"] == 8
    )


def test_a_lesson_ends_with_its_windows_and_at_the_latest_with_its_seconds(
    tmp_path: Path, rising: Path
) -> None:
    weights = str(checkpoint(tmp_path))
    quick = {"batch": 4, "frozen": 0, "threads": 1}
    whole = teach([rising], tmp_path / "whole", Lesson(windows=24, **quick), weights)
    assert whole["windows"] == 24
    assert rows(tmp_path / "whole")[-1]["done"] == 1
    cut = teach([rising], tmp_path / "cut", Lesson(windows=10**6, seconds=0.3, **quick), weights)
    assert 0 < cut["windows"] < 10**6 and rows(tmp_path / "cut")[-1]["done"] == 1
    assert f"{cut['windows']:,} windows" in cut["verdict"]
    progress = read_progress(tmp_path / "cut")
    assert progress is not None and progress.total < 10**6, "what can be seen in the time"


def test_the_same_seed_and_steps_give_the_same_lesson(tmp_path: Path, rising: Path) -> None:
    lesson, weights = (
        Lesson(steps=3, batch=2, frozen=1, threads=1, seed=7),
        str(checkpoint(tmp_path)),
    )
    for name in ("one", "two"):
        teach([rising, rising], tmp_path / name, lesson, weights)
    first, second = (
        [row | {"seconds": 0} for row in rows(tmp_path / name)] for name in ("one", "two")
    )
    assert first == second
    one, two = (
        load_checkpoint(tmp_path / name / File.MODEL).net.state_dict() for name in ("one", "two")
    )
    assert all(torch.equal(one[k], two[k]) for k in one)
    start = load_checkpoint(weights).net.state_dict()
    changed = {k for k in one if not torch.equal(one[k], start[k])}
    assert changed and all(k.startswith(("blocks.1.", "norm.", "order_head.")) for k in changed), (
        "the rest is frozen"
    )


def test_slots_are_told_the_place_in_time_of_what_they_show(tmp_path: Path, rising: Path) -> None:
    card = load_checkpoint(checkpoint(tmp_path)).card
    subject = read_subject(rising, card, 0)
    video, order = next(batches([subject], card, Lesson(batch=5)))
    level = video.mean((1, 3, 4))  # (B, T): the floor rises, so later frames are brighter
    assert (level.gather(1, order.argsort(1)).diff(dim=1) >= -1e-3).all()
    assert (np.diff(draw(subject.parts.train, 8, np.random.default_rng(0))) > 0).all()


@pytest.mark.long
def test_a_kill_in_the_middle_leaves_no_file_that_cannot_be_read_and_a_stop_keeps_the_best(
    tmp_path: Path, rising: Path
) -> None:
    weights, out = str(checkpoint(tmp_path)), tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "training",
        "teach",
        str(rising),
        "--checkpoint",
        weights,
        "--steps",
        "4000",
        "--batch",
        "1",
        "--threads",
        "1",
        "--frozen",
        "0",
        "--out",
    ]
    for which, name in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "stopped")):
        out = tmp_path / name
        ran = subprocess.Popen(
            [*command, str(out)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        until = time.monotonic() + 300
        while not (out / File.MODEL).exists():
            assert time.monotonic() < until and ran.poll() is None, ran.communicate()
            time.sleep(0.05)
        ran.send_signal(which)
        said, error = ran.communicate(timeout=120)
        assert ran.returncode == (0 if which == signal.SIGTERM else -which), error
        assert (
            json.loads((out / "recipe.json").read_text())["name"] == "teach"
            and rows(out)[0]["clips"] == 0
        )
        assert "taught" in load_checkpoint(out / File.MODEL).card.recipe
    assert "Traceback" not in error and "held-out blocks: OrderAcc" in said
    assert "earned: OrderAcc" in said and "windows of about 720 that a clip needs" in said


@pytest.mark.parametrize("model", ["rvit", "am_flow", "far"])
def test_a_model_without_attention_between_single_frames_is_refused(
    tmp_path: Path, rising: Path, model: str
) -> None:
    with pytest.raises(BadInput, match="no attention from frame to frame to teach"):
        teach([rising], tmp_path / "lesson", Lesson(threads=1), str(checkpoint(tmp_path, model)))
    assert not (tmp_path / "lesson").exists()


def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, rising: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, held = tmp_path / "short.mp4", tmp_path / "held"
    write_mp4(short, np.zeros((9, 48, 64, 3), np.uint8), 20)
    held.mkdir()
    (held / "recipe.json").write_text("{}")
    weights = ["--checkpoint", str(checkpoint(tmp_path)), "--frozen", "0"]
    for given, says in (
        ([str(short), "--out", str(tmp_path / "a")], "short.mp4: 9 frames, at least 32 needed"),
        ([str(tmp_path / "none.mp4"), "--out", str(tmp_path / "b")], "none.mp4"),
        ([str(rising), "--out", str(held)], "holds a lesson already"),
        (
            [str(rising), "--out", str(tmp_path / "c"), "--seconds", "0"],
            "--seconds 0 is out of range",
        ),
        ([str(rising), "--out", str(tmp_path / "d"), "--lr", "2"], "--lr 2 is out of range"),
    ):
        assert main(["teach", *given, *weights]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1 and "Traceback" not in error
    assert (held / "recipe.json").read_text() == "{}" and [
        p.name for p in held.iterdir() if p.suffix == ".safetensors"
    ] == []
