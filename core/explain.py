"""From a trace to heat maps: attention over space, attention over time, GradCAM.

Attention is where a model looks from, not why it decides; GradCAM follows the gradient of a class
instead. Neither is an explanation by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from core.errors import BadInput
from core.observe import Trace, check_fits, held, softmax, to_input
from core.trace import Attention, Axis, Head
from core.video import Clip
from core.weights import Card

SpatialQuery = tuple[int, int, int] | Literal["cls", "mean"]


def layer_of(trace: Trace, axis: Axis, layer: int | None) -> Attention:
    """The attention of one layer over one axis; None is the last. Raises: BadInput if it is not there."""
    found = trace.along(axis)
    if not found:
        raise BadInput(f"{trace.model} has no attention over {axis.value}")
    layers = [a.layer for a in found]
    if layer is None:
        return found[-1]
    if layer not in layers:
        raise BadInput(f"layer {layer} does not exist in {trace.model}; choose {layers[0]} to {layers[-1]}")
    return found[layers.index(layer)]


def spatial(trace: Trace, layer: int | None = None, head: Head = "mean", query: SpatialQuery = "cls") -> np.ndarray:
    """Attention over space as heat on the clip, float32 (T', h, w).

    `cls` is each frame's class-token row, `mean` the mean over the rows of all patches of the frame,
    (t, row, col) the row of one patch (NaN in the frames it cannot see). Weights go to patches only,
    so a softmax row sums to less than 1 by what the class token keeps.
    """
    attention = layer_of(trace, Axis.SPACE, layer)
    if query != "mean":
        return attention.heat(query, head).numpy()
    T, h, w = attention.grid
    rows = attention.map(head)  # (T, 1 + N, 1 + N): class token first
    return rows[:, 1:, 1:].mean(1).view(T, h, w).numpy()


def temporal(trace: Trace, layer: int | None = None, head: Head = "mean") -> np.ndarray:
    """Attention over time, the mean over locations, float32 (T', T'), [query frame, key frame].

    With the mean over heads of the last layer this is the matrix that order recovery uses (spec 3.5).
    """
    return layer_of(trace, Axis.TIME, layer).map(head).mean(0).numpy()


def time_is_signed(trace: Trace) -> bool:
    """Whether attention over time can be negative, and so must be drawn in diverging colours."""
    return any(a.kernel.signed for a in trace.along(Axis.TIME))


@dataclass(frozen=True)
class GradCam:
    """Where the score of one class comes from."""

    heat: np.ndarray  # (T', h, w) float32, >= 0
    target: int
    probability: float


def gradcam(model: nn.Module, card: Card, clip: Clip, target: int) -> GradCam:
    """GradCAM of a class at the last block's first norm, patch tokens only (Captum).

    Captum weights each channel by its gradient averaged over (T', h, w), sums over channels and keeps
    what is positive.

    Raises: BadInput if the class does not exist or the clip does not fit.
    """
    from captum.attr import LayerGradCam

    check_fits(model, card, len(clip))
    if not 0 <= target < len(card.labels):
        raise BadInput(f"class {target} does not exist; choose 0 to {len(card.labels) - 1}")
    _, video = to_input(card, clip)
    with held(model), torch.enable_grad():
        attribution = LayerGradCam(model, model.cam).attribute(video, target=target, relu_attributions=True)
        with torch.no_grad():
            logits = model(video)[0].float().numpy()
    return GradCam(attribution[0, 0].detach().float().numpy(), target, float(softmax(logits)[target]))


def target_index(card: Card, label: str | None, probabilities: np.ndarray) -> int:
    """The index of a label, or of the most probable class for None. Raises: BadInput for an unknown label."""
    if label is None:
        return int(np.argmax(probabilities))
    if label not in card.labels:
        raise BadInput(f"label {label!r} is not known to {card.model}; choose one of {card.listed}")
    return card.labels.index(label)
