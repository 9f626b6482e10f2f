"""What the shipped models show of rendered clips whose truth is known; nothing is trained.

`am_flow_camera`: how well AM flow finds the hand under a camera that rests or moves, with and
without the encoder that is meant to undo its motion. `rvit_frame_maps`: how much RViT's maps from
frame to frame say of a clip, by either kernel. `gradcam_places`: how much of the answer passes at
each place where GradCAM can be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from core.explain import carried
from core.explain.am_flow import am_flow, displayed, flow_of
from core.explain.compare import probes
from core.explain.scores import PairMap, hand_scores
from core.models.am_flow import Mode
from core.observe import observe
from core.trace import Attention, Kernel
from core.video import Clip
from core.weights import Model, embedded, load
from core.world.gestures import Gesture, rendered_clip
from training.evaluate import camera_gestures, rendered_gestures
from training.publish import TEST_SEED
from training.tables import ASKED

FLOW, MAPS, PLACES = ASKED
SHOWN = {
    FLOW: ("auc_static", "auc_post", "auc_aligned"),
    MAPS: tuple(
        f"{half}_{figure}"
        for half in ("pictures", "memory")
        for figure in ("contrast", "other", "frozen", "reversed")
    ),
    PLACES: ("first", "middle", "last_but_one", "norm"),
}
"""The figures of each, in the order of the table."""
TITLES = {
    FLOW: "Does AM flow find the hand when the camera moves?",
    MAPS: "What RViT's maps from frame to frame say of a clip",
    PLACES: "How much of the answer passes where GradCAM is read",
}
_HALVES = {"pictures": "space_frames", "memory": "time_frames"}


def rows(name: str) -> list[str]:
    """The rows of one of them; each begins with the model that it asks."""
    if name == PLACES:
        return [*embedded()]
    return ["am_flow"] if name == FLOW else ["rvit, linear", "rvit, softmax"]


def answers(table: str, row: str, clips: int) -> dict[str, Any]:
    """The figures of a row on so many rendered clips, and of which weights they are."""
    name, _, kernel = row.partition(", ")
    model = load(name)
    of_weights = {"weights": model.card.hash}
    if table == PLACES:
        return of_weights | place_figures(model, rendered_gestures(clips, model.card, TEST_SEED))
    if table == FLOW:
        return of_weights | {
            data: flow_figures(model, camera_gestures(clips, model.card, moves))
            for data, moves in (("steady_camera", False), ("moving_camera", True))
        }
    gestures = rendered_gestures(clips, model.card, TEST_SEED)
    return of_weights | {"rendered": map_figures(model, gestures, kernel)}


def flow_figures(model: Model, gestures: Iterable[Gesture]) -> dict[str, float]:
    """ROC AUC (percent) of AM flow in the last block against the true hand, mean over clips."""
    scores: dict[Mode, list[float]] = {"static": [], "post": [], "aligned": []}
    for gesture in tqdm(gestures, disable=None, leave=False):
        clip = rendered_clip(gesture)
        trace = observe(model, clip)
        flows: dict[Mode, np.ndarray] = {
            "static": flow_of(trace, "static"),
            "post": flow_of(trace, "post"),
            "aligned": am_flow(model, clip),
        }
        maps = [PairMap(mode, displayed(flows[mode], mode), "both") for mode in scores]
        of_hand, _ = hand_scores(maps, gesture.mask)
        for mode, score in zip(scores, of_hand["ROC AUC"], strict=True):
            scores[mode].append(100 * score)
    figures: dict[str, float] = {"clips": len(scores["post"])}
    return figures | {f"auc_{mode}": float(np.mean(each)) for mode, each in scores.items()}


def place_figures(model: Model, gestures: Iterable[Gesture]) -> dict[str, Any]:
    """What share of the answer (percent) passes at each place of GradCAM, mean over clips.

    Each clip is held against the next one, which is of another stroke (`core.explain.carried`).
    `places` are all of them: after each layer but the last, and the last block's first norm.
    """
    clips = [rendered_clip(gesture) for gesture in gestures]
    pairs = zip(clips, [*clips[1:], clips[0]], strict=True)
    rows = [carried(model, *pair) for pair in tqdm(list(pairs), disable=None, leave=False)]
    places = 100 * np.mean(rows, 0)
    shown = (0, (len(places) - 1) // 2, len(places) - 2, len(places) - 1)
    figures: dict[str, float] = {"clips": len(rows)}
    figures |= {name: float(places[i]) for name, i in zip(SHOWN[PLACES], shown, strict=True)}
    return {"rendered": figures, "places": [round(float(share), 2) for share in places]}


def map_figures(model: Model, gestures: Iterable[Gesture], kernel: str) -> dict[str, float]:
    """What both maps of the last layer say of clips, in hundredths, means over clips.

    contrast is how far the entry furthest from 1/T is from it; the others are mean distances of
    entries: to the map of another clip, to that of the clip frozen at its middle frame, and to that
    of its frames in reverse.
    """
    made: dict[str, list[np.ndarray]] = {name: [] for name in ("as it is", "frozen", "reversed")}
    for gesture in tqdm(gestures, disable=None, leave=False):
        clips = probes(rendered_clip(gesture))
        for name, maps in made.items():
            maps.append(both_maps(model, clips[name], kernel))
    of, still, back = (np.stack(maps) for maps in made.values())
    figures: dict[str, float] = {"clips": len(of)}
    for half, name in enumerate(_HALVES):
        own = of[:, half]
        distances = {
            "contrast": np.abs(own - 1 / own.shape[-1]).max((1, 2)).mean(),
            "other": np.abs(own - np.roll(own, 1, 0)).mean(),
            "frozen": np.abs(own - still[:, half]).mean(),
            "reversed": np.abs(own - back[:, half]).mean(),
        }
        figures |= {f"{name}_{key}": 100 * float(value) for key, value in distances.items()}
    return figures


def both_maps(model: Model, clip: Clip, kernel: str) -> Float[np.ndarray, "2 T T"]:
    """The last layer's maps by pictures and by memory, mean over heads, by a kernel."""
    attentions = observe(model, clip).attentions
    maps = []
    for tap in _HALVES.values():
        last = [attention for attention in attentions if attention.name == tap][-1]
        maps.append(replace(last, kernel=_kernel(kernel, last)).map()[0].numpy())
    return np.stack(maps)


def _kernel(name: str, attention: Attention) -> Kernel:
    if name == "softmax":
        return Kernel("softmax", scale=attention.q.shape[-1] ** -0.5)
    return Kernel("linear", normalised=True)
