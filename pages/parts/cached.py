"""The only cached calls. Keys are strings and numbers; arrays never go into a key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from torch import nn

from core import explain, observe, packing
from core.gestures import render
from core.order import pixel_affinity, sharpened
from core.trace import Head
from core.video import Clip, Probe, cropped, decode, probe, subclip
from core.weights import Card, embedded, file_hash, load_checkpoint

RENDERED_FRAMES = 48
STORE_BYTES = 1_000_000_000


class Store:
    """A least-recently-used store that is bounded by bytes and safe between threads."""

    def __init__(self, limit: int = STORE_BYTES) -> None:
        self.limit, self.held = limit, 0
        self.items: OrderedDict[tuple, tuple[Any, int]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: tuple, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """The value under `key`, made if it is not there."""
        with self.lock:
            if key in self.items:
                self.items.move_to_end(key)
                return self.items[key][0]
        value = make()
        cost = size(value)
        with self.lock:
            self.held += cost - (self.items.pop(key, (None, 0))[1])
            self.items[key] = (value, cost)
            while self.held > self.limit and len(self.items) > 1:
                self.held -= self.items.popitem(last=False)[1][1]
        return value


@st.cache_resource
def _shared() -> Store:
    return Store()


def _store(clip_key: str) -> Store:
    """Uploads, and what comes of them, stay in their own session."""
    if clip_key.startswith("upload:"):
        return st.session_state.setdefault("store", Store())
    return _shared()


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _model(path: str, content: str) -> tuple[nn.Module, Card]:
    return load_checkpoint(path)


def model(name: str) -> tuple[nn.Module, Card]:
    """A shipped model by name, or an own checkpoint by `file:PATH`."""
    path = Path(name.removeprefix("file:")) if name.startswith("file:") else embedded()[name]
    return _model(str(path), file_hash(path))


def path_of(key: str) -> Path:
    """The file behind `folder:PATH` or `upload:PATH`."""
    return Path(key.split(":", 1)[1])


@st.cache_data(max_entries=64, show_spinner=False)
def _probe(path: str, changed: float) -> Probe:
    return probe(path)


def duration(key: str) -> tuple[float, int, tuple[int, int]]:
    """(seconds to the last frame, frames, (height, width)) of a clip's source."""
    if key.startswith("render:"):
        return 3.0 * (RENDERED_FRAMES - 1) / RENDERED_FRAMES, RENDERED_FRAMES, (240, 320)
    path = path_of(key)
    found = _probe(str(path), path.stat().st_mtime if path.exists() else 0.0)
    return found.seconds, found.frames, (found.height, found.width)


def clip(key: str, frames: int, sampling: str, start: float | None, end: float | None) -> Clip:
    """The sampled clip of a source."""

    def make() -> Clip:
        if key.startswith("render:"):
            _, label, seed = key.split(":")
            whole = observe.rendered_clip(render(label, int(seed), frames=RENDERED_FRAMES))
            return subclip(whole, frames=frames, sampling=sampling, start=start, end=end)
        return decode(path_of(key), frames=frames, sampling=sampling, start=start, end=end)

    changed = 0.0 if key.startswith("render:") or not path_of(key).exists() else path_of(key).stat().st_mtime
    return _store(key).get(("clip", key, changed, frames, sampling, start, end), make, lambda c: c.frames.nbytes)


def trace(key: str, name: str, crop: str, _clip: Clip) -> observe.Trace:
    """The model's trace on a clip; `key` says whose session may keep it."""
    net, card = model(name)
    card = replace(card, crop=crop)
    size = lambda t: t.frames.nbytes + sum(a.q.nbytes + a.k.nbytes for a in t.attentions)  # noqa: E731
    return _store(key).get(("trace", name, card.hash, crop, _clip.id), lambda: observe.observe(net, card, _clip), size)


def gradcam(key: str, name: str, crop: str, target: int, _clip: Clip) -> explain.GradCam:
    """GradCAM of one class."""
    net, card = model(name)
    card = replace(card, crop=crop)
    make = lambda: explain.gradcam(net, card, _clip, target)  # noqa: E731
    return _store(key).get(("gradcam", name, card.hash, crop, _clip.id, target), make, lambda g: g.heat.nbytes)


def payload(key: str, name: str, crop: str, layers: tuple[int, ...] | None, target: int | None, _clip: Clip) -> bytes:
    """What the viewer is sent: the given layers (None: those to open on) and the GradCAM map of a class."""

    def make() -> bytes:
        cams = [] if target is None else [gradcam(key, name, crop, target, _clip)]
        return packing.pack(trace(key, name, crop, _clip), layers, cams)

    return _store(key).get(("payload", name, model(name)[1].hash, crop, _clip.id, layers, target), make, len)


def order_matrix(key: str, name: str, crop: str, layer: int | None, head: Head, sharpness: float, _clip: Clip) -> np.ndarray:
    """The frame-to-frame matrix of a shuffled clip: a model's time attention, or the `pixels` baseline."""
    if name == "pixels":
        return pixel_affinity(cropped(_clip.frames, crop, 96))
    return sharpened(explain.temporal(trace(key, name, crop, _clip), layer, head), sharpness)
