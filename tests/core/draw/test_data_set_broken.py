"""A folder in which some files cannot be used: each is named once, the others are complete."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pyarrow.compute as pc
import pytest

from core.cli import main
from core.draw.data_set import actors
from core.draw.data_set.columns import SCHEMA, WHAT_IT_IS
from tests.core.draw.data_sets import checkpoint, differences, table, write_clip
from tests.core.video.test_video_faults import FAULTS

DIFFERENT = 6
"""Files that can be used and are not a copy of another."""
BROKEN = {
    "up/cut.mp4": "not one frame can be decoded",
    "up/empty.mp4": "0 bytes",
    "waving/picture.mp4": "not a video that can be read",
    "waving/short.mp4": "5 frames in the file, 8 needed",
    "waving/words.mp4": "not a video that can be read",
}
"""What cannot be used, and what is said of it."""
FAULTY = {
    "unknown_codec.avi": "FFmpeg does not know",
    "audio_cover.mp4": "only sound and a picture",
    "stsz_80000000.mp4": "claims 80000000 samples",
    "g_2048x1.gif": "too narrow",
    "1265.mp4": "4194304 frames a second",
}
"""The same, of files that other programs wrote."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def fill(folder: Path, fine: int) -> None:
    """Clips of a label that the model knows and of one that it does not, and the broken ones."""
    for number in range(DIFFERENT):
        write_clip(folder / ("waving", "up")[number % 2] / f"{number:03d}.mp4", number)
    for number in range(DIFFERENT, fine):
        first = number % DIFFERENT
        file = folder / ("waving", "up")[number % 2] / f"{number:03d}.mp4"
        file.write_bytes((file.parent / f"{first:03d}.mp4").read_bytes())
    # what a file is called does not matter
    (folder / "up" / "001.mp4").rename(folder / "up" / "001.avi")
    whole = (folder / "up" / "003.mp4").read_bytes()
    (folder / "up" / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    (folder / "up" / "empty.mp4").write_bytes(b"")
    picture = cv2.imencode(".jpg", np.zeros((24, 32, 3), np.uint8))[1].tobytes()
    (folder / "waving" / "picture.mp4").write_bytes(picture)
    (folder / "waving" / "words.mp4").write_text("not a video\n" * 50)
    write_clip(folder / "waving" / "short.mp4", 1, frames=5)


class PlayedRay:
    """Ray, whose workers are objects of this process that work when they are waited for."""

    exceptions = SimpleNamespace(RayActorError=ConnectionError)

    def remote(self, **_: Any) -> Any:
        return lambda kind: SimpleNamespace(remote=lambda *about: self._hand(kind(*about)))

    def _hand(self, worker: actors.Worker) -> Any:
        def called(work: Callable[..., Any]) -> SimpleNamespace:
            return SimpleNamespace(remote=lambda *about: (work, about))

        return SimpleNamespace(pid=called(worker.pid), table=called(worker.table))

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: Any) -> Any:
        work, about = reference
        return work(*about)


@contextmanager
def played(workers: int, _: str | None) -> Iterator[tuple[PlayedRay, int, float]]:
    yield PlayedRay(), workers, 0.0


def explained(
    capsys: pytest.CaptureFixture[str], folder: Path, weights: Path, out: Path, *more: str
) -> tuple[dict[str, Any], list[str]]:
    """The JSON of the command and the lines that it says."""
    argv = ["explain-set", str(folder), "--checkpoint", str(weights), "--shuffles", "0", "--json"]
    assert main([*argv, "--out", str(out), *more]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err.splitlines()


def check(result: dict[str, Any], lines: list[str], out: Path, broken: dict[str, str]) -> None:
    """Each broken file is named once with its reason, and nothing lacks of the others."""
    named = dict(line.removeprefix("unusable: ").split(": ", 1) for line in lines)
    assert len(lines) == len(broken)
    assert {each["clip"]: each["error"] for each in result["unusable"]}.keys() == broken.keys()
    for clip, reason in broken.items():
        assert reason in named[clip]
    assert result["errors"] == len(broken)
    rows = table(out)
    assert rows["number"].to_pylist() == list(range(result["clips"]))
    fine = rows.filter(pc.is_null(rows["error"]))
    assert len(fine) == result["clips"] - len(broken)
    for name in ("prediction", "probabilities", "entropy", "frame_matrix", "attention_map"):
        assert fine[name].null_count == 0
    lost = rows.filter(pc.is_valid(rows["error"]))
    computed = [name for name in SCHEMA.names if name in lost.column_names]
    computed = [name for name in computed if name not in (*WHAT_IT_IS, "error")]
    assert all(lost[name].null_count == len(lost) for name in computed)


def test_each_broken_file_is_named_once_by_one_process_and_by_two_workers(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, one, two = (tmp_path / name for name in ("data", "one", "two"))
    fill(folder, DIFFERENT)
    check(*explained(capsys, folder, weights, one), one, BROKEN)
    monkeypatch.setattr(actors, "_cluster", played)
    check(*explained(capsys, folder, weights, two, "--workers", "2"), two, BROKEN)
    assert differences(table(one), table(two)) == []
    rows = table(one).to_pylist()
    right = {row["clip"]: row["correct"] for row in rows}
    assert right["up/001.avi"] is not None
    assert right["waving/002.mp4"] is None, "the model does not know this label"


@pytest.mark.long
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed here")
@pytest.mark.skipif(not FAULTS.is_dir(), reason=f"no folder of odd files at {FAULTS}")
def test_one_file_in_twenty_is_broken_before_one_process_and_two_workers_of_ray(
    weights: Path, tmp_path: Path
) -> None:
    folder, one, two = (tmp_path / name for name in ("data", "one", "two"))
    broken = BROKEN | {f"up/{name}": reason for name, reason in FAULTY.items()}
    fill(folder, 19 * len(broken))
    for name in FAULTY:
        shutil.copy(FAULTS / name, folder / "up" / name)
    for out, *more in ((one,), (two, "--workers", "2")):
        argv = [sys.executable, "-m", "core", "explain-set", str(folder), "--json", "--shuffles"]
        argv += ["0", "--checkpoint", str(weights), "--out", str(out), *map(str, more)]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stderr
        check(json.loads(ended.stdout), ended.stderr.splitlines(), out, broken)
    assert differences(table(one), table(two)) == []
