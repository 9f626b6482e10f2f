"""Frame order: shuffle the frames and watch the Hamiltonian path put them back."""

import numpy as np
import streamlit as st

from core import explain, figures
from core.models import spec
from core.observe import shuffled
from core.order import order_accuracy, recover_order, reversal_accuracy
from core.render import enlarged
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.show import HELP, NOT_AN_EXPLANATION, VERDICTS, chart, provenance, strip
from pages.parts.statistics import Source, layer_and_head, over_data, over_seeds
from pages.parts.teach import teach

choice = chosen()
card = choice.card
unit = spec(card.model).unit_frames  # frames of one temporal token: what is shuffled
T = len(choice.clip) // unit

controls = st.columns([1.2, 3.4, 3], vertical_alignment="bottom")
seed = controls[0].number_input("Shuffle seed", 0, 10**9, 0, key="shuffle", bind="query-params",
                                help="The same seed always gives the same order.")
AFFINITIES = {"model": f"{choice.title} attention", "pixels": "Pixel likeness"}
by = controls[1].segmented_control("Order from", list(AFFINITIES), format_func=AFFINITIES.get, default="model", required=True, key="by",
                                   bind="query-params", help="**Pixel likeness** is the baseline: a path through the frames that look most "
                                   "alike. It can find the chain but never its direction.")
permutation = np.random.default_rng(int(seed)).permutation(T)
mixed = shuffled(choice.clip, permutation, unit)
shown = mixed.frames[::unit]
name = choice.model if by == "model" else "pixels"
sharp = controls[2].toggle("Sharpened", value=card.sharpness > 0, disabled=by == "pixels" or not card.sharpness, key="sharp",
                           bind="query-params", help=HELP["sharpened"])
sharpness = card.sharpness if sharp else 0.0
source = Source(*layer_and_head(choice, disabled=by == "pixels"), sharpness)
matrix = cached.order_matrix(choice.key, name, choice.crop, source.layer, source.head, sharpness, unit, mixed)
found = recover_order(matrix, card.direction_threshold if by == "model" else 0.0)
accuracy, either_way = order_accuracy(found.path, permutation), reversal_accuracy(found.path, permutation)

thumbnails = enlarged(shown, 120)
st.subheader("Shuffled", help="The frames in random order, as the model gets them. The number is the slot.")
strip(thumbnails, [f"slot {t + 1}" for t in range(T)], name="shuffled")
st.subheader("Put back in order", help=HELP["path"] + " Green: the frame is in its true place.")
right_place = ["good" if permutation[slot] == place else "bad" for place, slot in enumerate(found.path)]
strip(thumbnails[list(found.path)], [f"slot {slot + 1} · frame {permutation[slot] + 1}" for slot in found.path], right_place, "recovered")

title, meaning = VERDICTS[found.verdict]
metrics = st.columns([1.1, 1.3, 1, 1.1, 2.4], vertical_alignment="center")
known = found.verdict != "unknown"
metrics[0].metric("OrderAcc", f"{accuracy:.1f} %" if known else "—", help=HELP["order_accuracy"])
metrics[1].metric("either direction", f"{either_way:.1f} %" if known else "—", help=HELP["reversal_accuracy"])
metrics[2].metric("margin", f"{found.margin:.3f}", help=HELP["margin"])
metrics[3].metric("direction margin", f"{found.direction_margin:.3f}", help=HELP["direction_margin"])
metrics[4].info(f"**{title}.** {meaning}", icon=":material/gavel:")

left, middle = st.columns(2, gap="large")
signed = by == "model" and (sharpness > 0 or explain.time_is_signed(cached.trace(choice.key, choice.model, choice.crop, mixed)))
with left:
    st.subheader("Which slot comes before which" if by == "model" else "Which slots look alike", help=HELP["temporal"])
    bar = ("sureness" if sharpness else "attention") if by == "model" else "minus difference (0–255)"
    chart(figures.temporal_map(matrix, shown, signed=signed, path=found.path, height=600, bar=bar), "matrix",
          "Affinity from each slot to each slot; boxes mark the path")
    made = f"{source.words} · {matrix.min():.3f} to {matrix.max():.3f}"
    provenance(choice, made if by == "model" else "pixels only, no weights")
with middle:
    st.subheader("The best path", help=HELP["path"])
    chart(figures.order_graph(matrix, found.path, shown, height=600), "graph",
          "Frames as a graph; arrows show the best path " + " ".join(str(slot + 1) for slot in found.path))
    how = "exact optimum" if found.exact else "local search, perhaps not the best"
    provenance(choice, f"path weight {found.weight:.3f}, runner-up {found.runner_up:.3f}, {how}")

st.subheader("Does the order matter for the class?", help="The same model on the frames in order and on the shuffled frames.")
before = cached.trace(choice.key, choice.model, choice.crop, choice.clip).probabilities
after = cached.trace(choice.key, choice.model, choice.crop, mixed).probabilities
chart(figures.class_bars(list(card.labels), before, after, height=360), "before-after", "Class probabilities before and after shuffling")
provenance(choice, f"in order: *{card.labels[int(before.argmax())]}*, shuffled: *{card.labels[int(after.argmax())]}*")
over_seeds(choice, source)
over_data(choice, source)
teach(choice)
st.caption(NOT_AN_EXPLANATION)
