"""What the passes on one clip showed, as a row of `columns`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.draw.data_set.shards import Row
from core.draw.data_set.wanted import Wanted
from core.explain import domain, over_space, spatial, temporal
from core.explain.explanation import Seen
from core.explain.scores import correlation
from core.explain.trust.over_clips import truth_seen
from core.explain.trust.truth_scores import truth_scores
from core.explain.where import entropy, moving, place, share_on
from core.order import Reading, Verdict
from core.video import shrunk
from core.world.gestures import Gesture

THUMBNAIL, QUALITY = 112, 80
"""Pixels of the longer side of a thumbnail, and its JPEG quality."""
_LEAST_SURE_FIRST: tuple[Verdict, ...] = ("unknown", "up_to_direction", "known")


def row_of(
    wanted: Wanted,
    seen: Seen,
    readings: Sequence[Reading],
    gesture: Gesture | None,
    seconds: Mapping[str, float],
) -> Row:
    """The row of a clip: `seen` of its own pass, `readings` of its shuffles (none: no order).

    `gesture` is the clip's, where it is rendered; `seconds` are the columns of times.
    """
    trace = seen.trace
    heat = spatial(trace)
    mask = moving(trace.frames)
    row: dict[str, Any] = {
        **wanted.identity,
        "frames": len(trace.clip),
        "duration": trace.clip.times[-1] - trace.clip.times[0],
        **_prediction(seen, wanted.label),
        **_attention(seen, heat, mask),
        **_order(readings),
        **_gradcam(seen, heat, mask),
        **_pictures(seen, heat),
        **seconds,
    }
    if gesture is not None:
        hand, tips = truth_seen(gesture.mask, gesture.fingertip, trace.card)
        scores = truth_scores(heat, hand, tips).numbers
        row |= {f"truth_{name}": value for name, value in scores.items()}
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """A value for Arrow: what is not a number is null."""
    if isinstance(value, np.ndarray):
        return value.reshape(-1)
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value)
    return value


def _prediction(seen: Seen, label: str | None) -> Row:
    trace = seen.trace
    if not trace.card.names_classes:
        return {}
    labels, p = trace.card.labels, trace.probabilities
    ranked = np.argsort(-p, kind="stable")
    first, second = ranked[0], ranked[min(1, len(p) - 1)]
    known = label is not None and label in labels
    where = domain(trace)
    return {
        "prediction": labels[first],
        "correct": labels[first] == label if known else None,
        "probability": p[first],
        "second": labels[second] if len(p) > 1 else None,
        "margin": p[first] - p[second] if len(p) > 1 else None,
        "label_probability": p[labels.index(label)] if known and label else None,
        "probabilities": p,
        "domain_score": where.score if where else None,
        "domain_inside": where.inside if where else None,
    }


def _attention(seen: Seen, heat: np.ndarray, mask: np.ndarray) -> Row:
    trace = seen.trace
    layers = sorted({attention.layer for attention in over_space(trace)})
    entropies = np.array(
        [entropy(spatial(trace, layer)) for layer in layers[:-1]] + [entropy(heat)]
    )
    middle = place(heat)
    return {
        "entropy": entropies[-1],
        "entropy_drift": entropies[-1] - entropies[0],
        "entropy_by_layer": entropies.astype(np.float32),
        "centre_x": middle.x,
        "centre_y": middle.y,
        "spread": middle.spread,
        "on_motion": share_on(heat, mask),
        "motion": float(mask.mean()),
        "frame_matrix": temporal(trace).astype(np.float32),
    }


def _order(readings: Sequence[Reading]) -> Row:
    if not readings:
        return {}
    accuracies = np.array([reading.accuracy for reading in readings])
    verdicts = [reading.order.verdict for reading in readings]
    votes = Counter(verdicts)
    return {
        "order_verdict": max(_LEAST_SURE_FIRST, key=lambda verdict: votes[verdict]),
        "order_accuracy": float(accuracies.mean()),
        "order_either_way": float(np.mean([reading.either_way for reading in readings])),
        "direction_margin": float(np.mean([r.order.direction_margin for r in readings])),
        "order_verdicts": verdicts,
        "order_accuracies": accuracies.astype(np.float32),
        "order_permutations": np.array([r.permutation for r in readings], np.int16),
        "order_paths": np.array([r.order.path for r in readings], np.int16),
    }


def _gradcam(seen: Seen, heat: np.ndarray, mask: np.ndarray) -> Row:
    if seen.gradcam is None:
        return {}
    cam = seen.gradcam.heat
    middle = place(cam)
    alike = correlation(cam.ravel(), heat.ravel()) if cam.shape == heat.shape else float("nan")
    return {
        "gradcam_centre_x": middle.x,
        "gradcam_centre_y": middle.y,
        "gradcam_spread": middle.spread,
        "gradcam_on_motion": share_on(cam, mask),
        "gradcam_agreement": alike,
    }


def _pictures(seen: Seen, heat: np.ndarray) -> Row:
    frames, steps = seen.trace.frames, len(heat)
    middle = len(frames) // 2
    low = min(0.0, float(heat.min()))
    attention, attention_high = quantised(heat, low)
    by_class: Row = {}
    if seen.gradcam is not None:
        cam, cam_high = quantised(seen.gradcam.heat, 0.0)
        by_class = {"gradcam_map": cam.tobytes(), "gradcam_high": cam_high}
    return by_class | {
        "grid_t": steps,
        "grid_h": heat.shape[1],
        "grid_w": heat.shape[2],
        "attention_map": attention.tobytes(),
        "attention_low": low,
        "attention_high": attention_high,
        "embedding": seen.embedding,
        "thumbnail": thumbnail(frames[middle]),
        "thumbnail_step": middle * steps // len(frames),
    }


def quantised(
    heat: Float[np.ndarray, "steps h w"], low: float
) -> tuple[UInt8[np.ndarray, "steps h w"], float]:
    """Heat as whole numbers 0..255 from `low` to the highest value, and that value."""
    high = float(heat.max())
    if high <= low:
        return np.zeros(heat.shape, np.uint8), high
    return np.rint((heat - low) * (255 / (high - low))).astype(np.uint8), high


def thumbnail(frame: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """A frame as a small JPEG."""
    bgr = cv2.cvtColor(shrunk(frame, THUMBNAIL), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())
