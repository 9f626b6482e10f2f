"""A run folder: what a run is, how far it came, and what it reported.

recipe.json, metrics.jsonl (one line a report), state.pt (everything that a resume needs, replaced
atomically), stills.safetensors, video.safetensors and, at the end, model.safetensors with its card.
With several processes every one reads the folder and the first one writes it, so all machines must
see it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from core.errors import BadInput
from training.recipes import Recipe

STAGES = ("stills", "video")
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


def write_atomically(path: Path, save: Callable[[Path], Any]) -> None:
    """Call save(temporary path), then move it into place: a reader or a kill never sees half a
    file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    save(temporary)
    with open(temporary, "rb+") as handle:
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def described(name: str, recipe: Recipe) -> dict[str, Any]:
    """A recipe as it stands in a file."""
    return json.loads(json.dumps({"name": name, **asdict(recipe)}))


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Fields that decide the result and differ between two `described` recipes; a field younger
    than `before` counts as usual.
    """
    usual = described(now["name"], Recipe(model=now["model"]))
    return [k for k in now if k not in FREE and before.get(k, usual[k]) != now[k]]


class Folder:
    """The files of one run. Only the process that `writes` changes them."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes

    @contextmanager
    def claimed(self, name: str, recipe: Recipe) -> Iterator[None]:
        """Begin a run here, or go on with it; a new one is given up again if the block raises.

        Raises: BadInput if the folder holds another run.
        """
        is_new = not (self.path / "recipe.json").exists()
        self._claim(name, recipe)
        try:
            yield
        except Exception:
            if is_new and self.writes:
                (self.path / "recipe.json").unlink()
            raise

    def _claim(self, name: str, recipe: Recipe) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        file, now = self.path / "recipe.json", described(name, recipe)
        if file.exists():
            try:
                other = changed(json.loads(file.read_text()), now)
            except (ValueError, AttributeError):
                raise BadInput(
                    f"{file} is damaged, so it is not known what this run is; choose another "
                    "--out or remove it"
                ) from None
            if other:
                raise BadInput(
                    f"{self.path} holds a run with other settings ({', '.join(other)}); choose "
                    "another --out or remove it"
                )
        if self.writes:
            for path in self.path.glob(".*.*"):
                if path.suffix[1:].isdigit():  # a write that a kill cut short
                    path.unlink(missing_ok=True)
            write_atomically(file, lambda path: path.write_text(json.dumps(now, indent=1)))

    def state(self) -> dict[str, Any]:
        """The last checkpoint: at least its stage and step; stage None before the first. Raises:
        BadInput if it is damaged.
        """
        file = self.path / "state.pt"
        if not file.exists():
            return {"stage": None, "step": 0}
        try:
            return torch.load(file, weights_only=True, map_location="cpu")
        except (OSError, EOFError, RuntimeError, ValueError, LookupError, UnpicklingError):
            raise BadInput(
                f"{file} is damaged, so the run cannot go on from it; remove it to begin again"
            ) from None

    def save(self, state: dict[str, Any]) -> None:
        if self.writes:
            write_atomically(self.path / "state.pt", lambda path: torch.save(state, path))

    def cut(self, stage: str | None, step: int) -> None:
        """Drop reports of steps that a killed run will do again: those after `step` of `stage`, and
        of later stages.
        """
        file = self.path / "metrics.jsonl"
        if not self.writes or not file.exists():
            return
        kept = []
        for line in file.read_text().splitlines():
            with suppress(json.JSONDecodeError):  # a last line that a kill cut short
                row = json.loads(line)
                if (STAGES.index(row["stage"]), row["step"]) <= (
                    STAGES.index(stage) if stage else -1,
                    step,
                ):
                    kept.append(line)
        write_atomically(file, lambda path: path.write_text("".join(f"{k}\n" for k in kept)))

    def reports(self) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl that is whole."""
        file, found = self.path / "metrics.jsonl", []
        for line in file.read_text().splitlines() if file.exists() else ():
            with suppress(json.JSONDecodeError):  # a last line that a kill cut short
                found.append(json.loads(line))
        return found


class Reporter:
    """Appends reports to metrics.jsonl, and to TensorBoard's event files if asked to.

    Raises: BadInput if tensorboard is asked for and not installed.
    """

    def __init__(self, folder: Folder, stage: str, step: int, tensorboard: bool) -> None:
        self.stage, self.board, self.file = stage, None, None
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
        self.file = open(folder.path / "metrics.jsonl", "a")  # noqa: SIM115

    def write(self, step: int, values: dict[str, Any]) -> None:
        if self.file is None:
            return
        self.file.write(json.dumps({"stage": self.stage, "step": step, **values}) + "\n")
        self.file.flush()
        for key, value in values.items() if self.board else ():
            self.board.add_scalar(key, value, step)

    def close(self) -> None:
        for handle in (self.file, self.board):
            if handle is not None:
                handle.close()
