"""An explanation as files: its arrays, and the clip with attention over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.draw.overlay import enlarged, frame_rate, overlay, write_mp4
from core.explain import Explanation, domain, has_class_token
from core.runs import write_arrays
from core.trace import Head
from core.video import crop_box
from core.weights.card import NO_CLASSES

NOTE = "Attention shows where the model looks from, not why it decides."


def write_arrays_and_overlay(folder: Path, shown: Explanation) -> None:
    """Write explanation.npz and overlay.mp4 into a folder, which is made if it is not there."""
    trace, clip = shown.trace, shown.trace.clip
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "frames": trace.frames,
        "times": clip.times,
        "token_times": trace.token_times,
        "spatial": shown.spatial,
        "temporal": shown.temporal,
    }
    if shown.gradcam is not None:
        arrays |= {"gradcam": shown.gradcam.heat, "probabilities": shown.probabilities}
    if shown.am_flow is not None:
        arrays["am_flow"] = shown.am_flow
    write_arrays(folder / "explanation.npz", arrays)
    pictures = enlarged(clip.frames, 360)
    height, width = pictures.shape[1:3]
    box = crop_box(height, width, trace.card.crop)
    write_mp4(
        folder / "overlay.mp4",
        overlay(pictures, shown.spatial, signed=shown.attention.kernel.signed, box=box),
        frame_rate(clip.times),
    )


def report_of(shown: Explanation, head: Head) -> dict[str, Any]:
    """What was shown, and of which weights, for report.json; `head` is that of the maps."""
    trace, cam, probabilities = shown.trace, shown.gradcam, shown.probabilities
    card, where = trace.card, domain(trace)
    return {
        "model": card.model,
        "preset": card.preset,
        "weights": card.hash,
        "trained_on": card.trained_on or "nothing: random weights",
        "license": card.license,
        "layer": shown.attention.layer,
        "head": head,
        "query": "cls" if has_class_token(shown.attention) else "mean",
        "target": cam and card.labels[cam.target],
        "target_p": cam and cam.probability,
        "top": [
            {"label": card.labels[i], "p": round(float(probabilities[i]), 6)}
            for i in np.argsort(-probabilities)[:5]
        ],
        "domain": where and where.numbers,
        "files": ["explanation.npz", "overlay.mp4", "report.json"],
        "note": NOTE,
    } | ({} if cam else {"classes": NO_CLASSES})
