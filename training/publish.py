"""Turn a finished run into a shipped checkpoint: measure it, calibrate its verdict, write its
card.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from core.errors import BadInput
from core.runs import write_atomically
from core.weights import CHECKPOINTS, Card, Model, load_checkpoint, save_checkpoint
from core.weights.card import UNCALIBRATED
from training.checkpoints import with_commands
from training.evaluate import (
    Row,
    check_folder,
    folder_clips,
    measure,
    opened,
    rendered_clips,
    summarise,
)
from training.losses import SHARPNESS

CONFIDENCE = 0.95  # share of right directions above the threshold
CALIBRATION_CLIPS = 300
_FEWEST = 30  # clips above the threshold: the share of right directions among fewer says little
_GAIN = 2.0  # points of OrderAcc that sharpening must bring on rendered clips: less is chance
TEST_CLIPS = 500
PASSES = 16  # of the order matrix, reported beside the paper's one
_TEST_SEED = 910_000_000_000_000  # other rendered clips than those that calibrate


def direction_threshold(rows: list[Row]) -> float:
    """The smallest direction margin above which at least CONFIDENCE of the recovered directions are
    right, inf if there is none.
    """
    rows = sorted(rows, key=lambda r: r.direction_margin)
    right = np.array([r.forward for r in rows], float)
    share_above = right[::-1].cumsum()[::-1] / np.arange(len(rows), 0, -1)
    enough = np.flatnonzero(share_above[: max(0, len(rows) - _FEWEST + 1)] >= CONFIDENCE)
    return float(rows[enough[0]].direction_margin) if len(enough) else float("inf")


def publish(checkpoint: Path, name: str | None, real: Path | None, hours: float | None) -> Path:
    """Measure `checkpoint` on rendered clips (and on real ones, if given) and ship it with its
    card.
    """
    if real:
        check_folder(real)
    odd = odd_backgrounds(real) if real else set()
    model = load_checkpoint(checkpoint)
    card = model.card
    if real:
        opened(str(real), card)  # what is wrong with it is said before the minutes of measuring
    tried = {}
    for sharpness in (0.0, SHARPNESS):  # 0 is the paper's own
        clips = tqdm(
            rendered_clips(CALIBRATION_CLIPS, card), total=CALIBRATION_CLIPS, desc="calibrate"
        )
        tried[sharpness] = measure(replace(model, card=replace(card, sharpness=sharpness)), clips)
    raw, sharpened = (np.mean([row.order_accuracy for row in tried[s]]) for s in (0.0, SHARPNESS))
    best = SHARPNESS if sharpened - raw > _GAIN else 0.0
    card = replace(
        card,
        sharpness=best,
        direction_threshold=min(direction_threshold(tried[best]), UNCALIBRATED),
        hash="",
    )
    model = replace(model, card=card)
    measured = {
        "rendered": _brief(
            model,
            tqdm(rendered_clips(TEST_CLIPS, card, _TEST_SEED), total=TEST_CLIPS, desc="rendered"),
        )
    }
    if real:
        rows = measure(model, tqdm(folder_clips(real, card), desc="real"))
        measured["real"] = _summary(rows, card)
        kept = [row for row in rows if row.name in odd]
        if kept:
            measured["real_odd_backgrounds"] = _summary(kept, card)
        measured["real_raw"] = _brief(
            replace(model, card=replace(card, sharpness=0.0)),
            tqdm(folder_clips(real, card), desc="real, raw"),
        )
        if card.sharpness:
            rows = measure(
                model,
                tqdm(folder_clips(real, card), desc=f"real, {PASSES} passes"),
                passes=PASSES,
            )
            measured["real_passes"] = _summary(rows, card) | {"passes": PASSES}
    if hours is not None:
        measured["training_hours"] = hours
    stages = {"stages": with_commands(card.recipe["stages"])} if "stages" in card.recipe else {}
    card = replace(card, measured=measured, recipe=card.recipe | stages)
    path = CHECKPOINTS / f"{name or card.model}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = model.net.state_dict()
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, card))
    write_atomically(
        path.with_suffix(".json"),
        lambda temporary: temporary.write_text(json.dumps(asdict(card), indent=1) + "\n"),
    )
    return path


def odd_backgrounds(folder: Path) -> set[str]:
    """Clips of DIR (label/file) over backgrounds with odd numbers, from DIR/backgrounds.tsv; empty
    without that file.

    Choices are made on even backgrounds, so these are the half that reports. Raises: BadInput for a
    table that is damaged.
    """
    table = folder / "backgrounds.tsv"
    if not table.is_file():
        return set()
    try:
        with open(table, newline="") as file:
            return {
                row["file"]
                for row in csv.DictReader(file, delimiter="\t")
                if int(row["background"]) % 2
            }
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            f"{table} is damaged; expected the columns file and background, a whole number, with "
            "tabs between"
        ) from None


def _brief(model: Model, samples) -> dict:
    return _summary(measure(model, samples), model.card)


def _summary(rows: list[Row], card: Card) -> dict:
    result = summarise(rows, card.labels)
    return {k: v for k, v in result.items() if k != "confusion"}
