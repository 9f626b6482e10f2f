"""A trace as one payload of bytes from which a browser draws every view, without asking again.

Rows of attention are stored as whole numbers of 16 bits times one scale a row, where the scale is
the row's largest absolute value over 32767. That is as small as half precision and some ten times
as exact: the largest error of a weight is 4e-5 for the shipped models. An attention goes as its map
or as its factors (after Kernel.factors, so the browser needs no kernel but the softmax or the sum),
whichever is smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from core.draw.overlay import COLOUR_MAPS, coloured, diverging_lut
from core.draw.payload import (
    FORMAT,
    Block,
    Body,
    Cam,
    Factors,
    Header,
    Help,
    Layer,
    Maps,
    Matrix,
    Pair,
    Tap,
    joined,
)
from core.explain import (
    GradCam,
    beside,
    between_frames,
    has_class_token,
    minus_flows,
    of_layer,
    over_space,
    over_space_at,
    over_time,
    received,
    views,
)
from core.models import spec
from core.observe import Trace
from core.trace import Attention, Axis
from core.video import crop_box, digest, shrunk

ALL_AT_ONCE = 16_000_000
"""Bytes up to which all layers are sent together.

Embedded models are far below, paper presets above.
"""
A_LAYER = 6_000_000
"""Bytes above which one layer goes in 8 bits instead of 16."""
MAPS_AT_ONCE = 32_000_000
"""Bytes of maps that are computed together."""
NO_CLASS = -1
"""The most probable class of a model that names none."""
PICTURE = 960
"""Pixels: the longest side of a frame as it is sent."""


@dataclass(frozen=True)
class Room:
    """How much a payload may hold."""

    picture: int = PICTURE
    """Pixels: the longest side of a frame."""
    layer: int = A_LAYER
    """Bytes above which one layer goes in 8 bits instead of 16."""


ROOMY = Room()


@dataclass(frozen=True)
class _Recorded:
    """The attentions of a trace by tap, the one to open on first; resolved once."""

    space: dict[str, list[Attention]]
    time: dict[str, list[Attention]]

    @property
    def layers(self) -> list[int]:
        """All layers that a view can show, first to last."""
        return sorted({a.layer for attentions in self.space.values() for a in attentions})

    @property
    def is_in_stages(self) -> bool:
        """Whether grids differ from tap to tap."""
        return len({attentions[0].grid for attentions in self.space.values()}) > 1

    def time_beside(self, attention: Attention) -> Attention | None:
        """The attention over time that is multiplied with one over space, if there is one."""
        first = next(iter(self.time.values()), [])
        return beside(first, attention)

    def size(self, attention: Attention) -> int:
        """Bytes of a layer in 16 bits."""
        time = self.time_beside(attention)
        attentions = [attention] if time is None else [attention, time]
        return sum(2 * min(_sizes(a)) for a in attentions)


def _recorded(trace: Trace) -> _Recorded:
    return _Recorded(
        space={tap: over_space(trace, tap) for tap in space_taps(trace)},
        time={tap: over_time(trace, tap) for tap in time_taps(trace)},
    )


def space_taps(trace: Trace) -> list[str]:
    """The recorded taps that show attention over space, the one to open on first."""
    return _recorded_of(trace, spec(trace.model).spatial_taps)


def time_taps(trace: Trace) -> list[str]:
    """The same for attention from frame to frame; empty where the frame matrix is no attention."""
    return _recorded_of(trace, spec(trace.model).temporal_taps)


def _recorded_of(trace: Trace, taps: Iterable[str]) -> list[str]:
    recorded = {a.name.split(".")[0] for a in trace.attentions}
    return [tap for tap in taps if tap in recorded]


def layers_of(trace: Trace) -> list[int]:
    """All layers that a view can show, first to last."""
    return _recorded(trace).layers


def layer_sizes(trace: Trace) -> dict[int, int]:
    """Bytes of each layer of a trace in 16 bits, all its taps together, first layer first."""
    recorded, sizes = _recorded(trace), dict.fromkeys(layers_of(trace), 0)
    for attentions in recorded.space.values():
        for attention in attentions:
            sizes[attention.layer] += recorded.size(attention)
    return sizes


def layers_to_open_on(trace: Trace) -> list[int]:
    """The layers to send at first: all, or the last alone where all would be too much."""
    return _layers_to_open_on(_recorded(trace))


def _layers_to_open_on(recorded: _Recorded) -> list[int]:
    total = sum(recorded.size(a) for attentions in recorded.space.values() for a in attentions)
    return recorded.layers if total <= ALL_AT_ONCE else recorded.layers[-1:]


@dataclass(frozen=True)
class _Summary:
    """What is sent of all heads of an attention, along the first axis of length heads + 2.

    After the heads come their mean and their maximum.
    """

    received: np.ndarray | None  # (heads + 2, T'*h*w); None for attention over time
    frames: np.ndarray | None  # (heads + 2, T', T'); None for attention over space
    top: float  # the largest |weight|


def _summary(attention: Attention) -> _Summary:
    """Each head's map is computed once, because a map is by far the largest thing here."""
    maps: list[np.ndarray] = []
    frames: list[np.ndarray] = []
    top = 0.0

    def take(weights: Tensor) -> None:
        if attention.axis is not Axis.TIME:
            maps.append(received(attention, weights).flatten(1).numpy())
        if attention.axis is not Axis.SPACE:
            frames.append(between_frames(attention, weights).numpy())

    groups, heads, queries, _ = attention.q.shape
    at_once = max(1, MAPS_AT_ONCE // (4 * groups * queries * attention.k.shape[2]))
    total = largest = None
    for first in range(0, heads, at_once):
        some = slice(first, first + at_once)
        q, k = attention.q[:, some].float(), attention.k[:, some].float()
        weights = attention.kernel.weights(q, k).transpose(0, 1)
        take(weights)
        own_total, own_largest = weights.sum(0), weights.amax(0)
        total = own_total if total is None else total + own_total
        largest = own_largest if largest is None else torch.maximum(largest, own_largest)
        top = max(top, float(weights.abs().max()))
    assert total is not None and largest is not None
    take(total[None] / heads)
    take(largest[None])
    return _Summary(
        np.concatenate(maps) if maps else None, np.concatenate(frames) if frames else None, top
    )


def _sizes(attention: Attention) -> tuple[int, int]:
    """Numbers to send as a map and as factors, the scales included."""
    groups, heads, queries, d = attention.q.shape
    keys = attention.k.shape[2]
    return groups * heads * queries * (keys + 2), groups * heads * (queries + keys) * (d + 2)


@dataclass(frozen=True)
class HeadOf:
    """One head of a layer of a tap over space. Numbers count from 0."""

    tap: str
    layer: int
    head: int


class _Packer:
    """Packs the pieces of one trace behind one header."""

    def __init__(self, trace: Trace, room: Room) -> None:
        self.trace, self.room = trace, room
        self.recorded = _recorded(trace)
        self.body = Body()
        self._summaries: dict[int, _Summary] = {}

    def summary(self, attention: Attention) -> _Summary:
        """Of each attention once: layers and matrices both need it."""
        if id(attention) not in self._summaries:
            self._summaries[id(attention)] = _summary(attention)
        return self._summaries[id(attention)]

    def block(self, attention: Attention, bits: int) -> Block:
        """One attention, as its map or its factors."""
        kernel = attention.kernel
        as_map, as_factors = _sizes(attention)
        block = Block(
            shape=[*attention.q.shape[:3], attention.k.shape[2], attention.q.shape[3]],
            layout=self.body.layout(attention.layout),
            signed=kernel.signed,
            sums_to_one=kernel.rows_sum_to_one,
            kernel=kernel.kind,
        )
        q, k = attention.q.float(), attention.k.float()
        if as_map <= as_factors:
            block["rows"] = self.body.add_scaled(kernel.weights(q, k), bits)
            return block
        left, right = kernel.factors(q, k)
        block["q"] = self.body.add_scaled(left, bits)
        block["k"] = self.body.add_scaled(right, bits)
        block["finish"] = "none"
        if kernel.kind == "softmax":
            block["finish"] = "softmax"
        elif kernel.normalised:
            block["finish"] = "sum"
        block["eps"] = kernel.eps
        return block

    def layer(self, tap: str, attention: Attention) -> Layer:
        """One layer of one tap.

        Its attentions, the maps of class token and mean, and the largest weights for a scale that
        is shared.
        """
        bits = 16 if self.recorded.size(attention) <= self.room.layer else 8
        packed = Layer(
            tap=tap,
            layer=attention.layer,
            main=self.block(attention, bits),
            bits=bits,
            top=self.summary(attention).top,
            maps=self.maps(attention),
        )
        time = self.recorded.time_beside(attention)
        if time is not None:
            packed["time"] = self.block(time, bits)
            packed["time_top"] = self.summary(time).top
        return packed

    def maps(self, attention: Attention) -> Maps:
        """What all patches get on average and, if there is one, where the class token looks."""
        mean = self.summary(attention).received
        assert mean is not None  # it is over space
        maps = Maps(mean=self.body.add_scaled(mean))
        if has_class_token(attention):
            heats = attention.heats("cls").flatten(1)
            rows = torch.cat([heats, heats.mean(0, keepdim=True), heats.amax(0, keepdim=True)])
            maps["cls"] = self.body.add_scaled(rows)
        return maps

    def matrices(self, layer: int) -> list[Matrix]:
        """From frame to frame in this layer, for each tap that has it.

        Where the model has no such tap it is minus the AM flow.
        """
        if not self.recorded.time:
            attention = over_space_at(self.trace, layer)
            values = self.body.add(minus_flows(attention))
            return [Matrix(tap="", layer=layer, signed=False, beside=False, values=values)]
        matrices = []
        for tap, attentions in self.recorded.time.items():
            if layer not in [a.layer for a in attentions]:
                continue
            attention = of_layer(attentions, layer)
            frames = self.summary(attention).frames
            assert frames is not None  # it is over time
            signed = attention.kernel.signed
            values = self.body.add(frames)
            apart = spec(self.trace.model).frames_beside
            matrices.append(
                Matrix(tap=tap, layer=layer, signed=signed, beside=apart, values=values)
            )
        return matrices

    def tap(self, name: str) -> Tap:
        """One of the attentions over space."""
        attentions = self.recorded.space[name]
        tap = Tap(
            name=name,
            views=list(views(self.trace, name)),
            heads=attentions[-1].heads,
            layers=[a.layer for a in attentions],
            cls=has_class_token(attentions[-1]),
        )
        if self.recorded.is_in_stages:
            tap["grid"] = list(attentions[-1].grid)
        return tap

    def factors(self, asked: HeadOf) -> Factors:
        """Queries and keys of one head of a layer, in single precision."""
        attention = of_layer(self.recorded.space[asked.tap], asked.layer)
        factors = Factors(
            tap=asked.tap,
            layer=asked.layer,
            head=asked.head,
            main=self.pair(attention, asked.head),
        )
        time = self.recorded.time_beside(attention)
        if time is not None:
            factors["time"] = self.pair(time, asked.head)
        return factors

    def pair(self, attention: Attention, head: int) -> Pair:
        """Queries and keys of one head of an attention."""
        kernel = attention.kernel
        return Pair(
            q=self.body.add(attention.q[:, head].float().numpy()),
            k=self.body.add(attention.k[:, head].float().numpy()),
            kernel=kernel.kind,
            scale=kernel.scale,
            eps=kernel.eps,
            normalised=kernel.normalised,
        )

    def cam(self, cam: GradCam) -> Cam:
        """The evidence for a class."""
        heat = self.body.add_scaled(cam.heat.reshape(1, -1))
        return Cam(target=cam.target, probability=cam.probability, map=heat)


def jpeg(frame: np.ndarray, longest: int = PICTURE) -> np.ndarray:
    """A uint8 RGB frame as the bytes of a JPEG whose longest side has at most so many pixels."""
    frame = shrunk(frame, longest)
    bgr = np.ascontiguousarray(frame[..., ::-1])
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]


def pack(
    trace: Trace,
    layers: Sequence[int] | None = None,
    gradcams: Sequence[GradCam] = (),
    source: str = "",
    help_texts: Help | None = None,
    factors: HeadOf | None = None,
    room: Room = ROOMY,
) -> bytes:
    """One payload: the clip's frames, what the views need, and the given layers.

    `layers` None is `layers_to_open_on`. `gradcams` are heat maps to offer beside attention.
    Payloads of one trace have one `id`, so that a browser can put their layers together. `source`
    is a line that a picture of the view carries, `help_texts` what the viewer explains of itself.
    `factors` names the head whose queries and keys are sent too; `room` bounds the size.
    """
    card, clip, packer = trace.card, trace.clip, _Packer(trace, room)
    recorded, add = packer.recorded, packer.body.add
    sent = _layers_to_open_on(recorded) if layers is None else list(layers)
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    # arrays are added in the order of the keys
    header = Header(
        format=FORMAT,
        id=digest(clip.id, card.hash, trace.model, card.crop, trace.logits.tobytes()),
        clip=clip.source,
        source=source,
        frames=[add(jpeg(frame, room.picture)) for frame in clip.frames],
        times=clip.times.tolist(),
        pixels=list(clip.size),
        box=list(crop_box(*clip.size, card.crop)),
        grid=list(next(iter(recorded.space.values()))[0].grid),
        unit=len(clip) // len(trace.token_times),
        labels=list(card.labels),
        best=int(np.argmax(trace.logits)) if len(trace.logits) else NO_CLASS,
        taps=[packer.tap(name) for name in recorded.space],
        time_taps=list(recorded.time),
        colours={name: add(coloured(ramp, False, name)) for name in COLOUR_MAPS},
        diverging=add(diverging_lut()),
        layers=[
            packer.layer(tap, attention)
            for tap, attentions in recorded.space.items()
            for attention in attentions
            if attention.layer in sent
        ],
        matrices=[matrix for layer in sent for matrix in packer.matrices(layer)],
        gradcams=[packer.cam(cam) for cam in gradcams],
        layouts=packer.body.add_layouts(),
    )
    if factors is not None:
        header["factors"] = [packer.factors(factors)]
    if help_texts is not None:
        header["help"] = help_texts
    return joined(header, packer.body.parts)
