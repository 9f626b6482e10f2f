"""Reads payloads as a browser would, and makes traces to pack."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch

from core.observe import Trace
from core.trace import CLS, Attention, Axis, Kernel, Layout
from core.video import Clip
from core.weights import Card

TYPES = {"f32": np.float32, "i32": np.int32, "i16": np.int16, "i8": np.int8, "u8": np.uint8}


def opened(payload: bytes) -> dict[str, Any]:
    """The header with every array in its place."""
    length = int.from_bytes(payload[:4], "little")
    body = payload[4 + length :]

    def look(value: Any) -> Any:
        if isinstance(value, list):
            return [look(item) for item in value]
        if not isinstance(value, dict):
            return value
        if {"at", "type", "shape"} <= value.keys():
            assert value["at"] % 4 == 0
            return np.frombuffer(
                body, TYPES[value["type"]], int(np.prod(value["shape"])), value["at"]
            ).reshape(value["shape"])
        return {key: look(item) for key, item in value.items()}

    return look(json.loads(payload[4 : 4 + length]))


def unscaled(packed: dict[str, np.ndarray]) -> np.ndarray:
    least = np.iinfo(packed["values"].dtype).min
    return np.where(
        packed["values"] == least, np.nan, packed["values"] * packed["scale"][..., None]
    )


def recorded(model: str, taps: dict[str, Axis], layers: int, frames: int = 3) -> Trace:
    """A trace of noise in which each layer has an attention of each tap, on 2 x 2 patches."""
    grid = (frames, 2, 2)
    tokens = torch.arange(frames * 4).view(frames, 4)
    places = {
        Axis.SPACE: torch.cat([torch.full((frames, 1), CLS), tokens], 1),
        Axis.TIME: tokens.T.contiguous(),
        Axis.JOINT: tokens.view(1, -1),
    }
    noise = torch.Generator().manual_seed(0)
    attentions = []
    for layer in range(layers):
        for tap, axis in taps.items():
            groups, n = places[axis].shape
            q, k = torch.randn(2, groups, 2, n, 3, generator=noise)
            layout = Layout(places[axis], places[axis], grid)
            attentions.append(Attention(tap, layer, axis, Kernel("softmax"), q, k, layout))
    middle = (0.5, 0.5, 0.5)
    card = Card(
        model, "tiny", ("a", "b"), middle, middle, 32, frames, "uniform", "centre", "nothing"
    )
    pixels = np.random.default_rng(0).integers(0, 255, (frames, 32, 40, 3), np.uint8)
    times = np.arange(frames) / 4
    clip = Clip(pixels, times, "noise", "0")
    logits = np.array([0.0, 1.0], np.float32)
    return Trace(model, card, clip, pixels, times, logits, tuple(attentions))
