"""The maps of all shipped models in one file: how it is made, and that what is written is in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from assets import ASSETS
from core.explain.trust.alike import TRUTH
from core.explain.trust.every_map import BASELINES
from core.weights import embedded, load
from training import trusted as module
from training.__main__ import main
from training.trusted import agreement, as_text

FILE = ASSETS / "results" / "trust.json"
MADE = pytest.mark.skipif(not FILE.exists(), reason="assets/results/trust.json was not made yet")


def score(low: float, mean: float, high: float, *lost: str) -> dict[str, Any]:
    return {"low": low, "mean": mean, "high": high, "not beaten": list(lost)}


def test_two_sets_agree_where_intervals_meet_means_lie_within_and_baselines_are_the_same() -> None:
    one = {
        "attention": {"auc": score(0.7, 0.8, 0.9, "centre"), "energy": score(0.1, 0.2, 0.3)},
        "uniform": {"auc": score(0.5, 0.5, 0.5)},
    }
    other = {
        "attention": {"auc": score(0.85, 0.95, 1.0, "centre"), "energy": score(0.4, 0.5, 0.6, "x")},
        "uniform": {"auc": score(0.5, 0.5, 0.5)},
        "GradCAM": {"auc": score(0.1, 0.2, 0.3)},
    }
    assert agreement(one, other) == {
        "scores": 3,
        "intervals meet": 2,
        "means within": 1,
        "verdicts": 2,
        "same verdict": 1,
    }


def test_the_command_scores_every_model_and_some_again_on_other_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str, int, int]] = []

    def fake(model: Any, out: Path, **flags: Any) -> dict[str, Any]:
        asked.append((model.card.model, out.name, flags["seed"], flags["faithful"]))
        maps = {"attention": {"auc": score(0.1, 0.2, 0.3)}}
        extra = {"rank correlations": {"maps": []}, "sanity": {}}
        return {"model": model.card.model, "seed": flags["seed"], "maps": maps, **extra}

    monkeypatch.setattr(module, "trust", fake)
    out = tmp_path / "new" / "trust.json"
    flags = ["trust", "--out", str(out), "--work", str(tmp_path), "--models", "direcformer", "far"]
    assert main([*flags, "--again", "far", "--faithful", "7"]) == 0
    assert asked == [
        ("direcformer", "direcformer-0", 0, 7),
        ("far", "far-0", 0, 7),
        ("far", "far-1", 1, 0),
    ]
    results = json.loads(out.read_text())
    assert [row["model"] for row in results["models"]] == ["direcformer", "far"]
    sha256 = hashlib.sha256(embedded()["far"].read_bytes()).hexdigest()
    assert results["models"][1]["sha256"] == sha256
    assert "sanity" in results["models"][0] and "sanity" not in results["again"][0]
    assert "--faithful 7" in results["command"]
    assert "'intervals meet': 1" in capsys.readouterr().out
    assert main([*flags, "--clips", "0"]) == 2


def test_the_text_is_small_json_with_a_line_for_each_map() -> None:
    results = {"models": [{"maps": {"a": {"auc": 1}, "b": {"auc": 2}}, "matrix": [[1, 0], [0, 1]]}]}
    text = as_text(results)
    assert json.loads(text) == results and text.count("\n") == 3


@MADE
def test_the_file_is_small_and_has_every_shipped_model_with_its_weights_and_the_truth() -> None:
    assert FILE.stat().st_size < 200_000
    results = json.loads(FILE.read_text(encoding="utf-8"))
    assert {row["model"] for row in results["models"]} == set(embedded())
    for row in results["models"]:
        assert row["sha256"].startswith(row["weights"]) and row["clips"] >= 200
        assert {"attention", "GradCAM", *BASELINES} <= row["maps"].keys()
        assert row["rank correlations"]["maps"][-1] == TRUTH


@MADE
@pytest.mark.long
@pytest.mark.parametrize("name", embedded())
def test_the_figures_are_those_of_the_weights_that_ship(name: str) -> None:
    results = json.loads(FILE.read_text(encoding="utf-8"))
    row = next(row for row in results["models"] if row["model"] == name)
    assert row["weights"] == load(name).card.hash, f"make them again: {results['command']}"


@MADE
def test_two_sets_of_clips_agree_within_their_intervals() -> None:
    results = json.loads(FILE.read_text(encoding="utf-8"))
    counts = module.stability(results)
    assert len(counts) >= 2
    for name, each in counts.items():
        assert each["scores"] > 50
        assert each["intervals meet"] >= 0.95 * each["scores"], name
        assert each["same verdict"] >= 0.8 * each["verdicts"], name
