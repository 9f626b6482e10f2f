"""Explore's lower half: the viewer's query from layer to layer, and through space and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from core import explain
from core.draw.overlay import Box, overlay
from core.draw.panels import SEVERAL, panels
from core.draw.timeline import peaks, strongest
from core.draw.tube import centres, tube
from core.draw.tube_film import tube_film
from core.errors import BadInput
from core.video import digest
from pages.parts import cached, links
from pages.parts.controls import by_title
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen, seen
from pages.parts.look import Drawing, Look, Wish, drawing, from_text, read
from pages.parts.show import HELP, pictures, raw_range
from pages.parts.subject import Choice

MAPS = {"attention": "Attention of each layer", "rollout": "Rollout up to each layer"}
SCALED = {
    "clip": "each layer has a scale of its own",
    "frame": "each frame has a scale of its own",
    "shared": "one scale for all layers",
}
COLUMNS = 4
SPACE_AND_TIME = "Through space and time"


@dataclass(frozen=True)
class LayerMaps:
    """What one query sees in each layer."""

    look: Look
    made: str
    """What the maps are, in words."""
    heats: dict[int, np.ndarray]
    """Layer -> (T', h, w) weights, NaN where the query cannot see."""
    laid: Callable[[np.ndarray], np.ndarray]
    """Lays the map of a layer over the clip: (T, H, W, 3) uint8. They are large: none is kept."""
    box: Box
    """The part of the overlays that the model sees."""
    opens_on: int
    """The frame of the clip, from 0."""

    @property
    def layer(self) -> int:
        """The layer that the viewer shows, or the last that has a map."""
        return self.look.layer if self.look.layer in self.heats else list(self.heats)[-1]


@st.fragment
def what_the_viewer_shows(choice: Choice) -> None:
    """The sections below the viewer, which follow it: only they run again when it shows another."""
    st.subheader("From layer to layer", help=HELP["layers"])
    page = seen(clip=digest(choice.place))
    wish = from_text(page.look)
    kind = layer_map(choice, wish)
    if page.waits:
        st.html('<div data-testid="figures-wait"></div>')
        st.subheader(SPACE_AND_TIME, help=HELP["tube"])
        return
    maps = layer_maps(choice, wish, is_rollout=kind == "rollout")
    from_layer_to_layer(choice, maps, page).draw()
    through_space_and_time(choice, maps).draw()


def layer_map(choice: Choice, wish: Wish) -> str | None:
    """Draw the choice of the map, a key of MAPS, and what is followed."""
    links.meant("layer_map", MAPS)
    kind = st.segmented_control(
        "Map",
        list(MAPS),
        format_func=by_title(MAPS),
        default="attention",
        required=True,
        key="layer_map",
        bind="query-params",
        help=f"**Attention**: {HELP['layers']}  \n**Rollout**: {HELP['rollout']}",
    )
    trace = cached.trace(choice)
    followed = _followed(wish, read(wish, trace), drawing(wish, len(choice.clip)))
    st.caption(followed, help=HELP["followed"])
    return kind


def layer_maps(choice: Choice, wish: Wish, *, is_rollout: bool) -> LayerMaps:
    """Lay the map of each layer over the clip."""
    trace = cached.trace(choice)
    look, drawn = read(wish, trace), drawing(wish, len(choice.clip))
    kind, heats = _heats(choice, look, is_rollout=is_rollout)
    frames, box = pictures(choice, 240, SEVERAL)
    signed = kind == "attention" and explain.view_is_signed(trace, look.patch_view, look.tap)
    top = _highest(heats) if drawn.scale == "shared" else None
    laid = partial(
        overlay,
        frames,
        opacity=drawn.opacity,
        signed=signed,
        scale="frame" if drawn.scale == "frame" else "clip",
        colour_map=drawn.colours,
        smooth=drawn.smooth,
        box=box,
        top=top,
    )
    words = look.words if kind == "attention" else look.rolled
    made = f"{MAPS[kind].lower()}, {words}, {SCALED[drawn.scale]}"
    opens_on = drawn.frame
    if opens_on is None:
        opens_on = strongest_frame(heats.get(look.layer, next(iter(heats.values()))), len(frames))
    return LayerMaps(look, made, heats, laid, box, opens_on)


def _followed(wish: Wish, look: Look, drawn: Drawing) -> str:
    """A line that says what is followed."""
    line = f"They follow the viewer above: {look.words}; {SCALED[drawn.scale]}."
    if wish.get("query") == "gradcam":
        line += " GradCAM itself has no layers: it is of the last block alone."
    return line


def strongest_frame(heat: np.ndarray, frames: int) -> int:
    """The first frame of the step (T', h, w) with the largest weight, of so many frames."""
    unit = frames // len(heat)
    return unit * strongest([peaks(heat)])


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


def from_layer_to_layer(choice: Choice, maps: LayerMaps, page: Seen) -> Exhibit:
    """The clip once for each layer."""
    heats = maps.heats

    def overlays() -> list[np.ndarray]:
        return [maps.laid(heat) for heat in heats.values()]

    titles = [f"<b>Layer {layer + 1}</b>  {raw_range(heat)}" for layer, heat in heats.items()]
    columns = min(COLUMNS, len(heats))
    figure = panels(
        overlays(),
        choice.clip.times,
        titles,
        columns=columns,
        height=None,
        opens_on=maps.opens_on,
        width=page.across(columns),
    )
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
    st.subheader(SPACE_AND_TIME, help=HELP["tube"])
    heats = maps.heats
    layer = maps.layer
    heat = heats[layer]
    frames = maps.laid(heat)
    unit = len(frames) // len(heat)
    top, left, height, width = maps.box
    steps = frames[::unit, top : top + height, left : left + width]
    token_times = cached.trace(choice).token_times
    drawn = (steps, heat, [f"{time:.2f} s" for time in token_times], maps.look.patch)
    figure = tube(*drawn)
    figure.update_layout(meta={"columns": COLUMNS})  # as wide on a phone as so many pictures
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
        film=Film(lambda: [tube_film(*drawn)], token_times),
    )
