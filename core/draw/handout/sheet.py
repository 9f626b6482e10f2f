"""What one model shows of a clip, ready to be put into a page to take home."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.draw.handout.fitting import fitted, room_for, targets
from core.draw.handout.flow import Flow, flow_shown
from core.draw.lab import lab_data, verdict_figures, verdict_meaning
from core.draw.words import NOT_AN_EXPLANATION, VERDICTS, plain
from core.errors import BadInput
from core.explain import OUTSIDE, GradCam, domain, gradcam, time_is_signed
from core.observe import Trace, observe
from core.order import Affinity, Reading, read
from core.order.shuffle import permutation
from core.video import Clip, shuffled
from core.weights import Card, Model
from core.weights.card import NO_CLASSES

SHOWN_CLASSES = 5
CROPS = {"centre": "its central square", "fit": "the whole frame"}


@dataclass(frozen=True)
class Shuffle:
    """A shuffled clip, and the order that was read of it."""

    name: str
    """How it was shuffled, for the reader to choose by."""
    reading: Reading
    mixed: Clip
    matrix: str
    """What the matrix is, in words."""
    is_signed: bool
    """Whether it tells before from after by its sign."""


@dataclass(frozen=True)
class Sheet:
    """What one model shows of a clip."""

    title: str
    """The model's name for people."""
    clip: str
    """The clip's name for people."""
    payload: bytes
    """For assets/viewer."""
    classes: list[tuple[str, float]]
    """The most probable classes and their probabilities, 0..1, the first one first."""
    looks_like_training: bool
    """Whether the clip does, so that the first class is more than the closest; no if unknown."""
    remarks: list[str]
    """What must be known to read this sheet, in sentences."""
    left_out: list[str]
    """Those of them that say what was left out so that the file stays small."""
    lab: dict[str, Any] | None
    """`units`, the pictures in true order, and `shuffles`: data of assets/lab without pictures."""
    flow: Flow | None
    about: dict[str, str] = field(repr=False)
    """Where it comes from: what, and how it is."""


def sheet(
    model: Model,
    clip: Clip,
    name: str,
    *,
    title: str = "",
    trace: Trace | None = None,
    cams: Sequence[GradCam] = (),
    own_order: Sequence[int] = (),
    beside: int = 0,
) -> Sheet:
    """What a model shows of a clip that is called `name`, in a file with `beside` other models.

    `title` is the model's name where it has another than its network's. `trace` is that of the
    clip and `cams` GradCAM of `targets`, where they are at hand. `own_order` is a shuffle that the
    reader has seen, as in `shuffles_of`.

    Raises: BadInput as `observe`, or where the model is too large for a file.
    """
    trace = trace or observe(model, clip)
    title = title or model.spec.title
    cams = cams or [gradcam(model, clip, target) for target in targets(trace)]
    line = f"{title}, {weights_words(model.card)} · {clip.source}, {len(clip)} frames"
    try:
        payload, left_out = fitted(trace, cams, line, room_for(1 + beside))
    except BadInput:
        if not beside:
            raise
        payload, left_out = fitted(trace, cams, line)  # a large one, as if it were alone
    best = np.argsort(-trace.probabilities)[:SHOWN_CLASSES]
    where = domain(trace)
    return Sheet(
        title=title,
        clip=name,
        payload=payload,
        classes=[(model.card.labels[i], float(trace.probabilities[i])) for i in best],
        looks_like_training=where is not None and where.inside,
        remarks=[*remarks_on(trace), *left_out],
        left_out=left_out,
        lab=lab_of(model, shuffles_of(model, trace, own_order), line),
        flow=flow_shown(model, trace),
        about=_about(model, trace, name),
    )


def shuffles_of(model: Model, trace: Trace, own_order: Sequence[int] = ()) -> list[Shuffle]:
    """Two shuffles by seed and the clip backwards; none of a clip that cannot be shuffled.

    `own_order`, the unit in each slot, comes first if it is one of this clip. The order is read as
    a model's figures are measured (`Affinity.of`).
    """
    clip = trace.clip
    affinity, units = Affinity.of(model.card), len(clip) // model.unit
    is_of_clip = units > 0 and sorted(own_order) == list(range(units))
    orders = {"as in the app": tuple(own_order)} if is_of_clip else {}
    by_seed = {
        "seed 0": permutation(units, seed=0),
        "seed 1": permutation(units, seed=1),
        "backwards": permutation(units, "reversed"),
    }
    orders |= {name: order for name, order in by_seed.items() if order not in orders.values()}
    is_signed = affinity.sharpness > 0 or time_is_signed(trace)
    try:
        return [
            Shuffle(
                name,
                read(model, clip, order, affinity, trace=trace).unflattered(),
                shuffled(clip, order, model.unit),
                affinity.words,
                is_signed,
            )
            for name, order in orders.items()
        ]
    except BadInput:  # too few slots for an order
        return []


def weights_words(card: Card) -> str:
    """Which weights a model has."""
    return f"weights {card.hash}" if card.trained_on else "random weights"


def remarks_on(trace: Trace) -> list[str]:
    """What the model can say, and whether it has learned something else than this clip."""
    card = trace.card
    is_random = not card.trained_on
    if not card.names_classes:
        random = ["Random weights: it has learned nothing."] if is_random else []
        return [*random, f"{NO_CLASSES[0].upper()}{NO_CLASSES[1:]}."]
    if is_random:
        return ["Random weights: it has learned nothing, and the names mean nothing."]
    knows = f"It knows {len(card.labels)} classes: {card.listed}."
    where = domain(trace)
    if where is None or where.inside:
        return [knows]
    return [
        knows,
        f"{OUTSIDE[0].upper()}{OUTSIDE[1:]}. It names one of its classes for any clip; here the "
        "name says little.",
    ]


def lab_of(model: Model, shuffles: Sequence[Shuffle], line: str) -> dict[str, Any] | None:
    """What assets/lab is sent of each shuffle; pictures once, as they are the same in all."""
    units: dict[int, str] = {}
    shown = []
    for shuffle in shuffles:
        reading = shuffle.reading
        data = lab_data(
            reading,
            shuffle.mixed,
            is_signed=shuffle.is_signed,
            beside=model.spec.frames_beside,
            forbidden=(),
            lines=[f"{line} · {shuffle.matrix}", NOT_AN_EXPLANATION],
        )
        units |= dict(zip(reading.permutation, data.pop("pictures"), strict=True))
        shown.append(
            data
            | {
                "name": shuffle.name,
                "matrix": shuffle.matrix,
                "verdict": VERDICTS[reading.order.verdict][0],
                "meaning": plain(verdict_meaning(reading)),
                "figures": verdict_figures(reading),
            }
        )
    return {"units": [units[unit] for unit in sorted(units)], "shuffles": shown} if shown else None


def _about(model: Model, trace: Trace, name: str) -> dict[str, str]:
    """Where a sheet comes from."""
    card, clip = trace.card, trace.clip
    span = f"{clip.times[0]:.2f} s to {clip.times[-1]:.2f} s"
    about = {
        "Clip": f"{name}: {len(clip)} frames, {span}; {model.spec.title} saw {CROPS[card.crop]}",
        "Model": f"{model.spec.title} ({card.preset}): {model.spec.summary}",
        "Paper": model.spec.paper,
    }
    if not card.trained_on:
        return about | {"Weights": "random: it has learned nothing"}
    training = re.sub(r" \(core\.[\w.]+\)", "", card.trained_on)  # the module that draws it
    about["Weights"] = f"{card.hash}, trained on {training}"
    return about | ({"Licence of the weights": card.license} if card.license else {})
