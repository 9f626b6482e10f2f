"""GradCAM: where the score of one class comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.errors import BadInput
from core.observe import check_fits, softmax, to_input
from core.video import Clip
from core.weights import Card, Model


@dataclass(frozen=True)
class GradCam:
    """Where the score of one class comes from."""

    heat: np.ndarray  # (T', h, w) float32, >= 0
    target: int
    probability: float


def gradcam(model: Model, clip: Clip, target: int) -> GradCam:
    """GradCAM of a class at the last block's first norm, patch tokens only (Captum).

    Captum weights each channel by its gradient averaged over (T', h, w), sums over channels and
    keeps what is positive.

    Raises: BadInput if the class does not exist or the clip does not fit.
    """
    from captum.attr import LayerGradCam

    check_fits(model, len(clip))
    labels = model.card.labels
    if not 0 <= target < len(labels):
        raise BadInput(f"class {target} does not exist; choose 0 to {len(labels) - 1}")
    _, video = to_input(model.card, clip)
    with model.lock, torch.enable_grad():
        attribution = LayerGradCam(model.net, model.net.cam).attribute(
            video, target=target, relu_attributions=True
        )
        with torch.no_grad():
            logits = model.net(video)[0].float().numpy()
    return GradCam(
        attribution[0, 0].detach().float().numpy(), target, float(softmax(logits)[target])
    )


def target_index(card: Card, label: str | None, probabilities: np.ndarray) -> int:
    """The index of a label, or of the most probable class for None. Raises: BadInput for an unknown
    label.
    """
    if label is None:
        return int(np.argmax(probabilities))
    if label not in card.labels:
        raise BadInput(f"label {label!r} is not known to {card.model}; choose one of {card.listed}")
    return card.labels.index(label)
