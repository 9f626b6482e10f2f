"""What a training run leaves behind: a tiny run that is stopped in its second stage and goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from tests.golden.pictures import rounding
from tests.training.tiny import RECIPE, install, rows
from training.fit import fit
from training.stages import Video

YOUNGER = ("progress.json", "end.json")


class Stopped(BaseException):
    """Stands in for a kill: nothing in the loop catches it."""


def resumed_run(folder: Path) -> dict[str, Any]:
    """The files of the run, what they report, and what the weights say of themselves."""
    out = folder / "run"
    recipe = replace(RECIPE, validate_clips=4)
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        with pytest.MonkeyPatch.context() as stop:
            stop_at(stop, 5)
            with pytest.raises(Stopped):
                fit(recipe, "tiny", out)
        stopped = {"files": names(out), "rows": len(rows(out))}
        fit(recipe, "tiny", out)
    torch.set_num_threads(threads)
    metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {
        "rounding": rounding(),
        "when stopped": stopped,
        "files": names(out),
        "recipe.json": json.loads((out / "recipe.json").read_text()),
        "metrics.jsonl keys": [list(row) for row in metrics],
        "metrics.jsonl": rows(out),
        "state.pt": sorted(torch.load(out / "state.pt", weights_only=True)),
        **{file: weights(out / file) for file in names(out) if file.endswith(".safetensors")},
    }


def stop_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Stop at this step of the stage that sees video."""
    plan = Video.plan

    def stopping(self: Video, batch: Any, places: Any, now: int, of: int) -> Any:
        if now == step:
            raise Stopped
        return plan(self, batch, places, now, of)

    patch.setattr(Video, "plan", stopping)


def names(folder: Path) -> list[str]:
    """The files of the run, but for those that are younger than the golden file."""
    return sorted(path.name for path in folder.iterdir() if path.name not in YOUNGER)


def weights(file: Path) -> dict[str, Any]:
    """The tensors of a file, and what it says of itself but for the hash of its floats."""
    with safe_open(file, "pt") as opened:
        shapes = {name: list(opened.get_slice(name).get_shape()) for name in sorted(opened.keys())}
        about = {key: json.loads(value) for key, value in (opened.metadata() or {}).items()}
    if "card" in about and about["card"].get("hash"):
        about["card"]["hash"] = "HASH"
    return {"tensors": shapes, "metadata": about}
