"""Explore: where the model looks, in space and in time, and from layer to layer."""

import numpy as np
import streamlit as st

from core import explain
from core.draw.overlay import COLOUR_MAPS, enlarged, overlay
from core.draw.panels import panels
from core.draw.tube import centres, tube
from core.errors import BadInput
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.export import class_exhibit, exhibit
from pages.parts.look import chosen_look
from pages.parts.show import HELP, NOT_AN_EXPLANATION, VIEWER_KEYS, provenance, raw_range
from pages.parts.viewer import viewer

choice = chosen()
clip = choice.clip

viewer(choice)
provenance(choice, "attention computed from the recorded queries and keys")

left, right = st.columns([6, 5], gap="large")
trace = cached.trace(choice.key, choice.model, choice.crop, clip)
with left:
    st.subheader("What it sees", help="The five most probable classes: " + HELP["probability"])
    class_exhibit(choice, trace.probabilities, "classes")
with right:
    st.subheader("How to read it")
    st.markdown(VIEWER_KEYS)
    st.caption(NOT_AN_EXPLANATION)

st.subheader("From layer to layer", help=HELP["layers"])
look = chosen_look(trace)
controls = st.columns([2.6, 1.2, 1.4, 1.4], vertical_alignment="bottom")
MAPS = {"attention": "Attention of each layer", "rollout": "Rollout up to each layer"}
kind = controls[0].segmented_control(
    "Map",
    list(MAPS),
    format_func=MAPS.get,
    default="attention",
    required=True,
    key="layer_map",
    bind="query-params",
    help=f"**Attention**: {HELP['layers']}  \n**Rollout**: {HELP['rollout']}",
)
scale = controls[1].selectbox(
    "Scale", ["clip", "frame", "shared"], key="layer_scale", bind="query-params", help=HELP["scale"]
)
opacity = controls[2].slider(
    "Opacity", 0.0, 1.0, 0.65, key="layer_opacity", bind="query-params", help=HELP["opacity"]
)
colours = controls[3].selectbox(
    "Colours", list(COLOUR_MAPS), key="layer_colours", bind="query-params", help=HELP["colours"]
)
ask = (look.tap, look.query, look.view, look.head, clip)
try:
    heats = cached.along_layers(choice.key, choice.model, choice.crop, kind == "rollout", *ask)
except BadInput as error:
    st.info(
        f"No rollout here: {error}. Below is the attention of each layer.", icon=":material/info:"
    )
    kind, heats = (
        "attention",
        cached.along_layers(choice.key, choice.model, choice.crop, False, *ask),
    )
signed = kind == "attention" and explain.view_is_signed(
    trace, look.view if look.asks else None, look.tap
)
top = max(float(np.nanmax(np.abs(heat))) for heat in heats.values()) if scale == "shared" else None
large = enlarged(clip.frames, 240)
box = crop_box(*large.shape[1:3], choice.crop)
shown = {
    layer: overlay(
        large,
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
titles = [f"<b>Layer {layer + 1}</b>  {raw_range(heat)}" for layer, heat in heats.items()]
columns = min(4, len(shown))
made = f"{MAPS[kind].lower()}, {look.words if kind == 'attention' else look.rolled}, scale: {scale}"
exhibit(
    panels(
        list(shown.values()),
        clip.times,
        titles,
        columns=columns,
        height=60 + 250 * -(-len(shown) // columns),
    ),
    "layers",
    f"The clip once for each layer with the {made}",
    [(choice, made)],
    clips=list(shown.values()),
    times=clip.times,
    titles=titles,
    columns=columns,
    numbers={
        "maps": (
            np.stack(list(heats.values())),
            "(L, T', h, w) weights, NaN where the query cannot see",
        ),
        "layers": (np.array(list(heats)) + 1, "(L,) from 1"),
        "token_times": (trace.token_times, "(T',) seconds"),
    },
)

st.subheader("Through space and time", help=HELP["tube"])
layer = st.segmented_control(
    "Layer",
    list(heats),
    format_func=lambda at: str(at + 1),
    default=list(heats)[-1],
    required=True,
    key="tube_layer",
    bind="query-params",
    help=HELP["layer"],
)
layer = layer if layer in heats else list(heats)[-1]
unit = len(clip) // len(heats[layer])
top_, left_, high, wide = box
steps = shown[layer][::unit, top_ : top_ + high, left_ : left_ + wide]
exhibit(
    tube(steps, heats[layer], [f"{t:.2f} s" for t in trace.token_times], look.asks),
    "tube",
    f"The frames one behind the other, and a tube through the {made}",
    [(choice, f"layer {layer + 1}, {made}, raw range {raw_range(heats[layer])}")],
    clips=[shown[layer]],
    times=clip.times,
    numbers={
        "map": (heats[layer], "(T', h, w) weights"),
        "token_times": (trace.token_times, "(T',) seconds"),
        "centres": (centres(heats[layer]), "(T', 5) mean x, y and spread of x, y in 0..1, share"),
    },
)
