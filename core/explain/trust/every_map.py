"""Every map of a model on one clip, beside baselines that a map must beat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real, UInt8

from core.errors import BadInput
from core.explain.am_flow import flow_of
from core.explain.attribute import METHODS, attribute
from core.explain.explanation import explanation
from core.explain.maps import spatial
from core.explain.optical import magnitude, optical_flow
from core.explain.rollout import rollout
from core.explain.scores import resized
from core.explain.taps import over_space
from core.models.am_flow import MODES
from core.observe import Trace
from core.video import Clip
from core.weights import Model

BASELINES = ("uniform", "centre", "optical flow", "frame difference")
"""Maps that know nothing of the model."""
PART = "attention, layer "
"""How the names of maps of one layer or one head begin."""
SPREAD = 0.25
"""The standard deviation of the centre's bell, in parts of the picture's side."""


@dataclass(frozen=True)
class NamedMap:
    """One map, on the model's own grid."""

    name: str
    heat: Float[np.ndarray, "T h w"]
    signed: bool = False
    """Whether places can speak against the class."""


def every_map(
    model: Model, clip: Clip, attributions: Sequence[str] = (), target: int | None = None
) -> tuple[Trace, list[NamedMap]]:
    """The trace of a clip, and the maps of its attention, GradCAM, AM flow and `attributions`.

    `attributions` are of METHODS, which take many passes; `target` is the class of GradCAM and of
    them (None: the most probable). Baselines come last.

    Raises: BadInput as `observe` and `attribute`.
    """
    shown = explanation(model, clip, label=None if target is None else model.card.labels[target])
    trace, cam = shown.trace, shown.gradcam
    assert cam is not None, "the rendered strokes are known to a model that names classes"
    attentions = over_space(trace)
    signed = attentions[-1].kernel.signed
    last = f"{PART}{attentions[-1].layer + 1}"
    maps = [
        NamedMap(f"{PART}{each.layer + 1}", spatial(trace, each.layer), signed)
        for each in attentions
    ]
    maps += [
        NamedMap(f"{last}, head {head + 1}", spatial(trace, head=head), signed)
        for head in range(attentions[-1].heads)
    ]
    maps.append(NamedMap("attention", spatial(trace), signed))
    with suppress(BadInput):  # it is not defined for attention whose rows do not sum to 1
        maps.append(NamedMap("rollout", rollout(trace)))
    maps.append(NamedMap("GradCAM", cam.heat))
    if model.spec.am_flow:
        maps += _flows(trace, shown.am_flow)
    for name in attributions:
        heat = attribute(name, model, clip, cam.target, trace.grid)
        maps.append(NamedMap(METHODS[name].title, heat, METHODS[name].signed))
    return trace, [*maps, *baselines(trace.frames, trace.grid)]


def named_map(model: Model, clip: Clip, name: str, target: int) -> NamedMap:
    """The one map of `every_map` that is called so, for a class.

    Raises: BadInput as `every_map`, or if the model has no such map.
    """
    methods = [key for key, method in METHODS.items() if method.title == name]
    _, maps = every_map(model, clip, methods, target)
    by_name = {each.name: each for each in maps}
    if name not in by_name:
        raise BadInput(f"this model has no map {name!r}; choose one of {', '.join(by_name)}")
    return by_name[name]


def _flows(trace: Trace, aligned: Float[np.ndarray, "pairs h w"] | None) -> list[NamedMap]:
    """AM flow of the last block in each mode."""
    maps = [
        NamedMap(f"AM flow, {mode}", of_frames(flow_of(trace, mode)))
        for mode in MODES
        if mode != "aligned"
    ]
    if aligned is not None:
        maps.append(NamedMap("AM flow, as the adapters get it", of_frames(aligned)))
    return maps


def of_frames(pairs: Real[np.ndarray, "pairs h w"]) -> Float[np.ndarray, "T h w"]:
    """A map of each two frames as one of each frame: the pair that it begins, the last again."""
    return np.concatenate([pairs, pairs[-1:]]).astype(np.float32)


def baselines(frames: UInt8[np.ndarray, "T S S 3"], grid: tuple[int, int, int]) -> list[NamedMap]:
    """Maps that know nothing of the model, on its grid: BASELINES."""
    _, h, w = grid
    rows, columns = ((np.arange(n) + 0.5) / n - 0.5 for n in (h, w))
    bell = np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * SPREAD**2))
    flow = of_frames(magnitude(optical_flow(frames)))
    change = of_frames(np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(3))
    heats = [
        np.ones(grid, np.float32),
        np.broadcast_to(bell, grid).astype(np.float32),
        *(_on_grid(each, grid) for each in (flow, change)),
    ]
    return [NamedMap(name, heat) for name, heat in zip(BASELINES, heats, strict=True)]


def _on_grid(
    values: Real[np.ndarray, "T H W"], grid: tuple[int, int, int]
) -> Float[np.ndarray, "steps h w"]:
    """The mean of values over each cell."""
    T, h, w = grid
    H, W = values.shape[1:]
    if H % h or W % w:
        return resized(values, h, w).reshape(T, -1, h, w).mean(1)
    return values.reshape(T, -1, h, H // h, w, W // w).mean((1, 3, 5)).astype(np.float32)
