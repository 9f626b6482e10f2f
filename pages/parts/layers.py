"""Explore's lower half: one query from layer to layer, and through space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import explain
from core.draw.overlay import Box, overlay
from core.draw.panels import panels
from core.draw.tube import centres, tube
from core.errors import BadInput
from pages.parts import cached
from pages.parts.controls import by_title, colours_box, opacity_slider
from pages.parts.exhibit import Exhibit, Film
from pages.parts.look import Look, current_look
from pages.parts.show import HELP, pictures, raw_range
from pages.parts.subject import Choice

MAPS = {"attention": "Attention of each layer", "rollout": "Rollout up to each layer"}
COLUMNS = 4


@dataclass(frozen=True)
class LayerMaps:
    """What one query sees in each layer."""

    look: Look
    made: str
    """What the maps are, in words."""
    heats: dict[int, np.ndarray]
    """Layer -> (T', h, w) weights, NaN where the query cannot see."""
    overlays: dict[int, np.ndarray]
    """Layer -> (T, H, W, 3) uint8."""
    box: Box
    """The part of the overlays that the model sees."""

    @property
    def last(self) -> int:
        """The last layer that has a map."""
        return list(self.heats)[-1]


def layer_maps(choice: Choice) -> LayerMaps:
    """Draw the heading and the controls, and lay the map of each layer over the clip."""
    st.subheader("From layer to layer", help=HELP["layers"])
    trace = cached.trace(choice)
    look = current_look(trace)
    columns = st.columns([2.6, 1.2, 1.4, 1.4], vertical_alignment="bottom")
    kind = columns[0].segmented_control(
        "Map",
        list(MAPS),
        format_func=by_title(MAPS),
        default="attention",
        required=True,
        key="layer_map",
        bind="query-params",
        help=f"**Attention**: {HELP['layers']}  \n**Rollout**: {HELP['rollout']}",
    )
    scale = columns[1].selectbox(
        "Scale",
        ["clip", "frame", "shared"],
        key="layer_scale",
        bind="query-params",
        help=HELP["scale"],
    )
    opacity = opacity_slider(columns[2], "layer_opacity", 0.65)
    colours = colours_box(columns[3], "layer_colours")

    kind, heats = _heats(choice, look, is_rollout=kind == "rollout")
    frames, box = pictures(choice, 240)
    signed = kind == "attention" and explain.view_is_signed(trace, look.patch_view, look.tap)
    top = _highest(heats) if scale == "shared" else None
    overlays = {
        layer: overlay(
            frames,
            heat,
            opacity=opacity,
            signed=signed,
            scale="frame" if scale == "frame" else "clip",
            colour_map=colours,
            smooth=False,
            box=box,
            top=top,
        )
        for layer, heat in heats.items()
    }
    words = look.words if kind == "attention" else look.rolled
    return LayerMaps(look, f"{MAPS[kind].lower()}, {words}, scale: {scale}", heats, overlays, box)


def _heats(choice: Choice, look: Look, *, is_rollout: bool) -> tuple[str, dict[int, np.ndarray]]:
    """The kind of the maps, a key of MAPS, and the maps.

    They are of attention where rollout is not defined, which a line says.
    """
    if is_rollout:
        try:
            return "rollout", cached.rollouts(choice, look.query, look.head)
        except BadInput as error:
            st.info(
                f"No rollout here: {error}. Below is the attention of each layer.",
                icon=":material/info:",
            )
    return "attention", cached.along_layers(choice, look.tap, look.query, look.view, look.head)


def _highest(heats: dict[int, np.ndarray]) -> float:
    """The largest weight of all layers, either way."""
    return max(float(np.nanmax(np.abs(heat))) for heat in heats.values())


def from_layer_to_layer(choice: Choice, maps: LayerMaps) -> Exhibit:
    """The clip once for each layer."""
    heats, overlays = maps.heats, list(maps.overlays.values())
    titles = [f"<b>Layer {layer + 1}</b>  {raw_range(heat)}" for layer, heat in heats.items()]
    columns = min(COLUMNS, len(overlays))
    rows = -(-len(overlays) // columns)
    figure = panels(overlays, choice.clip.times, titles, columns=columns, height=60 + 250 * rows)
    return Exhibit(
        figure,
        "layers",
        f"The clip once for each layer with the {maps.made}",
        [(choice, maps.made)],
        numbers={
            "maps": (
                np.stack(list(heats.values())),
                "(L, T', h, w) weights, NaN where the query cannot see",
            ),
            "layers": (np.array(list(heats)) + 1, "(L,) from 1"),
            "token_times": (cached.trace(choice).token_times, "(T',) seconds"),
        },
        film=Film(overlays, choice.clip.times, titles, columns),
    )


def through_space_and_time(choice: Choice, maps: LayerMaps) -> Exhibit:
    """The frames one behind the other, with a tube through what one layer's query sees."""
    st.subheader("Through space and time", help=HELP["tube"])
    heats = maps.heats
    layer = st.segmented_control(
        "Layer",
        list(heats),
        format_func=lambda layer: str(layer + 1),
        default=maps.last,
        required=True,
        key="tube_layer",
        bind="query-params",
        help=HELP["layer"],
    )
    layer = layer if layer in heats else maps.last
    heat, frames = heats[layer], maps.overlays[layer]
    unit = len(frames) // len(heat)
    top, left, height, width = maps.box
    steps = frames[::unit, top : top + height, left : left + width]
    token_times = cached.trace(choice).token_times
    figure = tube(steps, heat, [f"{time:.2f} s" for time in token_times], maps.look.patch)
    return Exhibit(
        figure,
        "tube",
        f"The frames one behind the other, and a tube through the {maps.made}",
        [(choice, f"layer {layer + 1}, {maps.made}, raw range {raw_range(heat)}")],
        numbers={
            "map": (heat, "(T', h, w) weights"),
            "token_times": (token_times, "(T',) seconds"),
            "centres": (centres(heat), "(T', 5) mean x, y and spread of x, y in 0..1, share"),
        },
        film=Film([frames], choice.clip.times),
    )
