"""Turn a finished run into a shipped checkpoint: measure it, calibrate its verdict, write its card."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from torch import nn
from tqdm import tqdm

from core.weights import CHECKPOINTS, Card, load_checkpoint, save_checkpoint
from training.evaluate import Row, folder_clips, measure, rendered_clips, summarise
from training.folder import write_atomically

CONFIDENCE = 0.95  # share of right directions above the threshold
CALIBRATION_CLIPS = 300
SHARPNESS = 8.0  # tried against 0, the paper's own; the better on rendered clips is kept
_TEST_SEED = 910_000_000_000_000  # other rendered clips than those that calibrate


def direction_threshold(rows: list[Row]) -> float:
    """The smallest direction margin above which at least CONFIDENCE of the recovered directions are right."""
    rows = sorted(rows, key=lambda r: r.direction_margin)
    right = np.array([r.forward for r in rows], float)
    share_above = right[::-1].cumsum()[::-1] / np.arange(len(rows), 0, -1)
    enough = np.flatnonzero(share_above >= CONFIDENCE)
    return float(rows[enough[0]].direction_margin) if len(enough) else float("inf")


def publish(checkpoint: Path, name: str | None, real: Path | None, hours: float | None) -> Path:
    """Measure `checkpoint` on rendered clips (and on real ones, if given) and ship it with its card."""
    model, card = load_checkpoint(checkpoint)
    tried = {}
    for sharpness in (0.0, SHARPNESS):
        clips = tqdm(rendered_clips(CALIBRATION_CLIPS, card), total=CALIBRATION_CLIPS, desc="calibrate")
        tried[sharpness] = measure(model, replace(card, sharpness=sharpness), clips)
    best = max(tried, key=lambda s: np.mean([row.order_accuracy for row in tried[s]]))
    card = replace(card, sharpness=best, direction_threshold=min(direction_threshold(tried[best]), 1e9), hash="")
    measured = {"rendered": _brief(model, card, tqdm(rendered_clips(500, card, _TEST_SEED), total=500, desc="rendered"))}
    if real:
        measured["real"] = _brief(model, card, tqdm(folder_clips(real, card), desc="real"))
        measured["real_raw"] = _brief(model, replace(card, sharpness=0.0), tqdm(folder_clips(real, card), desc="real, raw"))
    if hours is not None:
        measured["training_hours"] = hours
    card = replace(card, measured=measured)
    path = CHECKPOINTS / f"{name or card.model}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = model.state_dict()
    write_atomically(path, lambda temporary: save_checkpoint(temporary, weights, card))
    write_atomically(path.with_suffix(".json"), lambda temporary: temporary.write_text(json.dumps(asdict(card), indent=1) + "\n"))
    return path


def _brief(model: nn.Module, card: Card, samples) -> dict:
    result = summarise(measure(model, card, samples), card.labels)
    return {k: v for k, v in result.items() if k != "confusion"}
