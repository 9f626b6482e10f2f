"""Shipping a checkpoint: what its card reports, and on which clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.draw.overlay import write_mp4
from core.errors import BadInput
from core.weights import embedded, load_checkpoint
from core.world.gestures import render
from training import publish as module
from training.evaluate import Row
from training.publish import direction_threshold, odd_backgrounds, publish


def test_the_reporting_half_is_the_odd_backgrounds(tmp_path: Path) -> None:
    assert odd_backgrounds(tmp_path) == set()
    (tmp_path / "backgrounds.tsv").write_text(
        "file\tclass\tbackground\nup/a.mp4\tup\t7\nup/b.mp4\tup\t12\nleft/c.mp4\tleft\t3\n"
    )
    assert odd_backgrounds(tmp_path) == {"up/a.mp4", "left/c.mp4"}


@pytest.mark.parametrize(
    "table",
    [
        "file\tclass\nup/a.mp4\tup\n",
        "file\tbackground\nup/a.mp4\tdesk\n",
        "file\tbackground\nup/a.mp4\n",
    ],
)
def test_a_damaged_table_or_a_label_that_the_model_does_not_know_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(module, "measure", lambda *_: pytest.fail("it was measured"))
    (tmp_path / "wave").mkdir()
    write_mp4(tmp_path / "wave" / "0.mp4", render("up", 0, frames=12, size=(60, 80)).frames, 8)
    with pytest.raises(BadInput, match="the label 'wave'"):
        publish(embedded()["direcformer"], "mine", tmp_path, None)
    (tmp_path / "backgrounds.tsv").write_text(table)
    with pytest.raises(BadInput, match=r"backgrounds.tsv is damaged"):
        publish(embedded()["direcformer"], "mine", tmp_path, None)


def test_weights_that_cannot_be_written_are_not_measured_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "load_checkpoint", lambda *_: pytest.fail("it was loaded"))
    (tmp_path / "file").touch()
    monkeypatch.setattr(module, "CHECKPOINTS", tmp_path / "file")
    with pytest.raises(BadInput, match=r"file cannot be written into"):
        publish(embedded()["direcformer"], "mine", None, None)
    monkeypatch.setattr(module, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(module, "METRICS_FOLDER", tmp_path / "file" / "metrics")
    (tmp_path / "metrics.jsonl").write_text('{"stage": "video", "step": 1, "clips": 8, "loss": 1}')
    with pytest.raises(BadInput, match=r"metrics cannot be written into"):
        publish(tmp_path / "model.safetensors", "mine", None, None)


@pytest.mark.long
def test_a_published_checkpoint_keeps_its_weights_and_says_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    for i, label in enumerate(("up", "tick", "left")):
        (real / label).mkdir(parents=True)
        write_mp4(real / label / f"{i}.mp4", render(label, i, frames=12, size=(60, 80)).frames, 8)
    front = tmp_path / "front"
    (front / "down").mkdir(parents=True)
    facing = render("down", 4, frames=12, size=(60, 80), view="front")
    write_mp4(front / "down" / "4.mp4", facing.frames, 8)
    (real / "backgrounds.tsv").write_text(
        "file\tclass\tbackground\nup/0.mp4\tup\t1\ntick/1.mp4\ttick\t2\nleft/2.mp4\tleft\t3\n"
    )
    monkeypatch.setattr(module, "CHECKPOINTS", tmp_path / "shipped")
    monkeypatch.setattr(module, "CALIBRATION_CLIPS", 5)
    monkeypatch.setattr(module, "TEST_CLIPS", 5)
    path = publish(embedded()["direcformer"], "mine", real, 1.5, front)
    before, after = load_checkpoint(embedded()["direcformer"]).net, load_checkpoint(path)
    for key, value in before.state_dict().items():
        np.testing.assert_array_equal(after.net.state_dict()[key], value)
    measured = after.card.measured
    assert (
        measured["rendered"]["clips"],
        measured["real"]["clips"],
        measured["real_odd_backgrounds"]["clips"],
        measured["rendered_front"]["clips"],
        measured["real_front"]["clips"],
    ) == (5, 3, 2, 5, 1)
    assert set(measured["real_front"]["per_class"]) == {"down"}
    assert (
        set(measured["real_odd_backgrounds"]["per_class"]) == {"up", "left"}
        and measured["training_hours"] == 1.5
    )
    assert after.card.sharpness == 0 or (
        measured["real_passes"]["passes"] == module.PASSES and measured["real_passes"]["clips"] == 3
    )
    assert json.loads(path.with_suffix(".json").read_text())["measured"] == measured


def _rows(forward: list[bool]) -> list[Row]:
    """Rows whose direction margin is their place."""
    return [
        Row("tick", ("tick",), 100.0, 100.0, right, float(place))
        for place, right in enumerate(forward)
    ]


def test_a_direction_is_trusted_above_the_margin_where_enough_of_enough_were_right() -> None:
    # 40 of 42 are right, 40 of 43 are not enough.
    assert direction_threshold(_rows([False] * 10 + [True] * 40)) == 8.0
    # So few may be right by chance.
    assert direction_threshold(_rows([False] * 29 + [True] * 20)) == float("inf")
    assert direction_threshold(_rows([True] * 29)) == float("inf")
