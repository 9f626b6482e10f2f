"""What the viewer shows, as a file: drawn again here from what the viewer says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import explain
from core.draw import export, packing
from core.draw.overlay import COLOUR_MAPS, enlarged, overlay
from core.observe import Trace
from core.video import crop_box
from pages.parts import cached
from pages.parts.look import Look, read
from pages.parts.show import NOT_AN_EXPLANATION, plain, provenance_line
from pages.parts.subject import Choice

KINDS = ("mp4", "gif", "npz")


def frame_map(
    trace: Trace, look: Look, layer: int, times: object
) -> dict[str, tuple[np.ndarray, str]]:
    """The map from frame to frame that stands beside the clip, with its meaning; empty where this
    layer has none.

    `times` is the tap that the browser names; a head that this attention lacks is answered by the
    mean.
    """
    taps = packing.time_taps(trace)
    tap = look.tap if look.tap in taps else times if times in taps else next(iter(taps), None)
    found = explain.over_time(trace, tap) if tap else explain.over_space(trace)
    of_layer = [a for a in found if a.layer == layer]
    if not of_layer:
        return {}
    head = look.head if not isinstance(look.head, int) or look.head < of_layer[0].heads else "mean"
    what = (
        f"attention from frame (row) to frame (column), {tap}"
        if tap
        else "minus the AM-flow magnitude, blind to direction"
    )
    name = f"head {head + 1}" if isinstance(head, int) else f"{head} over heads"
    return {
        "frame_map": (
            explain.temporal(trace, layer, head, tap),
            f"(T', T') {what}, layer {layer + 1}, {name}",
        )
    }


def kept(choice: Choice, trace: Trace, state: dict[str, Any]) -> tuple[str, bytes]:
    """Name and bytes of a file. `state` comes from a browser: what it names and does not exist is
    left as the viewer opens.

    `keep` is one of KINDS; `top` ends a shared scale, and weights smaller than `cut` are not drawn.
    """
    look = read(state, trace)
    layers = [a.layer for a in explain.over_space(trace, look.tap)]
    layer = state["layer"] if state.get("layer") in layers else layers[-1]
    if state.get("query") == "gradcam":
        target = _number(state, "target", 0, len(trace.logits) - 1, int(trace.logits.argmax()))
        heat, signed = (
            cached.gradcam(choice, int(target)).heat,
            False,
        )
        words = f"GradCAM of {trace.card.labels[int(target)]}"
    else:
        heat = explain.hover(trace, layer, look.head, look.query, look.view, look.tap)
        signed = explain.view_is_signed(trace, look.patch_view, look.tap)
        words = f"layer {layer + 1}, {look.words}"
    low, high = float(np.nanmin(heat)), float(np.nanmax(heat))
    lines = [
        plain(provenance_line(choice, f"{words}, raw range {low:.3g} to {high:.3g}")),
        NOT_AN_EXPLANATION,
    ]
    if state["keep"] == "npz":
        return "attention.npz", export.npz(
            {
                "map": (heat, "(T', h, w) weights, NaN where the query cannot see"),
                "times": (choice.clip.times, "(T,) seconds of the frames"),
                "token_times": (trace.token_times, "(T',) seconds of the map's steps"),
                "probabilities": (trace.probabilities, "(C,) softmax of the scores"),
            }
            | frame_map(trace, look, layer, state.get("times")),
            "\n".join(lines),
        )
    large = enlarged(choice.clip.frames, 360)
    scale = state.get("scale")
    drawn = np.where(np.abs(heat) < _number(state, "cut", 0, np.inf, 0.0), np.nan, heat)
    top = _number(state, "top", 1e-12, np.inf, high) if scale == "shared" else None
    frames = overlay(
        large,
        drawn,
        signed=signed,
        smooth=bool(state.get("smooth")),
        box=crop_box(*large.shape[1:3], choice.crop),
        scale="frame" if scale == "frame" else "clip",
        top=top,
        opacity=_number(state, "opacity", 0, 1, 0.65),
        colour_map=state["colours"] if state.get("colours") in COLOUR_MAPS else "inferno",
    )
    return f"attention.{state['keep']}", (export.mp4 if state["keep"] == "mp4" else export.gif)(
        frames, choice.clip.times, lines
    )


def _number(state: dict[str, Any], name: str, low: float, high: float, otherwise: float) -> float:
    """A number of the state, kept within its bounds."""
    value = state.get(name)
    return min(max(float(value), low), high) if isinstance(value, int | float) else otherwise
