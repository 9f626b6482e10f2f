"""Training runs as the page drives them: the real child process, on a few clips."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from core.runs import (
    End,
    Progress,
    State,
    alone,
    is_claimed,
    read_end,
    read_progress,
    write_end,
    write_progress,
)
from pages.parts import history, runs
from pages.parts.runs import Run
from training.__main__ import main
from training.folder import described
from training.recipes import Recipe, recipe

ROOT = Path(__file__).parents[2]
TINY = {"stills_clips": 0, "batch": 2, "workers": 0, "threads": 1, "warmup": 1}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runs folder of the app, named at its start; whatever still runs is ended."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["app.py", "--runs", str(tmp_path / "runs")])
    yield tmp_path / "runs"
    runs.stop_all()


def until(path: Path, fits: Callable[[Run], bool], seconds: float = 180.0) -> Run:
    """The run as soon as it fits."""
    end = time.monotonic() + seconds
    while (run := runs.read(path)) is None or not fits(run):
        assert time.monotonic() < end, run
        time.sleep(0.1)
    return run


def on_disk(folder: Path, name: str, **files: str) -> Path:
    """A run that some other program left there: `files` by name without ending."""
    path = folder / name
    path.mkdir(parents=True)
    recipe = {
        "name": "timesformer_gesture",
        "stills_clips": 0,
        "clips": 4800,
        "batch": 24,
        "seed": 3,
    }
    (path / "recipe.json").write_text(json.dumps(recipe))
    rows = [
        {
            "stage": "video",
            "step": 50 * i,
            "clips": 1200 * i,
            "lr": 1e-4,
            "clips_per_second": 20.0,
            "loss": 3 / i,
            "top1": 0.2 * i,
        }
        for i in (1, 2, 3)
    ]
    (path / "metrics.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + '{"stage": "vid'
    )
    for file, text in files.items():
        (path / f"{file}.json").write_text(text)
    return path


@pytest.mark.long
def test_a_run_is_followed_stopped_with_nothing_left_alive_resumed_and_finished(
    folder: Path,
) -> None:
    path = runs.start(
        folder,
        "first",
        "timesformer_gesture",
        clips=24,
        seed=4,
        checkpoint_seconds=0.5,
        **TINY | {"workers": 1},
    )
    with pytest.raises(BadInput, match=r"running already|there already"):
        runs.start(folder, "first", "timesformer_gesture", clips=40)
    run = until(path, lambda r: (path / "state.pt").exists())
    assert (
        run.state == "running"
        and run.progress is not None
        and run.progress.total == 24
        and 0 <= run.share < 1
        and run.recipe["seed"] == 4
    )
    group = [
        p for p in psutil.Process().children(recursive=True) if str(path) in " ".join(p.cmdline())
    ]
    assert len(group) >= 2, "the trainer and its worker"
    assert all(p.nice() > psutil.Process().nice() for p in group), "the app goes first"
    runs.stop(path)
    assert [p for p in group if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert (
        runs.read(path).state == "stopped"
        and read_end(path) is None
        and not is_claimed(path)
        and list(path.glob(".*.pt.*")) == []
    )

    runs.resume(runs.read(path))
    run = until(path, lambda r: r.state != "running")
    assert (run.state, run.failure) == ("finished", "")
    assert read_end(path) == End(State.FINISHED) and run.progress == read_progress(path)
    assert run.progress.stage == "video" and run.progress.clips == run.progress.total == 24
    assert run.checkpoint.exists() and [row["clips"] for row in run.reports] == list(
        range(2, 25, 2)
    )
    with pytest.raises(BadInput, match="finished"):
        runs.resume(run)


def test_a_run_goes_on_with_every_setting_that_it_began_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(
        recipe("rvit_paper"),
        root="clips of mine",
        lr=3e-4,
        settings={"dropout": 0.3},
        augment={"mirror": 0.2, "erase": 0.1},
    )
    launched: list[list[str]] = []
    began: list[Recipe] = []
    monkeypatch.setattr(runs, "_launch", lambda path, arguments: launched.append(arguments))
    monkeypatch.setattr("training.fit.fit", lambda recipe, name, out: began.append(recipe) or out)
    runs.resume(Run(folder / "own", described("rvit_paper", asked), State.STOPPED, (), None, ""))
    assert main([*launched[0], "--out", str(folder / "own")]) == 0
    assert described("", began[0]) == described("", asked)


@pytest.mark.long
def test_a_run_ends_with_an_app_that_is_killed(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pages.parts import runs; "
        f"runs.start(Path({str(folder)!r}), 'orphan', 'timesformer_gesture', clips=20000, "
        f"**{TINY!r}); time.sleep(60)"
    )
    app = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        run = until(folder / "orphan", lambda r: r.state == "elsewhere")
        with pytest.raises(BadInput, match="elsewhere"):
            runs.resume(run)
        trainer = next(p for p in psutil.Process(app.pid).children() if "training" in p.cmdline())
    finally:
        os.kill(app.pid, signal.SIGKILL)
        app.wait()
    trainer.wait(20)
    assert runs.read(folder / "orphan").state == "stopped"


def test_a_log_that_another_start_has_left_behind_is_not_believed(folder: Path) -> None:
    """So is a run of an older version, which said in its log alone how it ended."""
    path = folder / "resumed"
    path.mkdir(parents=True)
    (path / "recipe.json").write_text('{"name": "quick", "clips": 4800}')
    (path / "log.txt").write_text(
        "video: 30%| | 1440/4800 [01:00<02:00, 24.00clip/s]\nerror: the disk is full\n"
    )
    (path / "metrics.jsonl").write_text(
        '{"stage": "video", "clips": 3600, "clips_per_second": 20.0}\n'
    )
    run = runs.read(path)
    assert run.state == "stopped" and (run.progress.clips, run.progress.total) == (3600, 4800)


def test_a_run_that_never_began_says_the_last_line_of_its_log(folder: Path) -> None:
    path = folder / "refused"
    path.mkdir(parents=True)
    (path / "log.txt").write_text("reading\nerror: 1 clip does not fill a batch of 24\n")
    run = runs.read(path)
    assert (run.state, run.failure) == ("failed", "1 clip does not fill a batch of 24")
    (path / "log.txt").write_text("")  # another app has just started it
    assert runs.read(path).state == "stopped"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"state": "running"}', '{"error": "x"}'])
def test_a_damaged_end_or_progress_is_none(folder: Path, damaged: str) -> None:
    path = on_disk(folder, "damaged", end=damaged, progress=damaged)
    assert read_end(path) is None and read_progress(path) is None
    run = runs.read(path)
    assert run.state == "stopped" and run.progress.clips == 3600


def test_the_end_of_a_run_is_forgotten_when_it_is_started_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that is refused must not be taken for the one that failed before it."""
    path = on_disk(folder, "again", end='{"state": "failed", "error": "the loss is not finite"}')
    run = runs.read(path)
    assert (run.state, run.failure) == ("failed", "the loss is not finite")
    monkeypatch.setattr(runs.sys, "executable", "/bin/false")
    runs.resume(run)
    run = until(path, lambda r: r.state != "running")
    assert (run.state, run.failure) == ("failed", "it ended with code 1 and said nothing")


def test_a_run_over_epochs_knows_its_length_from_its_reports(folder: Path) -> None:
    path = folder / "epochs"
    path.mkdir(parents=True)
    (path / "recipe.json").write_text('{"name": "quick", "clips": 100, "epochs": 40}')
    (path / "metrics.jsonl").write_text(
        '{"stage": "video", "clips": 2000, "of": 8000, "clips_per_second": 20.0}\n'
    )
    run = runs.read(path)
    assert run.share == 0.25 and run.seconds_left == 300


@pytest.mark.parametrize("damaged", ['{"clips": null, "stills_clips": "many"}', "[]", "{"])
def test_a_damaged_run_is_listed_beside_the_others(folder: Path, damaged: str) -> None:
    path = folder / "damaged"
    path.mkdir(parents=True)
    (path / "recipe.json").write_text(damaged)
    (path / "metrics.jsonl").write_text(
        '{"stage": "video", "clips": null}\n{"stage": [], "clips": 1}\n'
        '{"stage": "video", "clips": 7, "clips_per_second": 1.0}\n'
    )
    (run,) = (r for r in runs.listed(folder) if r.name == "damaged")
    assert run.progress.clips == 7 and run.share <= 1 and run.seconds_left == 0


def test_a_run_that_cannot_go_on_says_why_in_one_line(folder: Path) -> None:
    path = runs.start(folder, "wrong", "timesformer_gesture", clips=1, **TINY)
    run = until(path, lambda r: r.state != "running")
    assert run.state == "failed" and "not fill a batch" in run.failure and "\n" not in run.failure


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "/etc",
        "a\\b",
        "-rf",
        ".hidden",
        "x" * 41,
        "a b",
        "ü",
        "a\n",
        "a\0",
    ],
)
def test_a_name_that_is_not_one_folder_below_the_runs_folder_is_refused(
    folder: Path, name: str
) -> None:
    with pytest.raises(BadInput, match="cannot name a run"):
        runs.start(folder, name, "timesformer_gesture")
    assert not folder.exists()


def test_a_link_out_of_the_runs_folder_is_refused_and_not_listed(
    folder: Path, tmp_path: Path
) -> None:
    on_disk(tmp_path / "other", "secret")
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "other" / "secret")
    with pytest.raises(BadInput, match="no folder of a run"):
        runs.start(folder, "link", "timesformer_gesture")
    assert runs.listed(folder) == []


def test_an_unknown_recipe_is_refused(folder: Path) -> None:
    assert {"direcformer_gesture", "direcformer_jester"} <= set(runs.recipes())
    with pytest.raises(BadInput, match="not known"):
        runs.start(folder, "x", "--out=/tmp/elsewhere")


def test_runs_that_are_found_on_the_disk_are_stopped_failed_or_finished(folder: Path) -> None:
    write_end(on_disk(folder, "stopped"), End(State.STOPPED))
    write_progress(folder / "stopped", Progress("video", 4080, 4800, 24.0))
    write_end(on_disk(folder, "failed"), End(State.FAILED, "RuntimeError: out of memory"))
    (on_disk(folder, "finished") / "model.safetensors").touch()
    (folder / "no_run").mkdir()
    with alone(on_disk(folder, "claimed")):
        found = {run.name: run for run in runs.listed(folder)}
    assert (
        all(run.state == name for name, run in found.items() if name != "claimed")
        and len(found) == 4
    )
    assert found["claimed"].state == "elsewhere"
    assert found["failed"].failure == "RuntimeError: out of memory"
    assert found["stopped"].progress == Progress("video", 4080, 4800, 24.0)
    assert found["stopped"].seconds_left == 30
    assert [row["clips"] for row in found["finished"].reports] == [1200, 2400, 3600], (
        "a line that is half written is left out"
    )


def test_only_one_process_may_claim_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path / "x"):
        assert is_claimed(tmp_path / "x")
        with pytest.raises(BadInput, match="another process"), alone(tmp_path / "x", patience=0.1):
            pass
    assert not is_claimed(tmp_path / "x") and not is_claimed(tmp_path / "never")


def test_those_who_ask_take_no_claim_from_each_other_nor_from_a_process_that_starts(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "x"
    with alone(folder):
        pass
    with ThreadPoolExecutor(4) as visitors:
        asked = visitors.map(lambda _: is_claimed(folder), range(400))
        assert not any(asked)
        asked = visitors.map(lambda _: is_claimed(folder), range(4000))
        for _ in range(5):
            with alone(folder):
                assert is_claimed(folder)
        list(asked)


def test_a_claim_is_forgotten_when_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from core.runs import alone\n"
        "with alone(Path(sys.argv[1])): print('claimed', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"claimed\n" and is_claimed(tmp_path / "x")
        with pytest.raises(BadInput, match="another process"), alone(tmp_path / "x", patience=0.1):
            pass
        process.kill()
    assert not is_claimed(tmp_path / "x")
    with alone(tmp_path / "x", patience=0.0):
        pass


def page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "training.py"), default_timeout=60)
    app.session_state["choice"] = None  # as if the router had run, which chooses
    return app.run()


def test_without_a_run_the_page_tells_how_the_shipped_models_were_trained(folder: Path) -> None:
    app = page()
    assert not app.exception and not app.error
    assert all("-shipped-" in chart.proto.id for chart in app.get("plotly_chart"))
    assert "No run yet" in app.info[0].value
    *_, figures, stages = (table.value for table in app.dataframe)
    assert {"DirecFormer", "TimeSformer"} <= set(figures["model"]) and "114 real clips" in set(
        figures["measured on"]
    )
    assert any(said.endswith("real clips, held-out backgrounds") for said in figures["measured on"])
    assert len(stages) >= 1 and stages["clips"].iloc[0] > 0


def test_a_stage_says_which_strokes_were_drawn_more_often_where_one_was() -> None:
    plain = {"name": "a", "clips": 7}
    found = history._stages(
        {"recipe": {"stages": [plain, plain | {"emphasis": "star=3,circle=1.5"}]}}
    )
    assert [stage["drawn more often"] for stage in found] == ["", "star x 3, circle x 1.5"]
    assert "drawn more often" not in history._stages({"recipe": {"stages": [plain]}})[0]


def test_a_stage_says_which_clips_were_hard_to_see_and_whether_any_order_was_seen() -> None:
    plain = {"name": "a", "clips": 7}
    found = history._stages(
        {
            "recipe": {
                "stages": [
                    plain,
                    plain | {"odds": "same_colour=0.35,dim=0.3", "any_order": 0.9, "front": 0.4},
                ]
            }
        }
    )
    columns = ("hard to see", "in any order", "from the front")
    assert [tuple(stage[column] for column in columns) for stage in found] == [
        ("", 0.0, 0.0),
        ("same colour 0.35, dim 0.3", 0.9, 0.4),
    ]
    assert not set(columns) & history._stages({"recipe": {"stages": [plain]}})[0].keys()


def of_runs(names: Iterable[str]) -> set[str]:
    """The curves of runs, not those of the shipped models."""
    return {name.split("-curve-")[1] for name in names if "-curve-" in name}


def test_the_page_compares_runs_on_the_same_axes_and_says_why_one_failed(folder: Path) -> None:
    on_disk(folder, "one")
    write_end(on_disk(folder, "two"), End(State.FAILED, "the loss is not finite at step 12"))
    app = page()
    assert not app.exception
    assert [e.value for e in app.error] == ["the loss is not finite at step 12"]
    loss = next(c for c in app.get("plotly_chart") if "curve-loss" in c.proto.id)
    lines = json.loads(loss.proto.spec)["data"]
    assert {line["name"] for line in lines} == {"one", "two"} and len(
        {line["line"]["color"] for line in lines}
    ) == 2
    assert {b.key for b in app.button} >= {"resume-one", "resume-two"}
    curves = of_runs(c.proto.id for c in app.get("plotly_chart"))
    kept = of_runs(b.proto.id.removesuffix("-NPZ") for b in app.get("download_button"))
    assert len(curves) == 4 and kept == curves, "every curve gives its numbers"


def test_the_page_refuses_a_bad_name_and_starts_nothing(folder: Path) -> None:
    app = page()
    app.text_input(key="run-name").set_value("../../etc")
    app.button(key="start").click().run()
    assert not app.exception and "cannot name a run" in app.error[0].value and not folder.exists()
