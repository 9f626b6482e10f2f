"""AM flow as a page to take home shows it: small pictures of each map, and how much it changes."""

from __future__ import annotations

from typing import TypedDict

import cv2
import numpy as np

from core.draw.lettering import number
from core.draw.overlay import overlay
from core.draw.style import picture
from core.draw.timeline import peaks, strongest
from core.explain import displayed, flow_of, over_space
from core.explain.am_flow import am_flow, has_aligned_flow
from core.models.am_flow import Mode
from core.observe import Trace
from core.video import crop_box
from core.weights import Model
from core.world.truth import Truth

WIDTH = 260
"""Pixels of a picture."""
MEANINGS: dict[Mode, str] = {
    "static": "how much the raw scores change",
    "post": "how much the finished map changes",
    "aligned": "the same after an encoder that is meant to undo the camera’s motion",
}


class Kind(TypedDict):
    """One kind of AM flow, with a picture and a mean for each pair of frames."""

    name: str
    meaning: str
    pictures: list[str]  # data addresses
    means: list[float]  # over places, of the map as it is drawn, 0..1
    least: str
    most: str  # of the map itself, not as it is drawn


class Flow(TypedDict):
    """The AM flow of a clip. Blocks count from 1, as they are shown."""

    block: int
    steps: list[str]  # of each pair: "1 → 2"
    opens_on: int
    kinds: list[Kind]


def flow_shown(model: Model, trace: Trace, truth: Truth | None = None) -> Flow | None:
    """The AM flow of the last block, and what really moves where that is known.

    None for a model that computes none.
    """
    if not model.spec.am_flow:
        return None
    block = over_space(trace)[-1].layer
    maps: dict[Mode, np.ndarray] = {
        "static": flow_of(trace, "static", block),
        "post": flow_of(trace, "post", block),
    }
    if has_aligned_flow(model, block):
        maps["aligned"] = am_flow(model, trace.clip, block)
    frames = _inside(trace)[:-1]
    drawn = {mode: displayed(flow, mode) for mode, flow in maps.items()}
    kinds = [
        Kind(
            name=mode,
            meaning=MEANINGS[mode],
            pictures=[picture(frame, WIDTH) for frame in overlay(frames, heat, opacity=0.7)],
            means=[round(float(mean), 4) for mean in heat.mean((1, 2))],
            least=number(float(maps[mode].min()), ".3g"),
            most=number(float(maps[mode].max()), ".3g"),
        )
        for mode, heat in drawn.items()
    ]
    if truth is not None:
        kinds.append(_true_motion(frames, truth))
    return Flow(
        block=block + 1,
        steps=[f"{t + 1} → {t + 2}" for t in range(len(frames))],
        opens_on=strongest(peaks(heat) for heat in drawn.values()),
        kinds=kinds,
    )


def _true_motion(frames: np.ndarray, truth: Truth) -> Kind:
    motion = truth.motion
    return Kind(
        name="true motion",
        meaning="how far the hand itself moves, in pixels",
        pictures=[picture(frame, WIDTH) for frame in overlay(frames, motion, opacity=0.7)],
        means=[round(float(mean), 4) for mean in motion.mean((1, 2))],
        least=number(float(motion.min()), ".3g"),
        most=number(float(motion.max()), ".3g"),
    )


def _inside(trace: Trace) -> np.ndarray:
    """What the model saw of each frame, WIDTH pixels wide."""
    top, left, height, width = crop_box(*trace.clip.size, trace.card.crop)
    size = (WIDTH, max(1, round(WIDTH * height / width)))
    inside = trace.clip.frames[:, top : top + height, left : left + width]
    how = cv2.INTER_AREA if width > WIDTH else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in inside])
