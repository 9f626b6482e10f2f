"""Compare: several models on the same clip, how far they agree, and whether they read motion."""

import numpy as np
import streamlit as st

from core import explain
from core.draw.matrices import agreement_map, probe_maps
from core.draw.overlay import COLOUR_MAPS, enlarged, overlay
from core.draw.panels import panels
from core.explain.compare import PROBES, agreement
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.export import exhibit, slug
from pages.parts.several import fitting, options, partner
from pages.parts.show import HELP, NOT_AN_EXPLANATION, raw_range, titled

MOST = 4
HEIGHTS = {1: 480, 2: 460, 3: 390, 4: 760}
choice = chosen()
clip = choice.clip
names = options()
first = dict.fromkeys([choice.model, partner(choice), *names])

wanted = st.multiselect(
    "Models",
    list(names),
    default=list(first)[:3],
    format_func=names.get,
    max_selections=MOST,
    bind="query-params",
    key=f"models-{choice.model}",
    help=f"Up to {MOST} models, all on the clip and crop of the sidebar.",
)
controls = st.columns([2.4, 1.6, 1.8, 1.8], vertical_alignment="bottom")
VIEWS = {"attention": "Attention", "gradcam": "GradCAM"}
view = controls[0].segmented_control(
    "Map",
    list(VIEWS),
    format_func=VIEWS.get,
    default="attention",
    required=True,
    key="compare_map",
    bind="query-params",
    help=f"**Attention**: {HELP['spatial']}  \n"
    f"**GradCAM**: {HELP['gradcam']} Of each model's most probable class.",
)
shared = controls[1].toggle(
    "One scale",
    value=True,
    key="compare_scale",
    bind="query-params",
    help=HELP["one_scale"].replace("both", "all"),
)
opacity = controls[2].slider(
    "Opacity", 0.0, 1.0, 0.65, key="compare_opacity", bind="query-params", help=HELP["opacity"]
)
colours = controls[3].selectbox(
    "Colours", list(COLOUR_MAPS), key="compare_colours", bind="query-params", help=HELP["colours"]
)

seen = fitting(choice, wanted or [choice.model])
models = [s.title for s in seen]
traces = [cached.trace(s.key, s.model, s.crop, s.clip) for s in seen]
best = [int(trace.probabilities.argmax()) for trace in traces]
if view == "gradcam":
    heats = [
        cached.gradcam(s.key, s.model, s.crop, b, s.clip).heat
        for s, b in zip(seen, best, strict=True)
    ]
    signed, drawn = (
        False,
        [f"GradCAM of {s.card.labels[b]}" for s, b in zip(seen, best, strict=True)],
    )
else:
    heats = [explain.spatial(trace) for trace in traces]
    last = [explain.over_space(trace)[-1] for trace in traces]
    signed = any(attention.kernel.signed for attention in last)
    drawn = [
        f"attention of {'the class token' if explain.has_class_token(a) else 'all patches'}, "
        f"layer {a.layer + 1}"
        for a in last
    ]
top = max(float(abs(heat).max()) for heat in heats) if shared else None
large = enlarged(clip.frames, 300)
box = crop_box(*large.shape[1:3], choice.crop)
shown = [
    overlay(large, heat, opacity=opacity, signed=signed, colour_map=colours, box=box, top=top)
    for heat in heats
]
titles = [
    f"{titled(s)}  {s.card.labels[b]}, P = {trace.probabilities[b]:.2f}"
    for s, b, trace in zip(seen, best, traces, strict=True)
]

st.subheader(
    "The same clip, several models", help=HELP["gradcam" if view == "gradcam" else "spatial"]
)
columns = 2 if len(shown) == 4 else None
exhibit(
    panels(shown, clip.times, titles, columns=columns, height=HEIGHTS[len(shown)]),
    "tiles",
    f"The clip with {VIEWS[view]} of " + ", ".join(models),
    [
        (
            s,
            f"{what}, {heat.shape[0]} × {heat.shape[1]} × {heat.shape[2]} cells · "
            f"{raw_range(heat)}, {'one scale for all' if shared else 'own scale'}",
        )
        for s, heat, what in zip(seen, heats, drawn, strict=True)
    ],
    clips=shown,
    times=clip.times,
    titles=titles,
    columns=columns,
    numbers={
        f"{view}_{slug(s.model)}": (heat, "(T', h, w) weights")
        for s, heat in zip(seen, heats, strict=True)
    },
)

st.subheader("Do they read motion?", help=HELP["probe"] + " In percent.")
probabilities = [cached.motion_probe(s.key, s.model, s.crop, s.clip) for s in seen]
verdicts = [
    ", ".join(
        f"{name}: *{s.card.labels[int(c)]}*" for name, c in zip(PROBES, p.argmax(1), strict=True)
    )
    for s, p in zip(seen, probabilities, strict=True)
]
exhibit(
    probe_maps(probabilities, [list(s.card.labels) for s in seen], models, PROBES, height=400),
    "probe",
    "Class probabilities for the clip as it is, reversed, shuffled and frozen, for "
    + ", ".join(models),
    [
        (s, f"probabilities in %, most probable {verdict}")
        for s, verdict in zip(seen, verdicts, strict=True)
    ],
    numbers={
        f"probabilities_{slug(s.model)}": (p, f"(4, C): {', '.join(PROBES)}")
        for s, p in zip(seen, probabilities, strict=True)
    },
)

st.subheader("Do they look at the same places?", help=HELP["spearman"])
left, right = st.columns([5, 4], gap="large", vertical_alignment="center")
matrix = agreement(heats)
with left:
    exhibit(
        agreement_map(matrix, models, height=400),
        "agreement",
        "Rank correlation of the maps of each two models",
        [
            (s, f"{what}, rank correlation over the clip")
            for s, what in zip(seen, drawn, strict=True)
        ],
        numbers={
            "agreement": (matrix, "(n, n) Spearman's rank correlation"),
            "models": (np.array(models), "(n,) names"),
        },
    )
with right:
    pairs = sorted(
        (
            (float(matrix[i, j]), f"{seen[i].title} and {seen[j].title}")
            for i in range(len(seen))
            for j in range(i)
            if matrix[i, j] == matrix[i, j]
        ),
        reverse=True,
    )
    for title, found in zip(
        ("Most alike", "Least alike"), pairs[:: max(1, len(pairs) - 1)], strict=False
    ):
        st.metric(f"{title}: {found[1]}", f"ρ = {found[0]:.2f}")
st.caption(NOT_AN_EXPLANATION)
