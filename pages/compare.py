"""Compare: several models on the same clip, how far they agree, and whether they read motion."""

import streamlit as st

from core import explain, figures
from core.compare import PROBES, agreement
from core.render import COLOUR_MAPS, enlarged, overlay
from core.video import crop_box
from pages.parts import cached
from pages.parts.choose import Choice
from pages.parts.several import fitting, options, partner
from pages.parts.show import HELP, NOT_AN_EXPLANATION, chart, provenance

MOST = 4
choice: Choice = st.session_state["choice"]
clip = choice.clip
names = options()
first = dict.fromkeys([choice.model, partner(choice), *names])

controls = st.columns([5, 1.8, 1.4, 1.4, 1.4], vertical_alignment="bottom")
wanted = controls[0].multiselect("Models", list(names), default=list(first)[:3], format_func=names.get, max_selections=MOST,
                                 key=f"models-{choice.model}", help=f"Up to {MOST} models, all on the clip and crop of the sidebar.")
VIEWS = {"attention": "Attention", "gradcam": "GradCAM"}
view = controls[1].segmented_control("Map", list(VIEWS), format_func=VIEWS.get, default="attention", required=True, key="compare_map",
                                     bind="query-params", help=f"**Attention**: {HELP['spatial']} Last layer, mean over heads.  \n"
                                     f"**GradCAM**: {HELP['gradcam']} Of each model's most probable class.")
shared = controls[2].toggle("One scale", value=False, key="compare_scale", help=HELP["one_scale"].replace("both", "all"))
opacity = controls[3].slider("Opacity", 0.0, 1.0, 0.65, key="compare_opacity", bind="query-params")
colours = controls[4].selectbox("Colours", list(COLOUR_MAPS), key="compare_colours", bind="query-params")

seen = fitting(choice, wanted or [choice.model])
traces = [cached.trace(s.key, s.model, s.crop, s.clip) for s in seen]
best = [int(trace.probabilities.argmax()) for trace in traces]
if view == "gradcam":
    heats = [cached.gradcam(s.key, s.model, s.crop, b, s.clip).heat for s, b in zip(seen, best, strict=True)]
    signed = False
else:
    heats = [explain.spatial(trace) for trace in traces]
    signed = any(explain.over_space(trace)[-1].kernel.signed for trace in traces)
top = max(float(abs(heat).max()) for heat in heats) if shared else None
large = enlarged(clip.frames, 300)
box = crop_box(*large.shape[1:3], choice.crop)
shown = [overlay(large, heat, opacity=opacity, signed=signed, colour_map=colours, box=box, top=top) for heat in heats]
titles = [f"<b>{s.title}</b>  {s.card.labels[b]}, P = {trace.probabilities[b]:.2f}"
          for s, b, trace in zip(seen, best, traces, strict=True)]

st.subheader("The same clip, several models", help=HELP["gradcam" if view == "gradcam" else "spatial"])
chart(figures.panels(shown, clip.times, titles, columns=2 if len(shown) == 4 else None, height=720 if len(shown) == 4 else 440), "tiles",
      f"The clip with {VIEWS[view]} of " + ", ".join(s.title for s in seen))
for s, heat in zip(seen, heats, strict=True):
    provenance(s, f"{VIEWS[view]}, {heat.shape[0]} × {heat.shape[1]} × {heat.shape[2]} cells · {heat.min():.3g} to {heat.max():.3g}, "
                  f"{'one scale for all' if shared else 'own scale'}")

left, right = st.columns([3, 7], gap="large")
with left:
    st.subheader("Do they look at the same places?", help=HELP["spearman"])
    matrix = agreement(heats)
    chart(figures.agreement_map(matrix, [s.title for s in seen], height=440), "agreement",
          "Rank correlation of the maps of each two models")
    for s in seen:
        provenance(s, f"{VIEWS[view]} above, rank correlation over the clip")
with right:
    st.subheader("Do they read motion?", help=HELP["probe"])
    probabilities = [cached.motion_probe(s.key, s.model, s.crop, s.clip) for s in seen]
    verdicts = [", ".join(f"{name}: *{s.card.labels[int(c)]}*" for name, c in zip(PROBES, p.argmax(1), strict=True))
                for s, p in zip(seen, probabilities, strict=True)]
    chart(figures.probe_maps(probabilities, [list(s.card.labels) for s in seen], [s.title for s in seen], PROBES, height=440), "probe",
          "Class probabilities for the clip as it is, reversed, shuffled and frozen: "
          + "; ".join(f"{s.title}, {verdict}" for s, verdict in zip(seen, verdicts, strict=True)).replace("*", ""))
    for s, verdict in zip(seen, verdicts, strict=True):
        provenance(s, f"most probable {verdict}")
st.caption(NOT_AN_EXPLANATION)
