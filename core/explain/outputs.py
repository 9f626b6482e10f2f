"""What AM Flow's outputs say one by one, and how much its adapters add where (AM Flow 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from core.errors import BadInput
from core.models.am_flow import AMFlow
from core.models.sites import EMBEDDED, Part, Site, watching
from core.observe import check_fits, softmax, to_input
from core.video import Clip
from core.weights import Model

PLACES = ("attention", "MLP")
"""What the two adapters of a block stand beside."""


@dataclass(frozen=True)
class OutputName:
    """Which of the 2 L + 1 outputs."""

    block: int | None
    """From 0; None for the image model."""
    place: str
    """One of PLACES, or `image`."""

    @property
    def title(self) -> str:
        """For people, who count blocks from 1."""
        if self.block is None:
            return "image model"
        return f"block {self.block + 1}, {self.place}"


def has_outputs(model: Model) -> bool:
    """Whether the model averages several outputs: a frozen image model has AM flow, and none."""
    return isinstance(model.net.network, AMFlow)


def net_of(model: Model) -> AMFlow:
    """The network. Raises: BadInput for another than AM Flow."""
    net = model.net.network
    if not isinstance(net, AMFlow):
        raise BadInput(f"{model.card.model} has one output; choose am_flow, which averages several")
    return net


def output_names(model: Model) -> list[OutputName]:
    """The outputs in the order in which the network gives them.

    Raises: BadInput for another model than AM Flow.
    """
    blocks = net_of(model).am_blocks
    names = [OutputName(block, place) for block in blocks for place in PLACES]
    return [*names, OutputName(None, "image")]


def output_probabilities(model: Model, clip: Clip) -> Float32[np.ndarray, "outputs C"]:
    """The softmax of each output alone, (outputs, C).

    The model's own answer is the softmax of the mean of their logits, or of their vote.

    Raises: BadInput for another model than AM Flow, or a clip that does not fit it.
    """
    net_of(model)
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    with model.lock, torch.inference_mode():
        outputs = model.net(video, detail=True).outputs
    return np.stack([softmax(output[0].float().numpy()) for output in outputs])


def adapter_activity(model: Model, clip: Clip) -> dict[int, Float32[np.ndarray, "places T h w"]]:
    """How much each adapter adds to each patch: block -> (2, T, h, w), for PLACES.

    The length of what the adapter adds, scale (W_up E + b) where Eq. 5 has E = ReLU(W_down [x ||
    flow] + b), in parts of the length of the token that enters the block. 0 where it does nothing.

    Raises: BadInput for another model than AM Flow, a clip that does not fit it, or a backbone with
    unequal stages.
    """
    net_of(model)
    check_fits(model, len(clip))
    _, video = to_input(model.card, clip)
    added: dict[int, list[Tensor]] = {}
    entering: dict[int, Tensor] = {}

    def look(site: Site, value: Tensor) -> Tensor:
        if site.part is Part.ADAPTER:
            added.setdefault(site.layer, []).append(value.norm(dim=-1)[:, 1:])
        elif site.part is Part.STREAM:
            entering[site.layer + 1] = value[0].norm(dim=-1)[:, 1:]
        return value

    with model.lock, torch.inference_mode(), watching(look):
        model.net(video)
    assert EMBEDDED + 1 in entering
    side = round(entering[0].shape[1] ** 0.5)
    is_square = side**2 == entering[0].shape[1]
    if not is_square or any(
        lengths[0].shape != entering[block].shape for block, lengths in added.items()
    ):
        raise BadInput("the stages of this backbone are unequal: their adapters have no common map")
    return {
        block: torch.stack([length / entering[block] for length in lengths])
        .float()
        .unflatten(2, (side, side))
        .numpy()
        for block, lengths in added.items()
    }
