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
    monkeypatch.setattr(module, "table", lambda results: [])
    monkeypatch.setattr(module, "answer_table", lambda results: [])
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
    assert results["command"] == module.COMMAND
    assert "'intervals meet': 1" in capsys.readouterr().out
    assert main([*flags, "--clips", "0"]) == 2


def test_the_text_is_small_json_with_a_line_for_each_map() -> None:
    results = {"models": [{"maps": {"a": {"auc": 1}, "b": {"auc": 2}}, "matrix": [[1, 0], [0, 1]]}]}
    text = as_text(results)
    assert json.loads(text) == results and text.count("\n") == 4


@MADE
def test_the_file_is_small_and_names_weights_and_has_every_map_and_the_truth() -> None:
    assert FILE.stat().st_size < 200_000
    results = json.loads(FILE.read_text(encoding="utf-8"))
    names = [row["model"] for row in results["models"]]
    assert set(names) <= set(embedded()) and len(set(names)) == len(names) >= 3
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
    for name, each in module.stability(results).items():
        assert each["scores"] > 50
        assert each["intervals meet"] >= 0.95 * each["scores"], name
        assert each["same verdict"] >= 0.8 * each["verdicts"], name


def test_a_line_of_the_table_is_worked_out_by_hand() -> None:
    lines = module.table({"models": [made_up()]})
    assert lines[2] == (
        "| `direcformer` | 0.80 | 0.90 (2 of 3) | 0.60 | 0.85 (centre) | ROC AUC | 0.50 | −0.25 | "
        "0.75 | 0.10 |"
    )
    row = made_up()
    row["maps"]["attention"] |= {"deletion": score(0.1, 0.2, 0.3), "insertion": score(0, 0.7, 1)}
    assert module.answer_table({"models": [row]})[2] == "| `direcformer` | 0.20 | 0.70 |"


def made_up() -> dict[str, Any]:
    """Three layers, four baselines, and a matrix in which every entry is another one."""
    aucs = {
        **{"attention, layer 1": 0.7, "attention, layer 2": 0.9, "attention, layer 3": 0.8},
        **{"attention, layer 3, head 1": 0.95, "attention": 0.8, "GradCAM": 0.6},
        **{"uniform": 0.5, "centre": 0.85, "optical flow": 0.4, "frame difference": 0.3},
    }
    maps = {name: {"auc": score(value, value, value)} for name, value in aucs.items()}
    for lost in ("hand", "fingertip", "energy", "precision"):
        maps["attention"][lost] = score(0, 0, 0, "centre")
    matrix = [[1, 0.1, 0.2, 0.5], [0.1, 1, 0.3, -0.25], [0.2, 0.3, 1, 0.75], [0.5, -0.25, 0.75, 1]]
    names = ["attention", "GradCAM", "frame difference", TRUTH]
    correlations = {"maps": names, "matrix": matrix}
    return {"model": "direcformer", "maps": maps, "rank correlations": correlations}


@MADE
def test_what_is_written_of_the_maps_is_what_was_measured() -> None:
    results = json.loads(FILE.read_text(encoding="utf-8"))
    text = (ASSETS.parent / "docs" / "results.md").read_text(encoding="utf-8")
    for line in (*module.table(results), *module.answer_table(results)):
        assert line in text
    assert results["command"] in text
