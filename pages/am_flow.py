"""AM flow: how attention maps change from frame to frame, beside optical flow and the true motion."""

import numpy as np
import streamlit as st

from core import explain, figures, motion
from core.render import COLOUR_MAPS, enlarged, overlay
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.several import with_am_flow
from pages.parts.show import HELP, NOT_AN_EXPLANATION, chart, provenance

picked = chosen()
choice = with_am_flow(picked)
clip, card = choice.clip, choice.card
trace = cached.trace(choice.key, choice.model, choice.crop, clip)
blocks = [a.layer + 1 for a in explain.over_space(trace)]

controls = st.columns([1.2, 2.5, 2.5, 3], vertical_alignment="bottom")
block = controls[0].selectbox("Block", blocks, index=len(blocks) - 1, key="block", bind="query-params", help=HELP["layer"]) - 1
opacity = controls[1].slider("Opacity", 0.0, 1.0, 0.7, key="flow_opacity", bind="query-params")
colours = controls[2].selectbox("Colours", list(COLOUR_MAPS), key="flow_colours", bind="query-params")
aligned = cached.aligned_flow(choice.key, choice.model, choice.crop, block, clip)
said = f"{picked.title} computes no AM flow, so this page shows **{choice.title}**. " * (choice.model != picked.model)
said += "" if card.trained_on else "**Random weights**: how it is built, not what it sees. "
st.info(said + ("With the aligning encoder: *aligned*; without: *static* and *post*." if aligned is not None else
                         "These weights have **no aligning encoder**: *static* and *post*, from the same logits."),
        icon=":material/info:")

attention = explain.spatial(trace, block)
flows = {"static": motion.flow_of(trace, "static", block), "post": motion.flow_of(trace, "post", block)}
flows |= {} if aligned is None else {"aligned": aligned}
box = crop_box(*clip.size, choice.crop)
top, left, height, width = box
inside = (slice(None), slice(top, top + height), slice(left, left + width))
optical, truth = cached.optical_flow(choice.key, clip)[inside], cached.truth(choice.key, clip)
drawn = motion.displayed(attention, "post")  # min-max over the clip, like the flow
heats = {"Attention A<sub>t</sub>": drawn[:-1], "Attention A<sub>t+1</sub>": drawn[1:]}
heats |= {f"AM flow, {mode}": motion.displayed(flow, mode) for mode, flow in flows.items()}
heats |= {"Optical flow": optical}
heats |= {} if truth is None else {"True motion": truth.motion[inside]}

pictures = enlarged(clip.frames[inside], 300)
shown = [overlay(pictures[1:] if "t+1" in name else pictures[:-1], heat, opacity=opacity, colour_map=colours)
         for name, heat in heats.items()]
steps = [f"{t + 1} → {t + 2}" for t in range(len(clip) - 1)]
st.subheader("From one frame to the next", help=f"{HELP['am_flow']}  \n**Optical flow**: how far each pixel moves, from the pixels alone "
             r"(Farnebäck): $|(u,v)|$ with $I_{t+1}(x+u,y+v)\approx I_t(x,y)$.  " "\n**True motion**: the hand's own, without "
             r"the camera's: $|x_{t+1}-C_{t+1}C_t^{-1}x_t|$ of the fingertip $x$, camera $C$.")
columns = 4 if len(heats) > 3 else len(heats)
chart(figures.panels(shown, clip.times[:-1], list(heats), steps=steps, columns=columns, height=620), "flow",
      "For each pair of frames: " + ", ".join(heats).replace("<sub>", "").replace("</sub>", ""))
provenance(choice, f"block {block + 1}, mean over heads · each map from its least to its most over the clip; attention "
           f"{attention.min():.3g} to {attention.max():.3g}, AM flow "
           + ", ".join(f"{mode} {flow.min():.3g} to {flow.max():.3g}" for mode, flow in flows.items())
           + f", Farnebäck's optical flow to {optical.max():.1f} px")

compared = {name: heat for name, heat in heats.items() if "t+1" not in name}
left_side, right_side = st.columns(2, gap="large")
with left_side:
    st.subheader("How much changes when", help="The mean of each map over the picture, as a part of its own largest value.")
    means = {name: np.asarray(heat.mean((1, 2))) for name, heat in compared.items() if "Attention" not in name}
    chart(figures.over_pairs(means, steps, height=420), "when", "How much each map changes from pair to pair")
    provenance(choice, f"block {block + 1}, mean over places of the maps above")
with right_side:
    st.subheader("Does it find the hand?", help=f"{HELP['energy']}  \n{HELP['auc']}  \nOf the maps as drawn above, over all "
                 "pairs; the hand is its true mask (hand, arm and sleeve) in either frame of the pair, of frame t for A.")
    if truth is None:
        st.info("Scores need the true place of the hand, which only rendered clips have: choose **Rendered** in the sidebar.")
    else:
        mask = truth.mask[inside]
        either = mask[:-1] | mask[1:]
        found = {name: (motion.resized(heat, height, width), mask[:-1] if "Attention" in name else either)
                 for name, heat in compared.items() if name != "True motion"}
        scores = {"energy inside": [motion.energy_inside(*pair) for pair in found.values()],
                  "ROC AUC": [motion.roc_auc(*pair) for pair in found.values()]}
        chart(figures.score_bars(list(found), scores, {"energy inside": float(either.mean()), "ROC AUC": 0.5}, height=420), "scores",
              "Scores of each map against the true mask of the hand")
        provenance(choice, f"block {block + 1}, {len(either)} pairs, the hand covers {100 * either.mean():.1f} % of the picture")
st.caption(NOT_AN_EXPLANATION)
