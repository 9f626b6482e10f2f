"""What the viewer shows, as a file: drawn again here from what the viewer says of itself."""

from __future__ import annotations

import numpy as np

from core import explain
from core.draw import export, packing
from core.draw.export import Numbers
from core.draw.lettering import number
from core.draw.overlay import overlay
from core.models import spec
from core.observe import Trace
from core.trace import Attention, Head
from pages.parts import cached
from pages.parts.look import Look, Wish, drawing, read
from pages.parts.show import NOT_AN_EXPLANATION, pictures, plain, provenance_line
from pages.parts.subject import Choice

KINDS = ("mp4", "gif", "npz")


def kept(choice: Choice, trace: Trace, state: Wish) -> tuple[str, bytes]:
    """Name and bytes of a file of what the viewer shows.

    Of `state`, `keep` is one of KINDS; `top` ends a shared scale, and weights smaller than `cut`
    are not drawn.
    """
    look = read(state, trace)
    heat, signed, words = _heat(choice, trace, look, state)
    low, high = float(np.nanmin(heat)), float(np.nanmax(heat))
    detail = f"{words}, raw range {number(low, '.3g')} to {number(high, '.3g')}"
    lines = [plain(provenance_line(choice, detail)), NOT_AN_EXPLANATION]
    kind = state["keep"]
    if kind == "npz":
        numbers = {**_numbers(choice, trace, heat), **frame_map(trace, look, state)}
        return "attention.npz", export.npz(numbers, "\n".join(lines))
    frames = _frames(choice, heat, signed, high, state)
    make = export.mp4 if kind == "mp4" else export.gif
    return f"attention.{kind}", make(frames, choice.clip.times, lines)


def _heat(choice: Choice, trace: Trace, look: Look, state: Wish) -> tuple[np.ndarray, bool, str]:
    """What is drawn over the clip (T', h, w), whether it can be negative, and what it is."""
    if state.get("query") == "gradcam":
        trace.card.check_names_classes()
        best = int(trace.logits.argmax())
        target = int(_number(state, "target", 0, len(trace.logits) - 1, best))
        cam = cached.gradcam(choice, target)
        return cam.heat, False, f"GradCAM of {trace.card.labels[target]}"
    heat = explain.hover(trace, look.layer, look.head, look.query, look.view, look.tap)
    signed = explain.view_is_signed(trace, look.patch_view, look.tap)
    return heat, signed, f"layer {look.layer + 1}, {look.words}"


def _numbers(choice: Choice, trace: Trace, heat: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """The numbers of what is drawn, with what each means."""
    return {
        "map": (heat, "(T', h, w) weights, NaN where the query cannot see"),
        "times": (choice.clip.times, "(T,) seconds of the frames"),
        "token_times": (trace.token_times, "(T',) seconds of the map's steps"),
        "probabilities": (trace.probabilities, "(C,) softmax of the scores"),
    }


def frame_map(trace: Trace, look: Look, state: Wish) -> Numbers:
    """The map from frame to frame that stands beside the clip, with its meaning.

    Empty where this layer has none. `state["times"]` is the tap that the browser names; a head that
    this attention lacks is answered by the mean.
    """
    layer, tap = look.layer, _time_tap(trace, look, state)
    attentions = explain.over_time(trace, tap) if tap else explain.in_every_layer(trace)
    of_layer = [attention for attention in attentions if attention.layer == layer]
    if not of_layer:
        return {}
    head = _head(look, of_layer[0])
    what = "minus the AM-flow magnitude, blind to direction"
    if tap:
        what = f"attention from frame (row) to frame (column), {tap}"
        if spec(trace.model).frames_beside:
            what += ", computed beside the network after the clip: rows also see later frames"
    name = f"head {head + 1}" if isinstance(head, int) else f"{head} over heads"
    matrix = explain.temporal(trace, layer, head, tap)
    return {"frame_map": (matrix, f"(T', T') {what}, layer {layer + 1}, {name}")}


def _time_tap(trace: Trace, look: Look, state: Wish) -> str | None:
    """The attention from frame to frame that is shown, None where no tap records one."""
    taps = packing.time_taps(trace)
    for tap in (look.tap, state.get("times")):
        if tap in taps:
            return str(tap)
    return next(iter(taps), None)


def _head(look: Look, attention: Attention) -> Head:
    if isinstance(look.head, int) and look.head >= attention.heads:
        return "mean"
    return look.head


def _frames(choice: Choice, heat: np.ndarray, signed: bool, high: float, state: Wish) -> np.ndarray:
    """The clip with what is drawn over it, as the viewer draws it; `high` is its largest weight."""
    large, box = pictures(choice, 360, packing.PICTURE)
    cut = _number(state, "cut", 0, np.inf, 0.0)
    drawn = drawing(state, len(large))
    return overlay(
        large,
        np.where(np.abs(heat) < cut, np.nan, heat),
        signed=signed,
        smooth=drawn.smooth,
        box=box,
        scale="frame" if drawn.scale == "frame" else "clip",
        top=_number(state, "top", 1e-12, np.inf, high) if drawn.scale == "shared" else None,
        opacity=drawn.opacity,
        colour_map=drawn.colours,
    )


def _number(state: Wish, name: str, low: float, high: float, otherwise: float) -> float:
    """A number of the state, kept within its bounds."""
    value = state.get(name)
    if not isinstance(value, int | float):
        return otherwise
    return min(max(float(value), low), high)
