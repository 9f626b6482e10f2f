"""GradCAM: where the evidence for a class is, of one model or of two side by side."""

import streamlit as st

from core.draw.overlay import COLOUR_MAPS, enlarged, outlined, overlay
from core.draw.panels import panels
from core.video import crop_box
from pages.parts import attributions, cached
from pages.parts.choose import chosen
from pages.parts.export import class_exhibit, exhibit, slug
from pages.parts.several import fitting, options, partner
from pages.parts.show import HELP, NOT_AN_EXPLANATION, strip, titled

choice = chosen()
labels = list(choice.card.labels)
probabilities = cached.trace(choice.key, choice.model, choice.crop, choice.clip).probabilities

controls = st.columns([1.8, 2, 1.8, 1.4, 1.5], vertical_alignment="bottom")
target = controls[0].selectbox(
    "Class",
    labels,
    index=int(probabilities.argmax()),
    key=f"class-{choice.clip.id}-{choice.model}",
    bind="query-params",
    help="GradCAM asks where the evidence for this class is. It opens on the most probable one.",
)
names = {"": "nothing"} | {name: title for name, title in options().items() if name != choice.model}
second = controls[1].selectbox(
    "Beside",
    list(names),
    index=list(names).index(partner(choice)),
    format_func=names.get,
    key=f"beside-{choice.model}",
    bind="query-params",
    help="A second model on the same clip: first the paper's own baseline.",
)
shared = controls[2].toggle(
    "One scale",
    value=True,
    disabled=not second,
    key="one_scale",
    bind="query-params",
    help=HELP["one_scale"],
)
opacity = controls[3].slider(
    "Opacity", 0.0, 1.0, 0.6, key="cam_opacity", bind="query-params", help=HELP["opacity"]
)
colours = controls[4].selectbox(
    "Colours", list(COLOUR_MAPS), key="cam_colours", bind="query-params", help=HELP["colours"]
)

seen = [choice, *(fitting(choice, [second]) if second else [])]
targets = [labels.index(target)]
for other in seen[1:]:  # a model with other classes is asked for its own best one
    best = cached.trace(other.key, other.model, other.crop, other.clip).probabilities.argmax()
    targets.append(other.card.labels.index(target) if target in other.card.labels else int(best))
cams = [
    cached.gradcam(s.key, s.model, s.crop, t, s.clip) for s, t in zip(seen, targets, strict=True)
]
top = max(float(cam.heat.max()) for cam in cams) if shared else None
large = enlarged(choice.clip.frames, 360)
box = crop_box(*large.shape[1:3], choice.crop)
drawn = [
    overlay(large, cam.heat, opacity=opacity, colour_map=colours, box=box, top=top) for cam in cams
]
drawn = [outlined(frames, box) if choice.crop == "centre" else frames for frames in drawn]
titles = [
    f"{titled(s)}  {s.card.labels[t]}, P = {cam.probability:.2f}"
    for s, t, cam in zip(seen, targets, cams, strict=True)
]

st.subheader(
    f"Where the evidence for {target} is",
    help=f"{HELP['probability']}  \n{HELP['gradcam']}"
    r" $\mathrm{ReLU}\left(\sum_c\bar g_c\,x_c\right)$, $\bar g_c$ the mean gradient of the score "
    r"in channel $c$.",
)
both = ", one for both" * (shared and len(seen) > 1)
ranges = [
    f"own range 0 to {cam.heat.max():.2g}, scale 0 to {top if shared else cam.heat.max():.2g}{both}"
    for cam in cams
]
exhibit(
    panels(drawn, choice.clip.times, titles, height=540),
    "cam",
    f"The clip with GradCAM of {target}: "
    + "; ".join(f"{s.title}, P = {cam.probability:.2f}" for s, cam in zip(seen, cams, strict=True)),
    [
        (
            s,
            f"GradCAM of *{s.card.labels[t]}* at the last block's first norm, P = "
            f"{cam.probability:.2f} · {scale}",
        )
        for s, t, cam, scale in zip(seen, targets, cams, ranges, strict=True)
    ],
    clips=drawn,
    times=choice.clip.times,
    titles=titles,
    numbers={
        f"gradcam_{slug(s.model)}": (cam.heat, "(T', h, w) evidence, at least 0")
        for s, cam in zip(seen, cams, strict=True)
    },
)
for s, cam, frames in zip(seen, cams, drawn, strict=True):
    unit = len(frames) // len(cam.heat)
    st.markdown(f"**{s.title}**, frame by frame")
    strip(
        frames[::unit],
        [f"{time:.1f} s" for time in choice.clip.times[::unit]],
        name=f"gradcam {s.title}",
    )

for part, s in zip(st.columns(2, gap="large"), seen, strict=False):
    with part:
        st.subheader(
            f"What {s.title} sees",
            help="The five most probable classes, from the softmax of the scores.",
        )
        p = cached.trace(s.key, s.model, s.crop, s.clip).probabilities
        class_exhibit(s, p, f"classes-{slug(s.model)}")
attributions.draw(choice, targets[0], opacity, colours)
st.caption(
    NOT_AN_EXPLANATION.replace(
        "Attention shows where the model looks from",
        "Gradients and occlusion show where the score changes",
    )
)
