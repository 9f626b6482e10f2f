"""Ship a finished run: measure it, calibrate its verdict, write its card."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from assets import ASSETS
from core.errors import BadInput
from core.runs import check_writable, read_rows, thinned, write_atomically, write_text
from core.video.sets.named import check_folder
from core.weights import CHECKPOINTS, Card, Model, load_checkpoint, save_checkpoint
from core.weights.card import UNCALIBRATED
from core.weights.files import write_sums
from core.world.gestures import View
from training.checkpoints import with_commands
from training.evaluate import (
    Row,
    Sample,
    folder_clips,
    measure,
    opened,
    rendered_clips,
    summarise,
)
from training.losses import SHARPNESS

METRICS_FOLDER = ASSETS / "metrics"
CONFIDENCE = 0.95  # share of right directions above the threshold
CALIBRATION_CLIPS = 300
_FEWEST = 30  # clips above the threshold: the share of right directions among fewer says little
_GAIN = 2.0  # points of OrderAcc that sharpening must bring on rendered clips: less is chance
TEST_CLIPS = 500
PASSES = 16  # of the order matrix, reported beside the paper's one
_RENDERED: dict[str, View] = {"rendered": "own", "rendered_front": "front"}
TEST_SEED = 910_000_000_000_000  # other rendered clips than those that calibrate


def direction_threshold(rows: list[Row]) -> float:
    """The least direction margin above which CONFIDENCE of the recovered directions are right.

    inf if there is none.
    """
    margins = np.array([row.direction_margin for row in rows])
    right = np.array([row.forward for row in rows])
    return least_margin(margins, right, CONFIDENCE)


def least_margin(
    margins: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"], confidence: float
) -> float:
    """The least of `margins` above which this share of the clips is `right`; inf if none is."""
    order = np.argsort(margins, kind="stable")
    share_above = right[order][::-1].cumsum()[::-1] / np.arange(len(order), 0, -1)
    enough = np.flatnonzero(share_above[: max(0, len(order) - _FEWEST + 1)] >= confidence)
    return float(margins[order][enough[0]]) if len(enough) else float("inf")


def publish(
    checkpoint: Path,
    name: str | None,
    real: Path | None,
    hours: float | None,
    front: Path | None = None,
) -> Path:
    """Measure `checkpoint` on rendered clips, and real ones if given, and ship it with its card.

    `front` holds real clips of people who face a camera.

    Raises: BadInput for a folder of real clips, or a checkpoint, that cannot be used, and where the
    shipped ones cannot be written: what is wrong is said before the minutes of measuring.
    """
    check_writable(CHECKPOINTS)
    curves = thinned(read_rows(checkpoint.parent))  # of the last stage, for the page
    if curves:
        check_writable(METRICS_FOLDER)
    for folder in (real, front):
        if folder:
            check_folder(folder)
    odd = odd_backgrounds(real) if real else set()
    model = load_checkpoint(checkpoint)
    for folder in (real, front):
        if folder:
            opened(str(folder), model.card)
    model = _calibrated(model)
    measured: dict[str, Any] = {}
    for key, view in _RENDERED.items():
        clips = rendered_clips(TEST_CLIPS, model.card, TEST_SEED, view=view)
        measured[key] = _measured(model, tqdm(clips, total=TEST_CLIPS, desc=f"rendered, {view}"))
    if real:
        measured |= _measured_on(real, model, odd)
    if front:
        clips = folder_clips(front, model.card)
        measured["real_front"] = _measured(model, tqdm(clips, desc="real, front"))
    if hours is not None:
        measured["training_hours"] = hours
    recipe = model.card.recipe
    if "stages" in recipe:
        recipe = recipe | {"stages": with_commands(recipe["stages"])}
    card = replace(model.card, measured=measured, recipe=recipe)
    path = CHECKPOINTS / f"{name or card.model}.safetensors"
    weights = model.net.state_dict()
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, card))
    text = json.dumps(asdict(card), indent=1) + "\n"
    write_text(path.with_suffix(".json"), text)
    write_sums(path, path.with_suffix(".json"))
    if curves:
        text = "".join(json.dumps(row) + "\n" for row in curves)
        write_text(METRICS_FOLDER / f"{path.stem}.jsonl", text)
    return path


def _calibrated(model: Model) -> Model:
    """The model with the sharpness that serves it best, and the direction threshold of that."""
    rows = {}
    for sharpness in (0.0, SHARPNESS):  # 0 is the paper's own
        clips = rendered_clips(CALIBRATION_CLIPS, model.card)
        rows[sharpness] = measure(
            replace(model, card=replace(model.card, sharpness=sharpness)),
            tqdm(clips, total=CALIBRATION_CLIPS, desc="calibrate"),
        )
    raw, sharpened = (np.mean([row.order_accuracy for row in each]) for each in rows.values())
    best = SHARPNESS if sharpened - raw > _GAIN else 0.0
    threshold = min(direction_threshold(rows[best]), UNCALIBRATED)
    card = replace(model.card, sharpness=best, direction_threshold=threshold, hash="")
    return replace(model, card=card)


def _measured_on(real: Path, model: Model, odd: set[str]) -> dict[str, Any]:
    """Figures of real clips: of all, of those over odd backgrounds, not sharpened, and averaged."""
    card = model.card
    rows = measure(model, tqdm(folder_clips(real, card), desc="real"))
    measured = {"real": _summary(rows, card)}
    odd_rows = [row for row in rows if row.name in odd]
    if odd_rows:
        measured["real_odd_backgrounds"] = _summary(odd_rows, card)
    measured["real_raw"] = _measured(
        replace(model, card=replace(card, sharpness=0.0)),
        tqdm(folder_clips(real, card), desc="real, raw"),
    )
    if card.sharpness:
        clips = tqdm(folder_clips(real, card), desc=f"real, {PASSES} passes")
        measured["real_passes"] = _measured(model, clips, PASSES) | {"passes": PASSES}
    return measured


def odd_backgrounds(folder: Path) -> set[str]:
    """Clips of DIR (label/file) over backgrounds with odd numbers, from DIR/backgrounds.tsv.

    Empty without that file. Choices are made on even backgrounds, so these are the half that
    reports. Raises: BadInput for a table that is damaged.
    """
    table = folder / "backgrounds.tsv"
    if not table.is_file():
        return set()
    try:
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
            return {row["file"] for row in rows if int(row["background"]) % 2}
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            f"{table} is damaged; expected the columns file and background, a whole number, with "
            "tabs between"
        ) from None


def _measured(model: Model, samples: Iterable[Sample], passes: int = 1) -> dict[str, Any]:
    return _summary(measure(model, samples, passes=passes), model.card)


def _summary(rows: list[Row], card: Card) -> dict[str, Any]:
    summary = summarise(rows, card.labels)
    return {key: value for key, value in summary.items() if key != "confusion"}
