"""AM Flow's outputs one by one, and how much its adapters add where."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from assets import ASSETS
from core.draw.bars import score_bars
from core.draw.overlay import overlay
from core.draw.panels import SEVERAL, panels
from core.errors import BadInput
from core.explain.outputs import (
    PLACES,
    OutputName,
    adapter_activity,
    has_outputs,
    output_names,
    output_probabilities,
)
from pages.parts import cached
from pages.parts.exhibit import Exhibit, Film
from pages.parts.follower import Seen
from pages.parts.once import made_once, nbytes
from pages.parts.pairs import Drawing
from pages.parts.show import pictures, raw_range
from pages.parts.subject import Choice
from pages.parts.words import as_text, message

MEASURED = ASSETS / "results" / "am_flow_outputs.json"
COMMAND = "python -m training outputs --out FILE.json --checkpoint FILE.safetensors"
ABOUT = (
    "The model's answer is the mean of the scores of 2 L + 1 outputs: a temporal module reads each "
    "adapter of each block, and a linear layer the image model's class token of the last frame. "
    "Here each answers alone. **Top-1**: how often it is right on rendered clips that no training "
    "run draws. **On this clip**: what it gives the class that all of them together name."
)
ADAPTERS = (
    "An adapter adds scale · (W_up E + b) to each token, E = ReLU(W_down [x ‖ flow] + b). Shown is "
    "the length of what it adds to a patch, in parts of the length of the token that enters the "
    "block: where the frozen image model is changed the most."
)


@cache
def results() -> dict[str, Any] | None:
    """What `python -m training outputs` measured of the shipped weights, if it is there."""
    return json.loads(MEASURED.read_text()) if MEASURED.exists() else None


def each_output_alone(choice: Choice) -> None:
    """Every output's top-1 over rendered clips, and what it says of this one.

    Nothing for an image model, which has none.
    """
    if not has_outputs(choice.loaded):
        return
    st.subheader("Each output alone", help=ABOUT)
    names, table = output_names(choice.loaded), probabilities(choice)
    best = int(cached.trace(choice).probabilities.argmax())
    label = choice.card.labels[best]
    here = [float(p) for p in table[:, best]]
    agree = sum(int(row.argmax()) == best for row in table)
    st.markdown(
        f"**{agree} of {len(names)} outputs name {as_text(label)} alone**, as all do together."
    )
    on_clip = f"P({label}) on this clip"
    scores: dict[str, list[float]] = {on_clip: here}
    known = _known(choice, names)
    detail = f"what each output gives *{as_text(label)}*"
    if known:
        scores = {"top-1 on rendered clips": [row["top1"] for row in known["outputs"]]} | scores
        detail += (
            f" · top-1 alone on {known['clips']} rendered clips; together {100 * known['top1']:.1f}"
            " %"
        )
    else:
        st.caption(f"These weights’ top-1 by output is not measured: `{COMMAND}` does it.")
    chance = 1 / len(choice.card.labels)
    titles = [name.title for name in names]
    numbers = {
        "outputs": (np.array(titles), "(outputs,) names"),
        "probabilities": (table, "(outputs, C) softmax of each output alone"),
    }
    if known:
        alone = np.array([row["top1"] for row in known["outputs"]])
        numbers["top1"] = (alone, "(outputs,) fraction of rendered clips named right alone")
    Exhibit(
        score_bars(titles, scores, dict.fromkeys(scores, chance), height=90 + 30 * len(names)),
        "outputs",
        f"Each of {len(names)} outputs alone: " + ", ".join(scores),
        [(choice, detail)],
        numbers=numbers,
    ).draw()


def _known(choice: Choice, names: list[OutputName]) -> dict[str, Any] | None:
    """What was measured of these very weights."""
    shipped = results()
    if shipped is None or shipped["weights"] != choice.card.hash:
        return None
    rendered: dict[str, Any] = shipped["rendered"]
    return rendered if len(rendered["outputs"]) == len(names) else None


def what_the_adapters_add(choice: Choice, drawing: Drawing) -> None:
    """The activity of both adapters of the chosen block; nothing for an image model."""
    if not has_outputs(choice.loaded):
        return
    st.subheader("Where do the adapters act?", help=ADAPTERS)
    block = drawing.block
    try:
        activity = adapters(choice)[block]
    except BadInput as error:
        st.caption(message(error))
        return
    frames, box = pictures(choice, 300, SEVERAL)
    overlays = [
        overlay(frames, heat, opacity=drawing.opacity, colour_map=drawing.colours, box=box)
        for heat in activity
    ]
    times = choice.clip.times
    titles = [f"beside the {place}" for place in PLACES]
    steps = [f"{time:.1f} s" for time in times]
    opens_on = int(activity.mean((0, 2, 3)).argmax())

    def figure(page: Seen) -> go.Figure:
        return panels(
            overlays,
            times,
            titles,
            steps=steps,
            columns=2,
            height=page.room(420),
            opens_on=opens_on,
            width=page.across(2),
        )

    ranges = ", ".join(
        f"beside the {place} {raw_range(heat)}"
        for place, heat in zip(PLACES, activity, strict=True)
    )
    Exhibit(
        figure,
        "adapters",
        f"How much each adapter of block {block + 1} adds to each patch",
        [(choice, f"block {block + 1}, what is added over what enters: {ranges}, own scales")],
        numbers={"adapters": (activity, "(2, T, h, w) beside the attention, beside the MLP")},
        film=Film(overlays, times, titles, 2),
    ).draw()


@made_once(size=nbytes)
def probabilities(choice: Choice) -> np.ndarray:
    """What each output gives each class alone, (outputs, C)."""
    return output_probabilities(choice.seeing, choice.clip)


@made_once(size=lambda by_block: sum(heat.nbytes for heat in by_block.values()))
def adapters(choice: Choice) -> dict[int, np.ndarray]:
    """How much each adapter adds, by block: (2, T, h, w)."""
    return adapter_activity(choice.seeing, choice.clip)
