"""What the command lines print: JSON, exit codes, one-line errors and the files that they write."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np

from core.cli import main as core
from core.world import gestures
from tests.golden.files import fingerprint
from tests.golden.pictures import MODELS, rounding
from training.__main__ import main as training

CLIPS = {"circle": 3, "left": 5, "star": 8}
"""Label and seed of each clip."""
KINDS = ("direcformer", "am_flow", "far", "rvit")
"""Models whose answers have other parts; the two baselines answer as two of these do."""
FOLDER = "FOLDER"
"""Stands for the folder of the clips in what is kept."""

COUNTS = [
    *([model] for model in MODELS),
    ["direcformer", "--preset", "b"],
    ["far", "--preset", "s", "--set", "classes=174", "--set", "ratio=2:1"],
]
ORDERS = [
    *(["circle.mkv", "--model", model] for model in KINDS),
    ["left.mkv", "--seed", "1"],
    ["star.mkv", "--seed", "2", "--frames", "6", "--sampling", "motion", "--crop", "fit"],
    ["circle.mkv", "--raw"],
    ["star.mkv", "--passes", "3"],
    ["circle.mkv", "--permutation", "3,1,0,2,7,6,5,4"],
    ["star.mkv", "--model", "far", "--permutation", "3,1,0,2,7,6,5,4"],
    ["star.mkv", "--model", "pixels"],
    ["left.mkv", "--start", "0.5", "--end", "2.5", "--sampling", "dense"],
]
EXPLAINS = [
    *(["circle.mkv", "--model", model] for model in KINDS),
    ["star.mkv", "--head", "1", "--layer", "0", "--target", "circle"],
    ["left.mkv", "--model", "am_flow", "--head", "max", "--crop", "fit"],
]
BAD = [
    ["order", "circle.mp4", "--permutation", "0,1,2"],
    ["order", "circle.mp4", "--permutation", "a,b"],
    ["order", "circle.mp4", "--model", "nothing"],
    ["order", "circle.mp4", "--model", "pixels", "--passes", "4"],
    ["order", "circle.mp4", "--model", "far", "--frames", "7"],
    ["order", "circle.mp4", "--seed", "-1"],
    ["classify", "none.mp4"],
    ["classify", "circle.json"],
    ["explain", "circle.mp4", "--out", "out", "--layer", "99"],
    ["explain", "circle.mp4", "--out", "out", "--target", "jump"],
    ["render", "--label", "wave", "--seed", "0", "--out", "wave.mp4"],
    ["render", "--label", "left", "--seed", "0", "--out", "left.avi"],
    ["render", "--label", "left"],
    ["count", "far", "--set", "classes"],
]
BAD_TRAINING = [
    ["fit", "nothing", "--out", "run"],
    ["fit", "direcformer_gesture", "--out", "run", "--augment", "mirror"],
    ["evaluate", "--model", "direcformer", "--data", "nowhere"],
    ["reproduce", "nothing", "--out", "run"],
]
COMMANDS = (
    "models",
    "count",
    "render",
    "probe",
    "classify",
    "explain",
    "order",
    "handout",
    "trust",
    "explain-set",
)
TRAINING = (
    "fit",
    "recipes",
    "tune",
    "evaluate",
    "publish",
    "calibrate",
    "reproduce",
    "teach",
    "few",
)


def said(main: Callable[[list[str]], int], argv: list[str], folder: Path) -> dict[str, Any]:
    """Exit code, JSON and errors of a command that runs in `folder`."""
    out, err = io.StringIO(), io.StringIO()
    here = Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(argv)
    finally:
        os.chdir(here)
    printed = out.getvalue().replace(str(folder), FOLDER)
    result: dict[str, Any] = {"code": code}
    if printed:
        result["json"] = json.loads(printed)
    if code:
        result["stderr"] = err.getvalue().replace(str(folder), FOLDER)
    return result


def render(folder: Path) -> dict[str, Any]:
    """Render the clips into `folder`, and say what was written."""
    results = {}
    for label, seed in CLIPS.items():
        argv = ["render", "--label", label, "--seed", str(seed), "--frames", "20"]
        results[label] = said(core, [*argv, "--out", f"{label}.mp4", "--json"], folder)
        truth = json.loads((folder / f"{label}.json").read_text())
        runs = truth.pop("mask_run_lengths")
        arrays = {key: fingerprint(np.array(truth.pop(key))) for key in ("fingertip", "camera")}
        inside = [sum(lengths[1::2]) for lengths in runs]
        results[label]["truth"] = truth | arrays | {"mask_run_lengths": inside}
    return results


def write_clips(folder: Path) -> None:
    """The same clips without loss: of how H.264 is encoded the number of processors decides."""
    for label, seed in CLIPS.items():
        with av.open(str(folder / f"{label}.mkv"), "w") as container:
            stream = container.add_stream("ffv1", rate=5, options={"threads": "1"})
            stream.height, stream.width, stream.pix_fmt = 240, 320, "bgr0"
            for frame in gestures.render(label, seed, frames=20).frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())


def commands(folder: Path) -> dict[str, Any]:
    """What each command of `python -m core` prints of the rendered clips."""
    results: dict[str, Any] = {"rounding": rounding(), "render": render(folder)}
    write_clips(folder)

    def add(*argv: str) -> dict[str, Any]:
        result = said(core, [*argv, "--json"], folder)
        results[" ".join(argv)] = result
        return result

    add("models")
    for count in COUNTS:
        add("count", *count)
    add("probe", "circle.mp4", "left.mp4", "star.mp4")
    add("probe", "circle.mkv", "none.mp4", "circle.json")
    for model in KINDS:
        add("classify", "circle.mkv", "left.mkv", "star.mkv", "--model", model)
    for order in ORDERS:
        result = add("order", *order)["json"]
        result["matrix"] = fingerprint(np.array(result["matrix"]))
    for number, explain in enumerate(EXPLAINS):
        out = f"explained-{number}"
        result = add("explain", *explain, "--out", out)
        result |= explained(folder / out)
    argv = ["evaluate", "--model", "direcformer", "--data", "gestures", "--clips", "4", "--json"]
    results["training " + " ".join(argv)] = said(training, argv, folder)
    return results


def explained(out: Path) -> dict[str, Any]:
    """The files that `explain` wrote."""
    report = json.loads((out / "report.json").read_text())
    with np.load(out / "explanation.npz") as arrays:
        return {
            "files": sorted(path.name for path in out.iterdir()),
            "report.json": sorted(report),
            "explanation.npz": {key: fingerprint(arrays[key]) for key in arrays},
        }


def bad_input(folder: Path) -> dict[str, Any]:
    """Exit code and error of commands that cannot be done."""
    render(folder)
    results = {f"core {' '.join(argv)}": said(core, argv, folder) for argv in BAD}
    training_results = {
        f"training {' '.join(argv)}": said(training, argv, folder) for argv in BAD_TRAINING
    }
    return results | training_results


def flags(folder: Path) -> dict[str, list[str]]:
    """The flags that each command's help lists."""
    asked = [("core", core, name) for name in COMMANDS]
    asked += [("training", training, name) for name in TRAINING]
    results = {}
    for program, main, name in asked:
        out = io.StringIO()
        with patch.dict(os.environ, {"COLUMNS": "4000"}), redirect_stdout(out):
            try:
                main([name, "--help"])
            except SystemExit as ended:
                assert ended.code == 0  # noqa: PT017 - help ends so
        lines = [line for line in out.getvalue().splitlines() if line.startswith("  -")]
        results[f"{program} {name}"] = sorted(
            {
                flag
                for line in lines
                for flag in re.findall(r"--[a-z][\w-]*", line.strip().split("  ")[0])
            }
        )
    return results


def recipes(folder: Path) -> Any:
    """All recipes with every field; what most of them have is said once."""
    listed = said(training, ["recipes", "--json"], folder)["json"]
    usual = {key: common([recipe[key] for recipe in listed]) for key in listed[0]}
    usual.pop("name")
    others = [
        {key: value for key, value in recipe.items() if key not in usual or value != usual[key]}
        for recipe in listed
    ]
    return {
        "fields": [sorted(recipe) for recipe in listed if recipe.keys() != listed[0].keys()],
        "usual": usual,
        "recipes": {recipe["name"]: recipe for recipe in others},
    }


def common(values: list[Any]) -> Any:
    """The value that occurs most often."""
    return max(values, key=values.count)
