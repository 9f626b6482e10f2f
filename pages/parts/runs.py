"""Training runs as child processes: started, followed by their folder, ended with their group.

A run belongs to the app, not to a browser session: it goes on when a tab closes. Its input is a
pipe that the app holds open, and it ends when that closes, so nothing is left behind even where the
app is killed.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.errors import BadInput
from core.runs import (
    STILLS,
    VIDEO,
    File,
    Progress,
    State,
    forget_end,
    is_claimed,
    is_number,
    read_end,
    read_json,
    read_progress,
    read_rows,
)
from pages.parts.settings import ROOT, recipes

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
MOST_AT_ONCE = 2
GRACE = 5.0  # seconds between asking a run to end and killing it
SPEEDS = {STILLS: 150.0, VIDEO: 20.0}
"""Clips a second on two CPU cores, of stages that have not reported yet."""
START_UP = 20.0  # seconds until the first step, and for the last trial on held-out clips
RESUMABLE = (State.STOPPED, State.FAILED)
MOST_LETTERS = 400  # of a failure
STUDY_FILE = "study.db"
"""What a search for settings leaves; it is no run."""
REPORT_FILE = "evaluation.json"
TAIL = 8000  # bytes of a log in which its last line is looked for


@dataclass(frozen=True)
class Run:
    """A run folder as it stands on the disk."""

    path: Path
    recipe: dict[str, Any]  # empty where the run failed before it began
    state: State
    reports: tuple[dict[str, Any], ...]  # rows of metrics.jsonl
    progress: Progress | None
    failure: str  # one line

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        return self.path / File.MODEL

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None before the first sign of progress."""
        progress = self.progress
        if progress is None or not progress.clips_per_second:
            return None
        seconds = (progress.total - progress.clips) / progress.clips_per_second
        if progress.stage == STILLS:
            seconds += _number(self.recipe, "clips") / SPEEDS[VIDEO]
        return seconds

    @property
    def share(self) -> float:
        """0..1 of the whole run, counted in time."""
        progress = self.progress
        if progress is None:
            return 0.0
        stills = _number(self.recipe, "stills_clips") / SPEEDS[STILLS]
        video = _number(self.recipe, "clips") / SPEEDS[VIDEO]
        done = progress.clips / max(progress.total, 1)
        spent = stills * done if progress.stage == STILLS else stills + video * done
        return min(1.0, spent / max(stills + video, 1e-9))


_jobs: dict[Path, subprocess.Popen] = {}
_others: dict[Path, str] = {}  # what is no run, by its folder: the file that it leaves
_stopped: set[Path] = set()  # asked to end: that they did is no failure
_changing = threading.RLock()
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def runs_folder() -> Path:
    """The folder named at start-up, or runs/ in the project.

    It is named by `streamlit run app.py -- --runs FOLDER`.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    return parser.parse_known_args(sys.argv[1:])[0].runs.resolve()


def folder_of(runs: Path, name: str) -> Path:
    """The folder of a run. Raises: BadInput for a name that is no plain name below `runs`."""
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name[:60]!r} cannot name a run; use 1 to 40 letters, digits, - and _, beginning "
            "with a letter or digit"
        )
    path = runs / name
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BadInput(f"{name!r} is there already and is no folder of a run; choose another name")
    return path


def listed(runs: Path) -> list[Run]:
    """Every run below `runs`, the one that changed last first."""
    if not runs.is_dir():
        return []
    folders = [
        path
        for path in runs.iterdir()
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]
    known = [run for run in map(read, folders) if run is not None]
    return sorted(known, key=lambda run: _changed(run.path), reverse=True)


def read(path: Path) -> Run | None:
    """The run in a folder; None if it holds none."""
    if (path / STUDY_FILE).exists() or (path / REPORT_FILE).exists():
        return None
    if makes(path) and is_working(path):
        return None
    if not (path / File.RECIPE).exists() and not (path / File.LOG).exists():
        return None
    recipe, reports = read_json(path / File.RECIPE), tuple(read_rows(path))
    state, failure = _state(path)
    return Run(path, recipe, state, reports, _progress(path, reports, recipe), failure)


def _state(path: Path) -> tuple[State, str]:
    """What a run is doing, and why it failed if it did."""
    with _changing:
        job, is_stopped = _jobs.get(path), path in _stopped
        code = job.poll() if job is not None else None
    if job is not None and code is None:
        return State.RUNNING, ""
    if is_claimed(path):
        return State.ELSEWHERE, ""
    if (path / File.MODEL).exists():
        return State.FINISHED, ""
    if is_stopped:
        return State.STOPPED, ""
    end = read_end(path)
    if end is not None:
        return (State.FAILED, end.error) if end.state == State.FAILED else (State.STOPPED, "")
    if code is not None and code < 0:
        failure = (
            f"the system ended it (signal {-code}), perhaps for lack of memory; resume it to go on"
        )
        return State.FAILED, failure
    never_began = not (path / File.RECIPE).exists()
    if code or never_began:  # it was refused, or could not even be started: its log alone says why
        words = _last_line(_tail(path / File.LOG)).removeprefix("error: ")[:MOST_LETTERS]
        if code and not words:
            words = f"it ended with code {code} and said nothing"
        if words:
            return State.FAILED, words
    return State.STOPPED, ""


def start(
    runs: Path,
    name: str,
    recipe: str,
    *,
    more: Sequence[str] = (),
    **changes: int | float | str,
) -> Path:
    """Start a new run; `changes` are fields of the recipe, `more` flags. Returns its folder.

    Raises: BadInput if it cannot be started.
    """
    path = _new(runs, name, recipe)
    _launch(path, ["fit", recipe, *_flags(changes), *more])
    return path


def tune(runs: Path, name: str, recipe: str, trials: int, more: Sequence[str] = ()) -> Path:
    """Search for a recipe's best settings in a new folder, which it returns.

    Raises: BadInput if it cannot be started.
    """
    path = _new(runs, name, recipe)
    _others[path] = STUDY_FILE
    _launch(path, ["tune", recipe, f"--trials={trials}", *more])
    return path


def evaluate(runs: Path, name: str, of: Sequence[str], data: str, clips: int) -> Path:
    """Measure a model into a new folder, which it returns.

    `of` names it as `evaluate` takes it: --model NAME or --checkpoint FILE.

    Raises: BadInput if it cannot be started.
    """
    path = folder_of(runs, name)
    if path.exists():
        raise BadInput(f"{name!r} is there already; choose another name")
    flags = [*of, f"--data={data}", f"--clips={clips}"]
    _others[path] = REPORT_FILE
    _launch(path, ["evaluate", *flags], out="--report")
    return path


def _new(runs: Path, name: str, recipe: str) -> Path:
    """The folder of a new run. Raises: BadInput if it cannot be begun there."""
    path = folder_of(runs, name)
    if recipe not in recipes():
        raise BadInput(f"recipe {recipe[:60]!r} is not known; choose one of {', '.join(recipes())}")
    if (path / File.RECIPE).exists() or (path / STUDY_FILE).exists():
        raise BadInput(f"a run named {name!r} is there already; choose another name, or resume it")
    return path


def said(path: Path) -> str:
    """The last line that the work in a folder said."""
    return _last_line(_tail(path / File.LOG)).removeprefix("error: ")[:MOST_LETTERS]


def makes(path: Path) -> str:
    """The file that this app's work in a folder is to leave, if that is no run."""
    return _others.get(path, "")


def is_working(path: Path) -> bool:
    """Whether this app works in a folder now."""
    with _changing:
        job = _jobs.get(path)
        return job is not None and job.poll() is None


def teach(path: Path, clips: list[Path], **changes: int | float | str) -> None:
    """Teach a model the order of these clips in a new folder.

    Raises: BadInput if it cannot be started.
    """
    _launch(path, ["teach", *map(str, clips), *_flags(changes)])


def few(path: Path, clips: Path, **changes: int | float | str) -> None:
    """Teach a model the gestures in the folder `clips`, in a new folder.

    Raises: BadInput if it cannot be started.
    """
    _launch(path, ["few", str(clips), *_flags(changes)])


def resume(run: Run) -> None:
    """Go on with a run, from its last checkpoint, under the settings that it began with.

    Raises: BadInput if it cannot be resumed.
    """
    if run.state not in RESUMABLE:
        raise BadInput(f"{run.name} is {run.state}; only a run that stopped can be resumed")
    if not run.recipe:
        raise BadInput(f"{run.name} holds no recipe.json that can be read; start a new run instead")
    apart = ("name", "settings", "augment")
    flags = _flags({key: value for key, value in run.recipe.items() if key not in apart})
    for key, value in run.recipe.get("settings", {}).items():
        flags += ["--set", f"{key}={_written(value)}"]
    flags += ["--augment", "none"]
    for key, value in run.recipe.get("augment", {}).items():
        flags += ["--augment", f"{key}={json.dumps(value)}"]
    _launch(run.path, ["fit", str(run.recipe.get("name")), *flags])


def stop(path: Path) -> None:
    """End a run and every process of its group; returns when they are gone.

    Its last checkpoint stays.
    """
    with _changing:
        job = _jobs.get(path)
        if job is None or job.poll() is not None:
            return
        _stopped.add(path)
    for ask in (signal.SIGTERM, _KILL):
        _signal(job, ask)
        with suppress(subprocess.TimeoutExpired):
            job.wait(GRACE)
            break
    # Workers may outlive it, and hold the folder until they are gone.
    _signal(job, _KILL)
    until = time.monotonic() + GRACE
    while is_claimed(path) and time.monotonic() < until:
        time.sleep(0.02)
    _close_input(job)
    for half in path.glob(f".*.{job.pid}"):  # a checkpoint that it was writing
        half.unlink(missing_ok=True)


def stop_all() -> None:
    """End every run of this app."""
    for path in list(_jobs):
        stop(path)


atexit.register(stop_all)


def _launch(path: Path, arguments: list[str], out: str = "--out") -> None:
    """Start `python -m training`. Raises: BadInput if it cannot be started."""
    with _changing:
        alive = [other for other, job in _jobs.items() if job.poll() is None]
        if path in alive or is_claimed(path):
            raise BadInput(f"{path.name} is running already")
        if len(alive) >= MOST_AT_ONCE:
            own = [other.name for other in alive if other.parent == path.parent]
            names = " and ".join(own) if len(own) == len(alive) else "runs of others"
            raise BadInput(
                f"{names} are running; stop one first, more would only slow each other down"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            forget_end(path)  # of the last start: this one may be refused
            log = open(path / File.LOG, "wb")  # noqa: SIM115
        except OSError as error:
            raise BadInput(
                f"the run folder {path} cannot be written ({error.strerror}); name another with "
                "`-- --runs FOLDER`"
            ) from None
        if path in _jobs:
            _close_input(_jobs[path])
        end = [out, str(path), "--until-stdin-closes"]
        with log:
            _jobs[path] = subprocess.Popen(
                [sys.executable, "-m", "training", *arguments, *end],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _let_the_app_go_first(_jobs[path])
        _stopped.discard(path)


def _let_the_app_go_first(job: subprocess.Popen) -> None:
    """A run takes the processor time that the pages leave: beside two they took twice as long."""
    lower = 10 if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS
    with suppress(psutil.Error):  # it ended at once
        psutil.Process(job.pid).nice(lower)


def _close_input(job: subprocess.Popen) -> None:
    if job.stdin is not None:
        job.stdin.close()


def _signal(job: subprocess.Popen, which: int) -> None:
    """Send a signal to a job and its group."""
    if not hasattr(os, "killpg"):
        job.terminate()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(job.pid, which)


def _flags(fields: dict[str, Any]) -> list[str]:
    """Fields of a recipe as flags."""
    return [f"--{key.replace('_', '-')}={_written(value)}" for key, value in fields.items()]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _progress(
    path: Path, reports: tuple[dict[str, Any], ...], recipe: dict[str, Any]
) -> Progress | None:
    """How far a run is: what it says itself, or its last report.

    A run of an older version only reports, and one that it resumed is further than it says.
    """
    known = [read_progress(path), _reported(reports, recipe)]
    return max(
        (progress for progress in known if progress is not None),
        key=lambda progress: (progress.stage == VIDEO, progress.clips),
        default=None,
    )


def _reported(reports: tuple[dict[str, Any], ...], recipe: dict[str, Any]) -> Progress | None:
    """How far a run was in its last report of a speed."""
    for row in reversed(reports):
        speed = row.get("clips_per_second")
        if is_number(speed):
            asked = "stills_clips" if row["stage"] == STILLS else "clips"
            total = row.get("of") or _number(recipe, asked)
            return Progress(row["stage"], row["clips"], max(total, row["clips"]), speed)
    return None


def _number(recipe: dict[str, Any], key: str) -> float:
    """A count of a recipe; 0 for none, and where the file is damaged."""
    return recipe[key] if is_number(recipe.get(key)) else 0


def _tail(file: Path) -> str:
    """The end of a log, whose bars overwrite themselves."""
    try:
        with open(file, "rb") as opened:
            opened.seek(max(0, file.stat().st_size - TAIL))
            return opened.read().decode(errors="replace").replace("\r", "\n")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _changed(path: Path) -> float:
    """When a run last changed, in seconds."""
    files = [path / name for name in (File.RECIPE, File.METRICS, File.LOG)]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
