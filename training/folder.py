"""Writing a run folder: its recipe, its reports, its checkpoints, how far it is and how it ended.

With several processes every one reads the folder and the first one writes it, so all machines must
see it. What its files are called and hold stands in `core.runs`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, TYPE_CHECKING, Any

import torch

from core.errors import BadInput
from core.runs import (
    STAGES,
    End,
    File,
    Progress,
    State,
    forget_end,
    write_atomically,
    write_end,
    write_progress,
)
from training.recipes import Recipe

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FREE = (
    "root",
    "cache",
    "cache_gigabytes",
    "workers",
    "threads",
    "checkpoint_seconds",
    "tensorboard",
)
"""Fields of a recipe that do not decide the result, and may change from one start to the next."""
PROGRESS_EVERY = 2.0  # seconds
MOST_LETTERS = 400  # of an error in end.json


class GivenUp(Exception):
    """A run is not worth going on with: it is stopped, and did not fail."""


def described(name: str, recipe: Recipe) -> dict[str, Any]:
    """A recipe as it stands in a file."""
    return json.loads(json.dumps({"name": name, **asdict(recipe)}))


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Fields that decide the result and differ between two `described` recipes.

    A field that is younger than `before` had its default then.
    """
    defaults = described(now["name"], Recipe(model=now["model"]))
    return [
        field
        for field in now
        if field not in FREE and before.get(field, defaults[field]) != now[field]
    ]


class Folder:
    """The files of one run. Only the process that `writes` changes them."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes

    @contextmanager
    def claimed(self, name: str, recipe: Recipe) -> Iterator[None]:
        """Begin a run here, or go on with it; a new one is given up again if the block raises.

        Raises: BadInput if the folder holds another run.
        """
        is_new = not (self.path / File.RECIPE).exists()
        self._claim(name, recipe)
        try:
            yield
        except Exception:
            if is_new and self.writes:
                (self.path / File.RECIPE).unlink()
            raise

    def _claim(self, name: str, recipe: Recipe) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        file, now = self.path / File.RECIPE, described(name, recipe)
        if file.exists():
            try:
                fields = changed(json.loads(file.read_text()), now)
            except (ValueError, AttributeError):
                raise BadInput(
                    f"{file} is damaged, so it is not known what this run is; choose another "
                    "--out or remove it"
                ) from None
            if fields:
                raise BadInput(
                    f"{self.path} holds a run with other settings ({', '.join(fields)}); choose "
                    "another --out or remove it"
                )
        if self.writes:
            for path in self.path.glob(".*.*"):
                if path.suffix[1:].isdigit():  # a write that a kill cut short
                    path.unlink(missing_ok=True)
            write_atomically(file, lambda path: path.write_text(json.dumps(now, indent=1)))

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Say in end.json how the block ends; a process that is killed says nothing."""
        if not self.writes:
            yield
            return
        forget_end(self.path)
        try:
            yield
        except (GivenUp, KeyboardInterrupt):
            self._end(End(State.STOPPED))
            raise
        except Exception as error:
            self._end(End(State.FAILED, _one_line(error)))
            raise
        write_end(self.path, End(State.FINISHED))

    def _end(self, end: End) -> None:
        with suppress(OSError):  # a full disk, which is what the run failed of
            write_end(self.path, end)

    def state(self) -> dict[str, Any]:
        """The last checkpoint: at least its stage and step; stage None before the first.

        Raises: BadInput if it is damaged.
        """
        file = self.path / File.STATE
        if not file.exists():
            return {"stage": None, "step": 0}
        try:
            return torch.load(file, weights_only=True, map_location="cpu")
        except (OSError, EOFError, RuntimeError, ValueError, LookupError, UnpicklingError):
            raise BadInput(
                f"{file} is damaged, so the run cannot go on from it; remove it to begin again"
            ) from None

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint."""
        if self.writes:
            write_atomically(self.path / File.STATE, lambda path: torch.save(state, path))

    def cut(self, stage: str | None, step: int) -> None:
        """Drop reports of steps that a killed run will do again.

        These are those after `step` of `stage`, and those of later stages.
        """
        file = self.path / File.METRICS
        if not self.writes or not file.exists():
            return
        last = (STAGES.index(stage) if stage else -1, step)
        lines = []
        for line in file.read_text().splitlines():
            with suppress(json.JSONDecodeError):  # a last line that a kill cut short
                row = json.loads(line)
                if (STAGES.index(row["stage"]), row["step"]) <= last:
                    lines.append(f"{line}\n")
        write_atomically(file, lambda path: path.write_text("".join(lines)))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if not isinstance(error, BadInput | OSError):
        text = f"{type(error).__name__}: {text}"
    return text[:MOST_LETTERS]


class Meter:
    """Measures how fast a stage goes, and writes progress.json every few seconds."""

    def __init__(self, folder: Folder, stage: str, total: int, clips: int = 0) -> None:
        self.folder, self.stage, self.total = folder, stage, total
        self.first = self.clips = clips
        self.began = time.monotonic()
        self.write()

    @property
    def clips_per_second(self) -> float:
        """Since the stage began here."""
        return (self.clips - self.first) / max(time.monotonic() - self.began, 1e-9)

    def advance(self, clips: int) -> None:
        """`clips` of the stage have been seen by now."""
        self.clips = clips
        is_last = 0 < self.total <= clips
        if is_last or time.monotonic() - self.written > PROGRESS_EVERY:
            self.write()

    def write(self) -> None:
        """Say how far the stage is."""
        self.written = time.monotonic()
        if self.folder.writes:
            speed = round(self.clips_per_second, 1)
            write_progress(self.folder.path, Progress(self.stage, self.clips, self.total, speed))


class Reporter:
    """Appends reports to metrics.jsonl, and to TensorBoard's event files if asked to.

    Raises: BadInput if tensorboard is asked for and not installed.
    """

    def __init__(self, folder: Folder, stage: str, step: int, tensorboard: bool) -> None:
        self.stage = stage
        self.board: SummaryWriter | None = None
        self.file: IO[str] | None = None
        if not folder.writes:
            return
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise BadInput(
                    "--tensorboard needs the package tensorboard; install it with `pip install "
                    "tensorboard`"
                ) from None
            self.board = SummaryWriter(folder.path / "tensorboard" / stage, purge_step=step + 1)
        self.file = open(folder.path / File.METRICS, "a")  # noqa: SIM115

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Append a report."""
        if self.file is None:
            return
        self.file.write(json.dumps({"stage": self.stage, "step": step, **values}) + "\n")
        self.file.flush()
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(key, value, step)

    def close(self) -> None:
        """Close the files."""
        for opened in (self.file, self.board):
            if opened is not None:
                opened.close()
