"""The only cached calls. Keys are strings and numbers; arrays never go into a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
import torch

from core import explain, observe, order
from core.draw import packing
from core.errors import BadInput
from core.explain import attribute, compare, optical
from core.models.am_flow import AMFlow
from core.order import pixel_affinity, sharpened
from core.order.trials import Shuffles, permutation_of, shuffle_model, shuffle_pixels
from core.trace import Head
from core.video import Clip, Probe, cropped, decode, probe, subclip
from core.weights import Model, embedded, hub, load_checkpoint, untrained
from core.world.gestures import render, rendered_clip
from core.world.truth import Truth, truth_of
from pages.parts.session import STORE, leave_if_asked
from pages.parts.store import Store

RENDERED_FRAMES = 48


@st.cache_resource
def _shared() -> Store:
    return Store(leave=leave_if_asked)


def _store(clip_key: str) -> Store:
    """Uploads, and what comes of them, stay in their own session."""
    if clip_key.startswith("upload:"):
        return st.session_state.setdefault(STORE, Store(leave=leave_if_asked))
    return _shared()


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _model(source: str, version: str) -> Model:
    return load_checkpoint(source)


@st.cache_resource(max_entries=6, show_spinner="Building the model")
def _untrained(name: str) -> Model:
    return untrained(name)


def model(name: str) -> Model:
    """A shipped model by name, a public checkpoint by `public:NAME` of core.weights.hub.NAMED, an
    own one by `file:PATH`, or random weights by `random:NAME`.

    Raises: BadInput for a checkpoint that cannot be used, or that is not on this machine: nothing
    is downloaded here.
    """
    if name.startswith("random:"):
        return _untrained(name.removeprefix("random:"))
    source = (
        name.split(":", 1)[1] if name.startswith(("public:", "file:")) else str(embedded()[name])
    )
    files = hub.local(source)
    if files is None:
        raise BadInput(
            f"{source} is not on this machine; get it under Public checkpoints, or choose another "
            "model"
        )
    changed = files.weights.stat()
    return _model(source, f"{files.weights}:{changed.st_mtime_ns}:{changed.st_size}")


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


def clip(
    key: str, frames: int, sampling: str, stride: int, start: float | None, end: float | None
) -> Clip:
    """The sampled clip of a source."""

    def make() -> Clip:
        if key.startswith("render:"):
            _, label, seed = key.split(":")
            whole = rendered_clip(render(label, int(seed), frames=RENDERED_FRAMES))
            return subclip(
                whole, frames=frames, sampling=sampling, stride=stride, start=start, end=end
            )
        return decode(
            path_of(key), frames=frames, sampling=sampling, stride=stride, start=start, end=end
        )

    changed = (
        0.0
        if key.startswith("render:") or not path_of(key).exists()
        else path_of(key).stat().st_mtime
    )
    return _store(key).get(
        ("clip", key, changed, frames, sampling, stride, start, end),
        make,
        lambda c: c.frames.nbytes,
    )


def trace(key: str, name: str, crop: str, _clip: Clip) -> observe.Trace:
    """The model's trace on a clip; `key` says whose session may keep it."""
    seeing = model(name).changed(crop=crop)
    card = seeing.card
    dtype = (
        torch.float32 if card.preset == "gesture" else torch.float16
    )  # a paper's size: some 100 MB a clip even so
    size = lambda t: t.frames.nbytes + sum(a.q.nbytes + a.k.nbytes for a in t.attentions)  # noqa: E731
    return _store(key).get(
        ("trace", name, card.hash, crop, _clip.id),
        lambda: observe.observe(seeing, _clip, dtype),
        size,
    )


def gradcam(key: str, name: str, crop: str, target: int, _clip: Clip) -> explain.GradCam:
    """GradCAM of one class."""
    seeing = model(name).changed(crop=crop)
    make = lambda: explain.gradcam(seeing, _clip, target)  # noqa: E731
    return _store(key).get(
        ("gradcam", name, seeing.card.hash, crop, _clip.id, target), make, lambda g: g.heat.nbytes
    )


def payload(
    key: str,
    name: str,
    crop: str,
    layers: tuple[int, ...] | None,
    target: int | None,
    source: str,
    _clip: Clip,
) -> bytes:
    """What the viewer is sent: the given layers (None: those to open on) and the GradCAM map of a
    class; `source` says of what it is.
    """

    def make() -> bytes:
        cams = [] if target is None else [gradcam(key, name, crop, target, _clip)]
        return packing.pack(trace(key, name, crop, _clip), layers, cams, source=source)

    return _store(key).get(
        ("payload", name, model(name).card.hash, crop, _clip.id, layers, target, source), make, len
    )


def along_layers(
    key: str,
    name: str,
    crop: str,
    rolled: bool,
    tap: str,
    query: explain.SpatialQuery,
    view: explain.View,
    head: Head,
    _clip: Clip,
) -> dict[int, np.ndarray]:
    """What a query sees in each layer, or with `rolled` up to each layer: layer -> (T', h, w).

    Raises: BadInput where rollout is not defined.
    """

    def make() -> dict[int, np.ndarray]:
        seen = trace(key, name, crop, _clip)
        return (
            explain.rollouts(seen, head, query)
            if rolled
            else explain.along_layers(seen, head, query, view, tap)
        )

    place = ("along", name, model(name).card.hash, crop, rolled, tap, query, view, head, _clip.id)
    return _store(key).get(place, make, lambda found: sum(heat.nbytes for heat in found.values()))


def order_matrix(
    key: str,
    name: str,
    crop: str,
    layer: int | None,
    head: Head,
    sharpness: float,
    unit: int,
    passes: int,
    _clip: Clip,
) -> np.ndarray:
    """The frame-to-frame matrix of a shuffled clip: a model's, or that of the `pixels` baseline
    (the first frame of each unit).
    """
    if name == "pixels":
        return pixel_affinity(cropped(_clip.frames[::unit], crop, 96))
    if passes == 1:
        return sharpened(explain.temporal(trace(key, name, crop, _clip), layer, head), sharpness)
    seeing = model(name).changed(crop=crop, sharpness=sharpness)

    def make() -> np.ndarray:
        return order.order_matrix(seeing, _clip, passes, layer, head)

    return _store(key).get(
        ("order", name, seeing.card.hash, crop, layer, head, sharpness, passes, _clip.id),
        make,
        lambda matrix: matrix.nbytes,
    )


def shuffles(
    key: str,
    name: str,
    crop: str,
    layer: int | None,
    head: Head,
    sharpness: float,
    permutations: np.ndarray,
    _clip: Clip,
    compute: bool,
) -> Shuffles | None:
    """What is recovered of a clip under these permutations, (n, T'), by a model or by the `pixels`
    baseline, in units of whose frames the permutations count; computed if asked to, else what is
    here already, or None."""
    unit = len(_clip) // permutations.shape[1]
    seeing = None if name == "pixels" else model(name).changed(crop=crop, sharpness=sharpness)
    place = (
        "shuffles",
        name,
        seeing.card.hash if seeing else unit,
        crop,
        layer,
        head,
        sharpness,
        _clip.id,
        permutations.tobytes(),
    )

    def make() -> Shuffles:
        if seeing is None:
            return shuffle_pixels(_clip, permutations, crop, unit)
        return shuffle_model(seeing, _clip, permutations, layer=layer, head=head)

    return (
        _store(key).get(place, make, lambda s: s.permutations.nbytes + s.paths.nbytes)
        if compute
        else _store(key).peek(place)
    )


def scored(
    key: str, name: str, crop: str, layer: int | None, head: Head, sharpness: float, compute: bool
) -> tuple[Shuffles, ...] | None:
    """A clip of a data set, sampled as the model's card says and shuffled once: what the model and
    what the pixels recover.

    Computed if asked to, else what is here already, or None. Empty for a clip that cannot be used.
    """
    loaded = model(name)
    card = loaded.card
    place = ("scored", key, name, card.hash, crop, layer, head, sharpness)

    def make() -> tuple[Shuffles, ...]:
        try:
            sampled = clip(key, card.frames, card.sampling, card.stride, None, None)
            order = permutation_of(sampled.source, len(sampled) // loaded.unit, 0)[None]
            return tuple(
                shuffles(key, which, crop, layer, head, sharpness, order, sampled, True)
                for which in (name, "pixels")
            )
        except BadInput:
            return ()

    return _store(key).get(place, make, lambda found: 200) if compute else _store(key).peek(place)


def attributed(
    key: str,
    name: str,
    crop: str,
    method: str,
    target: int,
    _clip: Clip,
    progress: attribute.Progress | None,
) -> np.ndarray | None:
    """An attribution of core.explain.attribute, computed if there is someone to tell how far it is;
    else what is here already, or None.
    """
    seeing = model(name).changed(crop=crop)
    grid = trace(key, name, crop, _clip).grid
    place = ("attributed", name, seeing.card.hash, crop, method, target, _clip.id)
    if progress is None:
        return _store(key).peek(place)
    return _store(key).get(
        place,
        lambda: attribute.attribute(method, seeing, _clip, target, grid, progress),
        lambda heat: heat.nbytes,
    )


def motion_probe(key: str, name: str, crop: str, _clip: Clip) -> np.ndarray:
    """What the model makes of the clip as it is, reversed, shuffled and frozen, (4, C)."""
    seeing = model(name).changed(crop=crop)
    make = lambda: compare.motion_probe(seeing, _clip)  # noqa: E731
    return _store(key).get(
        ("probe", name, seeing.card.hash, crop, _clip.id), make, lambda p: p.nbytes
    )


def aligned_flow(key: str, name: str, crop: str, layer: int, _clip: Clip) -> np.ndarray | None:
    """AM flow with the aligning encoder, (T - 1, h, w); None for weights, or a block, without
    one.
    """
    seeing = model(name).changed(crop=crop)
    net = seeing.net
    if not isinstance(net, AMFlow) or net.aligning is None or layer not in net.am_blocks:
        return None
    make = lambda: explain.am_flow(seeing, _clip, layer)  # noqa: E731
    return _store(key).get(
        ("aligned", name, seeing.card.hash, crop, layer, _clip.id), make, lambda flow: flow.nbytes
    )


def optical_flow(key: str, _clip: Clip) -> np.ndarray:
    """Length of Farneback's optical flow in pixels, (T - 1, H, W)."""
    make = lambda: optical.magnitude(optical.optical_flow(_clip.frames))  # noqa: E731
    return _store(key).get(("optical", _clip.id), make, lambda flow: flow.nbytes)


def truth(key: str, _clip: Clip) -> Truth | None:
    """What really moves, for a rendered clip; None for any other."""
    if not key.startswith("render:"):
        return None
    _, label, seed = key.split(":")
    make = lambda: truth_of(render(label, int(seed), frames=RENDERED_FRAMES), _clip.times)  # noqa: E731
    return _store(key).get(
        ("truth", _clip.id), make, lambda true: true.mask.nbytes + true.motion.nbytes
    )
