"""A model that watches a film as it runs: one picture in, what it makes of the film so far out.

A recurrent model (RViT) takes each picture once and carries its hidden state on, for as long as the
film runs. Every other model looks again at what the last seconds showed. What is carried is a value
that the caller keeps, so that films never mix and any moment can be gone back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from core.explain.domain import Domain, domain
from core.explain.maps import spatial
from core.explain.taps import over_space
from core.models.sites import Part, Site, watching
from core.observe import observe, softmax, to_input
from core.trace import CLS, Attention, record
from core.video import Clip
from core.video.sampling import nearest
from core.weights import Model

WINDOW = 3.0
"""Seconds that a model without a state looks back: the length of the clips that taught those that
are shipped."""


@dataclass(frozen=True)
class Memory:
    """What a model keeps of a film that still runs."""

    state: Any = None
    """The hidden state of a recurrent model."""
    pictures: tuple[np.ndarray, ...] = ()
    """Those of the window of any other model, each (H, W, 3) uint8, the newest last."""
    times: tuple[float, ...] = ()
    """When each of these was taken, in seconds."""
    met: int = 0
    """Pictures of the film so far."""


@dataclass(frozen=True)
class Glance:
    """What the newest picture of a film showed."""

    logits: Float32[np.ndarray, " C"]
    """Of the film so far, or of the window."""
    heat: Float32[np.ndarray, "h w"]
    """Where the last layer looks in this picture, the mean over heads, as `spatial` has it.

    A model of pairs of frames looks at the picture and the one before it as one.
    """
    signed: bool
    """Whether weights may be negative."""
    hidden: Float32[np.ndarray, " layers"]
    """Root mean square of each layer's hidden state after this picture; empty without one."""
    gate: Float32[np.ndarray, " layers"]
    """How much of a layer's Q, K and V the state brought and not the picture, 0..1: the norm of its
    half over the sum of both norms; empty without a state. 0 where the state changes nothing."""
    tokens: Float32[np.ndarray, " tokens"]
    """What the classifier reads, shares that sum to 1: T_s of this picture, then T_t of each layer,
    the squared norm of each over that of all; empty without a state."""
    met: int
    """Pictures that the logits depend on."""
    domain: Domain | None = None
    """How much the window looks like training; None where nobody can tell, as of a film that is
    read picture by picture."""

    @property
    def probabilities(self) -> Float32[np.ndarray, " C"]:
        """Softmax of the logits, (C,), summing to 1."""
        return softmax(self.logits)


def begin(model: Model) -> Memory:
    """What a model keeps before the first picture."""
    return Memory(model.net.start(1) if model.net.is_recurrent else None)


def see(
    model: Model, memory: Memory, picture: UInt8[np.ndarray, "H W 3"], time: float
) -> tuple[Glance, Memory]:
    """Show a model the next picture, taken at `time` seconds.

    After T pictures a recurrent model gives the logits and the gate's maps that `observe` gives of
    the clip of these T. Any other gives those of the clip that `window_clip` makes of its window.

    Raises: BadInput for a picture of another size than those before it in the window.
    """
    if model.net.is_recurrent:
        return _step(model, memory, picture)
    return _look_back(model, memory, picture, time)


def watch(
    model: Model, pictures: Iterable[tuple[float, UInt8[np.ndarray, "H W 3"]]]
) -> Iterator[tuple[float, Glance]]:
    """What each of a film's pictures showed, with its time in seconds, as they come.

    Raises: BadInput as `see`.
    """
    memory = begin(model)
    for time, picture in pictures:
        glance, memory = see(model, memory, picture, time)
        yield time, glance


@torch.inference_mode()
def _step(
    model: Model, memory: Memory, picture: UInt8[np.ndarray, "H W 3"]
) -> tuple[Glance, Memory]:
    _, video = to_input(model.card, Clip(picture[None], np.zeros(1), "film", ""))
    shares: list[float] = []
    classes: list[Tensor] = []

    def look(site: Site, value: Tensor) -> Tensor:
        if site.part is Part.HALVES:
            of_frame, of_state = (float(half.norm()) for half in value)
            shares.append(of_state / (of_frame + of_state))
        elif site.part is Part.STREAM:
            classes.append(value[0, -1, 0])
        return value

    with model.lock, record(model.net) as attentions, watching(look):
        logits, state = model.net.step(video[:, :, 0], memory.state)
    gates = [attention for attention in attentions if attention.name in model.spec.spatial_taps]
    hidden = [float(layer.square().mean().sqrt()) for layer in state.hidden]
    read = torch.stack([classes[-1], *(layer[0, 0] for layer in state.hidden)]).square().sum(1)
    met = memory.met + 1
    glance = Glance(
        logits[0].float().numpy(),
        _newest(gates[-1]).numpy(),
        gates[-1].kernel.signed,
        np.array(hidden, np.float32),
        np.array(shares, np.float32),
        (read / read.sum()).float().numpy(),
        met,
    )
    return glance, Memory(state, met=met)


def _newest(attention: Attention) -> Float[Tensor, "h w"]:
    """The class token's row over the patches of the one frame that was recorded, (h, w)."""
    weights, keys = attention.rows("cls")
    return weights[keys != CLS].view(attention.grid[1:])


def _look_back(
    model: Model, memory: Memory, picture: UInt8[np.ndarray, "H W 3"], time: float
) -> tuple[Glance, Memory]:
    times = (*memory.times, time)
    kept = [i for i, moment in enumerate(times) if moment >= time - window_seconds(model)]
    pictures = (*memory.pictures, picture)
    after = Memory(
        pictures=tuple(pictures[i] for i in kept),
        times=tuple(times[i] for i in kept),
        met=memory.met + 1,
    )
    trace = observe(model, window_clip(model, after))
    attention, nothing = over_space(trace)[-1], np.zeros(0, np.float32)
    glance = Glance(
        trace.logits,
        spatial(trace)[-1],
        attention.kernel.signed,
        nothing,
        nothing,
        nothing,
        len(kept),
        domain(trace),
    )
    return glance, after


def window_seconds(model: Model) -> float:
    """How far back a model without a state looks: as far as the clips that taught it went."""
    card = model.card
    if card.sampling == "dense" and card.rate:
        return card.stride * (card.frames - 1) / card.rate
    return WINDOW


def usual_rate(model: Model) -> float:
    """Pictures a second in the clips that taught the model."""
    return model.card.frames / window_seconds(model)


def window_clip(model: Model, memory: Memory) -> Clip:
    """As many frames as the model takes, evenly over the window; the last is the newest picture.

    Where the film has shown fewer pictures than that, some stand twice.
    """
    times = np.array(memory.times)
    at = np.linspace(times[0], times[-1], model.card.frames)
    picked = nearest(times, at)
    frames = np.stack([memory.pictures[i] for i in picked])
    return Clip(frames, at - at[0], "film", "")
