"""The search for settings: its ranges, its objective, and a study that was killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadInput
from core.runs import End, State, read_end, read_progress
from tests.training.tiny import RECIPE
from training import tune as module
from training.__main__ import main
from training.recipes import Recipe, recipe
from training.run import NotFinite
from training.tune import suggested, tune

pytestmark = pytest.mark.usefixtures("tiny")
QUICK = replace(
    RECIPE,
    model="rvit",
    stills_clips=0,
    clips=4,
    validate_clips=2,
    order=0.0,
    directed=0.0,
    schedule="restarts",
)


class Suggestions:
    """A trial that takes the lower end of each range."""

    def __init__(self) -> None:
        self.ranges: dict[str, tuple] = {}

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        self.ranges[name] = (low, high, "log" if log else "even")
        return low

    def suggest_int(self, name: str, low: int, high: int, step: int = 1) -> int:
        self.ranges[name] = (low, high, step)
        return low


def test_the_ranges_are_those_of_the_paper() -> None:
    trial = Suggestions()
    found = suggested(trial, recipe("rvit_paper"))
    assert trial.ranges == {
        "lr": (2e-5, 2e-3, "log"),
        "weight_decay": (2e-5, 2e-3, "log"),
        "restart_epochs": (5, 100, 5),
        "dropout": (0.1, 0.5, "even"),
    }
    assert found == replace(
        recipe("rvit_paper"),
        lr=2e-5,
        weight_decay=2e-5,
        restart_epochs=5.0,
        settings={"dropout": 0.1},
    )


def test_what_a_recipe_does_not_have_is_not_searched() -> None:
    trial = Suggestions()
    suggested(trial, recipe("far_gesture"))
    assert set(trial.ranges) == {"lr", "weight_decay"}


def fake_fit(
    scores: dict[int, list[float]], started: list[tuple[str, Recipe]], out_of: dict[str, int]
) -> Any:
    """Stands in for `fit`: writes the scores of the trial whose turn it is."""

    def fit(recipe: Recipe, name: str, out: Path, watch: Any) -> None:
        turn = len(started)
        started.append((out.name, recipe))
        out.mkdir(exist_ok=True)
        for i, top1 in enumerate(scores[turn]):
            with open(out / "metrics.jsonl", "a") as file:
                file.write(
                    json.dumps(
                        {
                            "stage": "video",
                            "step": i,
                            "clips": 1000 * (i + 1),
                            "validation_top1": top1,
                        }
                    )
                    + "\n"
                )
            watch(1000 * (i + 1), top1)
            if top1 == out_of.get("raises"):
                raise NotFinite("the loss is not finite at step 3")

    return fit


def test_a_study_finds_the_best_of_its_trials_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, Recipe]] = []
    scores = {0: [0.1, 0.2], 1: [0.9, 0.7], 2: [0.3, 0.4], 3: [0.0], 4: [0.5, 0.6]}
    monkeypatch.setattr(module, "fit", fake_fit(scores, started, {"raises": 0.0}))
    first = tune(QUICK, "quick", 2, tmp_path / "study")
    assert len(started) == 2 and first.startswith("0.7000 in trial-0001: ")
    chosen = started[1][1]
    flags = dict(zip(first.split()[3::2], first.split()[4::2], strict=True))
    assert float(flags["--lr"]) == pytest.approx(chosen.lr, rel=1e-5) and flags["--set"].startswith(
        "dropout="
    )
    assert (
        float(flags["--restart-epochs"]) == chosen.restart_epochs and chosen.restart_epochs % 5 == 0
    )
    assert tune(QUICK, "quick", 2, tmp_path / "study") == first and len(started) == 2, (
        "nothing is left to do"
    )
    second = tune(QUICK, "quick", 5, tmp_path / "study")
    assert second == first and [folder for folder, _ in started] == [
        f"trial-{i:04}" for i in range(5)
    ]
    assert len({r.lr for _, r in started}) == 5, "a study that goes on draws other settings"
    with pytest.raises(BadInput, match="clips"):
        tune(replace(QUICK, clips=6), "quick", 6, tmp_path / "study")


def test_a_trial_that_falls_behind_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    started: list[tuple[str, Recipe]] = []
    scores = {i: [0.8, 0.9] for i in range(5)} | {5: [0.1, 1.0]}
    monkeypatch.setattr(module, "fit", fake_fit(scores, started, {}))
    best = tune(replace(QUICK, validate_every=0), "quick", 6, tmp_path)
    assert best.startswith("0.9000")
    study = optuna.load_study(study_name="study", storage=f"sqlite:///{tmp_path / 'study.db'}")
    states = [trial.state.name for trial in study.trials]
    study._storage._backend.engine.dispose()
    assert states == 5 * ["COMPLETE"] + ["PRUNED"]


def test_a_study_without_a_complete_trial_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fit", fake_fit({0: [0.0]}, [], {"raises": 0.0}))
    with pytest.raises(BadInput, match="more --trials"):
        tune(QUICK, "quick", 1, tmp_path)
    end = read_end(tmp_path)
    assert end is not None and end.state == State.FAILED and "more --trials" in end.error


class Killed(BaseException):
    """Stands in for a kill: Optuna does not catch it, so the trial stays under way."""


@pytest.mark.parametrize("end", [Killed, KeyboardInterrupt])
def test_a_study_that_was_stopped_goes_on_with_its_trial_in_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    started: list[tuple[str, Recipe]] = []
    fit = fake_fit({0: [0.5], 1: [0.1], 2: [0.6], 3: [0.4]}, started, {})

    def stopped(recipe: Recipe, name: str, out: Path, watch: Any) -> None:
        fit(recipe, name, out, watch)
        if len(started) == 2:
            raise end

    monkeypatch.setattr(module, "fit", stopped)
    with pytest.raises(end):
        tune(QUICK, "quick", 3, tmp_path)
    with open(tmp_path / "trial-0001" / "metrics.jsonl", "a") as file:
        file.write('{"stage": "vid\n')  # a kill cut it short
    assert tune(QUICK, "quick", 3, tmp_path).startswith("0.6000 in trial-0001")
    assert [folder for folder, _ in started] == [
        "trial-0000",
        "trial-0001",
        "trial-0001",
        "trial-0003",
    ]
    assert started[2][1] == started[1][1], "with the same settings"


def test_what_decides_no_result_may_change_between_two_starts_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fit", fake_fit({0: [0.5], 1: [0.6]}, [], {}))
    tune(replace(QUICK, seed=5000), "quick", 1, tmp_path)
    tune(replace(QUICK, seed=5000, threads=1, checkpoint_seconds=5.0), "quick", 2, tmp_path)
    with pytest.raises(BadInput, match=r"other settings \(batch\)"):
        tune(replace(QUICK, seed=5000, batch=QUICK.batch * 2), "quick", 2, tmp_path)


def test_a_damaged_study_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"no data base" * 99)
    with pytest.raises(BadInput, match=r"study.db is no study"):
        tune(QUICK, "quick", 1, tmp_path)


def test_the_command_tunes_for_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        "tune",
        "rvit_gesture",
        "--preset",
        "tiny",
        "--trials",
        "1",
        "--out",
        str(tmp_path / "study"),
        "--stills-clips",
        "0",
        "--clips",
        "4",
        "--batch",
        "2",
        "--workers",
        "0",
        "--threads",
        "1",
        "--validate-clips",
        "2",
    ]
    assert main(argv) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and "trial-0000: --set dropout=" in line
    study, trial = tmp_path / "study", tmp_path / "study" / "trial-0000"
    assert (trial / "model.safetensors").exists()
    progress = read_progress(study)
    assert progress is not None and (progress.clips, progress.total) == (4, 4)
    assert read_end(study) == read_end(trial) == End(State.FINISHED)
