"""AM flow: how attention maps change from frame to frame, beside optical flow and the true
motion.
"""

import streamlit as st

from core import explain
from core.draw.overlay import COLOUR_MAPS, enlarged, overlay
from core.draw.panels import panels
from core.explain.am_flow import displayed, flow_of
from core.video import crop_box
from pages.parts import cached, flow_scores
from pages.parts.choose import chosen
from pages.parts.export import exhibit
from pages.parts.several import say_untrained, with_am_flow
from pages.parts.show import HELP, NOT_AN_EXPLANATION

picked = chosen()
choice = with_am_flow(picked)
clip = choice.clip
trace = cached.trace(choice.key, choice.model, choice.crop, clip)
blocks = [a.layer + 1 for a in explain.over_space(trace)]

controls = st.columns([1.2, 2.5, 2.5, 3], vertical_alignment="bottom")
block = (
    controls[0].selectbox(
        "Block", blocks, index=len(blocks) - 1, key="block", bind="query-params", help=HELP["layer"]
    )
    - 1
)
opacity = controls[1].slider(
    "Opacity", 0.0, 1.0, 0.7, key="flow_opacity", bind="query-params", help=HELP["opacity"]
)
colours = controls[2].selectbox(
    "Colours", list(COLOUR_MAPS), key="flow_colours", bind="query-params", help=HELP["colours"]
)
aligned = cached.aligned_flow(choice.key, choice.model, choice.crop, block, clip)
said = f"{picked.title} computes no AM flow, so this page shows **{choice.title}**. " * (
    choice.model != picked.model
)
say_untrained([choice])
st.info(
    said
    + (
        "With the aligning encoder: *aligned*; without: *static* and *post*."
        if aligned is not None
        else "These weights have **no aligning encoder**: *static* and *post*, from the same "
        "logits."
    ),
    icon=":material/info:",
)

attention = explain.spatial(trace, block)
flows = {
    "static": flow_of(trace, "static", block),
    "post": flow_of(trace, "post", block),
}
flows |= {} if aligned is None else {"aligned": aligned}
box = crop_box(*clip.size, choice.crop)
top, left, height, width = box
inside = (slice(None), slice(top, top + height), slice(left, left + width))
optical, truth = cached.optical_flow(choice.key, clip)[inside], cached.truth(choice.key, clip)
drawn = displayed(attention, "post")  # min-max over the clip, like the flow
heats = {"Attention A<sub>t</sub>": drawn[:-1], "Attention A<sub>t+1</sub>": drawn[1:]}
heats |= {f"AM flow, {mode}": displayed(flow, mode) for mode, flow in flows.items()}
heats |= {"Optical flow": optical}
heats |= {} if truth is None else {"True motion": truth.motion[inside]}

pictures = enlarged(clip.frames[inside], 300)
shown = [
    overlay(
        pictures[1:] if "t+1" in name else pictures[:-1], heat, opacity=opacity, colour_map=colours
    )
    for name, heat in heats.items()
]
steps = [f"{t + 1} → {t + 2}" for t in range(len(clip) - 1)]
st.subheader(
    "From one frame to the next",
    help=f"{HELP['am_flow']}  \n**Optical flow**: how far each pixel moves, from the pixels alone "
    r"(Farnebäck): $|(u,v)|$ with $I_{t+1}(x+u,y+v)\approx I_t(x,y)$.  "
    "\n**True motion**: the hand's own, without "
    r"the camera's: $|x_{t+1}-C_{t+1}C_t^{-1}x_t|$ of the fingertip $x$, camera $C$.",
)
columns = 4 if len(heats) > 3 else len(heats)
said = (
    f"block {block + 1}, mean over heads · each map from its least to its most over the clip; "
    f"attention {attention.min():.3g} to {attention.max():.3g}, AM flow "
    + ", ".join(f"{mode} {flow.min():.3g} to {flow.max():.3g}" for mode, flow in flows.items())
    + f", Farnebäck's optical flow to {optical.max():.1f} px"
)
names = [name.replace("<sub>", " ").replace("</sub>", "") for name in heats]
exhibit(
    panels(shown, clip.times[:-1], list(heats), steps=steps, columns=columns, height=620),
    "flow",
    "For each pair of frames: " + ", ".join(names),
    [(choice, said)],
    clips=shown,
    times=clip.times[:-1],
    titles=names,
    columns=columns,
    numbers={
        "attention": (attention, "(T, h, w) class token's weights"),
        "optical_flow": (optical, "(T - 1, H, W) pixels"),
    }
    | {f"am_flow_{mode}": (flow, "(T - 1, h, w) AM flow") for mode, flow in flows.items()}
    | (
        {}
        if truth is None
        else {"true_motion": (truth.motion[inside], "(T - 1, H, W) pixels that the hand moves")}
    ),
)

compared = {name: heat for name, heat in heats.items() if "t+1" not in name}
flow_scores.draw(
    choice, f"block {block + 1}", compared, steps, None if truth is None else truth.mask[inside]
)
st.caption(NOT_AN_EXPLANATION)
