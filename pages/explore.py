"""Explore: where the model looks, in space and in time."""

import streamlit as st

from core import explain, figures
from core.render import COLOUR_MAPS, enlarged, outlined, overlay
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.show import HELP, NOT_AN_EXPLANATION, chart, provenance

choice = chosen()
trace = cached.trace(choice.key, choice.model, choice.crop, choice.clip)
space = explain.over_space(trace)
labels = list(choice.card.labels)
best = int(trace.probabilities.argmax())

controls = st.columns([3.4, 1.1, 1.2, 1.8, 1.6, 1.5], vertical_alignment="bottom")
VIEWS = {"attention": "Attention", "gradcam": "GradCAM", "frames": "Frames"}
view = controls[0].segmented_control("Overlay", list(VIEWS), format_func=VIEWS.get, default="attention", required=True, key="view",
                                     bind="query-params", help=f"**Attention**: {HELP['spatial']}  \n**GradCAM**: {HELP['gradcam']}")
layers = [a.layer + 1 for a in space]
layer = controls[1].selectbox("Layer", layers, index=len(layers) - 1, key="layer", bind="query-params", help=HELP["layer"]) - 1
head_names = ["mean", "max", *(str(h + 1) for h in range(space[0].heads))]
head_name = controls[2].selectbox("Head", head_names, key="head", bind="query-params", help=HELP["head"])
head = head_name if head_name in ("mean", "max") else int(head_name) - 1
target = controls[3].selectbox("GradCAM class", labels, index=best, key=f"target-{choice.clip.id}-{choice.model}",
                               disabled=view != "gradcam", help="GradCAM asks where the evidence for this class is.")
opacity = controls[4].slider("Opacity", 0.0, 1.0, 0.6, key="opacity", bind="query-params")
colours = controls[5].selectbox("Colours", list(COLOUR_MAPS), key="colours", bind="query-params")

if view == "gradcam":
    cam = cached.gradcam(choice.key, choice.model, choice.crop, labels.index(target), choice.clip)
    heat, signed, drawn = cam.heat, False, f"GradCAM of *{target}* (P = {100 * cam.probability:.1f} %)"
else:
    heat, signed = explain.spatial(trace, layer, head), space[layer].kernel.signed
    asked = "class-token attention" if explain.has_class_token(space[layer]) else "attention that each patch gets"
    drawn = f"{asked}, layer {layer + 1}, head {head_name}"

large = enlarged(choice.clip.frames, 360)
box = crop_box(*large.shape[1:3], choice.crop)
shown = large if view == "frames" else overlay(large, heat, opacity=opacity, signed=signed, colour_map=colours, box=box)
if choice.crop == "centre":
    shown = outlined(shown, box)

left, right = st.columns([6, 5], gap="large")
with left:
    st.subheader("Where it looks", help=HELP["gradcam"] if view == "gradcam" else HELP["spatial"])
    chart(figures.player(shown, choice.clip.times), "player", f"The clip with {drawn}")
    if view == "frames":
        provenance(choice, "the frames that the model is given")
    else:
        provenance(choice, f"{drawn} · scale {heat.min():.3g} to {heat.max():.3g}, one for the whole clip")
    st.subheader("What it sees", help="The five most probable classes, from the softmax of the scores.")
    chart(figures.class_bars(labels, trace.probabilities, height=230), "classes", f"Most probable class: {labels[best]}")
    provenance(choice, "class probabilities")
with right:
    st.subheader("Which frames look at which", help=HELP["temporal"])
    matrix = explain.temporal(trace, layer, head)
    drawing = figures.temporal_map(matrix, trace.frames, signed=explain.time_is_signed(trace), height=640)
    chart(drawing, "temporal", "Attention from each frame to each frame")
    provenance(choice, f"time attention, layer {layer + 1}, head {head_name}, mean over places · {matrix.min():.3f} to {matrix.max():.3f}")
st.caption(NOT_AN_EXPLANATION)
