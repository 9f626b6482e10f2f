"""GradCAM: where the score of one class comes from (Selvaraju et al., ICCV 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import BadInput
from core.models import VideoModel
from core.models.sites import Part, Site, watching
from core.observe import check_fits, softmax, to_input
from core.video import Clip
from core.weights import Card, Model


@dataclass(frozen=True)
class GradCam:
    """Where the score of one class comes from."""

    heat: Float[np.ndarray, "T h w"]  # (T', h, w) float32, >= 0
    target: int
    probability: float


def gradcam(model: Model, clip: Clip, target: int, layer: int | None = None) -> GradCam:
    """GradCAM of a class, of patch tokens only, from one pass.

    They are those of the last block's first norm, or those that leave `layer`, counted from 0, of
    which the last is none.

    Raises: BadInput if the class or the layer does not exist or the clip does not fit.
    """
    check_fits(model, len(clip))
    check_class(model.card, target)
    _, video = to_input(model.card, clip)
    if layer is not None:
        return _gradcam_after(model, video, target, layer)
    with model.lock, from_cam(model.net) as passed:
        logits = model.net(video)[0]
    return gradcam_at(passed[0], logits, target)


def _gradcam_after(model: Model, video: Tensor, target: int, layer: int) -> GradCam:
    """GradCAM of the patch tokens of the stream that leaves a layer."""
    kept: list[Tensor] = []
    last = -1

    def follow(site: Site, tokens: Tensor) -> Tensor:
        nonlocal last
        if site.part is Part.STREAM:
            last = max(last, site.layer)
        if site.part is not Part.STREAM or site.layer != layer or layer < 0:
            return tokens
        torch.set_grad_enabled(True)  # until the end of no_grad below, which takes it back
        own, patches = split_patches(tokens.detach())
        kept.append(patches.requires_grad_())
        return torch.cat([own, rearrange(kept[-1], "b d t h w -> b t (h w) d")], 2)

    with model.lock, torch.no_grad(), watching(follow):
        logits = model.net(video)[0]
    if not kept or layer == last:  # what leaves the last layer need not be looked at by anything
        raise BadInput(f"GradCAM is read after layer 0 to {last - 1}, got {layer}")
    return gradcam_at(kept[0], logits, target)


def split_patches(
    tokens: Float[Tensor, "B T N D"],
) -> tuple[Float[Tensor, "B T C D"], Float[Tensor, "B D T h w"]]:
    """A stream as its class tokens, one a frame or none, and its patches in their square."""
    side = isqrt(tokens.shape[2])
    first = tokens.shape[2] - side**2
    patches = rearrange(tokens[:, :, first:], "b t (h w) d -> b d t h w", h=side)
    return tokens[:, :, :first], patches


@contextmanager
def from_cam(net: VideoModel) -> Iterator[list[Tensor]]:
    """Follow gradients from `cam` on through one pass: the list holds what passed there.

    Nothing is kept for the way back of the blocks before, whose gradients nobody asks for. Hold the
    model's lock meanwhile.
    """
    passed: list[Tensor] = []

    def begin(cam: nn.Module, given: tuple[Tensor, ...], patches: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # until the end of no_grad below, which takes it back
        passed.append(patches.detach().requires_grad_())
        return passed[-1]

    hook = net.cam.register_forward_hook(begin)
    try:
        with torch.no_grad():
            yield passed
    finally:
        hook.remove()


def gradcam_at(
    patches: Float[Tensor, "1 D T h w"], logits: Float[Tensor, " C"], target: int
) -> GradCam:
    """GradCAM of a class from patches (1, D, T', h, w) and the scores (C,) that came of them."""
    return gradcams_at(patches, logits[None], [target])[0]


def gradcams_at(
    patches: Float[Tensor, "B D T h w"], logits: Float[Tensor, "B C"], targets: Sequence[int]
) -> list[GradCam]:
    """The same of each clip of a batch and its class.

    heat = relu(sum_d w_d A_d), with A the patches and w the gradient of the class score with
    respect to them, averaged over T', h and w. A clip's score does not depend on the others.
    """
    scores = logits[torch.arange(len(targets)), torch.tensor(targets)]
    (gradient,) = torch.autograd.grad(scores.sum(), patches)
    weights = gradient.mean((2, 3, 4), keepdim=True)
    heats = (weights * patches.detach()).sum(1).relu().float().cpu().numpy()
    probabilities = softmax(logits.detach().float().cpu().numpy())
    return [
        GradCam(heat, target, float(own[target]))
        for heat, target, own in zip(heats, targets, probabilities, strict=True)
    ]


def check_class(card: Card, target: int) -> None:
    """Raises: BadInput if the model has no class of this number, or none at all."""
    card.check_names_classes()
    if not 0 <= target < len(card.labels):
        raise BadInput(f"class {target} does not exist; choose 0 to {len(card.labels) - 1}")


def target_index(card: Card, label: str | None, probabilities: Float[np.ndarray, " C"]) -> int:
    """The index of a label, or of the most probable class for None.

    Raises: BadInput for an unknown label, or a model without classes.
    """
    card.check_names_classes()
    if label is None:
        return int(np.argmax(probabilities))
    if label not in card.labels:
        raise BadInput(f"label {label!r} is not known to {card.model}; choose one of {card.listed}")
    return card.labels.index(label)
