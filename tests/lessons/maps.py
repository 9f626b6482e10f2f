"""Measures of maps: where attention is, how it changes, and what the class owes to it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from assets import ASSETS
from core import explain
from core.draw.trust_set import alike_matrix
from core.explain.am_flow import flow_of
from core.explain.compare import spearman
from core.explain.optical import magnitude, optical_flow
from core.explain.scores import PairMap, by_chance, correlation, hand_scores
from core.explain.strongest import patches_on, strongest_on
from core.explain.trust.faithfulness import Fill, deletions, random_heats
from core.observe import classify
from core.trace import CLS
from core.video import Clip, crop_box, digest
from core.world.truth import Truth, truth_of
from tests.lessons.measures import clip_of, measure, model_of, seen, trace_of

Where = dict[str, Any]
"""Which map: model, label, seed, and of them where they are not as the app opens: layer, from 1,
head, from 1, query, tap, and whether the weights are random."""


def heat_of(
    model: str,
    label: str,
    seed: int,
    layer: int | None = None,
    head: int | str = "mean",
    query: str | None = None,
    tap: str | None = None,
    random: bool = False,
) -> np.ndarray:
    """Attention as heat on the clip, (T', h, w)."""
    trace = trace_of(model, label, seed, random=random)
    number = None if layer is None else layer - 1
    one = head - 1 if isinstance(head, int) else head
    return explain.spatial(trace, number, one, query, tap)  # type: ignore[arg-type]


@cache
def truth(model: str, label: str, seed: int) -> Truth:
    """What really moves, in what the model sees."""
    gesture, clip = seen(model, label, seed)
    known = truth_of(gesture, clip.times)
    top, left, high, wide = crop_box(*clip.size, model_of(model).card.crop)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    return Truth(known.mask[inside], known.motion[inside])


def hand(model: str, label: str, seed: int) -> np.ndarray:
    """The patches (T', h, w) that lie on the hand, its arm or its sleeve."""
    return patches_on(truth(model, label, seed).mask, trace_of(model, label, seed).grid)


# --- where attention is --------------------------------------------------------------------------


@measure
def frames_on_hand(**of: Any) -> float:
    """In how many frames the strongest patch lies on the hand."""
    heat = heat_of(**of)
    return int(strongest_on(heat, hand(of["model"], of["label"], of["seed"])).sum())


@measure
def frames_on_hand_by_chance(model: str, label: str, seed: int) -> float:
    """The same for a patch drawn at random, on average."""
    return float(hand(model, label, seed).mean((1, 2)).sum())


@measure
def greatest_share(**of: Any) -> float:
    """The greatest weight of the map, in percent."""
    return float(100 * np.nanmax(heat_of(**of)))


@measure
def least_share(**of: Any) -> float:
    """The least weight of the map, in percent."""
    return float(100 * np.nanmin(heat_of(**of)))


@measure
def greatest_in_frame(frame: int, **of: Any) -> float:
    """The greatest weight in one frame, counted from 1, in percent."""
    return float(100 * np.nanmax(heat_of(**of)[frame - 1]))


@measure
def even_share(model: str, label: str, seed: int) -> float:
    """The weight of each patch where all of a frame get the same, in percent."""
    return 100 / patches_of_a_frame(model, label, seed)


@measure
def patches_of_a_frame(model: str, label: str, seed: int) -> float:
    _, h, w = trace_of(model, label, seed).grid
    return h * w


@measure
def weight_sum(model: str, label: str, seed: int, layer: int = 1) -> float:
    """The sum of the weights that the class token of the first frame gives, mean over heads."""
    attention = explain.of_layer(explain.over_space(trace_of(model, label, seed)), layer - 1)
    return float(attention.rows("cls")[0][0].sum())


@measure
def keys_seen(model: str, axis: str, tap: str = "") -> float:
    """How many tokens a patch is compared with, in one attention of a layer."""
    trace = trace_of(model, "circle", 1)
    recorded = {"space": explain.over_space, "time": explain.over_time}[axis](trace, tap or None)
    layout = recorded[0].layout
    groups = [group for group in layout.keys if (group >= 0).any()]
    return int((groups[0] >= CLS).sum())


@measure
def comparisons(model: str) -> float:
    """Products of a query and a key in a layer and head, over space and over time."""
    trace = trace_of(model, "circle", 1)
    attentions = explain.over_space(trace), explain.over_time(trace)
    taps = {attention.name: attention for recorded in attentions for attention in recorded[:1]}
    total = 0
    for attention in taps.values():
        asks = (attention.layout.queries >= CLS).sum(1)
        answers = (attention.layout.keys >= CLS).sum(1)
        total += int((asks * answers).sum())
    return total


@measure
def times_fewer(model: str, than: str) -> float:
    """How many times fewer these are than those of another model."""
    return comparisons(model=than) / comparisons(model=model)


@measure
def least_top_of_frames(**of: Any) -> float:
    """The greatest weight of the frame where that is least, in percent."""
    return float(100 * heat_of(**of).max((1, 2)).min())


@measure
def places_of_the_fingertip(model: str, label: str, seed: int) -> float:
    """How many patches of the picture the fingertip visits in the frames that the model sees."""
    gesture, clip = seen(model, label, seed)
    _, h, w = trace_of(model, label, seed).grid
    top, left, high, wide = crop_box(*clip.size, model_of(model).card.crop)
    across, down = (gesture.fingertip.astype(float) - [left, top]).T
    return len({(int(y * h / high), int(x * w / wide)) for x, y in zip(across, down, strict=True)})


@measure
def tokens_of(model: str) -> float:
    """Patches of a whole clip."""
    return float(np.prod(trace_of(model, "circle", 1).grid))


@measure
def alike(model: str, label: str, seed: int, layer: int | None = None) -> float:
    """Rank correlation of the map with that of the same network with random weights."""
    one = heat_of(model, label, seed, layer)
    other = heat_of(model, label, seed, layer, random=True)
    return spearman(one, other)


@measure
def alike_over_clips(model: str, one: str, other: str) -> float:
    """The mean rank correlation of two maps over rendered clips, as the page Results shows it."""
    return float(alike_matrix(of_the_set(model), (one, other))[0, 1])


@measure
def clips_of_the_set(model: str) -> float:
    """How many clips these are."""
    return int(of_the_set(model)["clips"])


def of_the_set(model: str) -> dict[str, Any]:
    """What `python -m training trust` wrote of the included weights."""
    results = json.loads((ASSETS / "results" / "trust.json").read_text(encoding="utf-8"))
    row = next(row for row in results["models"] if row["model"] == model)
    assert row["weights"] == model_of(model).card.hash, f"make it again: {results['command']}"
    return dict(row)


# --- how it changes ------------------------------------------------------------------------------


@cache
def changes(label: str, seed: int) -> dict[str, np.ndarray]:
    """From frame to frame, (T - 1, ., .): AM flow, optical flow, and the hand's true motion."""
    trace = trace_of("am_flow", label, seed)
    clip = clip_of("am_flow", label, seed)
    top, left, high, wide = crop_box(*clip.size, model_of("am_flow").card.crop)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    return {
        "static": flow_of(trace, "static"),
        "post": flow_of(trace, "post"),
        "aligned": explain.am_flow(model_of("am_flow"), clip),
        "optical": magnitude(optical_flow(clip.frames))[inside],
        "motion": truth("am_flow", label, seed).motion,
    }


def as_drawn(heat: np.ndarray, map: str) -> np.ndarray:
    """A map of `changes` as the page draws it: optical flow as it is."""
    return heat if map == "optical" else explain.displayed(heat, map)  # type: ignore[arg-type]


@measure
def follows_motion(label: str, seed: int, map: str) -> float:
    """Correlation of how much a map changes, pair by pair, with the hand's true motion."""
    shown = changes(label, seed)
    heat = as_drawn(shown[map], map)
    return correlation(heat.mean((1, 2)), shown["motion"].mean((1, 2)))


@measure
def correlation_by_chance(label: str, seed: int) -> float:
    """The correlation that unrelated curves of so many steps exceed one time in twenty."""
    return by_chance(len(changes(label, seed)["motion"]))


@measure
def finds_hand(label: str, seed: int, map: str) -> float:
    """ROC AUC of a map against the true mask of the hand; `attention` is that of the first frame
    of each pair."""
    if map == "attention":
        heat = explain.displayed(heat_of("am_flow", label, seed), "post")[:-1]
        each = PairMap(map, heat, "first")
    else:
        shown = changes(label, seed)[map]
        each = PairMap(map, as_drawn(shown, map), "both")
    scores, _ = hand_scores([each], truth("am_flow", label, seed).mask)
    return float(next(values for kind, values in scores.items() if "AUC" in kind)[0])


@measure
def camera_travel(label: str, seed: int) -> float:
    """How far the camera carries the middle of the picture over the clip, in percent of its width.

    It is the longest way between two of the frames that AM Flow sees.
    """
    gesture, clip = seen("am_flow", label, seed)
    height, width = clip.size
    middle = np.array([width / 2, height / 2, 1.0])
    places = gesture.camera.astype(np.float64) @ middle
    steps = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return float(100 * steps.max() / width)


@measure
def moving_clips(what: str, factor: float = 1) -> float:
    """A figure of AM flow over rendered clips whose camera moves, as the page AM flow says it.

    It is what `python -m training reproduce am_flow_camera` wrote of the included weights.
    """
    path = ASSETS / "results" / "am_flow_camera.json"
    weights = model_of("am_flow").card.hash
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    run = next((run for run in runs if run["weights"] == weights), None)
    assert run is not None, f"{path.name} is of other weights than {weights}: make it again"
    return float(run["moving_camera"][what]) * factor


# --- what becomes of the class -------------------------------------------------------------------


@measure
def probability_without(
    fill: Fill, model: str, label: str, seed: int, order: str = "attention"
) -> float:
    """The class's probability, in percent, without a third of the clip's cells.

    They are those that the map calls hottest, or the mean of the page's `random` orders, taken away
    as the page *Trust* does: of all frames at once. What stands there instead is `fill`.
    """
    heat = heat_of(model, label, seed)
    heats = [*random_heats(heat.shape)] if order == "random" else [heat]
    target = trace_of(model, label, seed).card.labels.index(label)
    clip = clip_of(model, label, seed)
    curves = deletions(model_of(model), clip, target, heats, fill, steps=3)
    return float(np.mean([100 * curve.probabilities[1] for curve in curves]))


@cache
def half_of(model: str, label: str, seed: int, share: float) -> np.ndarray:
    """Class probabilities after the first part of the frames that the model sees."""
    clip = clip_of(model, label, seed)
    frames = round(share * len(clip))
    part = Clip(clip.frames[:frames], clip.times[:frames], clip.source, digest(clip.id, frames))
    return classify(model_of(model), part)


@measure
def predicted_after(model: str, label: str, seed: int, share: float) -> str:
    """The most probable class after a share of the frames."""
    return model_of(model).card.labels[int(half_of(model, label, seed, share).argmax())]


@measure
def probability_after(model: str, label: str, seed: int, share: float) -> float:
    """The probability of the clip's class then, in percent."""
    labels = model_of(model).card.labels
    return float(100 * half_of(model, label, seed, share)[labels.index(label)])


@measure
def evidence_on_hand(model: str, label: str, seed: int) -> float:
    """In how many steps the strongest place of GradCAM for the clip's class lies on the hand."""
    cam = explain.gradcam(
        model_of(model),
        clip_of(model, label, seed),
        trace_of(model, label, seed).card.labels.index(label),
    )
    return int(strongest_on(cam.heat, hand(model, label, seed)).sum())


@measure
def evidence_top(model: str, label: str, seed: int) -> float:
    """The greatest value of GradCAM for the clip's class."""
    labels = trace_of(model, label, seed).card.labels
    cam = explain.gradcam(model_of(model), clip_of(model, label, seed), labels.index(label))
    return float(cam.heat.max())


@measure
def even_share_of_keys(model: str, label: str, seed: int) -> float:
    """The weight of each key where all that a frame's summary sees get the same, in percent."""
    return 100 / keys_seen(model=model, axis="space")
