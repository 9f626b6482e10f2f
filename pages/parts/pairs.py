"""The maps of the AM flow page, each of which has a step for each pair of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core import explain
from core.draw.export import Numbers
from core.draw.lettering import number
from core.draw.overlay import fitted, overlay
from core.draw.panels import SEVERAL, panels
from core.draw.timeline import peaks, strongest
from core.explain.am_flow import displayed, flow_of, has_aligned_flow
from core.explain.scores import PairMap
from core.models.am_flow import Mode
from core.video import crop_box
from core.world.truth import Truth
from pages.parts import cached, links
from pages.parts.controls import colours_box, opacity_slider
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen
from pages.parts.several import say_untrained
from pages.parts.show import HELP
from pages.parts.subject import Choice

Inside = tuple[slice, slice, slice]
"""The part of frames (T, H, W) that the model sees."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn, and how."""

    block: int
    """From 0."""
    opacity: float
    colours: str


@dataclass(frozen=True)
class Pairs:
    """What changes from each frame to the next, in the part of it that the model sees."""

    choice: Choice
    block: int
    attention: np.ndarray
    """(T, h, w) the class token's weights."""
    flows: dict[Mode, np.ndarray]
    """(T - 1, h, w) AM flow."""
    optical: np.ndarray
    """(T - 1, H, W) pixels."""
    truth: Truth | None
    """Of a rendered clip."""

    @property
    def steps(self) -> list[str]:
        """The pairs, counted from 1."""
        return [f"{t + 1} → {t + 2}" for t in range(len(self.attention) - 1)]

    @property
    def maps(self) -> list[PairMap]:
        """What is measured, as it is drawn: attention from its least to its most over the clip."""
        attention = displayed(self.attention, "post")
        return [
            PairMap("Attention A<sub>t</sub>", attention[:-1], "first"),
            PairMap("Attention A<sub>t+1</sub>", attention[1:], "second"),
            *(
                PairMap(f"AM flow, {mode}", displayed(flow, mode), "both")
                for mode, flow in self.flows.items()
            ),
            PairMap("Optical flow", self.optical, "both"),
        ]

    @property
    def true_motion(self) -> list[PairMap]:
        """What is known, where it is known."""
        return [PairMap("True motion", self.truth.motion, "both")] if self.truth else []


def drawing(choice: Choice) -> Drawing:
    """Draw the controls."""
    blocks = [attention.layer + 1 for attention in explain.in_every_layer(cached.trace(choice))]
    columns = st.columns([1.2, 2.5, 2.5, 3], vertical_alignment="bottom")
    links.meant("block", {block: str(block) for block in blocks})
    block = columns[0].selectbox(
        "Block",
        blocks,
        index=len(blocks) - 1,
        key="block",
        bind="query-params",
        help=HELP["layer"],
    )
    opacity = opacity_slider(columns[1], "flow_opacity", 0.7)
    return Drawing(block - 1, opacity, colours_box(columns[2], "flow_colours"))


def pairs(choice: Choice, block: int) -> Pairs:
    """Everything that the page shows of a block."""
    trace = cached.trace(choice)
    flows: dict[Mode, np.ndarray] = {
        "static": flow_of(trace, "static", block),
        "pre": flow_of(trace, "pre", block),
        "post": flow_of(trace, "post", block),
    }
    if has_aligned_flow(choice.loaded, block):
        flows["aligned"] = cached.aligned_flow(choice, block)
    inside = _inside(choice)
    truth = cached.truth(choice)
    if truth is not None:
        truth = Truth(truth.mask[inside], truth.motion[inside])
    optical = cached.optical_flow(choice)[inside]
    return Pairs(choice, block, explain.spatial(trace, block), flows, optical, truth)


def _inside(choice: Choice) -> Inside:
    height, width = choice.clip.size
    top, left, high, wide = crop_box(height, width, choice.crop)
    return slice(None), slice(top, top + high), slice(left, left + wide)


def say_what_is_shown(in_sidebar: Choice, pairs: Pairs) -> None:
    """Say which model this page shows, and which kinds of AM flow there are.

    The model is named where the sidebar's has no AM flow.
    """
    say_untrained([pairs.choice])
    lines = ["AM flow is how much the attention map changes from one frame to the next:"]
    if in_sidebar.model != pairs.choice.model:
        lines = [
            f"{in_sidebar.title} computes no AM flow, so this page shows **{pairs.choice.title}**, "
            f"on its own {len(pairs.choice.clip)} frames.",
            *lines,
        ]
    lines.append(
        "*static* is the change of its raw scores, *pre* that of each weight of the finished map, "
        "*post* that of what each patch gets of it in all"
    )
    if "aligned" in pairs.flows:
        lines.append(
            "and *aligned* the same after an encoder that is meant to undo the camera's motion."
        )
    else:
        lines.append(
            "(these weights have **no aligning encoder**, which is to undo the camera's motion)."
        )
    st.info(" ".join(lines), icon=":material/info:")


def from_one_frame_to_the_next(pairs: Pairs, drawing: Drawing) -> Exhibit:
    """The clip once for each map."""
    st.subheader(
        "From one frame to the next",
        help=f"{HELP['am_flow']}  \n**Optical flow**: how far each pixel moves, from the pixels "
        r"alone (Farnebäck): $|(u,v)|$ with $I_{t+1}(x+u,y+v)\approx I_t(x,y)$.  "
        "\n**True motion**: the hand's own, without "
        r"the camera's: $|x_{t+1}-C_{t+1}C_t^{-1}x_t|$ of the fingertip $x$, camera $C$.",
    )
    clip = pairs.choice.clip
    frames = fitted(clip.frames[_inside(pairs.choice)], 300, SEVERAL)
    maps = [*pairs.maps, *pairs.true_motion]
    overlays = [
        overlay(
            frames[1:] if each.of == "second" else frames[:-1],
            each.heat,
            opacity=drawing.opacity,
            colour_map=drawing.colours,
        )
        for each in maps
    ]
    titles = [each.title for each in maps]
    names = [title.replace("<sub>", " ").replace("</sub>", "") for title in titles]
    columns, times = min(4, len(maps)), clip.times[:-1]
    opens_on = strongest(peaks(each.heat) for each in maps if each.of == "both")

    def figure(page: Seen) -> go.Figure:
        return panels(
            overlays,
            times,
            titles,
            steps=pairs.steps,
            columns=columns,
            height=page.room(620),
            opens_on=opens_on,
            width=page.across(columns),
        )

    return Exhibit(
        figure,
        "flow",
        "For each pair of frames: " + ", ".join(names),
        [(pairs.choice, _ranges(pairs))],
        numbers=_numbers(pairs),
        film=Film(overlays, times, names, columns),
    )


def _span(values: np.ndarray) -> str:
    """From where to where values go."""
    return f"{number(float(values.min()), '.3g')} to {number(float(values.max()), '.3g')}"


def _ranges(pairs: Pairs) -> str:
    """From where to where the values of each map go."""
    attention = pairs.attention
    flows = ", ".join(f"{mode} {_span(flow)}" for mode, flow in pairs.flows.items())
    return (
        f"block {pairs.block + 1}, mean over heads · each map from its least to its most over the "
        f"clip; attention {_span(attention)}, AM flow {flows}, "
        f"Farnebäck's optical flow to {pairs.optical.max():.1f} px"
    )


def _numbers(pairs: Pairs) -> Numbers:
    numbers = {
        "attention": (pairs.attention, "(T, h, w) class token's weights"),
        "optical_flow": (pairs.optical, "(T - 1, H, W) pixels"),
    }
    for mode, flow in pairs.flows.items():
        numbers[f"am_flow_{mode}"] = (flow, "(T - 1, h, w) AM flow")
    if pairs.truth is not None:
        motion = pairs.truth.motion
        numbers["true_motion"] = (motion, "(T - 1, H, W) pixels that the hand moves")
    return numbers
