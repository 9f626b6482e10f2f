"""Frame order: the shuffle lab. Scramble the frames, watch the Hamiltonian path put them back, and
see how sure it is.
"""

import numpy as np
import streamlit as st

from core import explain
from core.draw.bars import class_bars
from core.draw.overlay import enlarged
from core.errors import BadInput
from core.models import spec
from core.order import recover_order, repeated_slots
from core.video import cropped, shuffled
from core.weights.card import UNCALIBRATED
from pages.parts import cached
from pages.parts.choose import chosen
from pages.parts.export import exhibit
from pages.parts.lab import forbidding, lab, mixing, verdict
from pages.parts.show import HELP, NOT_AN_EXPLANATION, provenance_line
from pages.parts.statistics import Source, layer_and_head, over_data, over_seeds
from pages.parts.teach import teach

PASSES = [1, 4, 16]
PASSES_HELP = (
    "Where a frame stands among the slots says nothing, but a model that adds an embedding to each "
    "slot is not blind to it. Each further pass shuffles the same frames once more and puts its "
    "matrix back; the mean has less of that noise. The paper takes **one**, and so do the figures "
    "over many shuffles further down."
)

choice = chosen()
card = choice.card
unit = spec(card.model).unit_frames  # frames of one temporal token: what is shuffled
permutation = mixing(len(choice.clip) // unit)
mixed = shuffled(choice.clip, permutation, unit)

controls = st.columns([3.4, 1.5, 1.5, 1, 1.5], vertical_alignment="bottom")
AFFINITIES = {"model": f"{choice.title} attention", "pixels": "Pixel likeness"}
by = controls[0].segmented_control(
    "Order from",
    list(AFFINITIES),
    format_func=AFFINITIES.get,
    default="model",
    required=True,
    key="by",
    bind="query-params",
    help="**Pixel likeness** is the baseline: a path through the frames that look most "
    "alike. It can find the chain but never its direction.",
)
layer, head = layer_and_head(choice, controls[1], controls[2], disabled=by == "pixels")
passes = controls[3].selectbox(
    "Passes", PASSES, key="passes", bind="query-params", disabled=by == "pixels", help=PASSES_HELP
)
sharp = controls[4].toggle(
    "Sharpened",
    value=card.sharpness > 0,
    disabled=by == "pixels" or not card.sharpness,
    key="sharp",
    bind="query-params",
    help=HELP["sharpened"],
)
sharpness = card.sharpness if sharp else 0.0
source = Source(layer, head, sharpness)
matrix = cached.order_matrix(
    choice.key,
    choice.model if by == "model" else "pixels",
    choice.crop,
    source.layer,
    source.head,
    sharpness,
    unit,
    passes,
    mixed,
)
signed = by == "model" and (
    sharpness > 0
    or explain.time_is_signed(cached.trace(choice.key, choice.model, choice.crop, mixed))
)
made_so = card.changed(crop=choice.crop, sharpness=sharpness)
threshold = made_so.threshold(len(mixed), layer, head, passes) if by == "model" else UNCALIBRATED
calibrated = threshold < UNCALIBRATED
repeated = repeated_slots(cropped(mixed.frames, choice.crop, 96), unit)

stage = st.container()
forbidden = forbidding(len(permutation))
try:
    found = recover_order(matrix, threshold, forbidden, repeated)
except BadInput as error:
    st.error(
        f"{error}. Until then the order is shown as if every edge were allowed.",
        icon=":material/error:",
    )
    found = recover_order(matrix, threshold, (), repeated)
with stage:
    kind = "signed" if signed else "attention" if matrix.min() >= 0 else "alike"
    made = (
        f"{source.words}{f', mean of {passes} passes' * (passes > 1)} · {matrix.min():.3f} to "
        f"{matrix.max():.3f}"
    )
    said = (
        provenance_line(choice, made)
        if by == "model"
        else provenance_line(choice, by="Pixel likeness, no weights")
    )
    lab(
        matrix, found, permutation, enlarged(mixed.frames[::unit], 120), forbidden, kind, unit, said
    )
    st.caption(said)
    verdict(found, permutation, threshold if calibrated else None, repeated)

st.subheader(
    "Does the order matter for the class?",
    help="The same model on the frames in order and on the shuffled frames.",
)
before = cached.trace(choice.key, choice.model, choice.crop, choice.clip).probabilities
after = cached.trace(choice.key, choice.model, choice.crop, mixed).probabilities
exhibit(
    class_bars(list(card.labels), before, after, height=360),
    "before-after",
    "Class probabilities before and after shuffling",
    [
        (
            choice,
            f"in order: *{card.labels[int(before.argmax())]}*, shuffled: "
            f"*{card.labels[int(after.argmax())]}*",
        )
    ],
    numbers={
        "matrix": (
            matrix,
            f"(T, T) of slots: {source.words if by == 'model' else 'pixel likeness'}",
        ),
        "permutation": (permutation, "(T,) the frame in each slot"),
        "path": (np.array(found.path), "(T,) slots in recovered order"),
        "before": (before, "(C,) softmax of the scores, frames in order"),
        "after": (after, "(C,) the same, frames shuffled"),
        "labels": (np.array(card.labels), "(C,) class names"),
    },
)
over_seeds(choice, source)
over_data(choice, source)
teach(choice)
st.caption(NOT_AN_EXPLANATION)
