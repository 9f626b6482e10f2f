"""A trace as one payload of bytes from which a browser draws every view, without asking again.

The payload is a little-endian uint32, the length of a JSON header padded with spaces to whole
words; the header; then arrays, each on a boundary of 4 bytes, to which the header points as {"at",
"type", "shape"}.

Rows of attention are stored as whole numbers of 16 bits times one scale a row, where the scale is
the row's largest absolute value over 32767. That is as small as half precision and some ten times
as exact: the largest error of a weight is 4e-5 for the shipped models. An attention goes as its map
or as its factors (after Kernel.factors, so the browser needs no kernel but the softmax or the sum),
whichever is smaller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from core.draw.overlay import COLOUR_MAPS, coloured, diverging_lut
from core.explain import (
    GradCam,
    between_frames,
    has_class_token,
    of_layer,
    over_space,
    over_time,
    received,
    temporal,
    time_beside,
    views,
)
from core.models import spec
from core.observe import Trace
from core.trace import Attention, Axis, Head, Layout
from core.video import crop_box, digest

ALL_AT_ONCE = 16_000_000
"""Bytes up to which all layers are sent together: embedded models are far below, paper presets
above.
"""
A_LAYER = 6_000_000
"""Bytes above which one layer goes in 8 bits instead of 16."""
NOT_SEEN = -32768
"""Stands for NaN in maps of 16 bits."""
PICTURE = 960  # pixels: the longest side of a frame as it is sent
Summarise = Callable[[Attention], "_Summary"]
_TYPES = {"float32": "f32", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8"}


class _Body:
    """The arrays behind the header."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.layouts: list[Layout] = []

    def add(self, array: np.ndarray) -> dict[str, Any]:
        data = np.ascontiguousarray(array).tobytes()
        where = {"at": self.length, "type": _TYPES[array.dtype.name], "shape": list(array.shape)}
        data += bytes(-len(data) % 4)
        self.parts.append(data)
        self.length += len(data)
        return where

    def layout(self, layout: Layout) -> int:
        """The number of a layout. Layers share theirs, so it is sent once."""
        for number, known in enumerate(self.layouts):
            if known is layout or (
                torch.equal(known.queries, layout.queries) and torch.equal(known.keys, layout.keys)
            ):
                return number
        self.layouts.append(layout)
        return len(self.layouts) - 1


def _scaled(x: Tensor | np.ndarray, bits: int, body: _Body) -> dict[str, Any]:
    """x (..., n) as whole numbers times a scale of each row; NaN as the least number."""
    x = np.asarray(x, np.float32)
    most = 2 ** (bits - 1) - 1
    scale = np.nan_to_num(np.abs(x)).max(-1, keepdims=True) / most
    whole = np.round(x / np.where(scale > 0, scale, 1))
    kind = np.int16 if bits == 16 else np.int8
    return {
        "values": body.add(np.nan_to_num(whole, nan=-most - 1).astype(kind)),
        "scale": body.add(scale[..., 0]),
    }


def _sizes(attention: Attention) -> tuple[int, int]:
    """Numbers to send as a map and as factors, the scales included."""
    groups, heads, queries, d = attention.q.shape
    keys = attention.k.shape[2]
    return groups * heads * queries * (keys + 2), groups * heads * (queries + keys) * (d + 2)


def _block(attention: Attention, bits: int, body: _Body) -> dict[str, Any]:
    """One attention, as its map or its factors."""
    kernel, layout = attention.kernel, attention.layout
    as_map, as_factors = _sizes(attention)
    block = {
        "shape": [*attention.q.shape[:3], attention.k.shape[2], attention.q.shape[3]],
        "layout": body.layout(layout),
        "signed": kernel.signed,
        "sums_to_one": kernel.rows_sum_to_one,
        "kernel": kernel.kind,
    }
    q, k = attention.q.float(), attention.k.float()
    if as_map <= as_factors:
        return block | {"rows": _scaled(kernel.weights(q, k), bits, body)}
    left, right = kernel.factors(q, k)
    finish = "softmax" if kernel.kind == "softmax" else "sum" if kernel.normalised else "none"
    return block | {
        "q": _scaled(left, bits, body),
        "k": _scaled(right, bits, body),
        "finish": finish,
        "eps": kernel.eps,
    }


def _attentions(trace: Trace, tap: str, layer: int) -> list[Attention]:
    """What the views of a layer are computed from: the attention of the tap and, if there is one,
    that over time beside it.
    """
    attention = of_layer(over_space(trace, tap), layer)
    beside = time_beside(trace, attention)
    return [attention] if beside is None else [attention, beside]


def _bytes(trace: Trace, tap: str, layer: int) -> int:
    return sum(2 * min(_sizes(a)) for a in _attentions(trace, tap, layer))


def space_taps(trace: Trace) -> list[str]:
    """The recorded taps that show attention over space, the one to open on first."""
    recorded = {a.name.split(".")[0] for a in trace.attentions}
    return [name for name in spec(trace.model).spatial_taps if name in recorded]


def time_taps(trace: Trace) -> list[str]:
    """The same for attention from frame to frame; empty where the frame matrix is no attention."""
    recorded = {a.name.split(".")[0] for a in trace.attentions}
    return [name for name in spec(trace.model).temporal_taps if name in recorded]


def layers_of(trace: Trace) -> list[int]:
    """All layers that a view can show, first to last."""
    return sorted({a.layer for tap in space_taps(trace) for a in over_space(trace, tap)})


def layers_to_open_on(trace: Trace) -> list[int]:
    """The layers to send at first: all, or the last alone where all would be too much."""
    layers = layers_of(trace)
    total = sum(
        _bytes(trace, tap, a.layer) for tap in space_taps(trace) for a in over_space(trace, tap)
    )
    return layers if total <= ALL_AT_ONCE else layers[-1:]


@dataclass(frozen=True)
class _Summary:
    """What is sent of all heads of an attention, then of their mean, then of their maximum, along
    the first axis.
    """

    received: np.ndarray | None  # (n, T'*h*w); None for attention over time
    frames: np.ndarray | None  # (n, T', T'); None for attention over space
    top: float  # the largest |weight|


def _summary(attention: Attention) -> _Summary:
    """Each head's map is computed once, because a map is by far the largest thing here."""
    got, frames, top = [], [], 0.0

    def take(weights: Tensor) -> None:
        if attention.axis is not Axis.TIME:
            got.append(received(attention, weights).flatten().numpy())
        if attention.axis is not Axis.SPACE:
            frames.append(between_frames(attention, weights).numpy())

    total = largest = torch.zeros(())
    for head in range(attention.heads):
        weights = attention.map(head)
        take(weights)
        total = total + weights
        largest = weights if head == 0 else torch.maximum(largest, weights)
        top = max(top, float(weights.abs().max()))
    take(total / attention.heads)
    take(largest)
    return _Summary(np.stack(got) if got else None, np.stack(frames) if frames else None, top)


def _every_head(attention: Attention) -> list[Head]:
    """In the order of a summary."""
    return [*range(attention.heads), "mean", "max"]


def _layer(trace: Trace, tap: str, layer: int, body: _Body, summary: Summarise) -> dict[str, Any]:
    """One layer of one tap: its attentions, the maps of class token and mean, and the largest
    weights for a scale that is shared.
    """
    found = _attentions(trace, tap, layer)
    bits = 16 if _bytes(trace, tap, layer) <= A_LAYER else 8
    main = found[0]
    packed = {
        "tap": tap,
        "layer": layer,
        "main": _block(main, bits, body),
        "bits": bits,
        "top": summary(main).top,
        "maps": {"mean": _scaled(summary(main).received, 16, body)},
    }
    if has_class_token(main):
        rows = np.stack([main.heat("cls", head).flatten().numpy() for head in _every_head(main)])
        packed["maps"]["cls"] = _scaled(rows, 16, body)
    for beside in found[1:]:
        packed |= {"time": _block(beside, bits, body), "time_top": summary(beside).top}
    return packed


def _matrices(trace: Trace, layer: int, body: _Body, summary: Summarise) -> list[dict[str, Any]]:
    """Frame to frame (heads + 2, T', T') of this layer, for each tap that has it."""
    made = []
    for tap in time_taps(trace):
        if layer not in [a.layer for a in over_time(trace, tap)]:
            continue
        attention = of_layer(over_time(trace, tap), layer)
        made.append(
            {
                "tap": tap,
                "layer": layer,
                "signed": attention.kernel.signed,
                "values": body.add(summary(attention).frames),
            }
        )
    if not time_taps(trace):
        matrices = np.stack(
            [
                temporal(trace, layer, head)
                for head in _every_head(of_layer(over_space(trace), layer))
            ]
        )
        made.append({"tap": "", "layer": layer, "signed": False, "values": body.add(matrices)})
    return made


def _picture(frame: np.ndarray) -> np.ndarray:
    """A uint8 RGB frame as the bytes of a JPEG."""
    height, width = frame.shape[:2]
    if max(height, width) > PICTURE:
        factor = PICTURE / max(height, width)
        frame = cv2.resize(
            frame, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA
        )
    return cv2.imencode(
        ".jpg", np.ascontiguousarray(frame[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 90]
    )[1]


def pack(
    trace: Trace,
    layers: Sequence[int] | None = None,
    gradcams: Sequence[GradCam] = (),
    source: str = "",
) -> bytes:
    """One payload: the clip's frames, what the views need, and the given layers; None is
    `layers_to_open_on`.

    `gradcams` are heat maps to offer beside attention. Payloads of one trace have one `id`, so that
    a browser can put their layers together. `source` is a line that a picture of the view carries.
    """
    card, clip, body = trace.card, trace.clip, _Body()
    layers = layers_to_open_on(trace) if layers is None else list(layers)
    taps = space_taps(trace)
    known: dict[int, _Summary] = {}

    def summary(attention: Attention) -> _Summary:
        if id(attention) not in known:
            known[id(attention)] = _summary(attention)
        return known[id(attention)]

    ramps = np.linspace(0, 1, 256, dtype=np.float32)
    header: dict[str, Any] = {
        "id": digest(clip.id, card.hash, trace.model, card.crop, trace.logits.tobytes()),
        "source": source,
        "frames": [body.add(_picture(frame)) for frame in clip.frames],
        "times": clip.times.tolist(),
        "pixels": list(clip.size),
        "box": list(crop_box(*clip.size, card.crop)),
        "grid": list(over_space(trace)[0].grid),
        "unit": len(clip) // len(trace.token_times),
        "labels": list(card.labels),
        "best": int(np.argmax(trace.logits)),
        "taps": [
            {
                "name": tap,
                "views": list(views(trace, tap)),
                "heads": over_space(trace, tap)[-1].heads,
                "layers": [a.layer for a in over_space(trace, tap)],
                "cls": has_class_token(over_space(trace, tap)[-1]),
            }
            for tap in taps
        ],
        "time_taps": time_taps(trace),
        "colours": {name: body.add(coloured(ramps, False, name)) for name in COLOUR_MAPS},
        "diverging": body.add(diverging_lut()),
        "layers": [
            _layer(trace, tap, a.layer, body, summary)
            for tap in taps
            for a in over_space(trace, tap)
            if a.layer in layers
        ],
        "matrices": [made for layer in layers for made in _matrices(trace, layer, body, summary)],
        "gradcams": [
            {
                "target": cam.target,
                "probability": cam.probability,
                "map": _scaled(cam.heat.reshape(1, -1), 16, body),
            }
            for cam in gradcams
        ],
    }
    header["layouts"] = [
        {
            "queries": body.add(layout.queries.int().numpy()),
            "keys": body.add(layout.keys.int().numpy()),
        }
        for layout in body.layouts
    ]
    return _joined(header, body.parts)


def with_file(payload: bytes, name: str, content: bytes) -> bytes:
    """The payload with a file for the reader to keep."""
    length = int.from_bytes(payload[:4], "little")
    arrays = payload[4 + length :]
    file = {"name": name, "content": {"at": len(arrays), "type": "u8", "shape": [len(content)]}}
    return _joined(json.loads(payload[4 : 4 + length]) | {"file": file}, [arrays, content])


def _joined(header: dict[str, Any], parts: Sequence[bytes]) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, *parts])
