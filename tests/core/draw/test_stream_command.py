"""`python -m core stream`: what each picture of a film showed, as it comes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core import explain
from core.cli import main
from core.draw.overlay import write_mp4
from core.draw.stream_command import in_words
from core.video import decode
from core.weights import load
from core.world.gestures import render


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "circle.mp4"
    write_mp4(path, render("circle", 3, frames=5).frames, 5)
    return path


def test_every_picture_is_one_entry_of_one_json_list(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", str(file), "--rate", "0", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["picture"] for entry in entries] == [1, 2, 3, 4, 5]
    model, clip = load("rvit"), decode(file, frames=5)
    memory = explain.begin(model)
    for time, picture in zip(clip.times, clip.frames, strict=True):
        glance, memory = explain.see(model, memory, picture, float(time))
    last = entries[-1]
    assert last["top"][0]["label"] == model.card.labels[int(glance.probabilities.argmax())]
    np.testing.assert_allclose(last["hidden"], glance.hidden, atol=1e-5)
    np.testing.assert_allclose(last["gate"], glance.gate, atol=1e-5)
    assert abs(sum(last["tokens"]) - 1) < 1e-4 and len(last["tokens"]) == 6


def test_without_json_it_is_a_line_a_picture_at_the_rate_that_taught_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s ")[0].strip() for line in lines] == ["0.00", "0.40", "0.80"]
    assert "%  hidden" in lines[0] and "gate" in lines[0]
    entry = {"seconds": 1.5, "top": [{"label": "up", "p": 0.5}], "hidden": [], "gate": []}
    entry["domain"] = None
    assert in_words(entry) == "   1.50 s  closest: up 50.0 %"
    for inside, words in ((True, "up"), (False, "closest: up")):
        told = entry | {"domain": {"inside": inside}}
        assert in_words(told) == f"   1.50 s  {words} 50.0 %"
    assert in_words(entry | {"top": []}) == "   1.50 s  no classes"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--rate", "-1"], "--rate -1 must be from 0"),
        (["--model", "nothing"], "nothing"),
        (["--model", "rvit", "--checkpoint", "x"], "leave one of them out"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(
    file: Path, flags: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", str(file), *flags]) == 2
    shown = capsys.readouterr()
    assert line in shown.err and shown.err.count("\n") == 1 and not shown.out
