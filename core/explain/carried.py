"""How much of an answer passes at the places where GradCAM can be read.

GradCAM shows what patch tokens of one place say of a class. Where little of the answer passes by
there it shows little of why it is given. What passes is measured: the clip runs through the network
with these tokens of another clip, and the scores move from the clip's own towards the other's by

    share = <mixed - own, other - own> / |other - own|^2

each all logits. 0: nothing of the answer passes here; 1: all of it.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import BadInput
from core.explain.gradcam import split_patches
from core.models.sites import Part, Site, watching
from core.observe import check_fits, to_input
from core.video import Clip
from core.weights import Model

LEAST = 1e-3
"""A distance of two answers below which no share of it can be told."""


def carried(model: Model, clip: Clip, other: Clip) -> Float[np.ndarray, " places"]:
    """The share of the way to another clip's answer, (L,) float64, when its patches stand in.

    The first L - 1 places are where tokens leave a layer, first layer first; the last one is the
    last block's first norm, where GradCAM is read unless it is told otherwise.

    Raises: BadInput if the clips do not fit the model or each other, or are answered alike.
    """
    check_fits(model, len(clip))
    if len(other) != len(clip):
        raise BadInput(f"the other clip has {len(other)} frames and the clip {len(clip)}")
    (_, video), (_, theirs) = to_input(model.card, clip), to_input(model.card, other)
    streams: dict[int, Tensor] = {}
    normed: list[Tensor] = []

    def keep(site: Site, tokens: Tensor) -> Tensor:
        if site.part is Part.STREAM and site.layer >= 0:
            streams[site.layer] = tokens
        return tokens

    def note(cam: nn.Module, given: tuple[Tensor, ...], patches: Tensor) -> None:
        normed.append(patches)

    with model.lock, torch.inference_mode():
        hook = model.net.cam.register_forward_hook(note)
        try:
            with watching(keep):
                far = model.net(theirs)[0].double()
        finally:
            hook.remove()
        own = model.net(video)[0].double()
        way = far - own
        if way.norm() < LEAST:
            raise BadInput("the model answers both clips alike; choose another clip")
        layers = sorted(streams)[:-1]
        answers = [_with_stream(model, video, layer, streams[layer]) for layer in layers]
        answers.append(_with_normed(model, video, normed[0]))
    return np.array([float((answer - own) @ way / (way @ way)) for answer in answers])


def _with_stream(model: Model, video: Tensor, layer: int, theirs: Tensor) -> Tensor:
    """The logits (C,) where the other clip's patches leave a layer, with the own class tokens."""

    def put(site: Site, tokens: Tensor) -> Tensor:
        if site.part is not Part.STREAM or site.layer != layer:
            return tokens
        own, _ = split_patches(tokens)
        _, patches = split_patches(theirs)
        return torch.cat([own, rearrange(patches, "b d t h w -> b t (h w) d")], 2)

    with watching(put):
        return model.net(video)[0].double()


def _with_normed(model: Model, video: Tensor, theirs: Tensor) -> Tensor:
    """The logits (C,) where the other clip's patches stand at the last block's first norm."""
    hook = model.net.cam.register_forward_hook(lambda cam, given, patches: theirs)
    try:
        return model.net(video)[0].double()
    finally:
        hook.remove()
