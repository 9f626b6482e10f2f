"""Which recorded attention answers a question: over space or time, of which layer and view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from core.errors import BadInput
from core.models import spec
from core.observe import Trace
from core.trace import CLS, Attention, Axis

View = Literal["joint", "space x time", "space", "time", "each frame separately"]
"""What one patch sees, in words that the figure shows."""


def over_space(trace: Trace, tap: str | None = None) -> list[Attention]:
    """The attentions that the spatial view shows, first layer first.

    They are those of `tap`, or of the model's first choice.
    """
    return _tapped(trace, spec(trace.model).spatial_taps, tap)


def over_time(trace: Trace, tap: str | None = None) -> list[Attention]:
    """The same for the temporal view; empty for a model whose frame matrix is no attention."""
    return _tapped(trace, spec(trace.model).temporal_taps, tap)


def _tapped(trace: Trace, taps: tuple[str, ...], tap: str | None) -> list[Attention]:
    """The attentions of one tap; of several names, the first that was recorded counts.

    Settings decide which exist.
    """
    recorded = [a.name.split(".")[0] for a in trace.attentions]
    names = [name for name in taps if name in recorded]
    if tap is not None and tap not in names:
        raise BadInput(f"{trace.model} recorded no {tap!r}; choose one of {', '.join(names)}")
    shown = tap or next(iter(names), None)
    return [a for a in trace.attentions if a.name.split(".")[0] == shown]


def in_every_layer(trace: Trace) -> list[Attention]:
    """The attention over space of each layer, first layer first.

    Of several taps in one layer the model's first choice counts. A model whose grids halve from
    stage to stage (hiera) has a tap for each of them.
    """
    by_layer: dict[int, Attention] = {}
    for tap in spec(trace.model).spatial_taps:
        for attention in trace.attentions:
            if attention.name.split(".")[0] == tap:
                by_layer.setdefault(attention.layer, attention)
    return [by_layer[layer] for layer in sorted(by_layer)]


def over_space_at(trace: Trace, layer: int | None, tap: str | None = None) -> Attention:
    """The attention over space of a layer, in `tap` or else in the tap that has it.

    None is the last layer. Raises: BadInput if it is not there.
    """
    return of_layer(in_every_layer(trace) if tap is None else over_space(trace, tap), layer)


def of_layer(attentions: list[Attention], layer: int | None) -> Attention:
    """The attention of one layer; None is the last. Raises: BadInput if it is not there."""
    if not attentions:
        raise BadInput("this model has no such attention")
    layers = [a.layer for a in attentions]
    if layer is None:
        return attentions[-1]
    if layer not in layers:
        raise BadInput(f"layer {layer} does not exist; choose {layers[0]} to {layers[-1]}")
    return attentions[len(layers) - 1 - layers[::-1].index(layer)]


def has_class_token(attention: Attention) -> bool:
    """Whether a class token asks in this attention."""
    return bool((attention.layout.queries == CLS).any())


def views(trace: Trace, tap: str | None = None) -> tuple[View, ...]:
    """The ways in which a hovered patch can be shown, the first to open on.

    They follow from what each attention runs over.
    """
    attention = of_layer(over_space(trace, tap), None)
    if attention.axis is Axis.JOINT:
        return ("joint",)
    if time_beside(trace, attention) is None:
        return ("each frame separately",)
    return ("space x time", "space", "time")


def time_beside(trace: Trace, attention: Attention) -> Attention | None:
    """The attention over time of the same layer, if every patch asks at its own location, or None.

    Attention from frame to frame alone (rvit, am_flow) has no locations, and so is no such thing.
    """
    return beside(over_time(trace), attention)


def beside(times: Iterable[Attention], attention: Attention) -> Attention | None:
    """The same for the attentions over time that were recorded."""
    for time in times:
        same_place = time.layer == attention.layer and time.grid == attention.grid
        if time.axis is not Axis.TIME or not same_place:
            continue
        queries = time.layout.queries
        if len(queries[queries >= 0].unique()) == int(np.prod(time.grid)):
            return time
    return None


def time_is_signed(trace: Trace) -> bool:
    """Whether attention over time can be negative, and so must be drawn in diverging colours."""
    return any(a.kernel.signed for a in over_time(trace))


def view_is_signed(trace: Trace, view: View | None = None, tap: str | None = None) -> bool:
    """Whether what `hover` returns in this view can be negative.

    None stands for the maps of class token and mean.
    """
    attention = of_layer(over_space(trace, tap), None)
    time = time_beside(trace, attention)
    through_time = time is not None and time.kernel.signed
    if view == "time":
        return through_time
    return attention.kernel.signed or (view == "space x time" and through_time)
