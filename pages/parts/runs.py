"""Training runs as child processes: started, followed by their folder, ended with their whole
group.

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
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.runs import is_claimed

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
MOST_AT_ONCE = 2
GRACE = 5.0  # seconds between asking a run to end and killing it
SPEEDS = {
    "stills": 150.0,
    "video": 20.0,
}  # clips/s on two CPU cores, for stages that have not reported yet
START_UP = 20.0  # seconds until the first step, and for the last trial on held-out clips
_BAR = re.compile(r"(stills|video): .*?(\d+)/(\d+) \[[^],]*(?:, *([\d.]+)(clip/s|s/clip))?")
_FAILED = re.compile(r"error: .+|[\w.]*(?:Error|Exception)\b.*")


@dataclass(frozen=True)
class Progress:
    """How far a stage came."""

    stage: str  # stills | video
    clips: int
    of: int
    speed: float  # clips/s; 0 = not known yet


@dataclass(frozen=True)
class Run:
    """A run folder as it stands on the disk."""

    path: Path
    recipe: dict[str, Any]  # empty where the run failed before it began
    state: str  # running | elsewhere (another program drives it) | finished | stopped | failed
    reports: tuple[dict[str, Any], ...]  # lines of metrics.jsonl
    progress: Progress | None
    failure: str  # one line

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoint(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None before the first sign of progress."""
        p = self.progress
        if p is None or not p.speed:
            return None
        later = _number(self.recipe, "clips") / SPEEDS["video"] if p.stage == "stills" else 0.0
        return (p.of - p.clips) / p.speed + later

    @property
    def share(self) -> float:
        """0..1 of the whole run, counted in time."""
        p = self.progress
        if p is None:
            return 0.0
        asked = {
            "stills": _number(self.recipe, "stills_clips"),
            "video": _number(self.recipe, "clips"),
        }
        cost = {stage: clips / SPEEDS[stage] for stage, clips in asked.items()}
        done = p.clips / max(p.of, 1)
        spent = (
            cost["stills"] * done if p.stage == "stills" else cost["stills"] + cost["video"] * done
        )
        return min(1.0, spent / max(sum(cost.values()), 1e-9))


_jobs: dict[Path, subprocess.Popen] = {}
_stopped: set[Path] = set()  # asked to end: that they did is no failure
_changing = threading.RLock()


def runs_folder() -> Path:
    """The folder named at start-up: `streamlit run app.py -- --runs FOLDER`; else runs/ in the
    project.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    return parser.parse_known_args(sys.argv[1:])[0].runs.resolve()


@cache
def recipes() -> dict[str, dict[str, Any]]:
    """Every recipe that trains on rendered clips, with its fields; the others need a data set on
    the disk.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "training", "recipes", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise BadInput(f"the training package does not start: {_last_line(ran.stderr)}")
    return {about["name"]: about for about in json.loads(ran.stdout) if about["data"] == "gestures"}


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
    paths = (
        p
        for p in (runs.iterdir() if runs.is_dir() else ())
        if NAME.fullmatch(p.name) and p.is_dir() and not p.is_symlink()
    )
    return sorted(filter(None, map(read, paths)), key=lambda run: _changed(run.path), reverse=True)


def read(path: Path) -> Run | None:
    """The run in a folder; None if it holds none."""
    if not (path / "recipe.json").exists() and not (path / "log.txt").exists():
        return None
    recipe, log = _json(path / "recipe.json"), _tail(path / "log.txt")
    reports = tuple(filter(None, map(_row, _text(path / "metrics.jsonl").splitlines())))
    failure = ""
    with _changing:
        job = _jobs.get(path)
        alive, code, stopped = (
            job is not None and job.poll() is None,
            job.returncode if job else None,
            path in _stopped,
        )
    if alive:
        state = "running"
    elif is_claimed(path):
        state = "elsewhere"
    elif (path / "model.safetensors").exists():
        state = "finished"
    else:
        last = _last_line(log)
        if code is not None and code < 0 and not stopped:
            failure = (
                f"the system ended it (signal {-code}), perhaps for lack of memory; resume "
                "it to go on"
            )
        elif (code and not stopped) or (
            not stopped
            and _FAILED.fullmatch(last)
            and _is_latest(path / "log.txt", path / "metrics.jsonl")
        ):
            failure = (
                last.removeprefix("error: ")[:400] or f"it ended with code {code} and said nothing"
            )
        state = "failed" if failure else "stopped"
    return Run(path, recipe, state, reports, _progress(log, reports, recipe), failure)


def start(runs: Path, name: str, recipe: str, **changes: int | float | str) -> Path:
    """Start a new run. `changes` are fields of the recipe. Raises: BadInput if it cannot be
    started.
    """
    path = folder_of(runs, name)
    if recipe not in recipes():
        raise BadInput(f"recipe {recipe[:60]!r} is not known; choose one of {', '.join(recipes())}")
    if (path / "recipe.json").exists():
        raise BadInput(f"a run named {name!r} is there already; choose another name, or resume it")
    _launch(path, ["fit", recipe, *_flags(changes)])
    return path


def teach(path: Path, clips: list[Path], **changes: int | float | str) -> None:
    """Teach a model the order of these clips in a new folder. Raises: BadInput if it cannot be
    started.
    """
    _launch(path, ["teach", *map(str, clips), *_flags(changes)])


def resume(run: Run) -> None:
    """Go on with a run, from its last checkpoint, under the settings that it began with. Raises:
    BadInput if it cannot be.
    """
    if run.state not in ("stopped", "failed"):
        raise BadInput(f"{run.name} is {run.state}; only a run that stopped can be resumed")
    if not run.recipe:
        raise BadInput(f"{run.name} holds no recipe.json that can be read; start a new run instead")
    fixed = {k: v for k, v in run.recipe.items() if k not in ("name", "settings", "augment")}
    settings = [
        part
        for k, v in run.recipe.get("settings", {}).items()
        for part in ("--set", f"{k}={_written(v)}")
    ]
    augment = [
        part
        for k, v in run.recipe.get("augment", {}).items()
        for part in ("--augment", f"{k}={json.dumps(v)}")
    ]
    _launch(
        run.path,
        [
            "fit",
            str(run.recipe.get("name")),
            *_flags(fixed),
            *settings,
            "--augment",
            "none",
            *augment,
        ],
    )


def stop(path: Path) -> None:
    """End a run and every process of its group; returns when they are gone. Its last checkpoint
    stays.
    """
    with _changing:
        job = _jobs.get(path)
        if job is None or job.poll() is not None:
            return
        _stopped.add(path)
    for ask in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        _signal(job, ask)
        with suppress(subprocess.TimeoutExpired):
            job.wait(GRACE)
            break
    _signal(
        job, getattr(signal, "SIGKILL", signal.SIGTERM)
    )  # workers that outlived it, and hold the folder until they are gone
    until = time.monotonic() + GRACE
    while is_claimed(path) and time.monotonic() < until:
        time.sleep(0.02)
    job.stdin.close()
    for half in path.glob(f".*.{job.pid}"):  # a checkpoint that it was writing
        half.unlink(missing_ok=True)


def stop_all() -> None:
    """End every run of this app."""
    for path in list(_jobs):
        stop(path)


atexit.register(stop_all)


def _launch(path: Path, what: list[str]) -> None:
    with _changing:
        alive = [p for p, job in _jobs.items() if job.poll() is None]
        if path in alive or is_claimed(path):
            raise BadInput(f"{path.name} is running already")
        if len(alive) >= MOST_AT_ONCE:
            raise BadInput(
                f"{' and '.join(p.name for p in alive)} are running; stop one first, more would "
                "only slow each other down"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            log = open(path / "log.txt", "wb")  # noqa: SIM115
        except OSError as error:
            raise BadInput(
                f"the run folder {path} cannot be written ({error.strerror}); name another with "
                "`-- --runs FOLDER`"
            ) from None
        command = [
            sys.executable,
            "-m",
            "training",
            *what,
            "--out",
            str(path),
            "--until-stdin-closes",
        ]
        if path in _jobs:
            _jobs[path].stdin.close()
        with log:
            _jobs[path] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _stopped.discard(path)


def _signal(job: subprocess.Popen, which: int) -> None:
    if not hasattr(os, "killpg"):
        job.terminate()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(job.pid, which)


def _flags(fields: dict[str, Any]) -> list[str]:
    return [f"--{key.replace('_', '-')}={_written(value)}" for key, value in fields.items()]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _progress(
    log: str, reports: Iterable[dict[str, Any]], recipe: dict[str, Any]
) -> Progress | None:
    """From the progress bar in the log, which moves every two seconds, or from the last report if
    that is further on.

    So it is where the run was resumed elsewhere, which leaves the old log as it was.
    """
    known: list[Progress] = []
    if found := _BAR.findall(log):
        stage, clips, of, rate, unit = found[-1]
        speed = float(rate or 0)
        known.append(
            Progress(stage, int(clips), int(of), 1 / speed if unit == "s/clip" and speed else speed)
        )
    last = next(
        (row for row in reversed(tuple(reports)) if _is_number(row.get("clips_per_second"))), None
    )
    if last is not None:
        of = last.get("of") or _number(
            recipe, "stills_clips" if last["stage"] == "stills" else "clips"
        )
        known.append(
            Progress(last["stage"], last["clips"], max(of, last["clips"]), last["clips_per_second"])
        )
    return max(known, key=lambda p: (p.stage == "video", p.clips), default=None)


def _row(line: str) -> dict[str, Any] | None:
    with suppress(json.JSONDecodeError):  # the last line may be half written
        row = json.loads(line)
        whole = (
            isinstance(row, dict)
            and isinstance(row.get("stage"), str)
            and _is_number(row.get("clips"))
        )
        return row if whole and _is_number(row.get("of", 0)) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _number(recipe: dict[str, Any], key: str) -> float:
    """A count of a recipe; 0 for none, and where the file is damaged."""
    return recipe[key] if _is_number(recipe.get(key)) else 0


def _is_latest(file: Path, other: Path) -> bool:
    """Whether `file` was written after `other`, or that is not there."""
    return not other.exists() or file.stat().st_mtime >= other.stat().st_mtime


def _json(file: Path) -> dict[str, Any]:
    with suppress(json.JSONDecodeError):
        found = json.loads(_text(file) or "{}")
        return found if isinstance(found, dict) else {}
    return {}


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _tail(file: Path, most: int = 8000) -> str:
    """The end of a log, whose bars overwrite themselves."""
    try:
        with open(file, "rb") as opened:
            opened.seek(max(0, file.stat().st_size - most))
            return opened.read().decode(errors="replace").replace("\r", "\n")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _changed(path: Path) -> float:
    return max(
        (
            f.stat().st_mtime
            for n in ("recipe.json", "metrics.jsonl", "log.txt")
            if (f := path / n).exists()
        ),
        default=0.0,
    )
